"""A shorter tick tells the same story: the episode's metrics converge.

Single episodes may part: one frame more or less in flight when SCHED_FIFO takes every CPU, one kill more or less of
lmkd's, and hundreds of milliseconds follow. So both the mean over the suite and the median difference of an episode
are held.
"""

from __future__ import annotations

import numpy as np
import pytest

from agents.policies import make
from agents.runner import Row, World, play
from swapgym.workload import suite

EPISODES = list(suite("validation"))
# share of the mean by which the mean over the suite, and the median episode, may change when the tick is halved
TOLERANCES = {
    "lag_ms": (0.12, 0.05),
    "launch_delay_ms": (0.10, 0.05),
    "frame_late_ms": (0.15, 0.02),
    "exit_latency_mean_ms": (0.04, 0.03),
    "peak_mib": (0.03, 0.01),
    "zombie_mib_s": (0.15, 0.02),
    "cpu_exit_ms": (0.05, 0.02),
    "spin_ms": (0.08, 0.03),
    "unaccounted_cpu_ms": (0.05, 0.02),
    "evicted_mib": (0.05, 0.01),
    "decisions": (0.03, 0.01),
}


def rows(policy: str, tick_us: int) -> list[Row]:
    world = World(tick_us=tick_us)
    return play(world, make(policy, world.routes), policy, EPISODES)


@pytest.mark.parametrize("policy", ["always_inline", "always_defer", "userspace_reaper"])
def test_halving_the_tick_changes_little(policy: str) -> None:
    coarse, fine = rows(policy, 1_000), rows(policy, 500)
    for name, (of_mean, of_median) in TOLERANCES.items():
        values = np.array([[row[name] for row in one] for one in (coarse, fine)])
        scale = max(values[1].mean(), 1e-9)
        change = abs(values[0].mean() - values[1].mean()) / scale
        median = abs(np.median(values[0] - values[1])) / scale
        assert change <= of_mean, f"{name}: mean {values[0].mean()} at 1 ms, {values[1].mean()} at 0.5 ms"
        assert median <= of_median, f"{name}: median episode differs by {median:.1%} of the mean"


def test_a_quarter_of_the_tick_keeps_the_order_of_policies() -> None:
    coarse, fine = (
        {p: np.mean([row["lag_ms"] for row in rows(p, tick)]) for p in ("always_inline", "always_defer")}
        for tick in (1_000, 250)
    )
    for lag in (coarse, fine):
        assert lag["always_defer"] < lag["always_inline"]
