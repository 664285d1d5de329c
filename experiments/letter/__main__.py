"""Command line of the letter: see :mod:`experiments.letter`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from experiments.letter.findings import findings
from experiments.letter.report import verdicts, write_all
from experiments.letter.runs import FULL, QUICK, run_all
from experiments.letter.sentences import SENTENCES

RESULTS = Path(__file__).parent / "results"

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer seeds and apps.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
) -> None:
    """Answer the letter, sentence by sentence."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    size = QUICK if quick else FULL
    with Progress("{task.description}", MofNCompleteColumn(), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("", total=None)
        runs = run_all(size, lambda family: bar.update(task, advance=1, description=family))
    figures = findings(runs)
    summary = write_all(folder, runs, figures, size)
    for sentence, verdict in zip(SENTENCES, verdicts(figures), strict=True):
        console.print(f"{sentence.number:2d} {sentence.who:8s} [bold]{verdict.label}[/bold]", highlight=False)
    console.print(f"n_rows: {summary['n_rows']:.0f}, n_answered: {summary['n_answered']:.0f}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
