"""Whole episodes by policies that kernels ask, beside the same policies asked in Python: rows of the runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from stable_baselines3 import PPO

from experiments.benchmark.interleave import Lap, Play, flat, measure, rate, ratio, steps_per_s
from swapgym.agents.play import EPISODES_PER_JOB, play
from swapgym.agents.policies import Policy
from swapgym.agents.sb3.networks import from_sb3
from swapgym.agents.stored.tuned import tuned
from swapgym.envs.release import SwapReleaseEnv
from swapgym.envs.spec import EnvSpec

SPECS: Final = {"event": EnvSpec(), "batch": EnvSpec(epochs="batch")}
"""Asked as the default task asks, some twelve times an episode; and at every batch, some hundreds of times."""
THREADS: Final = 2


class Asked:
    """Only ``predict`` of another policy: the runner asks it in Python."""

    def __init__(self, policy: Policy) -> None:
        """Take over ``predict``."""
        self.predict = policy.predict


def laps_of(spec: EnvSpec, policy: Policy, threads: int = 1) -> Play:
    """Return the play of as many episodes as a job of the runner has; its steps are episodes."""
    episodes = [(spec.preset, seed) for seed in range(EPISODES_PER_JOB)]

    def lap() -> tuple[int, float]:
        rows = play(spec, policy, "", episodes, threads)
        return len(rows), sum(row["duration_ms"] for row in rows) / 1e3

    return lap


def contestants() -> dict[str, Play]:
    """Return all plays by name: a tuned rule, and a network as large as Stable-Baselines3's, asked both ways."""
    found: dict[str, Play] = {}
    for epochs, spec in SPECS.items():
        rule = next(policy for name, policy in tuned().items() if not name.startswith("always"))
        model: Any = PPO("MlpPolicy", SwapReleaseEnv(epochs=spec.epochs), seed=0, device="cpu")
        for name, asked, offered in (("rule", rule, rule), ("network", model, from_sb3(model, spec))):
            found[f"{name}, {epochs}, asked"] = laps_of(spec, Asked(asked))
            for threads in (1, THREADS):
                found[f"{name}, {epochs}, kernels, threads {threads}"] = laps_of(spec, offered, threads)
    return found


def run(rounds: int, progress: Callable[[], None] | None = None) -> list[Lap]:
    """Measure all in turns."""
    return measure(contestants(), rounds, progress)


def table(laps: Sequence[Lap]) -> list[dict[str, Any]]:
    """Return a row per policy, epochs, who asks and threads."""
    rows = []
    for name in dict.fromkeys(lap.name for lap in laps):
        policy, epochs, how, *threads = name.split(", ")
        rows.append(
            {
                "policy": policy,
                "epochs": epochs,
                "asked by": "predict" if how == "asked" else how,
                "threads": threads[0].removeprefix("threads ") if threads else "1",
                "episodes_per_s": rate(laps, name, steps_per_s),
                "vs_asked": ratio(laps, name, f"{policy}, {epochs}, asked", steps_per_s),
            }
        )
    return rows


def summary(laps: Sequence[Lap]) -> dict[str, float]:
    """Return the main numbers, flat: on the default task, with all threads and with one, and at every batch."""
    found: dict[str, float] = {}
    for policy in ("rule", "network"):
        for suffix, epochs, threads in (
            ("", "event", THREADS),
            ("_one_thread", "event", 1),
            ("_batch", "batch", THREADS),
        ):
            name = f"{policy}, {epochs}, kernels, threads {threads}"
            found |= flat(
                f"{policy}_episodes_vs_asked{suffix}", ratio(laps, name, f"{policy}, {epochs}, asked", steps_per_s)
            )
    return found
