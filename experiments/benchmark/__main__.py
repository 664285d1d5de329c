"""Command line of the benchmark: see :mod:`experiments.benchmark`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from experiments import results
from experiments.benchmark import cores, growth, lanes, peers, profile, report, single, startup
from swapgym.workload.config import unknown

RESULTS = Path(__file__).parent / "results"
SECTIONS = ("single", "lanes", "peers", "training", "episodes", "growth", "cores", "startup", "profile")

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()
Part = tuple[dict[str, Sequence[Mapping[str, Any]]], dict[str, float]]


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help="Fewer and shorter rounds.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Sections to measure, of {', '.join(SECTIONS)}.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of each section.")] = None,
    steps: Annotated[int | None, typer.Option(min=100, help="Steps of a single environment per round.")] = None,
) -> None:
    """Measure speed beside peers, side by side in one run."""
    began = time.monotonic()
    for name in only or ():
        if name not in SECTIONS:
            raise typer.BadParameter(str(unknown("only", name, SECTIONS)))
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    parts: dict[str, Sequence[Mapping[str, Any]]] = {}
    summary: dict[str, float] = {}
    for name in only or SECTIONS:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(name, total=None)
            found, figures = MEASURE[name](quick, rounds, steps, lambda task=task, bar=bar: bar.advance(task))  # type: ignore[misc]
        parts |= found
        summary |= figures
        for part, rows in found.items():
            report.write_table(folder / f"{part}.csv", rows)
        console.print(f"{name}: {time.monotonic() - began:.0f} s", highlight=False)
    if all(name in summary for name in cores.NEEDED):
        parts["cores"] = cores.table(summary)
        report.write_table(folder / "cores.csv", parts["cores"])
    where = results.provenance()
    if "single" in parts and "lanes" in parts:
        drawn = report.draw({str(row["environment"]): row for row in parts["single"]}, parts["lanes"])
        results.write_figure(folder / "speed.png", lambda buffer: drawn.savefig(buffer, dpi=120))
    results.write(folder / "benchmark.md", report.page(parts, summary, where))
    results.write_json(folder / "provenance.json", where)
    results.write_json(folder / "summary.json", summary)
    show(summary)
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def measure_single(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure one environment through gym.make."""
    measured = single.measure(rounds or (5 if quick else 21), steps or (4_000 if quick else 20_000), progress=progress)
    figures = single.table(measured)
    return {"single": report.named(figures, "environment")}, single.summary(figures)


def measure_lanes(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure many lanes."""
    laps = lanes.run(rounds or (1 if quick else 3), quick, progress)
    return {"lanes": lanes.table(laps)}, lanes.summary(laps)


def measure_peers(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure what else one would run."""
    laps = peers.run(rounds or (2 if quick else 11), progress)
    return {"peers": report.named(peers.table(laps), "simulator")}, peers.summary(laps)


def measure_training(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure PPO; torch is imported here, where it is needed."""
    from experiments.benchmark import training

    laps = training.run(rounds or (1 if quick else 5), quick, progress)
    return {"training": report.named(training.table(laps), "setting")}, training.summary(laps)


def measure_episodes(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure whole episodes; torch is imported here, where it is needed."""
    from experiments.benchmark import episodes

    laps = episodes.run(rounds or (2 if quick else 7), progress)
    return {"episodes": episodes.table(laps)}, episodes.summary(laps)


def measure_growth(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure how cost grows."""
    laps = growth.run(rounds or (1 if quick else 7), progress)
    return {"growth": growth.table(laps)}, growth.summary(laps)


def measure_cores(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure what is not divided by cores."""
    return {}, cores.run(20 if quick else 200)


def measure_startup(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Measure imports and first steps."""
    return {}, startup.run(rounds or (1 if quick else 7), 0 if quick else 1, progress)


def measure_profile(quick: bool, rounds: int | None, steps: int | None, progress: Callable[[], None]) -> Part:
    """Profile a tick and a step."""
    parts = profile.step_parts(4_000 if quick else profile.STEPS)
    return {"tick": profile.tick_parts(), "step": parts}, profile.summary(parts)


MEASURE: dict[str, Callable[[bool, int | None, int | None, Callable[[], None]], Part]] = {
    "single": measure_single,
    "lanes": measure_lanes,
    "peers": measure_peers,
    "training": measure_training,
    "episodes": measure_episodes,
    "growth": measure_growth,
    "cores": measure_cores,
    "startup": measure_startup,
    "profile": measure_profile,
}


def show(summary: Mapping[str, float]) -> None:
    """Print goals and what was measured."""
    table = Table(title="goals")
    for column in ("", "goal", "measured", "reached"):
        table.add_column(column)
    for row in report.goals(summary):
        table.add_row(*(report.cell(value) for value in row.values()))
    console.print(table)


if __name__ == "__main__":
    app()
