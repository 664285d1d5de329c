"""Per-page costs of the measured kernel, from measurement 1 alone: a thread that unmaps, with nobody beside it.

What of its work is under the lock a thread alone can tell: instructions inside ``swapcache_free_entries``, all of which
runs under ``si->lock``, out of all. What it cannot tell is what it costs this machine when two release at once: cache
lines of locks and of shared counters travel between its CPUs. :func:`handoff` takes that one number from two processes
of measurement 2, for a second set of predictions beside those of measurement 1 alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.records import Record, Spread, spreads
from experiments.real_kernel.scenes import contention
from swapgym.phone.constants import UNIT
from swapgym.workload.kernels import A72_SPEED

LOCK_CASE: Final = "unmap_instructions/64/100"
HANDOFF_CASE: Final = "contention/2/swapped"
HANDOFF_MOST: Final = 4.0
ON_A72: Final = UNIT / A72_SPEED
"""Costs of entries are stated on the board's core."""


class Costs(NamedTuple):
    """Costs per page on one of the measured machine's CPUs, in nanoseconds.

    Attributes:
        resident_ns: Unmap and free a present page.
        entry_ns: Unmap and free a swapped page.
        touch_ns: Fault in and zero a new page.
        put_out_ns: Put a page out to zram.
        lock_share: Share of a swapped page's release that runs under the contended lock.
        error: Largest relative residual of the unmapping cases.
    """

    resident_ns: float
    entry_ns: float
    touch_ns: float
    put_out_ns: float
    lock_share: float
    error: float

    def kernel_changes(self) -> dict[str, float]:
        """Return them as fields of :class:`swapgym.workload.KernelVariant`."""
        entry = self.entry_ns * ON_A72
        return {
            "resident_anon_ns": self.resident_ns,
            "entry_inline_a72_ns": entry,
            "entry_inline_lock_a72_ns": entry * self.lock_share,
            "entry_drain_a72_ns": entry,
            "entry_drain_lock_a72_ns": entry * self.lock_share,
            "alloc_ns": self.touch_ns,
            "compress_ns": self.put_out_ns,
        }


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
    cpu_ns = np.array([of[case, "unmap_cpu_ns"].median for case in cases])
    mixture = np.stack([1 - swapped, swapped], axis=1)
    # relative errors count, as they are judged
    (resident, entry), *_ = np.linalg.lstsq(mixture / cpu_ns[:, None], np.ones(len(cases)), rcond=None)
    error = float(np.abs(mixture @ np.array([resident, entry]) / cpu_ns - 1).max())
    return Costs(
        float(resident), float(entry), middle(of.values(), "touch_ns"), middle(of.values(), "put_out_ns"),
        lock_share(found), error,
    )  # fmt: skip


def lock_share(found: Iterable[Spread]) -> float:
    """Return the share of the instructions of a swapped page's release that run under ``si->lock``.

    Raises:
        ValueError: They were not counted.
    """
    of = {(spread.case, spread.metric): spread.median for spread in found}
    try:
        return of[f"{LOCK_CASE}/locked", "locked_instructions"] / of[LOCK_CASE, "unmap_instructions"]
    except KeyError as error:
        raise ValueError(f"measurements: no {error.args[0][0]}, which tells what runs under the lock") from error


def middle(found: Iterable[Spread], metric: str) -> float:
    """Return the median of a metric over the cases that have it."""
    return median(spread.median for spread in found if spread.metric == metric)


def handoff(rows: Sequence[Record], changes: Mapping[str, Any], rounds: int = 12) -> float:
    """Return the growth of a lock hold per contender with which two processes come out as measured.

    Args:
        rows: Of a measurement; only ``contention/2/swapped`` is looked at.
        changes: Costs, as :meth:`Costs.kernel_changes` gives them.
        rounds: Halvings of the range from 0 to :data:`HANDOFF_MOST`.

    Raises:
        ValueError: If the case is not among them.
    """
    case = next(case for case in all_cases() if case.name == HANDOFF_CASE)
    found = [s.median for s in spreads(rows) if (s.case, s.metric) == (HANDOFF_CASE, "entries_per_ms")]
    if not found:
        raise ValueError(f"measurements: no {HANDOFF_CASE}, which the hand-off is taken from")
    low, high = 0.0, HANDOFF_MOST
    for _ in range(rounds):
        middle_of = (low + high) / 2
        if contention(case.settings, {**changes, "lock_handoff": middle_of})["entries_per_ms"] > found[0]:
            low = middle_of
        else:
            high = middle_of
    return (low + high) / 2
