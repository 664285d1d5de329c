"""What a user would otherwise run: the same problem in SimPy, and a well-known simulator of another world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import gymnasium as gym
import numpy as np

from experiments.benchmark.interleave import Lap, Play, flat, measure, rate, ratio, simulated_per_cpu, steps_per_s
from experiments.benchmark.lanes import SPEC, bare
from experiments.benchmark.simpy_model import SimpyPhone
from experiments.benchmark.single import OURS, Spread
from swapgym.workload import empty

SIMPY: Final = "SimPy model"
HIGHWAY: Final = "highway-fast-v0"
LANES: Final = 64
SIMULATOR: Final = f"the simulator alone, {LANES} lanes"
STEPS: Final = 4_000
HIGHWAY_STEPS: Final = 20
SIMPY_EPISODES: Final = 2


def ours() -> Play:
    """Return the play of one environment through gym.make, resets included."""
    env = gym.make(f"swapgym:{OURS}", preset=SPEC.preset, device=SPEC.device)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(2, size=STEPS).tolist()

    def play() -> tuple[int, float]:
        base: Any = env.unwrapped
        passed_us = -int(base.phone["now_us"])
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                passed_us += int(base.phone["now_us"])
                env.reset()
        return STEPS, (passed_us + int(base.phone["now_us"])) / 1e6

    return play


def simpy_model() -> Play:
    """Return the play of the SimPy model on scenarios of the same environment, random decisions."""
    scenarios = empty(SIMPY_EPISODES)
    for lane in range(SIMPY_EPISODES):
        SPEC.draw(lane, scenarios[lane])

    def play() -> tuple[int, float]:
        rng = np.random.default_rng(0)
        decisions = 0
        for scenario in scenarios:
            phone = SimpyPhone(scenario)
            while phone.to_decision():
                phone.decide(bool(rng.integers(2)))
            decisions += phone.decisions
        return decisions, float(scenarios["duration_us"].sum()) / 1e6

    return play


def highway() -> Play:
    """Return the play of ``highway-fast-v0``: seconds of traffic, at its own resolution."""
    import highway_env  # noqa: F401  # registers its environments

    env = gym.make(HIGHWAY)
    env.reset(seed=0)
    config: Any = env.unwrapped
    step_s = 1 / config.config["policy_frequency"]

    def play() -> tuple[int, float]:
        for _ in range(HIGHWAY_STEPS):
            _, _, terminated, truncated, _ = env.step(1)
            if terminated or truncated:
                env.reset()
        return HIGHWAY_STEPS, HIGHWAY_STEPS * step_s

    return play


def run(rounds: int, progress: Callable[[], None] | None = None) -> list[Lap]:
    """Measure all in turns."""
    contestants = {OURS: ours(), SIMULATOR: bare(LANES, 1), SIMPY: simpy_model(), HIGHWAY: highway()}
    return measure(contestants, rounds, progress)


def table(laps: Sequence[Lap]) -> dict[str, dict[str, Spread]]:
    """Return simulated seconds per CPU-second, steps per second and the ratio to the SimPy model, by contestant."""
    return {
        name: {
            "simulated_s_per_cpu_s": rate(laps, name, simulated_per_cpu),
            "steps_per_s": rate(laps, name, steps_per_s),
            "vs_simpy": ratio(laps, name, SIMPY, simulated_per_cpu),
        }
        for name in dict.fromkeys(lap.name for lap in laps)
    }


def summary(laps: Sequence[Lap]) -> dict[str, float]:
    """Return the main numbers, flat: simulator against simulator, and with Gymnasium around ours."""
    return {
        **flat("vs_simpy", ratio(laps, SIMULATOR, SIMPY, simulated_per_cpu)),
        **flat("vs_simpy_through_gym", ratio(laps, OURS, SIMPY, simulated_per_cpu)),
        "vs_highway": ratio(laps, OURS, HIGHWAY, simulated_per_cpu).median,
        "phone_s_per_cpu_s": rate(laps, OURS, simulated_per_cpu).median,
    }
