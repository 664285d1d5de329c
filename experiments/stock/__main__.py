"""Command line of the stock algorithms: see :mod:`experiments.stock`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.results import provenance, write, write_json
from experiments.stock.report import constants, curves, numbers, page
from experiments.stock.train import WAYS, Run, job
from swapgym.agents.parallel import spread

RESULTS = Path(__file__).parent / "results"

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="One short run of each way.")] = False,
    way: Annotated[list[str] | None, typer.Option(help=f"Some of {', '.join(WAYS)}; all by default.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each way.")] = 5,
    timesteps: Annotated[int, typer.Option(min=1, help="Frames of training.")] = 300_000,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    again: Annotated[bool, typer.Option(help="Train runs again that are stored.")] = False,
) -> None:
    """Train stock algorithms with their defaults on the default task, and say whether they learn it.

    Runs that are stored with as many frames are not trained again but with --again: a run that was stopped goes on with
    the ones that are missing.
    """
    ways = way or list(WAYS)
    for name in ways:
        if name not in WAYS:
            raise typer.BadParameter(f"{name!r} is unknown, must be one of {', '.join(WAYS)}", param_hint="--way")
    if quick:
        seeds, timesteps = 1, 4_096
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    episodes = 4 if quick else 300
    found = {} if again else stored(folder, timesteps)
    tasks = [
        (name, seed, timesteps, max(2_048, timesteps // 12), episodes)
        for seed in range(seeds)
        for name in ways
        if (name, seed) not in found
    ]
    began = time.monotonic()

    def keep(_: int, run: Run) -> None:
        found[(run.way, run.seed)] = run
        write_json(folder / "runs" / f"{run.way}-{run.seed}.json", {**run._asdict(), "timesteps": timesteps})
        console.print(f"{run.way} {run.seed}: {run.scores[-1]:.4f} after {run.seconds:.0f} s", highlight=False)

    spread(job, tasks, workers, keep)
    runs = [found[key] for key in sorted(found) if key[1] < seeds]
    fixed = constants(episodes)
    write_json(folder / "summary.json", numbers(runs, fixed))
    write_json(folder / "provenance.json", provenance())
    write(folder / "stock.md", page(runs, fixed, timesteps))
    curves(folder / "curves.png", runs, fixed)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def stored(folder: Path, timesteps: int) -> dict[tuple[str, int], Run]:
    """Return the stored runs of as many frames, by way and seed."""
    found = {}
    for path in sorted((folder / "runs").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("timesteps") == timesteps and data["way"] in WAYS:
            found[(data["way"], data["seed"])] = Run(**data)
    return found


if __name__ == "__main__":
    app()
