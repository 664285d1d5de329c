"""Plausible ranges of what was calibrated or judged: one list for the intervals of the logs and for the sensitivity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from scipy.stats import qmc

from swapgym.workload.kernels import MAINLINE

Key = tuple[str, str]

RANGES: Final[dict[Key, tuple[float, float]]] = {
    ("kernel", "entry_inline_a72_ns"): (650.0, 2_400.0),
    ("kernel", "entry_drain_a72_ns"): (810.0, 2_400.0),
    ("kernel", "entry_inline_lock_a72_ns"): (200.0, 640.0),
    ("kernel", "entry_enqueue_a72_ns"): (10.0, 50.0),
    ("kernel", "lock_handoff"): (0.0, 0.3),
    ("kernel", "resident_anon_ns"): (200.0, 770.0),
    ("kernel", "resident_anon_lru_lock_ns"): (0.0, 64.0),
    ("kernel", "resident_anon_zone_lock_ns"): (0.0, 62.0),
    ("kernel", "resident_file_ns"): (75.0, 600.0),
    ("kernel", "zspage_return"): (0.2, 0.95),
    ("kernel", "pte_waste"): (0.03, 0.4),
    ("kernel", "exit_signal_ms"): (20.0, 200.0),
    ("kernel", "exit_wait_ms"): (20.0, 200.0),
    ("kernel", "compress_ns"): (3_000.0, 10_000.0),
    ("kernel", "swapin_ns"): (4_000.0, 10_000.0),
    ("kernel", "alloc_ns"): (250.0, 1_000.0),
    ("kernel", "kworker_wakeup_us"): (20, 10_000),
    ("device", "swappiness"): (60, 200),
    ("device", "kill_timeout_ms"): (50, 100),
    ("device", "stall_share"): (0.0, 0.45),
}
"""From the sources named at each parameter. A swap entry: 650 to 970 ns on an unloaded flagship, 1,300 to 2,400 on a
loaded one (Lei Liu, Sep 2025). Holds of lru_lock and zone->lock: up to the shares that they have of the instructions of
a present page's release in Linux 6.1 (24 and 23 %: ``experiments/real_kernel``), here of 267 ns. Ranges of integers
stay whole."""


def whole(value: float, like: float) -> float:
    """Return ``value`` as an integer where the range is of integers."""
    return round(value) if isinstance(like, int) else value


def hypercube(keys: Mapping[Key, tuple[float, float]], samples: int, seed: int) -> list[dict[Key, float]]:
    """Return the points of a Latin hypercube over some of the ranges."""
    points = qmc.LatinHypercube(len(keys), rng=np.random.default_rng(seed)).random(samples)
    return [
        {
            key: whole(low + share * (high - low), low)
            for share, (key, (low, high)) in zip(point, keys.items(), strict=True)
        }
        for point in points.tolist()
    ]


def with_locks_within(kernel: Mapping[str, float]) -> dict[str, float]:
    """Return these kernel fields with no lock held for longer than nine tenths of its operation."""
    whole_cost = dict(kernel)
    for operation in ("entry_inline", "entry_drain"):
        cost = kernel.get(f"{operation}_a72_ns", getattr(MAINLINE, f"{operation}_a72_ns"))
        lock = kernel.get(f"{operation}_lock_a72_ns", getattr(MAINLINE, f"{operation}_lock_a72_ns"))
        whole_cost[f"{operation}_lock_a72_ns"] = min(lock, 0.9 * cost)
    return whole_cost


def overriding(values: Mapping[Key, float]) -> dict[str, Any]:
    """Return overrides of device and kernel for these parameters."""
    kernel = {name: value for (part, name), value in values.items() if part == "kernel"}
    device = {name: value for (part, name), value in values.items() if part == "device"}
    return {"kernel": with_locks_within(kernel), "device": device}


def plausible_kernels(samples: int) -> list[dict[str, float]]:
    """Return kernels from a Latin hypercube (seed 1) over the kernel's ranges: what a log's phone may have had."""
    keys = {key: ends for key, ends in RANGES.items() if key[0] == "kernel"}
    points = hypercube(keys, samples, seed=1)
    return [with_locks_within({name: value for (_, name), value in point.items()}) for point in points]
