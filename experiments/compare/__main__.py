"""Command line of the comparison: see :mod:`experiments.compare`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from agents.policies import POLICIES, make
from agents.runner import Player, Row, World, play_all
from agents.tune import command
from experiments.compare import tables
from experiments.compare.report import write_all
from experiments.compare.rivals import planned, rivals
from swapgym.workload import KERNELS, suite

RESULTS = Path(__file__).parent / "results"
QUICK_EPISODES = 6
PUBLISHED = (
    ("mainline", "always_inline"),
    ("mainline-no-pool-lock", "always_inline"),
    ("vivo-async", "vivo"),
    ("zsmalloc-deferred", "always_defer"),
    ("userspace-reaper", "userspace_reaper"),
)
"""Each kernel variant with its published rule; ``zsmalloc-deferred`` bounds its queue and falls back by itself."""

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


def compared(kernel: str, policies: list[str]) -> list[tuple[World, Player]]:
    """Return every policy, in one kernel variant with all three routes; the one all are compared with comes along."""
    world = World(kernel=kernel)
    for name in policies:
        make(name, world.routes)
    chosen = policies if tables.REFERENCE in policies else [tables.REFERENCE, *policies]
    return [(world, Player(name, name)) for name in dict.fromkeys(chosen)]


def published() -> list[tuple[World, Player]]:
    """Return each kernel variant with its published rule."""
    return [(World(kernel=kernel, routes=("INLINE", "DEFER")), Player(kernel, policy)) for kernel, policy in PUBLISHED]


def run(players: list[tuple[World, Player]], episodes: list[tuple[str, int]], workers: int) -> list[Row]:
    """Play all with a progress bar."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("episodes", total=len(players) * len(episodes))
        return play_all(players, episodes, workers=workers, progress=lambda n: bar.advance(task, n))


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help=f"Only the first {QUICK_EPISODES} scenarios of each preset.")] = False,
    suite_name: Annotated[str, typer.Option("--suite", help="test, validation or train.")] = "test",
    kernel: Annotated[str, typer.Option(help="Kernel variant in which all policies are compared.")] = "vivo-async",
    policy: Annotated[list[str] | None, typer.Option(help="Only this policy (repeat for more).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Compare all policies on the same scenarios."""
    began = time.monotonic()
    # a quick run does not replace the results of the whole suite
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    try:
        episodes = list(suite(suite_name).first(QUICK_EPISODES) if quick else suite(suite_name))
        if kernel not in KERNELS:
            raise ValueError(f"kernel: {kernel!r} is unknown, must be one of {', '.join(KERNELS)}")
        players = compared(kernel, policy or list(POLICIES))
        others = [] if policy else rivals(kernel)
        plans = planned(kernel, episodes) if others else []
    except ValueError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False)
        raise typer.Exit(2) from error
    variants = published()
    rows = run([*players, *variants, *others], episodes, workers)
    split = len(players) * len(episodes)
    second = split + len(variants) * len(episodes)
    about = (
        f"{len(episodes)} scenarios of the {suite_name} suite, the same for all; kernel `{kernel}`; means"
        " with 95 % stratified bootstrap intervals; score: lag and peak at equal weights, each over what mainline's"
        " inline release costs on the preset (lower is better)."
    )
    summary = write_all(folder, rows[:split], rows[split:second], [*rows[second:], *plans], about)
    show(rows[:split], summary)
    if not others and not policy:
        console.print(
            f"no rivals.md: no policy is tuned ({command(kernel)}) and no agent stored (python -m agents.trained RUN)"
            f" for kernel {kernel} at equal weights",
            highlight=False,
        )
    console.print(f"{len(rows)} episodes in {time.monotonic() - began:.0f} s; results in {folder}", highlight=False)
    console.print(f"tensorboard --logdir {folder / 'tensorboard'}", highlight=False)


def show(rows: list[Row], summary: dict[str, float]) -> None:
    """Print the main figures."""
    columns = (
        "score",
        "lag_ms",
        "peak_mib",
        "launch_delay_ms",
        "collateral_kills",
        "direct_reclaim_ms",
        "unaccounted_cpu_ms",
    )
    table = Table(title="means", box=None, padding=(0, 2, 0, 0))
    table.add_column("policy", no_wrap=True)
    for column in columns:
        # a narrow terminal breaks long names: at their words, then
        table.add_column(column.replace("_", "\n"), justify="right", no_wrap=True)
    names = sorted(tables.by_policy(rows), key=lambda name: summary[f"{name}.score"])
    for name in names:
        table.add_row(name, *(f"{summary[f'{name}.{column}']:.3g}" for column in columns))
    console.print(table)
    best = tables.best_per_preset(tables.per_preset(rows))
    console.print(
        "best of each preset: " + ", ".join(f"{preset} {name}" for preset, name in best.items()), highlight=False
    )


if __name__ == "__main__":
    app()
