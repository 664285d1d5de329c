"""The command ``swapgym``: one line per command in :data:`COMMANDS`, each a Typer app of a module of its own.

Modules are loaded when their command is asked for: what one command needs and misses is of no concern to the others.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from swapgym import __version__

COMMANDS: Final[dict[str, str]] = {
    "train": "swapgym.agents.train",
    "resume": "swapgym.agents.resume",
    "improve": "swapgym.agents.improve",
    "evaluate": "swapgym.agents.evaluate",
    "compare": "swapgym.agents.compare",
    "watch": "swapgym.agents.watch",
    "tune": "swapgym.agents.tune",
    "bound": "swapgym.agents.bound",
    "store": "swapgym.agents.store",
}
"""Commands in the order of ``swapgym --help``, and the modules whose ``app`` they are."""


class Commands(TyperGroup):
    """Commands that are loaded when they are asked for; Click is Typer's own, whichever that is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Know the commands' names, so that a misspelt one is told the nearest."""
        super().__init__(*args, **kwargs)
        self.commands: Any = dict.fromkeys(COMMANDS)  # they are loaded by name

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands' names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; one whose libraries are missing says so when it is run."""
        if cmd_name not in COMMANDS:
            return None
        try:
            module = importlib.import_module(COMMANDS[cmd_name])
        except ModuleNotFoundError as error:
            return TyperCommand(
                cmd_name,
                help=f"needs {error.name}, which is not installed: the extra train has it",
                callback=refuse(error),
                add_help_option=False,
            )
        command = get_command(module.app)
        command.name = cmd_name
        return command


def missing(error: ModuleNotFoundError) -> str:
    """Return what to install where a library is missing."""
    return f"needs {error.name}, which is not installed: pip install 'swapgym[train]'"


def refuse(error: ModuleNotFoundError) -> Callable[[], None]:
    """Return a callback that says what is missing."""

    def callback() -> None:
        raise error

    return callback


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_show_locals=False)


def version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def about(
    ctx: typer.Context,
    show_version: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version."),
) -> None:
    """Train, tune, compare and watch policies for dying processes' swap on a simulated phone."""


def main(*before: str) -> None:
    """Run the command line; a missing library is an error that names it, not a traceback.

    Args:
        before: Arguments that stand before those of the process: ``python -m agents.train`` is ``swapgym train``.
    """
    given = [*before, *sys.argv[1:]]
    try:
        app(given, prog_name="swapgym")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "swapgym":
            raise
        typer.echo(f"swapgym {' '.join(given[:1])}: {missing(error)}", err=True)
        sys.exit(1)
