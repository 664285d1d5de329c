"""Agents worth keeping, in ``stored/trained/<kernel>/r<ms per MiB>/<algorithm>-<seed>/``.

Each folder is a run's: ``config.json`` says what it was trained with, ``model.zip`` (Stable-Baselines3) or
``model.npz`` (paired rollouts) is what it learned. ``swapgym store RUN...`` copies finished runs there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from swapgym.agents.paired.network import PairedPolicy
from swapgym.agents.play import Player
from swapgym.agents.policies import Policy
from swapgym.agents.sb3 import algorithms
from swapgym.agents.sb3.networks import lighter
from swapgym.agents.stored import HOME, IN_CHECKOUT, runs
from swapgym.envs.epochs import BATCH
from swapgym.envs.spec import EnvSpec

TRAINED: Final = HOME / "trained"
"""Where agents are kept."""
MODELS: Final = ("model.zip", "model.npz")


class Group(NamedTuple):
    """What runs must share to be compared.

    Attributes:
        kernel: Kernel variant.
        ms_per_mib: Lag (ms) that a MiB of peak is worth.
    """

    kernel: str
    ms_per_mib: float


def group_of(config: dict[str, Any]) -> Group:
    """Return what a run with this configuration can be compared with."""
    spec = runs.spec_of(config)
    return Group(spec.kernel, spec.ms_per_mib)


@dataclass(frozen=True)
class TrainedPlayer(Player):
    """A stored run by its folder, so that worker processes can load it."""

    folder: str = ""

    @property
    def spec(self) -> EnvSpec:
        """The decision process that it was trained in, which is what it plays."""
        return runs.spec_of(runs.config_of(Path(self.folder)))

    def policy_for(self, spec: EnvSpec) -> Policy:
        """Return the run's model; it acts in the routes that it was trained with, whatever those of ``spec``."""
        return load_model(Path(self.folder))[1]


def load_model(folder: Path) -> tuple[dict[str, Any], Policy]:
    """Return a run's configuration and its model's policy, as arrays where it can be.

    Raises:
        FileNotFoundError: If the folder is no run, or has no model yet.
    """
    config = runs.config_of(folder)
    paired = config["algo"] == "paired"
    path = folder / ("model.npz" if paired else "model.zip")
    if not path.exists():
        raise FileNotFoundError(f"{folder} has no {path.name}: it ended before its first checkpoint")
    if paired:
        return config, PairedPolicy.load(path)
    model = algorithms.algorithm(config["algo"]).load(path, device="cpu")
    return config, lighter(model, runs.spec_of(config))


def stored(folder: Path = TRAINED) -> dict[Group, list[Path]]:
    """Return the stored runs by what they must share, in the order of their names."""
    found: dict[Group, list[Path]] = {}
    for path in sorted(folder.glob("*/*/*/config.json")):
        found.setdefault(group_of(runs.config_of(path.parent)), []).append(path.parent)
    return found


def place(config: dict[str, Any], folder: Path = TRAINED) -> Path:
    """Return the folder in which a run with this configuration is stored."""
    group = group_of(config)
    return folder / group.kernel / f"r{group.ms_per_mib:g}" / f"{config['algo']}-{config['seed']}"


def curve_of(folder: Path) -> list[dict[str, float]]:
    """Return a run's curve; empty where it has none."""
    path = folder / "curve.json"
    curve: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return curve


def card(config: dict[str, Any], curve: list[dict[str, float]]) -> str:
    """Return what a stored model is, how it was made and how to watch it, in Markdown."""
    here = place(config, Path("swapgym/agents/stored/trained" if IN_CHECKOUT else TRAINED)).as_posix()
    paired = config["algo"] == "paired"
    how = (
        "Policy iteration by paired rollouts (`swapgym improve`): a network of two hidden layers regressed on what"
        " either route came to from the same decision states of train episodes."
        if paired
        else f"{config['algo'].upper()} of Stable-Baselines3 on the native lanes (`swapgym train`)."
    )
    spec = runs.spec_of(config)
    if spec.epochs != BATCH:
        how += f" An answer stands for {spec.hold_ms} ms of simulated time at most."
    scores = [row["score"] for row in curve]
    result = ""
    if paired and scores:
        # such a run keeps its best iteration
        result = f"Score on the train episodes that choose: {min(scores):.4f} (at the start {scores[0]:.4f}). "
    return f"""# {config["algo"]}, seed {config["seed"]}: kernel `{spec.kernel}`, {spec.ms_per_mib:g} ms per MiB

{how} It decides whether a victim's batches of swap entries are released inline (0) or deferred (1), from the
{len(spec.parts)} parts of the observation of `{config["env_id"]}`. It was trained on
preset `{spec.preset}`, device `{spec.device or "any"}`, for lag +
{spec.ms_per_mib:g} ms x the MiB of peak, over what mainline's inline release costs (lower is better).

- Made by `{config["command"]}` at commit `{config["git"] or "unknown"}` (`+`: with changes not yet committed); all
  settings are in `config.json`.
- {result}What it is worth on the test suite, beside tuned policies and planners, is in
  `experiments/agents/results/agents.md`.
- Watch it: `swapgym watch {here}`.
- Limits: trained on one kernel variant and the devices that the presets draw; a simulated phone, not a real one.
"""
