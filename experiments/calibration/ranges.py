"""Plausible ranges of what was calibrated or judged: one list for the intervals of the logs and for the sensitivity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from scipy.stats import qmc

Key = tuple[str, str]

RANGES: Final[dict[Key, tuple[float, float]]] = {
    ("kernel", "entry_inline_memory_ns"): (560.0, 1_500.0),
    ("kernel", "entry_drain_memory_ns"): (560.0, 1_500.0),
    ("kernel", "entry_inline_lock_share"): (0.2, 0.8),
    ("kernel", "entry_drain_lock_share"): (0.2, 0.8),
    ("kernel", "entry_enqueue_memory_ns"): (10.0, 50.0),
    ("kernel", "lock_handoff"): (0.0, 0.3),
    ("kernel", "resident_anon_core_ns"): (50.0, 200.0),
    ("kernel", "resident_file_memory_ns"): (100.0, 600.0),
    ("kernel", "thread_exit_memory_ns"): (20_000.0, 120_000.0),
    ("kernel", "mapping_free_memory_ns"): (500.0, 3_000.0),
    ("kernel", "file_close_memory_ns"): (30_000.0, 150_000.0),
    ("kernel", "exit_signal_us"): (500, 5_000),
    ("kernel", "exit_notify_us"): (1_000, 10_000),
    ("kernel", "zspage_return"): (0.2, 0.95),
    ("kernel", "pte_waste"): (0.03, 0.4),
    ("kernel", "compress_core_ns"): (2_000.0, 9_000.0),
    ("kernel", "swapin_core_ns"): (1_500.0, 6_000.0),
    ("kernel", "alloc_memory_ns"): (125.0, 500.0),
    ("kernel", "kworker_wakeup_us"): (20, 10_000),
    ("device", "swappiness"): (60, 200),
    ("device", "kill_timeout_ms"): (50, 100),
    ("device", "reaper_delay_us"): (1_000, 10_000),
    ("device", "uclamp_frames"): (0.2, 0.8),
    ("device", "uclamp_launch"): (0.5, 1.0),
}
"""From the sources named at each parameter, or half to twice a judgement. Ranges of integers stay whole."""


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


def overriding(values: Mapping[Key, float]) -> dict[str, Any]:
    """Return overrides of device and kernel for these parameters."""
    kernel = {name: value for (part, name), value in values.items() if part == "kernel"}
    device = {name: value for (part, name), value in values.items() if part == "device"}
    return {"kernel": kernel, "device": device}


def plausible_kernels(samples: int) -> list[dict[str, float]]:
    """Return kernels from a Latin hypercube (seed 1) over the kernel's ranges: what a log's phone may have had."""
    keys = {key: ends for key, ends in RANGES.items() if key[0] == "kernel"}
    points = hypercube(keys, samples, seed=1)
    return [{name: value for (_, name), value in point.items()} for point in points]
