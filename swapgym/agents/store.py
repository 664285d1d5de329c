"""Keep finished runs: ``swapgym store RUN...``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from swapgym.agents.stored import runs
from swapgym.agents.stored.agents import MODELS, TRAINED, card, curve_of, place
from swapgym.files import write

KEPT = ("config.json", "curve.json", *MODELS)
"""Files of a run that are kept, beside a README of their own."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    run: Annotated[list[Path], typer.Argument(help="Run folders.")],
    force: Annotated[bool, typer.Option(help="Replace agents that are kept already.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the kept agents.")] = TRAINED,
) -> None:
    """Copy what is worth keeping of finished runs to where agents are kept."""
    try:
        targets: dict[Path, Path] = {}
        for folder in run:
            if not any((folder / name).exists() for name in MODELS):
                raise FileNotFoundError(f"run: {folder} has none of {', '.join(MODELS)}")
            target = place(runs.config_of(folder), out)
            if target in targets.values():
                raise ValueError(f"run: {folder} would be kept as {target}, as another of these; keep one of them")
            if (target / "config.json").exists() and not force:
                raise ValueError(f"run: {target} is kept already ({told(target)}); --force replaces it")
            targets[folder] = target
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    for folder, target in targets.items():
        if (target / "config.json").exists():
            console.print(f"replaces {target}: {told(target)}", highlight=False, soft_wrap=True)
        files = {name: (folder / name).read_bytes() for name in KEPT if (folder / name).exists()}
        card_text = card(runs.config_of(folder), curve_of(folder))
        for name in KEPT:
            if name not in files:
                (target / name).unlink(missing_ok=True)  # of the agent that was there
        for name, data in files.items():
            write(target / name, data)
        write(target / "README.md", card_text)
        console.print(f"{folder} -> {target}", highlight=False, soft_wrap=True)


def told(folder: Path) -> str:
    """Return what an agent that is kept is: the command that made it, and the last row of its curve."""
    curve = curve_of(folder)
    last = f"; last of its curve: {json.dumps(curve[-1])}" if curve else ""
    return f"made by {runs.config_of(folder).get('command', 'an unknown command')}{last}"
