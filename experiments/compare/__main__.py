"""Command line of the comparison: see :mod:`experiments.compare`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from experiments import results
from experiments.compare import tables
from experiments.compare.others import agents_of, others_of, planned
from experiments.compare.report import write_all
from experiments.task import EPISODES, scenarios
from swapgym.agents.parallel import progress_bar
from swapgym.agents.planning.plans import per_batch
from swapgym.agents.play import Player, Row, play_all
from swapgym.agents.policies import POLICIES, make
from swapgym.agents.stored.tuned import command
from swapgym.agents.task import SPEC
from swapgym.envs.epochs import BATCH
from swapgym.envs.spec import EnvSpec
from swapgym.workload import SUITES, kernel_variant, presets_of, suite

RESULTS = Path(__file__).parent / "results"
QUICK_EPISODES = 6
PUBLISHED = (
    ("mainline", "always_inline"),
    ("mainline-no-pool-lock", "always_inline"),
    ("vivo-async", "vivo"),
    ("vivo-async-nice0", "vivo"),
    ("vivo-async-little", "vivo"),
    ("zsmalloc-deferred", "always_defer"),
    ("userspace-reaper", "userspace_reaper"),
)
"""Each kernel variant with its published rule; ``zsmalloc-deferred`` bounds its queue and falls back by itself. vivo's
rule is played with its worker as published (nice -20), at nice 0, and kept to the little cores."""
Players = list[tuple[EnvSpec, Player]]

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


def compared(kernel: str, policies: list[str]) -> Players:
    """Return every policy, in one kernel variant with all three routes; the one all are compared with comes along."""
    spec = SPEC.but(kernel=kernel, device=None, routes=3)
    for name in policies:
        make(name, spec.route_names, spec.parts)
    chosen = policies if tables.REFERENCE in policies else [tables.REFERENCE, *policies]
    return [(spec, Player(name, name)) for name in dict.fromkeys(chosen)]


def published() -> Players:
    """Return each kernel variant with its published rule, asked for every batch as a kernel asks it."""
    spec = SPEC.but(device=None, epochs=BATCH)
    return [(spec.but(kernel=kernel), Player(kernel, policy)) for kernel, policy in PUBLISHED]


def task_scenarios(suite_name: str, quick: bool) -> list[tuple[str, int]]:
    """Return scenarios of the default task, of the suite that is asked for."""
    count = QUICK_EPISODES if quick else EPISODES
    if suite_name == "test":
        return scenarios(SPEC.preset, count)
    chosen = suite(suite_name)
    return chosen.first(min(count, chosen.episodes)).of(SPEC.preset)


def run(players: Players, episodes: list[tuple[str, int]], workers: int) -> list[Row]:
    """Play all with a progress bar; the rows come with their scores at the other rates too."""
    with progress_bar(console) as bar:
        task = bar.add_task("episodes", total=len(players) * len(episodes))
        rows = play_all(players, episodes, workers=workers, progress=lambda n: bar.advance(task, n))
    return [row | tables.other_scores(row) for row in rows]


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help=f"Only the first {QUICK_EPISODES} scenarios of each preset.")] = False,
    suite_name: Annotated[str, typer.Option("--suite", help=f"One of {', '.join(SUITES)}.")] = "test",
    kernel: Annotated[str, typer.Option(help="Kernel variant in which all policies are compared.")] = SPEC.kernel,
    policy: Annotated[list[str] | None, typer.Option(help="Only this policy (repeat for more).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
) -> None:
    """Compare all policies on the same scenarios."""
    began = time.monotonic()
    # a quick run does not replace the results of the whole suite
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    try:
        chosen = suite(suite_name).first(QUICK_EPISODES) if quick else suite(suite_name)
        kernel_variant(kernel)
        episodes = list(chosen)
        task = task_scenarios(suite_name, quick)
        players = compared(kernel, policy or list(POLICIES))
        others = [] if policy else others_of(kernel)
        plans = planned(kernel, task) if others else []
    except ValueError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False)
        raise typer.Exit(2) from error
    variants = published()
    rows = run(players, episodes, workers)
    variant_rows = run(variants, episodes, workers)
    other_rows = [*run(others, task, workers), *plans] if others else []
    about = (
        f"{len(episodes)} scenarios of the {suite_name} suite, the same for all; kernel `{kernel}`; means"
        f" with 95 % stratified bootstrap intervals; score: {tables.SCORE} (lower is better); `score@`: the same at"
        " other rates."
    )
    presets = ", ".join(f"`{name}`" for name in presets_of(SPEC.preset))
    where = f"{len(task)} {suite_name} scenarios of the default task: {presets} on {SPEC.device or 'all devices'}"
    summary = write_all(folder, kernel, rows, variant_rows, other_rows, about, where)
    results.write_worlds(
        folder, [spec for spec, _ in (*players, *variants, *others)] + [per_batch(SPEC.but(kernel=kernel))]
    )
    show(rows, summary)
    if not others and not policy:
        console.print(
            f"no others.md: no policy is tuned ({command(kernel)}) and no agent stored (swapgym store RUN)"
            f" for kernel {kernel} at {SPEC.ms_per_mib:g} ms per MiB",
            highlight=False,
        )
    if (missing := agents_of(kernel)[1]) and not policy:
        console.print(
            f"{len(missing)} stored agents are left out: they need torch, pip install -e '.[train]'",
            highlight=False,
            markup=False,
        )
    rows = [*rows, *variant_rows, *other_rows]
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
    told = []
    for rate, column in tables.SCORE_AT.items():
        means = {name: summary[f"{name}.{column}"] for name in names if name != "random"}
        told.append(f"{rate:g} ms {min(means, key=means.__getitem__)}")
    console.print(f"best by what a MiB is worth: {', '.join(told)}", highlight=False)
    best = tables.best_per_preset(tables.per_preset(rows))
    console.print(
        "best of each preset: " + ", ".join(f"{preset} {name}" for preset, name in best.items()), highlight=False
    )


if __name__ == "__main__":
    app()
