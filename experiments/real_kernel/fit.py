"""Per-page costs of the measured kernel, from measurement 1 alone: a thread that unmaps, with nobody beside it.

What of a swapped page's release runs under ``si->lock`` a thread alone can tell, by instructions: all of
``swapcache_free_entries`` (mm/swapfile.c).

How fast the machine is changes by a factor of two within seconds to minutes: :func:`paces` says beside what pace each
repeat was measured, and costs are those at the median pace of measurement 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import mean, median
from typing import Final, NamedTuple

import numpy as np

from experiments.real_kernel.cases import probed
from experiments.real_kernel.emulated import KERNEL
from experiments.real_kernel.records import Record, Spread, spreads
from swapgym.phone.kernel_variant import KernelVariant

COUNTED_MIB: Final = 64
PACE: Final = ("pace_before_ns", "pace_after_ns")


class Costs(NamedTuple):
    """Costs per page on one of the measured machine's CPUs, in nanoseconds.

    Attributes:
        resident_ns: Unmap and free a resident page.
        entry_ns: Unmap and free a swapped page.
        touch_ns: Fault in and zero a new page.
        put_out_ns: Put a page out to zram.
        lock_share: Share of a swapped page's release that runs under ``si->lock``.
        error: Largest relative residual of the unmapping cases.
    """

    resident_ns: float
    entry_ns: float
    touch_ns: float
    put_out_ns: float
    lock_share: float
    error: float

    def kernel(self, pace: float = 1.0) -> KernelVariant:
        """Return the kernel with these costs, while releasing a page takes ``pace`` times as long."""
        return replace(
            KERNEL,
            resident_anon_core_ns=self.resident_ns * pace,
            entry_inline_core_ns=self.entry_ns * pace,
            entry_inline_lock_share=self.lock_share,
            entry_drain_core_ns=self.entry_ns * pace,
            entry_drain_lock_share=self.lock_share,
            alloc_core_ns=self.touch_ns,
            compress_core_ns=self.put_out_ns,
        )


def looks(rows: Iterable[Record]) -> dict[tuple[str, int], float]:
    """Return the pace (ns per page) beside which each case was measured in each boot, where it was looked at.

    Looked at just before and after the case, by unmapping resident pages alone on every CPU in turn.
    """
    found: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        if row.metric in PACE:
            found.setdefault((row.case, row.boot), []).append(row.value)
    return {key: mean(values) for key, values in found.items()}


def paces(rows: Sequence[Record]) -> dict[str, dict[int, float]]:
    """Return how long everything took while each case was measured in each boot, over the median of measurement 1.

    1 where nobody looked.
    """
    found = looks(rows)
    reference = reference_ns(found) if found else 1.0
    own: dict[str, dict[int, float]] = {}
    for row in rows:
        own.setdefault(row.case, {})[row.boot] = found.get((row.case, row.boot), reference) / reference
    return own


def reference_ns(found: Mapping[tuple[str, int], float]) -> float:
    """Return the median pace of measurement 1."""
    return median(ns for (case, _), ns in found.items() if case.startswith("unmap/"))


def cpu_at_reference(rows: Sequence[Record]) -> dict[str, float]:
    """Return the median CPU time (ns per page) of each case of ``unmap``, each boot's divided by its own pace."""
    found = looks(rows)
    of: dict[str, list[float]] = {}
    for row in rows:
        if row.metric == "unmap_cpu_ns":
            own = found.get((row.case, row.boot))
            of.setdefault(row.case, []).append(row.value * (reference_ns(found) / own if own else 1.0))
    return {case: median(values) for case, values in of.items()}


def fit(rows: Sequence[Record]) -> Costs:
    """Fit the costs: CPU time per page is a mixture of present and swapped pages, by their shares.

    Args:
        rows: Of a measurement; only those of ``unmap`` and ``unmap_instructions`` are looked at.

    Raises:
        ValueError: If measurement 1 is not among them.
    """
    found = spreads(rows)
    of = {(spread.case, spread.metric): spread for spread in found if spread.measurement == "unmap"}
    cases = sorted({case for case, _ in of})
    if not cases:
        raise ValueError("measurements: none of unmap, which the costs are fitted on")
    swapped = np.array([of[case, "swapped"].median for case in cases])
    at_reference = cpu_at_reference(rows)
    cpu_ns = np.array([at_reference[case] for case in cases])
    mixture = np.stack([1 - swapped, swapped], axis=1)
    # relative errors count, as they are judged
    (resident, entry), *_ = np.linalg.lstsq(mixture / cpu_ns[:, None], np.ones(len(cases)), rcond=None)
    error = float(np.abs(mixture @ np.array([resident, entry]) / cpu_ns - 1).max())
    return Costs(
        float(resident), float(entry), middle(of.values(), "touch_ns"), middle(of.values(), "put_out_ns"),
        lock_share(found), error,
    )  # fmt: skip


def lock_share(found: Iterable[Spread]) -> float:
    """Return what share of a swapped page's release runs under ``si->lock``, by instructions.

    Raises:
        ValueError: They were not counted.
    """
    of = {(spread.case, spread.metric): spread.median for spread in found}
    case = probed(COUNTED_MIB, "swapcache_free_entries")
    try:
        return of[case, "probed_instructions"] / of[case.rpartition("/")[0], "unmap_instructions"]
    except KeyError as error:
        raise ValueError(f"measurements: no {error.args[0][0]}, which tells what runs under a lock") from error


def middle(found: Iterable[Spread], metric: str) -> float:
    """Return the median of a metric over the cases that have it."""
    return median(spread.median for spread in found if spread.metric == metric)
