"""The clairvoyant bound on the validation suite, stored: ``swapgym bound``.

Training draws it as a reference line. To search it takes hundreds of plays of each episode, so it is stored with the
actions that reach it, one at every batch: an entry is good for as long as they still end in the same phone, bit for
bit.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console

from swapgym import files
from swapgym.agents.parallel import progress_bar
from swapgym.agents.planning import Found, Stage, search_all
from swapgym.agents.planning.clairvoyant import EVALUATIONS, STARTS
from swapgym.agents.planning.plans import per_batch
from swapgym.agents.play import encode, replay
from swapgym.agents.stored import HOME
from swapgym.agents.task import PRESET, RATES, SPEC
from swapgym.envs.costs import costs_of
from swapgym.envs.spec import EnvSpec
from swapgym.workload import PRESET_NAMES, suite

STORED: Final = HOME / "tuned" / "bound-validation.json"
QUICK_EVALUATIONS: Final = 120
"""Plans per episode of a bound that is not stored and was asked for: a looser one, in a fifth of the time."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
Episodes = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Bounded:
    """The best that was found for one episode, as a record that replays.

    Attributes:
        preset: Preset of the episode.
        seed: Its scenario seed.
        score: Its score at the rate searched for; lower is better.
        lag_ms: Its lag.
        peak_mib: Its growth of the highest memory demand.
        actions: Its actions at every batch, as :func:`swapgym.agents.play.encode` writes them.
        digest: Of the phone's final bytes, as :func:`swapgym.agents.play.replay` returns it.
    """

    preset: str
    seed: int
    score: float
    lag_ms: float
    peak_mib: float
    actions: str
    digest: str


def searched(
    episodes: Episodes,
    spec: EnvSpec,
    evaluations: int = EVALUATIONS,
    *,
    workers: int = 1,
    progress: Callable[[], None] | None = None,
) -> list[Bounded]:
    """Search the bound of every episode; the results come in their order.

    Args:
        episodes: Pairs of preset and seed.
        spec: The decision process; it is asked at every batch.
        evaluations: Plans played per episode.
        workers: Worker processes; 1 searches in this one.
        progress: Called after each episode.

    Raises:
        ValueError: If a name is unknown or the evaluations do not suffice for the start.
    """
    found = search_all(episodes, spec, evaluations, workers=workers, progress=progress)
    return [record(one, spec) for one in found]


def record(found: Found, spec: EnvSpec) -> Bounded:
    """Return what a search has found as a record."""
    stage = Stage(found.preset, found.seed, spec, width=1)
    stage.play(found.plan)
    lag_ms, peak_mib, _ = costs_of(stage.phones[0]).tolist()
    actions = encode(found.actions)
    digest = replay(per_batch(spec), found.preset, found.seed, actions)
    return Bounded(found.preset, found.seed, found.score, lag_ms, peak_mib, actions, digest)


def stored(episodes: Episodes, spec: EnvSpec, path: Path = STORED) -> list[Bounded] | None:
    """Return the stored bound of the episodes, or ``None`` where it is not stored for all of them.

    Raises:
        ValueError: If the file is not one that ``swapgym bound`` writes, or an episode no longer ends as it
            did when its bound was searched.
    """
    if not path.exists():
        return None
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["entries"]
        known = {
            (row[0], row[1]): Bounded(*row, *replayed)
            for entry in entries
            if (entry["ms_per_mib"], entry["kernel"], entry["device"]) == (spec.ms_per_mib, spec.kernel, spec.device)
            for row, replayed in zip(entry["episodes"], entry["records"], strict=True)
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error!r}, must be as swapgym bound writes it") from error
    if not all(pair in known for pair in episodes):
        return None
    found = [known[pair] for pair in episodes]
    for one in found:
        if not replays(one, spec):
            raise ValueError(
                f"{path}: {one.preset} {one.seed} ends otherwise than when its bound was searched;"
                " run swapgym bound again, or remove the file"
            )
    return found


def replays(one: Bounded, spec: EnvSpec) -> bool:
    """Return whether an episode still ends in the same phone."""
    try:
        return replay(per_batch(spec), one.preset, one.seed, one.actions) == one.digest
    except ValueError:
        return False


def means(found: Sequence[Bounded]) -> dict[str, float]:
    """Return mean score, lag (ms) and peak (MiB)."""
    return {name: float(np.mean([getattr(one, name) for one in found])) for name in ("score", "lag_ms", "peak_mib")}


def write(path: Path, evaluations: int, found: Sequence[tuple[EnvSpec, Sequence[Bounded]]]) -> None:
    """Write bounds by decision process."""
    entries = [
        {
            "ms_per_mib": spec.ms_per_mib,
            "kernel": spec.kernel,
            "device": spec.device,
            "episodes": [[one.preset, one.seed, one.score, one.lag_ms, one.peak_mib] for one in bounds],
            "records": [[one.actions, one.digest] for one in bounds],
        }
        for spec, bounds in found
    ]
    about: dict[str, Any] = {"command": "swapgym bound", "suite": "validation", "evaluations": evaluations}
    files.write(path, json.dumps({**about, "entries": entries}, indent=1) + "\n")


@app.command()
def main(
    preset: Annotated[str, typer.Option(help=f"What is bounded: one of {', '.join(PRESET_NAMES)}.")] = PRESET,
    episodes: Annotated[int, typer.Option(help="Validation episodes per preset.")] = 10,
    evaluations: Annotated[int, typer.Option(min=len(STARTS), help="Plans played per episode.")] = EVALUATIONS,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="File for the bound.")] = STORED,
) -> None:
    """Search and store the bound that training compares with, for each rate."""
    began = time.monotonic()
    try:
        pairs = suite("validation").first(episodes).of(preset)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    found = []
    with progress_bar(console) as bar:
        for rate in RATES:
            task = bar.add_task(f"{rate:g} ms per MiB", total=len(pairs))
            advance = functools.partial(bar.advance, task)
            spec = SPEC.but(ms_per_mib=rate)
            found.append((spec, searched(pairs, spec, evaluations, workers=workers, progress=advance)))
    write(out, evaluations, found)
    for spec, bounds in found:
        console.print(f"{spec.ms_per_mib:g} ms per MiB: {means(bounds)['score']:.4f}", highlight=False)
    console.print(f"{time.monotonic() - began:.0f} s; written to {out}", highlight=False)
