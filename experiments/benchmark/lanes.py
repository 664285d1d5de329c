"""Many lanes: steps and ticks per second by lanes and threads, beside Gymnasium's own vector of single environments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import gymnasium as gym
import numpy as np

from experiments.benchmark.interleave import Lap, Play, flat, measure, rate, ratio, simulated_per_cpu, steps_per_s
from experiments.benchmark.null import stand_still
from experiments.benchmark.single import OURS, Spread
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.workload import MIXED

SPEC: Final = EnvSpec(preset=MIXED, device=None)
"""What the simulator alone plays: scenarios of all presets and devices, so that none sets the price of a tick."""
LANES: Final = (1, 16, 64, 256, 1_024, 4_096)
QUICK_LANES: Final = (1, 64, 1_024)
SYNC_LANES: Final = 64
FEW: Final = 64
MANY: Final = 1_024
STANDING: Final = f"vector env, {MANY}, standing still"
STEPS_PER_LAP: Final = 60_000
"""Environment steps of a lap, over all lanes; at least :data:`LEAST_STEPS` of each."""
LEAST_STEPS: Final = 24
LEAST_EPISODES: Final = 16
"""Episodes of a lap of the bare lanes; more where there are more lanes."""
ACTIONS_DRAWN: Final = 512


def vector(lanes: int, threads: int, mode: str) -> Play:
    """Return the play of a vector environment as a user gets it: random actions, resets included."""
    kwargs: dict[str, Any] = {"vector_kwargs": SYNC}
    if mode == "vector_entry_point":
        kwargs = {"threads": threads, "autoreset_mode": "SameStep"}
    envs = gym.make_vec(f"swapgym:{OURS}", num_envs=lanes, vectorization_mode=mode, **kwargs)
    envs.reset(seed=0)
    steps = max(LEAST_STEPS, STEPS_PER_LAP // lanes)
    actions = np.random.default_rng(0).integers(2, size=(steps, lanes))

    def play() -> tuple[int, float]:
        for chosen in actions:
            envs.step(chosen)
        return steps * lanes, 0.0

    return play


SYNC: Final[dict[str, Any]] = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}


def bare(lanes: int, threads: int) -> Play:
    """Return the play of the batched simulator alone: whole episodes, random actions, drawn beforehand.

    Its steps are ticks. Whole episodes, since a step in the middle of many exits is a fraction of a tick, and one after
    the last exit hundreds of them.
    """
    batch = Lanes(lanes, SPEC, threads)
    for lane in range(lanes):
        batch.draw(lane, lane)
    codes = SPEC.actions()
    drawn = codes[np.random.default_rng(0).integers(len(codes), size=(ACTIONS_DRAWN, lanes))]

    def play() -> tuple[int, float]:
        passed_us = 0
        for _ in range(max(1, LEAST_EPISODES // lanes)):
            batch.begin()
            step = 0
            while len(waiting := batch.waiting()):
                batch.actions[:] = drawn[step % ACTIONS_DRAWN]
                batch.step(waiting)
                step += 1
            passed_us += int(batch.phones["now_us"].sum())
        return passed_us // SPEC.tick_us, passed_us / 1e6

    return play


def standing(lanes: int) -> Play:
    """Return the play of a vector environment whose phones stand still, and whose episodes do not end."""
    envs: Any = gym.make_vec(f"swapgym:{OURS}", num_envs=lanes, autoreset_mode="SameStep")
    envs.reset(seed=0)
    steps = max(LEAST_STEPS, STEPS_PER_LAP // lanes)
    stand_still(envs, 10**9)
    actions = np.random.default_rng(0).integers(2, size=(steps, lanes))

    def play() -> tuple[int, float]:
        for chosen in actions:
            envs.step(chosen)
        return steps * lanes, 0.0

    return play


def contestants(quick: bool) -> dict[str, Play]:
    """Return all plays by name."""
    found = {f"SyncVectorEnv, {SYNC_LANES}": vector(SYNC_LANES, 1, "sync"), STANDING: standing(MANY)}
    for lanes in QUICK_LANES if quick else LANES:
        for threads in (1, 2):
            found[f"vector env, {lanes}, threads {threads}"] = vector(lanes, threads, "vector_entry_point")
            found[f"lanes, {lanes}, threads {threads}"] = bare(lanes, threads)
    return found


def run(rounds: int, quick: bool, progress: Callable[[], None] | None = None) -> list[Lap]:
    """Measure all in turns."""
    return measure(contestants(quick), rounds, progress)


def ns_per_tick(lap: Lap) -> float:
    """Return nanoseconds of wall time per tick (or step)."""
    return 1e9 * lap.wall_s / lap.steps


def table(laps: Sequence[Lap]) -> list[dict[str, Any]]:
    """Return a row per number of lanes and threads."""
    rows = []
    names = {lap.name for lap in laps}
    sync = f"SyncVectorEnv, {SYNC_LANES}"
    rows.append(
        {"lanes": SYNC_LANES, "what": "SyncVectorEnv", "threads": 1, "steps_per_s": rate(laps, sync, steps_per_s)}
    )
    for lanes in LANES:
        for threads in (1, 2):
            name, inner = (f"{what}, {lanes}, threads {threads}" for what in ("vector env", "lanes"))
            if name in names:
                rows.append(
                    {
                        "lanes": lanes,
                        "what": "native",
                        "threads": threads,
                        "steps_per_s": rate(laps, name, steps_per_s),
                        "ns_per_tick": rate(laps, inner, ns_per_tick),
                        "phone_s_per_cpu_s": rate(laps, inner, simulated_per_cpu),
                        "vs_one_thread": ratio(laps, inner, f"lanes, {lanes}, threads 1", steps_per_s),
                    }
                )
    return rows


def summary(laps: Sequence[Lap]) -> dict[str, float]:
    """Return the main numbers, flat."""
    few = f"lanes, {FEW}, threads 1"
    one, two = (f"lanes, {MANY}, threads {threads}" for threads in (1, 2))
    envs = [f"vector env, {MANY}, threads {threads}" for threads in (1, 2)]
    native = f"vector env, {SYNC_LANES}, threads 1"
    return {
        **flat("ns_per_tick_64", rate(laps, few, ns_per_tick)),
        **flat("ns_per_tick_1024", rate(laps, one, ns_per_tick)),
        **flat("two_threads_1024", ratio(laps, two, one, steps_per_s)),
        **flat("two_threads_1024_vector_env", ratio(laps, envs[1], envs[0], steps_per_s)),
        **flat("vector_vs_sync_64", ratio(laps, native, f"SyncVectorEnv, {SYNC_LANES}", steps_per_s)),
        **flat("vector_step_ns_beside_simulation", rate(laps, STANDING, ns_per_tick)),
        "vector_env_steps_per_s_1024": rate(laps, envs[0], steps_per_s).median,
        **flat("most_over_64_lanes", most_over(laps, few)),
        "phone_s_per_cpu_s_1024": rate(laps, one, simulated_per_cpu).median,
        "lane_kib": bytes_per_lane() / 1024,
    }


def most_over(laps: Sequence[Lap], few: str) -> Spread:
    """Return the largest ratio, by medians, of the time per tick of more lanes on one thread to that of ``few``."""
    names = {lap.name for lap in laps}
    more = [f"lanes, {n}, threads 1" for n in LANES if n > FEW]
    ratios = [ratio(laps, name, few, ns_per_tick) for name in more if name in names]
    return max(ratios, key=lambda spread: spread.median)


def bytes_per_lane() -> int:
    """Return the memory of one lane."""
    batch = Lanes(1, SPEC)
    arrays = (batch.phones, batch.scenarios, batch.lanes, batch.observations, batch.actions, batch.statuses)
    return sum(array.nbytes for array in arrays)


def cell(value: Any) -> Any:
    """Return a figure's median for a CSV."""
    return value.median if isinstance(value, Spread) else value
