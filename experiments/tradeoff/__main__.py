"""Command line of the trade-off: see :mod:`experiments.tradeoff`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.tradeoff.measure import KERNELS, RULES, cells
from experiments.tradeoff.report import table, write_all
from swapgym.agents.parallel import progress_bar
from swapgym.agents.play import Player, play_all
from swapgym.envs.spec import EnvSpec
from swapgym.workload import suite

RESULTS = Path(__file__).parent / "results"
QUICK_EPISODES = 4

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help=f"Only {QUICK_EPISODES} scenarios of each preset.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Play simple rules in every kernel variant that can defer."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    chosen = suite("test").first(QUICK_EPISODES) if quick else suite("test")
    players = [
        (EnvSpec(device=None, kernel=kernel), Player(f"{kernel}/{rule}", rule)) for kernel in KERNELS for rule in RULES
    ]
    episodes = list(chosen)
    with progress_bar(console) as bar:
        task = bar.add_task("episodes", total=len(players) * len(episodes))
        rows = play_all(players, episodes, workers=workers, progress=lambda n: bar.advance(task, n))
    found = cells(rows, chosen.presets)
    write_all(folder, found)
    console.print(table([c for c in found if c.preset == "all"]), highlight=False, soft_wrap=True)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
