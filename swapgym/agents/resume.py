"""Go on with a run: ``swapgym resume RUN``, which is ``swapgym train --resume RUN``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swapgym.agents.train import go_on

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    timesteps: Annotated[int | None, typer.Option(min=1, help="Frames in all, more than the run has.")] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar; a line now and then without.")] = True,
) -> None:
    """Go on with a run from its last checkpoint, as if it had never stopped."""
    go_on(run, timesteps, progress)
