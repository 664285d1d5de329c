"""Command line of the experiment: see :mod:`experiments.decision_relevance`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from agents.tune import LAG_WEIGHTS
from experiments.decision_relevance import bound, online, regimes
from experiments.decision_relevance.report import write_all
from swapgym.workload import Suite, suite

RESULTS = Path(__file__).parent / "results"

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer episodes and plans.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    lag_weight: Annotated[float, typer.Option(help="Of lag in the score; one that rivals are tuned for.")] = 0.5,
    evaluations: Annotated[int | None, typer.Option(min=8, help="Plans played per episode.")] = None,
) -> None:
    """Measure whether the choice matters, where, and whether it can be seen in time."""
    if lag_weight not in LAG_WEIGHTS:
        raise typer.BadParameter(f"lag_weight: {lag_weight!r}, must be one of {', '.join(map(str, LAG_WEIGHTS))}")
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    plans = evaluations or (60 if quick else 600)
    test = list(suite("test").first(2)) if quick else list(suite("test"))
    train = list(Suite("train", 0, 20 if quick else 400))
    looked = train if quick else list(Suite("train", 0, 700))
    with Progress(console=console) as bar:
        searching = bar.add_task("bound", total=len(test) + 11)
        found = bound.measure(test, plans, lag_weight, lambda: bar.advance(searching))
        sorting = bar.add_task("regimes", total=len(train))
        sorted_ = regimes.measure(train, lag_weight, lambda: bar.advance(sorting))
        looking = bar.add_task("online", total=len(looked))
        seen = online.measure(looked, lag_weight, lambda: bar.advance(looking))
    visible = online.judge(seen)
    summary = write_all(folder, found, sorted_, visible, {"lag_weight": lag_weight, "evaluations": plans})
    console.print(f"fixed policies: {found.about}", highlight=False)
    for name, value in summary.items():
        console.print(f"{name}: {value:.5g}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
