"""Command line of the benchmark: see :mod:`experiments.benchmark`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from experiments import results
from experiments.benchmark import single

RESULTS = Path(__file__).parent / "results"
ROUNDS, QUICK_ROUNDS = 21, 5
STEPS, QUICK_STEPS = 20_000, 4_000

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer and shorter rounds.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds.")] = None,
    steps: Annotated[int | None, typer.Option(min=100, help="Steps per environment and round.")] = None,
) -> None:
    """Measure one environment through gym.make beside its peers."""
    began = time.monotonic()
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    steps = steps or (QUICK_STEPS if quick else STEPS)
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    with Progress(console=console) as bar:
        task = bar.add_task("single environment", total=rounds * len(single.ENV_IDS))
        measured = single.measure(rounds, steps, progress=lambda: bar.advance(task))
    figures = single.table(measured)
    write(folder, measured, figures, rounds, steps)
    show(figures)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def write(
    folder: Path,
    measured: list[single.Round],
    figures: dict[str, dict[str, single.Spread]],
    rounds: int,
    steps: int,
) -> None:
    """Write tables, every measurement, the summary and where it was measured."""
    columns = list(figures[single.OURS])
    results.write_csv(folder / "rounds.csv", [r._asdict() for r in measured])
    results.write_csv(
        folder / "single.csv",
        [
            {
                "env": env_id,
                **{
                    f"{column}{suffix}": value
                    for column in columns
                    for suffix, value in zip(("", "_low", "_high"), row[column], strict=True)
                },
            }
            for env_id, row in figures.items()
        ],
    )
    where = results.provenance()
    text = results.markdown(["environment", *columns], [[e, *map(cell, row.values())] for e, row in figures.items()])
    results.write(
        folder / "single.md",
        "# One environment through gym.make\n\n"
        f"Median [quartiles] of {rounds} rounds of {steps:,} uniformly random actions, environments in turns, on one"
        f" core ({where['machine']}), Python {where['python']}, Gymnasium {where['gymnasium']}, {where['date']}."
        " `steps_per_s` counts resets, which draw a scenario and run the phone to its first decision;"
        " `vs_cartpole` is a ratio within the round.\n\n" + text,
    )
    results.write_json(folder / "provenance.json", where)
    results.write_json(folder / "summary.json", single.summary(figures))


def cell(figure: single.Spread) -> str:
    """Return a median and its quartiles for a table."""
    return f"{digits(figure.median)} [{digits(figure.low)}, {digits(figure.high)}]"


def digits(value: float) -> str:
    """Return a number with three digits, thousands whole."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def show(figures: dict[str, dict[str, single.Spread]]) -> None:
    """Print the medians."""
    table = Table(title="one environment through gym.make, medians")
    table.add_column("")
    for env_id in figures:
        table.add_column(env_id, justify="right")
    for column in figures[single.OURS]:
        table.add_row(column, *(digits(row[column].median) for row in figures.values()))
    console.print(table)


if __name__ == "__main__":
    app()
