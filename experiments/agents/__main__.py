"""Command line of the experiment: see :mod:`experiments.agents`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from agents.evaluate import load_model
from agents.runner import World
from agents.train import ROUTES
from agents.trained import TRAINED, Group, stored
from agents.tune import tuned
from experiments.agents import discounting
from experiments.agents.looks import importance, surrogate, watch
from experiments.agents.measure import Measured, measure
from experiments.agents.report import Looks, write_all
from swapgym.workload import Suite, suite

RESULTS = Path(__file__).parent / "results"
DISCOUNT_EPISODES = 10
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
    """Play all stored runs beside their rivals and the bound, and say what they look at."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    groups = stored(trained)
    if not groups:
        raise typer.BadParameter(f"trained: {trained} holds no run; store some with python -m agents.trained RUN")
    try:
        for group in groups:
            tuned(group.lag_weight, kernel=group.kernel)
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error)) from error
    test = list(suite("test").first(2)) if quick else list(suite("test"))
    found: list[Measured] = []
    looks: dict[Group, Looks] = {}
    with Progress(console=console) as bar:
        for group, folders in groups.items():
            task = bar.add_task(f"{group.kernel} w{group.lag_weight:g}", total=2 * len(test))
            try:
                measured = measure(group, folders, test, evaluations, lambda task=task: bar.advance(task))  # type: ignore[misc]
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
            bar.update(task, completed=2 * len(test))
            found.append(measured)
            looks[group] = look(group, folders, measured, test)
    played = list(Suite("train", 0, 1 if quick else DISCOUNT_EPISODES))
    discounts = {}
    for kernel in dict.fromkeys(group.kernel for group in groups):
        differences, spacing = discounting.differences(World(kernel=kernel, routes=ROUTES), played)
        discounts[kernel] = (discounting.agreements(differences), spacing)
    summary = write_all(folder, found, looks, discounts)
    for name, value in summary.items():
        console.print(f"{name}: {value:.5g}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def look(group: Group, folders: list[Path], measured: Measured, episodes: list[tuple[str, int]]) -> Looks:
    """Look at the first training seed of the best stateless agent of a group."""
    models: dict[str, Any] = {}
    for folder in folders:
        config, model = load_model(folder)
        models.setdefault(config["algo"], model)
    name = next(name for name in measured.learned() if "recurrent" not in name)
    policy: Any = models[name]
    world = World(kernel=group.kernel, routes=ROUTES, weights=(group.lag_weight, 1 - group.lag_weight))
    seen = watch(world, policy, episodes)
    leaves, agreement = surrogate(seen)
    deferred = {
        preset: float(np.mean(seen.actions[seen.presets == preset] == 1))
        for preset in dict.fromkeys(seen.presets.tolist())
    }
    return Looks(name, importance(policy, seen), leaves, agreement, deferred)


if __name__ == "__main__":
    app()
