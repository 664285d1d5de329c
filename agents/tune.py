"""Tune every rival on the train suite: ``python -m agents.tune``.

A policy with thresholds is tried at the points of a Sobol sequence over its ranges; rules of one and two comparisons
are searched over all parts of the observation. Lag and peak of a trial do not depend on the preference weights, so one
set of trials serves all weights; the best few of each are measured again on train episodes that chose nothing, and the
best of those is kept. What is kept is data in ``agents/tuned``, with the command that made it.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import Progress
from scipy.stats import qmc

from agents.policies import POLICIES, FixedPolicy, make, ranges
from agents.policies.rules import Comparison, Rule
from agents.runner import World, play
from swapgym.envs import arguments
from swapgym.envs.lanes import Lanes
from swapgym.envs.observations import PARTS
from swapgym.envs.rewards import baseline_of
from swapgym.workload import draw, drawn_preset, kernel_variant, suite

TUNED: Final = Path(__file__).parent / "tuned"
LAG_WEIGHTS: Final = (0.2, 0.5, 0.8)
ROUTES: Final = ("INLINE", "DEFER")
KERNEL: Final = "vivo-async"
TUNABLE: Final = tuple(name for name, policy in POLICIES.items() if ranges(policy))
UNTUNED: Final = tuple(name for name in POLICIES if name not in ("random", "userspace_reaper"))
"""Measured with their defaults too, and rivals where nothing is tuned; the reaper is a deferral in two routes."""
CUBIC_FROM: Final = 100.0
"""Ranges this long from 0 are tried by cubes of the points: thresholds of interest lie low."""
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
KEPT: Final = 12
"""Trials of each kind and weight that are measured again."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
Costs = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One policy with parameters, and what it costs.

    Attributes:
        policy: Name of the policy, or ``rule``.
        parameters: Its parameters as JSON has them.
        costs: Lag and peak, each over the baseline of the episode's preset, shape ``(episodes, 2)``.
    """

    policy: str
    parameters: Mapping[str, Any]
    costs: Costs

    def score(self, lag_weight: float) -> float:
        """Return the mean score at a preference weight; lower is better."""
        return float(self.costs.mean(axis=0) @ np.array([lag_weight, 1 - lag_weight]))


def build(policy: str, parameters: Mapping[str, Any], routes: Sequence[str] = ROUTES) -> FixedPolicy:
    """Return a policy from its stored form.

    Raises:
        ValueError: If the policy or a parameter is unknown, or a value out of range.
    """
    if policy != Rule.name:
        return make(policy, routes, **parameters)
    literals = tuple(Comparison(*literal) for literal in parameters["literals"])
    return Rule(routes=tuple(routes), literals=literals, how=parameters["how"])


def measure(job: tuple[str, str, Mapping[str, Any], Sequence[tuple[str, int]]]) -> Trial:
    """Play one policy; at module level so that worker processes can be sent it."""
    kernel, policy, parameters, episodes = job
    rows = play(World(kernel=kernel, routes=ROUTES), build(policy, parameters), policy, episodes)
    baselines = [baseline_of(drawn_preset(*episode)) for episode in episodes]
    scale = [(baseline.lag_ms, baseline.peak_mib) for baseline in baselines]
    costs = np.array([(row["lag_ms"], row["peak_mib"]) for row in rows]) / np.array(scale)
    return Trial(policy, parameters, costs)


def points(policy: str, count: int) -> Iterator[dict[str, float]]:
    """Yield the default parameters of a policy and ``count`` points over their ranges."""
    yield {}
    own = ranges(POLICIES[policy])
    for point in qmc.Sobol(len(own), rng=np.random.default_rng(0)).random(count).tolist():
        yield {
            name: low + (high - low) * (share**3 if low == 0 and high >= CUBIC_FROM else share)
            for share, (name, (low, high)) in zip(point, own.items(), strict=True)
        }


def comparisons(kernel: str, episodes: Sequence[tuple[str, int]]) -> list[Comparison]:
    """Return comparisons at quantiles of what is seen under random routes, both ways; constants are left out."""
    lanes = Lanes(len(episodes))
    for lane, (preset, seed) in enumerate(episodes):
        draw(preset, seed, kernel=kernel, out=lanes.scenarios[lane])
    codes = np.array(arguments.route_codes(ROUTES, lanes.scenarios[0]), dtype=np.int64)
    rng = np.random.default_rng(0)
    lanes.begin()
    seen = []
    while len(waiting := lanes.waiting()):
        seen.append(lanes.observations[waiting].copy())
        lanes.step(codes[rng.integers(2, size=lanes.n)], waiting)
    observed = np.concatenate(seen).astype(np.float64)
    found = []
    for index, part in enumerate(PARTS):
        values = np.unique(np.quantile(observed[:, index], QUANTILES, method="inverted_cdf"))
        for value in values.tolist():
            if value < observed[:, index].max() and np.isfinite(part.reading(value)):
                found += [Comparison(part.name, above, part.reading(value)) for above in (True, False)]
    return found


def pairs(singles: Sequence[Trial], known: Sequence[Comparison], count: int) -> Iterator[dict[str, Any]]:
    """Yield rules of two comparisons: one of the good single ones, and any other."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        first = singles[int(rng.integers(len(singles)))].parameters["literals"][0]
        second = known[int(rng.integers(len(known)))]
        yield {"literals": [list(first), list(second)], "how": "all" if rng.random() < 0.5 else "any"}


def best(trials: Sequence[Trial], lag_weight: float, count: int) -> list[Trial]:
    """Return the trials of the lowest scores at a weight."""
    return sorted(trials, key=lambda trial: trial.score(lag_weight))[:count]


@app.command()
def main(
    kernel: Annotated[str, typer.Option(help="Kernel variant to tune on.")] = KERNEL,
    samples: Annotated[int, typer.Option(min=1, help="Points over each policy's ranges.")] = 64,
    rules: Annotated[int, typer.Option(min=1, help="Rules of two comparisons.")] = 600,
    episodes: Annotated[int, typer.Option(min=1, help="Train episodes per preset in the search.")] = 8,
    again: Annotated[int, typer.Option(min=1, help="Other train episodes per preset, to choose among the best.")] = 40,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Folder for the tuned policies; the kernel's by default.")] = None,
) -> None:
    """Tune the fixed policies and search rules, for each preference weight."""
    began = time.monotonic()
    try:
        kernel_variant(kernel)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    folder = out or folder_of(kernel)
    everything = list(suite("train").first(episodes + again))
    search = [pair for position, pair in enumerate(everything) if position % (episodes + again) < episodes]
    choose = [pair for pair in everything if pair not in set(search)]
    known = comparisons(kernel, search)
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, mp_context=context) as pool, Progress(console=console) as bar:

        def run(name: str, jobs: Sequence[tuple[str, Mapping[str, Any]]], on: Sequence[tuple[str, int]]) -> list[Trial]:
            task = bar.add_task(name, total=len(jobs))
            found = []
            for trial in pool.map(measure, [(kernel, policy, parameters, on) for policy, parameters in jobs]):
                found.append(trial)
                bar.advance(task)
            return found

        thresholds = run("thresholds", [(name, p) for name in TUNABLE for p in points(name, samples)], search)
        single_jobs = [(Rule.name, {"literals": [list(one)], "how": "all"}) for one in known]
        singles = run("rules of one comparison", single_jobs, search)
        good = list({id(t): t for w in LAG_WEIGHTS for t in best(singles, w, KEPT)}.values())
        double = run("rules of two", [(Rule.name, p) for p in pairs(good, known, rules)], search)
        kept: dict[str, Trial] = {}
        for weight in LAG_WEIGHTS:
            for name in TUNABLE:
                for trial in best([t for t in thresholds if t.policy == name], weight, KEPT // 3):
                    kept[f"{name} {trial.parameters}"] = trial
            for trial in best([*singles, *double], weight, KEPT):
                kept[f"rule {trial.parameters}"] = trial
        untuned: list[tuple[str, Mapping[str, Any]]] = [(name, {}) for name in UNTUNED]
        jobs = [*untuned, *((trial.policy, trial.parameters) for trial in kept.values() if trial.parameters)]
        chosen = run("measured again", jobs, choose)
    sizes = {
        "search_episodes": len(search),
        "choose_episodes": len(choose),
        "trials": len(thresholds) + len(singles) + len(double),
    }
    for weight in LAG_WEIGHTS:
        write(folder, kernel, weight, chosen, sizes)
        winner = best(chosen, weight, 1)[0]
        console.print(
            f"lag weight {weight:g}: {winner.score(weight):.4f} {winner.policy} {winner.parameters}", highlight=False
        )
    console.print(f"{time.monotonic() - began:.0f} s; written to {folder}", highlight=False)


def write(folder: Path, kernel: str, weight: float, chosen: Sequence[Trial], sizes: Mapping[str, int]) -> None:
    """Write the best of each policy at a weight, the best first."""
    folder.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(trial.policy for trial in chosen)
    each = [best([trial for trial in chosen if trial.policy == name], weight, 1)[0] for name in names]
    stored = {
        "command": command(kernel),
        "kernel": kernel,
        "lag_weight": weight,
        **sizes,
        "policies": [
            {"policy": trial.policy, "parameters": dict(trial.parameters), "train_score": round(trial.score(weight), 6)}
            for trial in best(each, weight, len(each))
        ],
    }
    partial = folder / f".w{weight:g}.json"
    partial.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / f"w{weight:g}.json")


def command(kernel: str) -> str:
    """Return the command that tunes on a kernel variant."""
    return "python -m agents.tune" + ("" if kernel == KERNEL else f" --kernel {kernel}")


def folder_of(kernel: str) -> Path:
    """Return where the policies tuned on a kernel variant are stored."""
    return TUNED if kernel == KERNEL else TUNED / kernel


def tuned(
    lag_weight: float = 0.5, routes: Sequence[str] = ROUTES, folder: Path | None = None, *, kernel: str = KERNEL
) -> dict[str, FixedPolicy]:
    """Return the tuned policies by name, the best on the train suite first.

    Args:
        lag_weight: Preference weight of lag they were tuned for; that of peak is the rest.
        routes: The environment's routes.
        folder: Where they are stored; the kernel's folder by default.
        kernel: Kernel variant they were tuned on.

    Raises:
        FileNotFoundError: If none are stored for that weight; names those there are and the command that tunes.
    """
    folder = folder_of(kernel) if folder is None else folder
    path = folder / f"w{lag_weight:g}.json"
    if not path.exists():
        there = ", ".join(sorted(file.stem[1:] for file in folder.glob("w*.json"))) or "none"
        raise FileNotFoundError(
            f"lag_weight: {lag_weight!r}, must be one of those tuned on kernel {kernel}: {there};"
            f" {command(kernel)} tunes for {', '.join(map(str, LAG_WEIGHTS))}"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {item["policy"]: build(item["policy"], item["parameters"], routes) for item in stored["policies"]}


def nearest(lag_weight: float, routes: Sequence[str] = ROUTES, *, kernel: str = KERNEL) -> dict[str, FixedPolicy]:
    """Return the policies tuned for the nearest weight, the best first: on the kernel, or else on the default one.

    Empty where nothing is tuned on either.
    """
    weight = min(LAG_WEIGHTS, key=lambda one: abs(one - lag_weight))
    for where in (kernel, KERNEL):
        try:
            return tuned(weight, routes, kernel=where)
        except FileNotFoundError:
            continue
    return {}


def rivals(lag_weight: float, *, kernel: str = KERNEL) -> tuple[dict[str, FixedPolicy], str]:
    """Return the fixed policies to beat and what they are: as tuned, or with their defaults where nothing is tuned."""
    try:
        return tuned(lag_weight, kernel=kernel), "tuned"
    except FileNotFoundError as missing:
        return {name: make(name, ROUTES) for name in UNTUNED}, f"with their default thresholds ({missing})"


if __name__ == "__main__":
    app()
