"""Hold the simulator against what was measured: ``python -m experiments.real_kernel``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.fit import fit, paces
from experiments.real_kernel.judge import beside, judge, predict
from experiments.real_kernel.pool import pool_rows
from experiments.real_kernel.records import load, spreads
from experiments.real_kernel.report import Compared, write_all

RESULTS = Path(__file__).parent / "results"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    measured: Annotated[Path, typer.Option(help="Folder of a measurement.")] = RESULTS,
    out: Annotated[Path | None, typer.Option(help="Folder for the comparison; the measurement's by default.")] = None,
    quick: Annotated[bool, typer.Option(help="Only the cases in which one process exits.")] = False,
) -> None:
    """Predict every measured case with costs fitted on measurement 1 alone, and judge by rules."""
    began = time.monotonic()
    # quick/ is measure's: a comparison in it would be taken for one of what was measured there
    folder = out or (measured / "quick" / "comparison" if quick else measured)
    try:
        rows = load(measured / "measurements.csv")
        about = json.loads((measured / "provenance.json").read_text(encoding="utf-8"))
        costs, pace = fit(rows), paces(rows)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{error}; measure with python -m experiments.real_kernel.measure") from error
    found = spreads(rows)
    cases = [case for case in all_cases() if case.name in pace and (case.exits == 1 or not quick)]
    compared = beside(rows, predict(cases, costs, pace))
    verdicts = judge(compared)
    write_all(folder, Compared(found, compared, verdicts, pool_rows(found, compared), costs, pace), about)
    for verdict in verdicts.values():
        worst = f", worst {verdict.worst:.0%}" if verdict.worst else ""
        console.print(f"{verdict.rule}: {verdict.held} of {verdict.of}{worst}", highlight=False, soft_wrap=True)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
