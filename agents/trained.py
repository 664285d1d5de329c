"""Trained models, stored in the repository as ``agents/trained/<kernel>/w<lag weight>/<algorithm>-<seed>/``.

Each folder is a run's: ``config.json`` says what it was trained with, ``model.zip`` (Stable-Baselines3) or
``model.npz`` (paired continuations) is what it learned. ``python -m agents.trained RUN...`` copies finished runs there.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.console import Console

from agents.policies import Policy
from agents.runner import Player, World
from agents.training import runs

TRAINED: Final = Path(__file__).parent / "trained"
MODELS: Final = ("model.zip", "model.npz")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


class Group(NamedTuple):
    """What runs must share to be compared.

    Attributes:
        kernel: Kernel variant.
        lag_weight: Of lag in the score; that of peak is the rest.
    """

    kernel: str
    lag_weight: float


@dataclass(frozen=True)
class TrainedPlayer(Player):
    """A stored run by its folder, so that worker processes can load it."""

    folder: str = ""

    def policy_for(self, world: World) -> Policy:
        """Return the run's model; it acts in two routes, whatever those of ``world``."""
        from agents.evaluate import load_model

        return load_model(Path(self.folder))[1]


def stored(folder: Path = TRAINED) -> dict[Group, list[Path]]:
    """Return the stored runs by what they must share, in the order of their names."""
    found: dict[Group, list[Path]] = {}
    for path in sorted(folder.glob("*/*/*/config.json")):
        config = runs.config_of(path.parent)
        found.setdefault(Group(config["kernel"], config["lag_weight"]), []).append(path.parent)
    return found


def place(config: dict[str, Any], folder: Path = TRAINED) -> Path:
    """Return the folder in which a run with this configuration is stored."""
    return folder / str(config["kernel"]) / f"w{config['lag_weight']:g}" / f"{config['algo']}-{config['seed']}"


@app.command()
def main(run: Annotated[list[Path], typer.Argument(help="Run folders.")]) -> None:
    """Copy what is worth keeping of finished runs into the repository."""
    try:
        configs = {folder: runs.config_of(folder) for folder in run}
        for folder in configs:
            if not any((folder / name).exists() for name in MODELS):
                raise FileNotFoundError(f"{folder} has none of {', '.join(MODELS)}")
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error)) from error
    for folder, config in configs.items():
        target = place(config)
        target.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "curve.json", *MODELS):
            if (folder / name).exists():
                shutil.copyfile(folder / name, target / name)
        console.print(f"{folder} -> {target}", highlight=False)


if __name__ == "__main__":
    app()
