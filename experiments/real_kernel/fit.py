"""Per-page costs of the measured kernel, from measurement 1 alone: a thread that unmaps, with nobody beside it.

What of its work is under locks a thread alone can tell, by instructions out of all of a page's release:

- ``si->lock``: all of ``swapcache_free_entries`` (mm/swapfile.c), for a swapped page;
- ``lru_lock``: ``release_pages`` (mm/swap.c), which takes it anew every 32 pages, but for what follows its loop:
  ``__mem_cgroup_uncharge_list`` and ``free_unref_page_list``, for a present page;
- ``zone->lock``: all of ``free_pcppages_bulk`` (mm/page_alloc.c), likewise.

How fast the machine is changes by a factor of two within seconds to minutes: :func:`paces` says beside what pace each
repeat was measured, and costs are those at the median pace of measurement 1.

What a thread alone cannot tell is what it costs this machine when two release at once: cache lines of locks, of shared
counters and of neighbouring page structs travel between its CPUs. :func:`handoff` takes that one number from two
processes of measurement 2, for a second set of predictions beside those of measurement 1 alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any, Final, NamedTuple

import numpy as np

from experiments.real_kernel.cases import all_cases, probed
from experiments.real_kernel.records import Record, Spread, spreads
from experiments.real_kernel.scenes import contention
from swapgym.phone.constants import UNIT
from swapgym.workload.kernels import A72_SPEED

COUNTED_MIB: Final = 64
HANDOFF_CASE: Final = "contention/2/swapped"
HANDOFF_MOST: Final = 4.0
PACE: Final = ("pace_before_ns", "pace_after_ns")
ON_A72: Final = UNIT / A72_SPEED
"""Costs of entries are stated on the board's core."""


class LockShares(NamedTuple):
    """Shares of the instructions of a page's release that run under locks.

    Attributes:
        swap: Of a swapped page's, under ``si->lock``.
        lru: Of a present page's, under ``lru_lock``.
        zone: Of a present page's, under ``zone->lock``.
    """

    swap: float
    lru: float
    zone: float


class Costs(NamedTuple):
    """Costs per page on one of the measured machine's CPUs, in nanoseconds.

    Attributes:
        resident_ns: Unmap and free a present page.
        entry_ns: Unmap and free a swapped page.
        touch_ns: Fault in and zero a new page.
        put_out_ns: Put a page out to zram.
        shares: Shares of a page's release that run under locks.
        error: Largest relative residual of the unmapping cases.
    """

    resident_ns: float
    entry_ns: float
    touch_ns: float
    put_out_ns: float
    shares: LockShares
    error: float

    def kernel_changes(self) -> dict[str, float]:
        """Return them as fields of :class:`swapgym.workload.KernelVariant`."""
        entry = self.entry_ns * ON_A72
        return {
            "resident_anon_ns": self.resident_ns,
            "resident_anon_lru_lock_ns": self.resident_ns * self.shares.lru,
            "resident_anon_zone_lock_ns": self.resident_ns * self.shares.zone,
            "entry_inline_a72_ns": entry,
            "entry_inline_lock_a72_ns": entry * self.shares.swap,
            "entry_drain_a72_ns": entry,
            "entry_drain_lock_a72_ns": entry * self.shares.swap,
            "alloc_ns": self.touch_ns,
            "compress_ns": self.put_out_ns,
        }


def looks(rows: Iterable[Record]) -> dict[tuple[str, int], float]:
    """Return the pace (ns per page) beside which each case was measured in each boot, where it was looked at.

    Looked at just before and after the case, by unmapping present pages alone on every CPU in turn.
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
        lock_shares(found), error,
    )  # fmt: skip


def lock_shares(found: Iterable[Spread]) -> LockShares:
    """Return what of a page's release runs under locks, by instructions.

    Raises:
        ValueError: They were not counted.
    """
    of = {(spread.case, spread.metric): spread.median for spread in found}

    def share(function: str) -> float:
        case = probed(COUNTED_MIB, function)
        return of[case, "probed_instructions"] / of[case.rpartition("/")[0], "unmap_instructions"]

    try:
        after_loop = share("__mem_cgroup_uncharge_list") + share("free_unref_page_list")
        return LockShares(
            share("swapcache_free_entries"), share("release_pages") - after_loop, share("free_pcppages_bulk")
        )
    except KeyError as error:
        raise ValueError(f"measurements: no {error.args[0][0]}, which tells what runs under a lock") from error


def middle(found: Iterable[Spread], metric: str) -> float:
    """Return the median of a metric over the cases that have it."""
    return median(spread.median for spread in found if spread.metric == metric)


def handoff(rows: Sequence[Record], changes: Mapping[str, Any], rounds: int = 12) -> float:
    """Return the growth of a lock hold per contender with which two processes come out as measured, at the median pace.

    Args:
        rows: Of a measurement; only ``contention/2/swapped`` is looked at.
        changes: Costs, as :meth:`Costs.kernel_changes` gives them.
        rounds: Halvings of the range from 0 to :data:`HANDOFF_MOST`.

    Raises:
        ValueError: If the case is not among them.
    """
    case = next(case for case in all_cases() if case.name == HANDOFF_CASE)
    own = paces(rows).get(HANDOFF_CASE, {})
    found = [row.value * own[row.boot] for row in rows if (row.case, row.metric) == (HANDOFF_CASE, "entries_per_ms")]
    if not found:
        raise ValueError(f"measurements: no {HANDOFF_CASE}, which the hand-off is taken from")
    low, high = 0.0, HANDOFF_MOST
    for _ in range(rounds):
        middle_of = (low + high) / 2
        if contention(case.settings, {**changes, "lock_handoff": middle_of})["entries_per_ms"] > median(found):
            low = middle_of
        else:
            high = middle_of
    return (low + high) / 2
