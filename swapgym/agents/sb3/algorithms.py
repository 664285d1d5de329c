"""Algorithms by name, and their hyperparameters from YAML."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from swapgym.agents.policies import unknown

HYPERPARAMS: Final = Path(__file__).parent / "hyperparams"
ALGORITHMS: Final = ("ppo", "recurrent-ppo", "dqn", "qrdqn")
CONTRIBUTED: Final = {"recurrent-ppo": "RecurrentPPO", "qrdqn": "QRDQN"}
"""Those of sb3-contrib, and what they are called there."""
OURS: Final = ("n_envs", "n_timesteps", "discount_ms")
"""Keys of the YAML that are not arguments of the algorithm."""
SCHEDULED: Final = ("learning_rate", "clip_range")
DEFAULT_ENV: Final = "swapgym/SwapRelease-v1"
"""Whose hyperparameters an environment has that the YAML says nothing of."""


class Range(NamedTuple):
    """What a hyperparameter may be.

    Attributes:
        low: Smallest value allowed.
        high: Largest value allowed.
        integer: Whether it must be an integer.
        above: Whether it must be more than ``low``.
    """

    low: float
    high: float
    integer: bool = False
    above: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        kind = "an integer" if self.integer else "a number"
        if self.high == math.inf:
            return f"{kind} {'>' if self.above else '>='} {self.low:g}"
        return f"{kind} {'above' if self.above else 'from'} {self.low:g} {'up ' if self.above else ''}to {self.high:g}"

    def holds(self, value: Any) -> bool:
        """Return whether a value is allowed."""
        number = isinstance(value, int) or (isinstance(value, float) and not self.integer)
        if not number or isinstance(value, bool) or not math.isfinite(value):
            return False
        return self.low <= value <= self.high and not (self.above and value == self.low)


COUNT: Final = Range(1, math.inf, integer=True)
SHARE: Final = Range(0.0, 1.0)
POSITIVE: Final = Range(0.0, math.inf, above=True)
RANGES: Final[dict[str, Range]] = {
    "n_envs": COUNT, "n_timesteps": COUNT, "n_steps": COUNT, "n_epochs": COUNT, "buffer_size": COUNT,
    "batch_size": Range(2, math.inf, integer=True), "train_freq": COUNT, "target_update_interval": COUNT,
    "gradient_steps": Range(-1, math.inf, integer=True), "learning_starts": Range(0, math.inf, integer=True),
    "gamma": SHARE, "gae_lambda": SHARE, "tau": SHARE, "exploration_fraction": Range(0.0, 1.0, above=True),
    "exploration_initial_eps": SHARE, "exploration_final_eps": SHARE,
    "learning_rate": Range(0.0, 1.0, above=True), "clip_range": POSITIVE, "discount_ms": POSITIVE,
    "max_grad_norm": POSITIVE, "target_kl": POSITIVE, "ent_coef": Range(0.0, math.inf), "vf_coef": Range(0.0, math.inf),
}  # fmt: skip
"""Ranges of what Stable-Baselines3 takes without a word, and learns nothing from."""
OPTIONAL: Final = ("discount_ms", "target_kl")
"""Those that may be null."""


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
        env_id: Environment id; one that is no top-level key of the YAML has those of :data:`DEFAULT_ENV`.
        changes: Values that replace those of the YAML.
        folder: Where the YAML files are.

    Raises:
        ValueError: If the environment is not in the file, or a key is none of the algorithm's; names the nearest.
    """
    allowed = [*inspect.signature(algorithm(name).__init__).parameters, *OURS]
    path = folder / f"{name}.yml"
    stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    own = stored.get(env_id.rpartition(":")[2], stored.get(DEFAULT_ENV))
    if own is None:
        raise unknown(f"{path.name}: environment", env_id, list(stored))
    values = {**own, **(changes or {})}
    for key in values:
        if key not in allowed or key in ("self", "env"):
            raise unknown(f"{path.name}: key", key, [one for one in allowed if one not in ("self", "env")])
        check(key, values[key])
    if values.get("discount_ms") is not None and name != "ppo":
        raise ValueError(
            f"{path.name}: discount_ms {values['discount_ms']!r}, must be left out: only ppo discounts by time"
        )
    return values


def check(key: str, value: Any) -> None:
    """Check one hyperparameter.

    Raises:
        ValueError: If it is out of its range; names it, its value and the range.
    """
    if key not in RANGES or (value is None and key in OPTIONAL) or isinstance(value, list):
        return
    number = value
    if key in SCHEDULED and isinstance(value, str):
        scheduled = schedule(key, value)
        number = scheduled.start if isinstance(scheduled, Linear) else scheduled
    if not RANGES[key].holds(number):
        also = " or lin_<number>, which falls to 0" if key in SCHEDULED else ""
        raise ValueError(f"{key}: {value!r}, must be {RANGES[key]}{also}")


def arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the algorithm's arguments among hyperparameters, schedules made."""
    # a copy, since Stable-Baselines3 writes into what it is given
    found = copy.deepcopy({key: value for key, value in values.items() if key not in OURS})
    return found | {key: schedule(key, found[key]) for key in SCHEDULED if key in found}


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
