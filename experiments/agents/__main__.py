"""Command line of the experiment: see :mod:`experiments.agents`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from experiments import results
from experiments.agents import discounting
from experiments.agents.importance import importance, surrogate, watch
from experiments.agents.measure import Measured, measure
from experiments.agents.report import Behaviour, write_all
from experiments.task import scenarios
from swapgym.agents.evaluate import spec_of
from swapgym.agents.parallel import progress_bar
from swapgym.agents.planning.plans import per_batch
from swapgym.agents.stored import runs
from swapgym.agents.stored.agents import TRAINED, Group, load_model, stored
from swapgym.agents.stored.tuned import tuned
from swapgym.agents.task import SPEC
from swapgym.workload import Suite

RESULTS = Path(__file__).parent / "results"
DISCOUNT_EPISODES = 40
"""Per preset."""

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer episodes and plans.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    trained: Annotated[Path, typer.Option(help="Folder of the stored runs.")] = TRAINED,
    evaluations: Annotated[
        int | None, typer.Option(min=8, help="Plans of the bound per episode, to let the planners play now.")
    ] = None,
) -> None:
    """Play all stored runs beside their baselines and the bound, and say what they read."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    groups = stored(trained)
    if not groups:
        raise typer.BadParameter(f"trained: {trained} holds no run; store some with swapgym store RUN")
    try:
        specs = {group: spec_of(folders) for group, folders in groups.items()}
        for spec in specs.values():
            tuned(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset)
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    found: list[Measured] = []
    behaviours: dict[Group, Behaviour] = {}
    with progress_bar(console) as bar:
        for group, folders in groups.items():
            preset = specs[group].preset
            test = scenarios(preset, 2) if quick else scenarios(preset)
            task = bar.add_task(f"{group.kernel} r{group.ms_per_mib:g}", total=2 * len(test))
            try:
                measured = measure(group, specs[group], folders, test, evaluations, lambda task=task: bar.advance(task))  # type: ignore[misc]
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
            bar.update(task, completed=2 * len(test))
            found.append(measured)
            behaviours[group] = behaviour(folders, measured, test)
    discounts = {}
    for kernel in dict.fromkeys(group.kernel for group in groups):
        spec = SPEC.but(kernel=kernel)
        played = Suite("train", 0, 2 if quick else DISCOUNT_EPISODES).of(spec.preset)
        differences, spacing = discounting.differences(spec, played)
        discounts[kernel] = (discounting.agreements(differences), spacing)
    summary = write_all(folder, found, behaviours, discounts)
    trained_in = [runs.spec_of(runs.config_of(one)) for folders in groups.values() for one in folders]
    results.write_worlds(folder, [*specs.values(), *trained_in, *map(per_batch, specs.values())])
    for name, value in summary.items():
        console.print(f"{name}: {value:.5g}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def behaviour(folders: list[Path], measured: Measured, episodes: list[tuple[str, int]]) -> Behaviour:
    """Watch the first training seed of the best stateless agent of a group."""
    models: dict[str, Any] = {}
    for folder in folders:
        config, model = load_model(folder)
        models.setdefault(config["algo"], (runs.spec_of(config), model))
    name = next(name for name in measured.learned() if "recurrent" not in name)
    spec, policy = models[name]
    seen = watch(spec, policy, episodes)
    leaves, agreement = surrogate(seen)
    deferred = {
        preset: float(np.mean(seen.actions[seen.presets == preset] == 1))
        for preset in dict.fromkeys(seen.presets.tolist())
    }
    return Behaviour(name, importance(policy, seen), leaves, agreement, deferred)


if __name__ == "__main__":
    app()
