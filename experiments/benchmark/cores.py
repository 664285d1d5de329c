"""What would bound a step of many lanes on a machine with many cores: on paper, from what was measured on two.

Lanes share nothing, so that simulating is divided by the cores. What is not divided is what needs Python's lock: waking
each thread, and handing it its chunks of lanes. Memory is read once per step: a lane's records, whatever its length.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from experiments.benchmark.lanes import bytes_per_lane
from swapgym.envs.lanes import CHUNKS_PER_THREAD, Lanes
from swapgym.envs.spec import EnvSpec

CORES: Final = (1, 2, 8, 32, 64)
PAPER_LANES: Final = (1_024, 16_384)
THREADS: Final = 31
"""Threads woken in turn: their work is nothing, so that it does not matter how many cores there are."""
NEEDED: Final = ("wake_us", "chunk_us", "vector_env_steps_per_s_1024", "vector_step_ns_beside_simulation")
"""What :func:`table` needs of a summary."""


def nothing() -> None:
    """Do nothing, in another thread."""


def least_us(play: Callable[[], Any], rounds: int) -> float:
    """Return the shortest time that a call took (us)."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        play()
        times.append(time.perf_counter() - began)
    return 1e6 * min(times)


def run(rounds: int) -> dict[str, float]:
    """Return what waking a thread and handing over a chunk cost (us), each the least of ``rounds``."""
    with ThreadPoolExecutor(THREADS) as pool:

        def wake() -> None:
            for job in [pool.submit(nothing) for _ in range(THREADS)]:
                job.result()

        wake()
        wake_us = least_us(wake, rounds) / THREADS
    lanes, none = Lanes(1, EnvSpec()), np.zeros(0, np.int64)
    lanes.step(none)
    return {"wake_us": wake_us, "chunk_us": least_us(lambda: lanes.step(none), rounds)}


def table(summary: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a row per number of lanes and cores: what a step would take, and what would bound it.

    Args:
        summary: With the figures of :data:`NEEDED`.
    """
    lane_us = 1e6 / summary["vector_env_steps_per_s_1024"]
    beside_us = summary["vector_step_ns_beside_simulation"] / 1e3
    rows = []
    for lanes in PAPER_LANES:
        for cores in CORES:
            chunks = CHUNKS_PER_THREAD * cores if cores > 1 else 1
            simulated_us = lanes * lane_us / cores
            parts = {
                "lanes in Python": lanes * beside_us,
                "waking threads": (cores - 1) * summary["wake_us"],
                "handing over chunks": chunks * summary["chunk_us"],
            }
            step_us = simulated_us + sum(parts.values())
            rows.append(
                {
                    "lanes": f"{lanes:,}",
                    "cores": cores,
                    "step_ms": step_us / 1e3,
                    "simulating": f"{simulated_us / step_us:.0%}",
                    **{name: f"{us / step_us:.0%}" for name, us in parts.items()},
                    "of so many cores": lanes * lane_us / step_us,
                    "records read, GB/s": lanes * bytes_per_lane() / step_us / 1e3,
                }
            )
    return rows
