"""Say what stock algorithms have learned: numbers, a page, a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from experiments.results import markdown, write_figure
from experiments.stock.train import ENV_ID, WAYS, Run
from swapgym.agents import statistics
from swapgym.agents.play import play
from swapgym.agents.policies import FixedPolicy, make
from swapgym.agents.statistics import Estimate
from swapgym.agents.stored.tuned import baselines
from swapgym.envs.spec import EnvSpec
from swapgym.workload import suite

FIXED: Final = ("always_inline", "always_defer")
BEST: Final = "best_tuned"
NAMES: Final = {
    "stock_ppo": "PPO",
    "stock_dqn": "DQN",
    "ppo_relative": "PPO, RelativeReward",
    "ppo_uncentered": "PPO, centered=False",
}


class Constant(NamedTuple):
    """A fixed policy on the same scenarios.

    Attributes:
        score: Of each scenario of the test suite.
        lag_ms: Likewise.
        peak_mib: Likewise.
        validation: Mean score on the validation scenarios.
        title: What it is called on the page.
    """

    score: list[float]
    lag_ms: list[float]
    peak_mib: list[float]
    validation: float
    title: str


def constants(episodes: int) -> dict[str, Constant]:
    """Play the fixed policies on the scenarios that runs are scored on.

    The best tuned one is chosen on these very scenarios, in its own favour.
    """
    spec = EnvSpec()
    others, how = baselines(spec.ms_per_mib)
    found = {name: constant(make(name), name.replace("_", " "), episodes) for name in FIXED}
    candidates = [constant(policy, f"{name.replace('_', ' ')} ({how})", episodes) for name, policy in others.items()]
    return {**found, BEST: min(candidates, key=lambda one: float(np.mean(one.score)))}


def constant(policy: FixedPolicy, title: str, episodes: int) -> Constant:
    """Play a fixed policy on the scenarios that runs are scored on."""
    spec = EnvSpec()
    rows = play(spec, policy, title, suite("camera").first(episodes).of(spec.preset))
    score, lag_ms, peak_mib = ([float(row[key]) for row in rows] for key in ("score", "lag_ms", "peak_mib"))
    looks = play(spec, policy, title, suite("validation").of(spec.preset))
    return Constant(score, lag_ms, peak_mib, float(np.mean([row["score"] for row in looks])), title)


def of(runs: Sequence[Run], way: str) -> list[Run]:
    """Return the runs of one way."""
    return [run for run in runs if run.way == way]


def difference(runs: Sequence[Run], other: Sequence[float]) -> Estimate:
    """Return the mean over seeds less ``other`` on the same scenarios, with its interval over seeds and scenarios."""
    half = len(other) // 2  # as many scenarios of each of the two presets
    presets = ["first"] * half + ["second"] * (len(other) - half)
    return statistics.difference(np.array([run.test for run in runs]), np.array([other]), presets)


def numbers(runs: Sequence[Run], fixed: dict[str, Constant]) -> dict[str, float]:
    """Return the summary: flat, by DESIGN's names."""
    spec = EnvSpec()
    stem = f"{ENV_ID.rpartition('/')[2]}.{spec.kernel}.r{spec.ms_per_mib:g}"
    found = {f"{stem}.{name}.score": float(np.mean(one.score)) for name, one in fixed.items()}
    for way in WAYS:
        own = of(runs, way)
        if not own:
            continue
        found[f"{stem}.{way}.score"] = float(np.mean([run.test for run in own]))
        found[f"{stem}.{way}.lag_ms"] = float(np.mean([run.test_lag_ms for run in own]))
        found[f"{stem}.{way}.peak_mib"] = float(np.mean([run.test_peak_mib for run in own]))
        found[f"{stem}.{way}.seeds"] = float(len(own))
        found[f"{stem}.{way}.seconds"] = float(np.mean([run.seconds for run in own]))
        for name, one in fixed.items():
            change = difference(own, one.score)
            found[f"{stem}.{way}.minus_{name}"] = change.value
            found[f"{stem}.{way}.minus_{name}_ci_low"] = change.low
            found[f"{stem}.{way}.minus_{name}_ci_high"] = change.high
    return found


def page(runs: Sequence[Run], fixed: dict[str, Constant], timesteps: int) -> str:
    """Return the results as a page."""
    rows = []
    for one in fixed.values():
        rows.append(
            [one.title, "", f"{np.mean(one.score):.3f}", _mean(one.lag_ms), _mean(one.peak_mib), "", "", "", ""]
        )
    for way in WAYS:
        own = of(runs, way)
        if own:
            scores = [float(np.mean(run.test)) for run in own]
            rows.append(
                [
                    NAMES[way],
                    str(len(own)),
                    f"{np.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})",
                    _mean(*[run.test_lag_ms for run in own]),
                    _mean(*[run.test_peak_mib for run in own]),
                    *(_signed(difference(own, one.score)) for one in fixed.values()),
                    f"{np.mean([run.seconds for run in own]):.0f}",
                ]
            )
    count = len(fixed[FIXED[0]].score)
    less = [f"less {one.title}" for one in fixed.values()]
    header = ["policy", "seeds", "score", "lag ms", "peak MiB", *less, "seconds"]
    return "\n".join(
        [
            "# Stock algorithms on the default task",
            "",
            "`python -m experiments.stock` writes this page. Stable-Baselines3's algorithms with its default",
            f"hyperparameters, {timesteps} frames each, on `{ENV_ID}` as `make_vec_env(id, n_envs=8)` (PPO) and",
            f"`gym.make(id)` (DQN) make it; deterministic policies on the {count} scenarios of the default task's test",
            "suite. Scores: lower is better, in brackets the best and the worst seed. Differences are means over seeds and",
            "scenarios with 95 % intervals over both; below 0 the policy is better. Of the tuned policies the one stands here",
            "that is best on these very scenarios.",
            "",
            markdown(header, rows),
            "",
            "![Scores on validation scenarios by frames of training](curves.png)",
            "",
        ]
    )


def _mean(*values: Sequence[float]) -> str:
    return f"{np.mean(values):.0f}"


def _signed(change: Estimate) -> str:
    return f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"


def curves(path: Path, runs: Sequence[Run], fixed: dict[str, Constant]) -> None:
    """Draw the validation scores of all runs by frames: seeds thin, their means thick."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for place, way in enumerate(WAYS):
        own = of(runs, way)
        for run in own:
            axes.plot(run.frames, run.scores, color=f"C{place}", alpha=0.25, linewidth=1)
        if own:
            axes.plot(
                np.mean([run.frames for run in own], axis=0), np.mean([run.scores for run in own], axis=0),
                color=f"C{place}", linewidth=2.5, label=NAMES[way],
            )  # fmt: skip
    for name, one in fixed.items():
        axes.axhline(
            one.validation, color="0.3", linestyle={FIXED[0]: ":", FIXED[1]: "--"}.get(name, "-."), linewidth=1.5
        )
        axes.annotate(one.title, (0, one.validation), va="bottom", fontsize=9, color="0.3")
    axes.set(xlabel="frames of training", ylabel="score on validation scenarios (lower is better)")
    axes.legend()
    write_figure(path, lambda buffer: figure.savefig(buffer, dpi=130))
    plt.close(figure)
