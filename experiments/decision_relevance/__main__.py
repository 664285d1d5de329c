"""Command line of the experiment: see :mod:`experiments.decision_relevance`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.agents import planners
from experiments.decision_relevance import bound, online, regimes
from experiments.decision_relevance.report import write_all
from experiments.task import scenarios
from swapgym.agents.parallel import progress_bar
from swapgym.agents.planning import mpc
from swapgym.agents.task import KERNEL, PRESET, RATES, SPEC
from swapgym.envs.spec import EnvSpec
from swapgym.workload import PRESET_NAMES, Suite

RESULTS = Path(__file__).parent / "results"
QUICK = mpc.Settings(futures=4, rounds=1, hold=0)
"""How the online planner plans in a quick run."""

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer episodes and plans.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    preset: Annotated[str, typer.Option(help=f"What is bounded: one of {', '.join(PRESET_NAMES)}.")] = PRESET,
    kernel: Annotated[str, typer.Option(help="Kernel variant.")] = KERNEL,
    ms_per_mib: Annotated[float, typer.Option(help="A rate that baselines are tuned for.")] = SPEC.ms_per_mib,
    evaluations: Annotated[int | None, typer.Option(min=8, help="Plans played per episode.")] = None,
) -> None:
    """Measure whether the choice matters, where, and whether it can be seen in time."""
    if ms_per_mib not in RATES:
        raise typer.BadParameter(f"ms_per_mib: {ms_per_mib!r}, must be one of {', '.join(f'{one:g}' for one in RATES)}")
    try:
        spec = EnvSpec(preset=preset, kernel=kernel, ms_per_mib=ms_per_mib)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    plans = evaluations or (60 if quick else 600)
    test = scenarios(preset, 2) if quick else scenarios(preset)
    train = list(Suite("train", 0, 20 if quick else 400))
    looked = Suite("train", 0, 40 if quick else 1_000).of(preset)
    with progress_bar(console) as bar:
        searching = bar.add_task("bound and planner", total=2 * len(test))
        found = bound.measure(test, plans, spec, lambda: bar.advance(searching), QUICK if quick else planners.SETTINGS)
        sorting = bar.add_task("regimes", total=len(train))
        sorted_ = regimes.measure(train, spec.but(device=None), lambda: bar.advance(sorting))
        looking = bar.add_task("online", total=len(looked))
        seen = online.measure(looked, spec, lambda: bar.advance(looking))
    visible = online.judge(seen)
    summary = write_all(folder, found, sorted_, visible, spec, plans)
    console.print(f"fixed policies: {found.about}", highlight=False)
    for name, value in summary.items():
        console.print(f"{name}: {value:.5g}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


if __name__ == "__main__":
    app()
