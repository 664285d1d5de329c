"""Trained models, stored in the repository as ``agents/trained/<kernel>/w<lag weight>/<algorithm>-<seed>/``.

Each folder is a run's: ``config.json`` says what it was trained with, ``model.zip`` (Stable-Baselines3) or
``model.npz`` (paired continuations) is what it learned. ``python -m agents.trained RUN...`` copies finished runs there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.console import Console

from agents.policies import Policy
from agents.runner import Player, World
from agents.training import runs
from swapgym.envs.observations import N_PARTS

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

    @property
    def hold_ms(self) -> int:
        """How long its actions stand, as it was trained."""
        from agents.evaluate import hold_of

        return hold_of(runs.config_of(Path(self.folder)))


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


def curve_of(folder: Path) -> list[dict[str, float]]:
    """Return a run's curve; empty where it has none."""
    path = folder / "curve.json"
    curve: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return curve


def card(config: dict[str, Any], curve: list[dict[str, float]]) -> str:
    """Return what a stored model is, how it was made and how to watch it, in Markdown."""
    here = place(config, Path("agents/trained")).as_posix()
    paired = config["algo"] == "paired"
    how = (
        "Policy iteration by paired continuations (`agents.improve`): a network of two hidden layers regressed on what"
        " either route came to from the same moments of train episodes."
        if paired
        else f"{config['algo'].upper()} of Stable-Baselines3 on the native lanes (`agents.train`)."
    )
    hold_ms = int(config.get("hyperparameters", {}).get("hold_ms") or 0)
    if hold_ms:
        how += f" An action stands for {hold_ms} ms of simulated time."
    scores = [row["score"] for row in curve]
    result = ""
    if paired and scores:
        # such a run keeps its best iteration
        result = f"Score on the train episodes that choose: {min(scores):.4f} (at the start {scores[0]:.4f}). "
    lag, peak = config["lag_weight"], 1 - config["lag_weight"]
    return f"""# {config["algo"]}, seed {config["seed"]}: kernel `{config["kernel"]}`, lag weight {lag:g}

{how} It decides for each batch of a victim's swap entries whether to release it inline (0) or to defer it (1), from the
{N_PARTS} parts of the observation of `swapgym/SwapRelease-v0`; the score it was trained for weighs lag by
{lag:g} and peak by {peak:g}, each over mainline's inline release (lower is better).

- Made by `{config["command"]}` at commit `{config["git"] or "unknown"}` (`+`: with changes not yet committed); all
  settings are in `config.json`.
- {result}What it is worth on the test suite, beside tuned policies and planners, is in
  `experiments/agents/results/agents.md`.
- Watch it: `python -m agents.watch {here}`.
- Limits: trained on one kernel variant and the devices that the presets draw; a simulated phone, not a real one.
"""


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
        runs.put(target / "README.md", card(config, curve_of(folder)).encode())
        console.print(f"{folder} -> {target}", highlight=False)


if __name__ == "__main__":
    app()
