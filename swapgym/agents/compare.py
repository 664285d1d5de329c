"""Compare anything with anything: ``swapgym compare vivo:min_exiting=3 runs/ppo-r6-0 mine.py:policy``.

All play the same scenarios of a suite, in the same world: kernel, device and rate. How often each is asked, and what it
sees, is its own. Differences are paired, with 95 % intervals over scenarios and, of agents, over training seeds.
Who can be named is listed in :mod:`swapgym.agents.players`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from gymnasium.error import InvalidAction
from rich.console import Console

from swapgym.agents import tables
from swapgym.agents.parallel import progress_bar
from swapgym.agents.play import Row, play
from swapgym.agents.players import FORMS, Contestant, contestants
from swapgym.agents.task import (
    ENV_ID,
    DeviceOption,
    EnvArgOption,
    EnvOption,
    EpochsOption,
    HoldOption,
    KernelOption,
    PresetOption,
    RateOption,
)
from swapgym.workload import SUITES, suite

THREADS: Final = 2
SuiteOption = Annotated[str, typer.Option("--suite", help=f"Scenarios: one of {', '.join(SUITES)}.")]
EpisodesOption = Annotated[int | None, typer.Option(min=1, help="Per preset; all of the suite by default.")]
OutOption = Annotated[Path | None, typer.Option(help="Folder for records and tables.")]
TrustOption = Annotated[bool, typer.Option(help="Load models (.zip): that runs what is in them.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    policy: Annotated[list[str], typer.Argument(help=f"Who plays: {FORMS}. Parameters follow as :key=value,...")],
    against: Annotated[str | None, typer.Option(help="Who the others are compared with; the first by default.")] = None,
    on: SuiteOption = "test",
    episodes: EpisodesOption = None,
    env: EnvOption = ENV_ID,
    env_arg: EnvArgOption = None,
    preset: PresetOption = None,
    kernel: KernelOption = None,
    device: DeviceOption = None,
    ms_per_mib: RateOption = None,
    epochs: EpochsOption = None,
    hold_ms: HoldOption = None,
    trust: TrustOption = False,
    out: OutOption = None,
) -> None:
    """Compare policies, agents and code on the same scenarios; lower scores are better."""
    try:
        texts = list(dict.fromkeys([*policy, *([against] if against else [])]))
        found = contestants(
            texts, env, env_arg or (), trust=trust, preset=preset, kernel=kernel, device=device,
            ms_per_mib=ms_per_mib, epochs=epochs, hold_ms=hold_ms,
        )  # fmt: skip
        pairs = scenarios(on, episodes, found[0].spec.preset)
        rows = played(found, pairs)
    except (ValueError, FileNotFoundError, InvalidAction) as error:
        raise typer.BadParameter(str(error)) from error
    reference = next(one.label for one in found if one.text == (against or texts[0]))
    tell(found, rows, pairs, reference, {"suite": on}, out)


def scenarios(on: str, episodes: int | None, preset: str) -> list[tuple[str, int]]:
    """Return the scenarios of a suite that are of a preset or mixture.

    Raises:
        ValueError: If there is no such suite, it has fewer, or none of that preset.
    """
    chosen = suite(on)
    return (chosen if episodes is None else chosen.first(episodes)).of(preset)


def played(found: Sequence[Contestant], pairs: Sequence[tuple[str, int]]) -> list[Row]:
    """Let everybody play all scenarios; return their rows."""
    rows: list[Row] = []
    with progress_bar(console) as bar:
        task = bar.add_task("policies", total=len(found))
        for one in found:
            own = play(dataclasses.replace(one.spec, max_decisions=None), one.policy, one.label, pairs, THREADS)
            rows += [row | {"run": one.run} for row in own]
            bar.advance(task)
    return rows


def tell(
    found: Sequence[Contestant],
    rows: Sequence[Row],
    pairs: Sequence[tuple[str, int]],
    reference: str,
    about: dict[str, Any],
    out: Path | None,
    named: Sequence[Contestant] | None = None,
) -> None:
    """Print tables, and write them where a folder is named.

    Args:
        found: Who played.
        rows: What came of it.
        pairs: The scenarios.
        reference: Label of who the others are compared with.
        about: What else is to be known of it.
        out: Folder for records and tables.
        named: Who is shown by preset and device too; everybody by default.
    """
    spec = found[0].spec
    table, parts = tables.summarise(rows, pairs, reference), tables.breakdown(rows, pairs, reference)
    about = {
        **about, "episodes": len(pairs), "preset": spec.preset, "kernel": spec.kernel, "device": spec.device,
        "ms_per_mib": spec.ms_per_mib, "ms_per_cpu_ms": spec.ms_per_cpu_ms, "against": reference,
        "policies": {one.text: one.label for one in found},
    }  # fmt: skip
    if out is not None:
        specs = [dataclasses.replace(one.spec, max_decisions=None) for one in found]
        tables.write(out, rows, table, parts, about, specs)
    where = f"{about['suite']} suite, {len(pairs)} scenarios of {spec.preset} on {spec.device or 'all devices'}"
    title = f"{where}, kernel {spec.kernel}, {spec.ms_per_mib:g} ms per MiB; score: lower is better"
    console.print(tables.shown(title, table))
    if len(table) > 1:
        others = [one.label for one in (found if named is None else named) if one.label != reference]
        console.print(tables.shown_by_place(parts, others))
