"""Command line of the validation: see :mod:`experiments.validate`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from experiments import results
from swapgym.agents.play import replay
from swapgym.envs.spec import EnvSpec

NEEDED: Final = ("preset", "seed", "kernel", "actions", "digest")
SAMPLE: Final = 200

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


def records(path: Path) -> list[dict[str, str]]:
    """Return the records of a CSV file.

    Raises:
        ValueError: If it is no table of records; names what is missing.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: columns {', '.join(missing)} are missing, a record needs {', '.join(NEEDED)}")
        return list(reader)


def check(path: Path, line: int, record: dict[str, str], worlds: Mapping[str, EnvSpec]) -> str:
    """Play a record again; return what is wrong with it, or nothing.

    Args:
        path: Its file.
        line: Its line.
        record: The record.
        worlds: Decision processes by hash. One that they have not is taken for the default task on its kernel.
    """
    where = f"{path}, line {line} ({record['preset']} {record['seed']})"
    try:
        spec = worlds.get(record.get("world", "")) or EnvSpec(kernel=record["kernel"])
        digest = replay(spec, record["preset"], int(record["seed"]), record["actions"])
    except (ValueError, LookupError) as error:
        return f"{where}: {error}"
    return "" if digest == record["digest"] else f"{where}: digest {digest}, stored is {record['digest']}"


@app.command()
def main(
    files: Annotated[list[Path], typer.Argument(help="CSV files of records.", exists=True, dir_okay=False)],
    everything: Annotated[bool, typer.Option("--all", help="Every record, not a sample of each file.")] = False,
    sample: Annotated[int, typer.Option(min=1, help="Records of each file.")] = SAMPLE,
) -> None:
    """Play stored episodes again; exit with 1 where one ends otherwise than stored."""
    wrong: list[str] = []
    played = 0
    for path in files:
        try:
            rows = records(path)
            worlds = results.read_worlds(path.parent)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        count = len(rows) if everything else min(sample, len(rows))
        chosen = np.random.default_rng(0).choice(max(1, len(rows)), size=count, replace=False)
        for position in track(sorted(int(one) for one in chosen), description=path.name, console=console):
            fault = check(path, position + 2, rows[position], worlds)
            wrong += [fault] if fault else []
            played += 1
    for fault in wrong:
        console.print(fault, highlight=False, soft_wrap=True)
    console.print(f"{played} episodes played again, {len(wrong)} end otherwise than stored", highlight=False)
    raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    app()
