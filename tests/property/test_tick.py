"""A shorter tick tells the same story: the episode's metrics converge.

Single episodes may part: one frame more or less in flight when SCHED_FIFO takes every CPU, one kill more or less of
lmkd's, and hundreds of milliseconds follow. So both the mean over the suite and the median difference of an episode
are held.
"""

from __future__ import annotations

import numpy as np
import pytest

from swapgym.agents.play import Row, play
from swapgym.agents.policies import make
from swapgym.envs.spec import EnvSpec
from swapgym.workload import suite

EPISODES = list(suite("validation"))
# Share of the mean by which the mean over the suite, and the median episode, may change when the tick is halved, and
# what is too little to matter, in the metric's unit. A tick of 1 ms makes launches about 5 % longer than one of 0.5 ms,
# for all policies alike.
TOLERANCES = {
    "lag_ms": (0.08, 0.06, 0.0),
    "launch_delay_ms": (0.08, 0.06, 0.0),
    "frame_late_ms": (0.15, 0.02, 0.0),
    "exit_latency_mean_ms": (0.04, 0.03, 0.0),
    "peak_mib": (0.03, 0.01, 0.0),
    "zombie_mib_s": (0.20, 0.02, 0.7),  # at background weight: a few episodes make it
    "cpu_exit_ms": (0.05, 0.02, 0.0),
    "spin_ms": (0.08, 0.03, 0.0),
    "unaccounted_cpu_ms": (0.05, 0.02, 0.0),
    "evicted_mib": (0.05, 0.01, 0.0),
    "batches": (0.03, 0.01, 0.0),
}


def rows(policy: str, tick_us: int) -> list[Row]:
    spec = EnvSpec(tick_us=tick_us, device=None, kernel="vivo-async", routes=3)
    return play(spec, make(policy, spec.route_names), policy, EPISODES)


@pytest.mark.parametrize("policy", ["always_inline", "always_defer", "userspace_reaper"])
def test_halving_the_tick_changes_little(policy: str) -> None:
    coarse, fine = rows(policy, 1_000), rows(policy, 500)
    for name, (of_mean, of_median, floor) in TOLERANCES.items():
        values = np.array([[row[name] for row in one] for one in (coarse, fine)])
        scale = values[1].mean()
        change = abs(values[0].mean() - values[1].mean())
        median = abs(np.median(values[0] - values[1]))
        assert change <= max(of_mean * scale, floor), f"{name}: means {values.mean(axis=1)} at 1 and 0.5 ms"
        assert median <= max(of_median * scale, floor), f"{name}: median episode differs by {median}, mean {scale}"


def test_what_deferring_is_worth_is_the_same_at_a_quarter_of_the_tick() -> None:
    worth = {}
    for tick_us in (1_000, 250):
        inline, deferred = rows("always_inline", tick_us), rows("always_defer", tick_us)
        worth[tick_us] = {
            name: np.mean([d[name] - i[name] for i, d in zip(inline, deferred, strict=True)])
            for name in ("launch_delay_ms", "exit_latency_mean_ms", "unaccounted_cpu_ms", "spin_ms")
        }
    for name, coarse in worth[1_000].items():
        assert coarse == pytest.approx(worth[250][name], rel=0.15), name
