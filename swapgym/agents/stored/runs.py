"""Run folders: what was run, checkpoints that go on bit for bit, and the model at the end.

``config.json`` says everything the run depends on; ``checkpoint.pkl`` holds the whole learner, its environment's lanes
and all generators; ``model.zip`` is what Stable-Baselines3 loads. Every file is written beside and then put in place.
"""

from __future__ import annotations

import io
import json
import pickle
import platform
import random
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from swapgym.envs.spec import EnvSpec
from swapgym.files import write

HERE: Final = Path(__file__).parent
PACKAGES: Final = ("torch", "stable-baselines3", "sb3-contrib", "gymnasium", "numpy", "numba")
LEFT_OUT: Final = ("_logger", "_custom_logger", "env")
"""Attributes of a learner that are made anew when it goes on; of its environment, lanes and statistics are kept."""
STATISTICS: Final = ("episode_returns", "episode_lengths", "episode_count", "t_start")


def git_state() -> str:
    """Return this code's commit, with ``+`` where files differ from it; empty where it is not from a repository."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(HERE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def command_line(command: str) -> str:
    """Return how ``swapgym`` is told what this process was told, however it was told it."""
    given = sys.argv[1:]
    return shlex.join(["swapgym", command, *(given[1:] if given[:1] == [command] else given)])


def describe(folder: Path, config: Mapping[str, Any], command: str = "train") -> None:
    """Write what is run, by which command of ``swapgym``, on what."""
    stored = {
        **config,
        "command": command_line(command),
        "git": git_state(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": versions(),
    }
    rewrite(folder, stored)


def rewrite(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a run's configuration in place of the one it has."""
    write(folder / "config.json", json.dumps(dict(config), indent=1) + "\n")


def versions() -> dict[str, str]:
    """Return the versions of the packages that a run's result depends on; of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def config_of(folder: Path) -> dict[str, Any]:
    """Return a run's configuration.

    Raises:
        FileNotFoundError: If the folder is no run.
    """
    path = folder / "config.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder} is no run: it has no config.json")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config


def spec_of(config: Mapping[str, Any]) -> EnvSpec:
    """Return the decision process of a run: what its configuration has as ``env``, all fields or those that differ."""
    return EnvSpec(**config["env"])


def save_model(folder: Path, model: Any) -> None:
    """Write the model as Stable-Baselines3 does."""
    buffer = io.BytesIO()
    # the buffer's arguments hold the lanes, which a model to be watched has no use for
    model.save(buffer, exclude=["rollout_buffer_class", "rollout_buffer_kwargs"])
    write(folder / "model.zip", buffer.getvalue())


class Checkpoint(NamedTuple):
    """A learner where it was kept.

    Attributes:
        model: The learner, ready to go on.
        schedules: When the next checkpoint and evaluation are due, and the evaluations so far.
    """

    model: Any
    schedules: Mapping[str, Any]


def save_checkpoint(folder: Path, model: Any, schedules: Mapping[str, Any]) -> None:
    """Write everything a run needs to go on as if it had never stopped."""
    import torch

    stored = {
        "class": type(model),
        "state": {name: value for name, value in model.__dict__.items() if name not in LEFT_OUT},
        "lanes": model.env.venv,
        "statistics": {name: getattr(model.env, name) for name in STATISTICS},
        "generators": {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()},
        "schedules": schedules,
    }
    write(folder / "checkpoint.pkl", pickle.dumps(stored))


def load_checkpoint(folder: Path) -> Checkpoint:
    """Return a run's last checkpoint, and set all generators to where they were.

    Raises:
        FileNotFoundError: If there is none.
    """
    path = folder / "checkpoint.pkl"
    if not path.exists():
        if any((folder / name).exists() for name in ("model.zip", "model.npz")):
            raise FileNotFoundError(f"{folder} keeps only its model, as stored runs do; start another")
        told = config_of(folder).get("command", "swapgym train")
        raise FileNotFoundError(f"{folder} ended before its first checkpoint; start it again: {told}")
    import torch
    from stable_baselines3.common.vec_env import VecMonitor

    stored = pickle.loads(path.read_bytes())
    model = stored["class"].__new__(stored["class"])
    model.__dict__.update(stored["state"])
    model._custom_logger = False
    model.env = VecMonitor(stored["lanes"])
    model.env.__dict__.update(stored["statistics"])
    random.setstate(stored["generators"]["python"])
    np.random.set_state(stored["generators"]["numpy"])
    torch.set_rng_state(stored["generators"]["torch"])
    return Checkpoint(model, stored["schedules"])
