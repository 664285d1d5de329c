"""Hold the simulator against what was measured: ``python -m experiments.real_kernel``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from experiments.real_kernel.begins import begins
from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.doubts import doubt
from experiments.real_kernel.fit import HANDOFF_CASE, fit, handoff, paces
from experiments.real_kernel.foreground import Begin
from experiments.real_kernel.judge import beside, is_acted, judge, predict
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
        costs = fit(rows)
        pace = paces(rows)
        own: dict[str, Mapping[int, Begin | float]] = {**pace, **begins(rows)}
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{error}; measure with python -m experiments.real_kernel.measure") from error
    found = spreads(rows)
    names = {spread.case for spread in found}
    cases = [case for case in all_cases() if case.name in names and not case.icount]
    if quick:
        cases = [case for case in cases if case.exits == 1]
    alone = costs.kernel_changes()
    with Progress(console=console) as bar:
        task = bar.add_task("predict", total=2 * sum(map(is_acted, cases)))
        play = partial(predict, cases, begins=own, progress=partial(bar.advance, task), workers=os.cpu_count() or 1)
        predicted = play(changes=alone)
        compared = beside(rows, predicted)
        growth = handoff(rows, alone)
        again = beside(rows, play(changes={**alone, "lock_handoff": growth}))
    verdicts = judge(compared)
    second = judge([row for row in again if row.case != HANDOFF_CASE])
    doubts = doubt(rows, predicted, about)
    write_all(
        folder,
        Compared(found, compared, again, verdicts, second, pool_rows(found, compared), costs, growth, doubts, pace),
        about,
    )
    for name, verdict in verdicts.items():
        console.print(
            f"{verdict.rule}: {verdict.held} of {verdict.of} (0 everywhere: {verdict.null}), worst {verdict.worst:.0%};"
            f" with the hand-off: {second[name].held} of {second[name].of}, worst {second[name].worst:.0%}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
