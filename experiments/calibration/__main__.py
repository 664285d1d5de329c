"""Command line of the calibration: see :mod:`experiments.calibration`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.calibration.android import predictions
from experiments.calibration.exits import DATA, DRAWS, of_use, predict, read
from experiments.calibration.fit import fit, fit_files
from experiments.calibration.published import Wild
from experiments.calibration.ranges import RANGES
from experiments.calibration.report import simulated, write_all
from experiments.calibration.rows import rows
from experiments.calibration.sensitivity import Variation, variations
from swapgym.agents.parallel import progress_bar

RESULTS = Path(__file__).parent / "results"
SAMPLES, EPISODES = 32, 6
QUICK_SAMPLES, QUICK_EPISODES = 4, 1
QUICK_DRAWS = 16

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer points and episodes in the sensitivity analysis.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
) -> None:
    """Fit, predict, and hold the simulator against every published figure."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    samples, episodes = (QUICK_SAMPLES, QUICK_EPISODES) if quick else (SAMPLES, EPISODES)
    listed = rows()
    results = simulated(listed)
    exits = read(DATA)
    draws = QUICK_DRAWS if quick else DRAWS
    fitted = [*fit(listed), fit_files(of_use(exits, "fit"), draws)]
    android, numbers = predictions()
    wild = Wild(exits, predict(exits, draws), android, numbers)
    with progress_bar(console) as bar:
        task = bar.add_task("sensitivity", total=1 + 2 * len(RANGES) + samples)
        varied: list[Variation] = list(variations(samples, episodes, lambda: bar.advance(task)))
    summary = write_all(folder, results, fitted, varied, wild)
    for name in ("n_fitted", "n_held_out", "max_abs_rel_error_fitted", "max_abs_rel_error_held_out_bench"):
        console.print(f"{name}: {summary[name]:.3g}", highlight=False)
    for name in ("exits_median_factor", "exits_p90_factor", "swap_share_of_exit"):
        console.print(f"{name}: {summary[name]:.3g}", highlight=False)
    console.print(f"max_factor_held_out_logs: {summary['max_factor_held_out_logs']:.3g}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
