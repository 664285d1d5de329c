"""Tune every baseline on the train suite: ``swapgym tune``.

A policy with thresholds is tried at the points of a Sobol sequence over its ranges; rules of one and two comparisons
are searched over all parts of the observation; integer trees evolve (:mod:`swapgym.agents.search`). Lag, peak and
unaccounted CPU of a trial do not depend on what a MiB is worth, so one set of trials serves all rates; the best few of
each are measured again on train episodes that chose nothing, and the best of those is kept. What is kept is data in
``stored/tuned``, with the command that made it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from scipy.stats import qmc

from swapgym import files
from swapgym.agents.parallel import progress_bar
from swapgym.agents.policies import POLICIES, ranges
from swapgym.agents.policies.base import Readings
from swapgym.agents.policies.rules import Comparison, Rule
from swapgym.agents.policies.trees import MAX_DEPTH, IntegerTree, Tree, of_comparisons
from swapgym.agents.search.evolution import Variation, evolve, thresholds_of
from swapgym.agents.search.judge import Judge
from swapgym.agents.stored.tuned import UNTUNED, build, command, folder_of
from swapgym.agents.task import ANY, DEVICE, KERNEL, PRESET, RATES, SPEC, device_of
from swapgym.envs.costs import Rates
from swapgym.envs.lanes import Lanes
from swapgym.envs.observations import INDEX, PARTS
from swapgym.envs.spec import EnvSpec
from swapgym.workload import PRESET_NAMES, suite

TUNABLE: Final = tuple(name for name, policy in POLICIES.items() if ranges(policy))
CUBIC_FROM: Final = 100.0
"""Ranges this long from 0 are tried by cubes of the points: thresholds of interest lie low."""
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
TREE_QUANTILES: Final = tuple(place / 20 for place in range(1, 20))
KEPT: Final = 12
"""Trials of each kind and rate that are measured again."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
Costs = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One policy with parameters, and what it costs.

    Attributes:
        policy: Name of the policy, or ``rule``.
        parameters: Its parameters as JSON has them.
        costs: By objective, shape ``(episodes, N_OBJECTIVES)``.
        references: What the reference costs in the same episodes, by objective, of the same shape.
    """

    policy: str
    parameters: Mapping[str, Any]
    costs: Costs
    references: Costs

    def score(self, ms_per_mib: float) -> float:
        """Return the mean score at a rate; lower is better."""
        worth = Rates(ms_per_mib).vector
        return float(((self.costs @ worth) / (self.references @ worth)).mean())


def measure(judge: Judge, policy: str, parameters: Mapping[str, Any]) -> Trial:
    """Play one policy on the judge's episodes.

    Raises:
        ValueError: If the policy cannot be compiled.
    """
    rule = build(policy, parameters)
    decider = rule.compiled(judge.spec)
    if decider is None:
        raise ValueError(f"policy: {policy!r}, must be one that compares readings and no more, to be tuned")
    return Trial(policy, parameters, judge.costs(decider), judge.references)


def points(policy: str, count: int) -> Iterator[dict[str, float]]:
    """Yield the default parameters of a policy and ``count`` points over their ranges."""
    yield {}
    own = ranges(POLICIES[policy])
    for point in qmc.Sobol(len(own), rng=np.random.default_rng(0)).random(count).tolist():
        yield {
            name: low + (high - low) * (share**3 if low == 0 and high >= CUBIC_FROM else share)
            for share, (name, (low, high)) in zip(point, own.items(), strict=True)
        }


def seen(spec: EnvSpec, episodes: Sequence[tuple[str, int]]) -> npt.NDArray[np.float64]:
    """Return what is observed under random routes, shape ``(decisions, len(spec.parts))``."""
    lanes = Lanes(len(episodes), spec)
    for lane, (preset, seed) in enumerate(episodes):
        lanes.draw(lane, seed, preset)
    codes = spec.actions()
    rng = np.random.default_rng(0)
    lanes.begin()
    observed = []
    while len(waiting := lanes.waiting()):
        observed.append(lanes.observations[waiting].copy())
        lanes.actions[:] = codes[rng.integers(len(codes), size=lanes.n)]
        lanes.step(waiting)
    return np.concatenate(observed).astype(np.float64)


def comparisons(spec: EnvSpec, observed: npt.NDArray[np.float64]) -> list[Comparison]:
    """Return comparisons at quantiles of what was seen, both ways; constants are left out."""
    found = []
    for place, name in enumerate(spec.parts):
        part = PARTS[INDEX[name]]
        values = np.unique(np.quantile(observed[:, place], QUANTILES, method="inverted_cdf"))
        for value in values.tolist():
            if value < observed[:, place].max() and np.isfinite(part.reading(value)):
                found += [Comparison(name, above, part.reading(value)) for above in (True, False)]
    return found


def grow(
    judge: Judge,
    observed: npt.NDArray[np.float64],
    begin: Sequence[Tree],
    depth: int,
    generations: int,
    progress: Callable[[], Any],
) -> list[Trial]:
    """Return the best trees of each rate: evolved one rate after another, those found before being there at the start.

    Args:
        judge: Plays them.
        observed: Observations whose quantiles are thresholds to begin with.
        begin: Trees to begin with.
        depth: Most comparisons one below another.
        generations: Of each rate.
        progress: Called after each generation.
    """
    parts = tuple(judge.spec.parts)
    readings = Readings(observed, parts)
    thresholds = thresholds_of(parts, np.stack([readings[part] for part in parts], axis=1), TREE_QUANTILES)
    trials: dict[Tree, Trial] = {}
    kept: dict[Tree, Trial] = {}
    for rate in RATES:

        def cost(tree: Tree, rate: float = rate) -> float:
            if tree not in trials:
                trials[tree] = measure(judge, IntegerTree.name, {"root": tree})
            return trials[tree].score(rate)

        variation = Variation(thresholds, depth, np.random.default_rng(0))
        found = evolve(cost, variation, [*begin, *kept], generations=generations, progress=progress)
        kept |= {judged.tree: trials[judged.tree] for judged in found[:KEPT]}
    return list(kept.values())


def pairs(singles: Sequence[Trial], known: Sequence[Comparison], count: int) -> Iterator[dict[str, Any]]:
    """Yield rules of two comparisons: one of the good single ones, and any other."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        first = singles[int(rng.integers(len(singles)))].parameters["literals"][0]
        second = known[int(rng.integers(len(known)))]
        yield {"literals": [list(first), list(second)], "how": "all" if rng.random() < 0.5 else "any"}


def best(trials: Sequence[Trial], ms_per_mib: float, count: int) -> list[Trial]:
    """Return the trials of the lowest scores at a rate."""
    return sorted(trials, key=lambda trial: trial.score(ms_per_mib))[:count]


@app.command()
def main(
    kernel: Annotated[str, typer.Option(help="Kernel variant to tune on.")] = KERNEL,
    preset: Annotated[str, typer.Option(help=f"What to tune on: one of {', '.join(PRESET_NAMES)}.")] = PRESET,
    device: Annotated[str, typer.Option(help=f"Device profile; {ANY} lets each preset draw its own.")] = DEVICE,
    samples: Annotated[int, typer.Option(min=1, help="Points over each policy's ranges.")] = 64,
    rules: Annotated[int, typer.Option(min=1, help="Rules of two comparisons.")] = 600,
    generations: Annotated[int, typer.Option(min=1, help="Generations of trees, for each rate.")] = 25,
    depth: Annotated[int, typer.Option(min=1, max=MAX_DEPTH, help="Comparisons of a tree, one below another.")] = 3,
    episodes: Annotated[int, typer.Option(min=1, help="Train episodes per preset in the search.")] = 200,
    again: Annotated[int, typer.Option(min=1, help="Other train episodes per preset, to choose among the best.")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="Threads that share the episodes.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Folder for the tuned policies.")] = None,
) -> None:
    """Tune the fixed policies and search rules and trees, for each rate."""
    began = time.monotonic()
    try:
        spec = SPEC.but(preset=preset, kernel=kernel, device=device_of(device))
        everything = replace(suite("train"), episodes=episodes + again).of(preset)  # its seeds go on
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    folder = out or folder_of(kernel, preset)
    search = [pair for position, pair in enumerate(everything) if position % (episodes + again) < episodes]
    choose = [pair for pair in everything if pair not in set(search)]
    observed = seen(spec, search)
    known = comparisons(spec, observed)
    judge = Judge(spec, search, threads)
    with progress_bar(console) as bar:

        def run(name: str, jobs: Sequence[tuple[str, Mapping[str, Any]]], by: Judge = judge) -> list[Trial]:
            return [measure(by, *job) for job in bar.track(jobs, description=name)]

        thresholds = run("thresholds", [(name, p) for name in TUNABLE for p in points(name, samples)])
        single_jobs = [(Rule.name, {"literals": [list(one)], "how": "all"}) for one in known]
        singles = run("rules of one comparison", single_jobs)
        good = list({id(t): t for rate in RATES for t in best(singles, rate, KEPT)}.values())
        double = run("rules of two", [(Rule.name, p) for p in pairs(good, known, rules)])
        task = bar.add_task("trees", total=generations * len(RATES))
        good = list({id(t): t for rate in RATES for t in best([*singles, *double], rate, KEPT)}.values())
        begin = [of_comparisons(t.parameters["literals"], t.parameters["how"]) for t in good]
        trees = grow(judge, observed, begin, depth, generations, lambda: bar.advance(task))
        kept: dict[str, Trial] = {}
        for rate in RATES:
            for name in TUNABLE:
                for trial in best([t for t in thresholds if t.policy == name], rate, KEPT // 3):
                    kept[f"{name} {trial.parameters}"] = trial
            for trial in best([*singles, *double], rate, KEPT):
                kept[f"rule {trial.parameters}"] = trial
        kept |= {f"tree {trial.parameters}": trial for trial in trees}
        untuned: list[tuple[str, Mapping[str, Any]]] = [(name, {}) for name in UNTUNED]
        jobs = [*untuned, *((trial.policy, trial.parameters) for trial in kept.values() if trial.parameters)]
        chosen = run("measured again", jobs, Judge(spec, choose, threads))
    sizes = {
        "search_episodes": len(search),
        "choose_episodes": len(choose),
        "trials": len(thresholds) + len(singles) + len(double),
        "generations": generations,
    }
    for rate in RATES:
        write(folder, spec.but(ms_per_mib=rate), chosen, sizes)
        winner = best(chosen, rate, 1)[0]
        console.print(
            f"{rate:g} ms per MiB: {winner.score(rate):.4f} {winner.policy} {winner.parameters}", highlight=False
        )
    console.print(f"{time.monotonic() - began:.0f} s; written to {folder}", highlight=False)


def write(folder: Path, spec: EnvSpec, chosen: Sequence[Trial], sizes: Mapping[str, int]) -> None:
    """Write the best of each policy at the rate of ``spec``, the best first."""
    rate = spec.ms_per_mib
    names = dict.fromkeys(trial.policy for trial in chosen)
    each = [best([trial for trial in chosen if trial.policy == name], rate, 1)[0] for name in names]
    stored = {
        "command": command(spec.kernel, spec.preset, spec.device),
        "kernel": spec.kernel,
        "preset": spec.preset,
        "device": spec.device,
        "ms_per_mib": rate,
        **sizes,
        "policies": [
            {"policy": trial.policy, "parameters": dict(trial.parameters), "train_score": round(trial.score(rate), 6)}
            for trial in best(each, rate, len(each))
        ],
    }
    files.write(folder / f"r{rate:g}.json", json.dumps(stored, indent=1) + "\n")
