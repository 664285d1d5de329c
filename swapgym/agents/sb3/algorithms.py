"""Algorithms by name, and their hyperparameters from YAML."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from swapgym.agents.policies import unknown

HYPERPARAMS: Final = Path(__file__).parent / "hyperparams"
ALGORITHMS: Final = ("ppo", "recurrent-ppo", "dqn", "qrdqn")
CONTRIBUTED: Final = {"recurrent-ppo": "RecurrentPPO", "qrdqn": "QRDQN"}
"""Those of sb3-contrib, and what they are called there."""
OURS: Final = ("n_envs", "n_timesteps", "discount_ms")
"""Keys of the YAML that are not arguments of the algorithm."""
SCHEDULED: Final = ("learning_rate", "clip_range")


def algorithm(name: str) -> Any:
    """Return the algorithm's class; torch is imported here, where it is needed.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in ALGORITHMS:
        raise unknown("algo", name, ALGORITHMS)
    if name in CONTRIBUTED:
        import sb3_contrib

        return getattr(sb3_contrib, CONTRIBUTED[name])
    import stable_baselines3

    return getattr(stable_baselines3, name.upper())


def hyperparameters(
    name: str, env_id: str, changes: Mapping[str, Any] | None = None, folder: Path = HYPERPARAMS
) -> dict[str, Any]:
    """Return the hyperparameters of an algorithm for an environment, with changes.

    Args:
        name: Algorithm.
        env_id: Environment id, a top-level key of the YAML.
        changes: Values that replace those of the YAML.
        folder: Where the YAML files are.

    Raises:
        ValueError: If the environment is not in the file, or a key is none of the algorithm's; names the nearest.
    """
    allowed = [*inspect.signature(algorithm(name).__init__).parameters, *OURS]
    path = folder / f"{name}.yml"
    stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    if env_id not in stored:
        raise unknown(f"{path.name}: environment", env_id, list(stored))
    values = {**stored[env_id], **(changes or {})}
    for key in values:
        if key not in allowed or key in ("self", "env"):
            raise unknown(f"{path.name}: key", key, [one for one in allowed if one not in ("self", "env")])
    if values.get("discount_ms") is not None and name != "ppo":
        raise ValueError(
            f"{path.name}: discount_ms {values['discount_ms']!r}, must be left out: only ppo discounts by time"
        )
    return values


def arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the algorithm's arguments among hyperparameters, schedules made."""
    # a copy, since Stable-Baselines3 writes into what it is given
    found = copy.deepcopy({key: value for key, value in values.items() if key not in OURS})
    return found | {key: schedule(key, found[key]) for key in SCHEDULED if key in found}


def assignments(given: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` texts as hyperparameters; values are read as YAML.

    Raises:
        ValueError: If one is no such text.
    """
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"set: {text!r}, must be key=value")
        found[key] = yaml.safe_load(value)
    return found


class Linear:
    """A value that falls linearly to 0 with the remaining progress; picklable, which a closure is not."""

    def __init__(self, start: float) -> None:
        """Start at ``start``."""
        self.start = start

    def __call__(self, progress_remaining: float) -> float:
        """Return the value when so much is left."""
        return progress_remaining * self.start


def schedule(key: str, value: Any) -> float | Callable[[float], float]:
    """Return a number, or the schedule that ``lin_<number>`` names.

    Raises:
        ValueError: If it is neither.
    """
    text = str(value)
    try:
        return Linear(float(text.removeprefix("lin_"))) if text.startswith("lin_") else float(text)
    except ValueError:
        raise ValueError(f"{key}: {value!r}, must be a number or lin_<number>") from None
