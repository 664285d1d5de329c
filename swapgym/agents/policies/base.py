"""One protocol for everything that decides: ``predict`` as Stable-Baselines3 has it.

A policy reads observations by the parts' names and in their units, never by column. It answers in routes; the action
of a route is looked up in the environment's own list, so that the same policy plays with two actions or three.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from swapgym.envs.arguments import DEFAULT_ROUTES
from swapgym.envs.deciders import Decider
from swapgym.envs.observations import INDEX, PARTS
from swapgym.envs.spec import RELEASE_PARTS, EnvSpec

Actions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
State = Any


class Policy(Protocol):
    """What can be asked for an action: fixed, learned and planning policies alike."""

    def predict(
        self,
        observation: npt.ArrayLike,
        state: State = None,
        episode_start: npt.ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, State]:
        """Return actions for one observation ``(parts,)`` or a batch ``(n, parts)``, and the next state."""
        ...


def parameter(default: float, low: float, high: float, unit: str, meaning: str) -> Any:
    """Declare a tunable number of a policy with its range, unit and meaning."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "unit": unit, "meaning": meaning})


class Readings:
    """A batch of observations, read by the parts' names in their own units."""

    def __init__(self, observations: npt.NDArray[np.float64], parts: Sequence[str]) -> None:
        """Wrap an array of shape ``(n, len(parts))``."""
        self.observations = observations
        self.places = {name: place for place, name in enumerate(parts)}

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        """Return part ``name`` of every observation in its unit, shape ``(n,)``; ``inf`` where a scale has run out."""
        part = PARTS[INDEX[name]]
        if name not in self.places:
            raise ValueError(f"parts: the policy needs {name!r}, the environment observes {tuple(self.places)}")
        value = self.observations[:, self.places[name]]
        with np.errstate(divide="ignore", invalid="ignore"):
            if part.rule == "share":
                return value * part.scale
            if part.rule == "recency":
                return np.where(value > 0.0, part.scale * (1.0 - value) / value, math.inf)
            return np.where(np.abs(value) < 1.0, part.scale * value / (1.0 - np.abs(value)), np.sign(value) * math.inf)

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.observations)


def as_batch(observation: npt.ArrayLike, parts: Sequence[str]) -> tuple[npt.NDArray[np.float64], bool]:
    """Return observations as ``(n, len(parts))`` and whether a single one was given.

    Raises:
        ValueError: If the shape is another.
    """
    values = np.asarray(observation, dtype=np.float64)
    if values.ndim not in (1, 2) or values.shape[-1] != len(parts):
        raise ValueError(f"observation: shape {values.shape}, must be ({len(parts)},) or (n, {len(parts)})")
    return np.atleast_2d(values), values.ndim == 1


@dataclasses.dataclass(frozen=True)
class FixedPolicy:
    """A rule that says where a batch goes.

    Attributes:
        routes: The environment's routes, in the order of its actions (``env.unwrapped.env_spec.route_names``).
        parts: The parts it observes (``env.unwrapped.parts``).
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    routes: tuple[str, ...] = DEFAULT_ROUTES
    parts: tuple[str, ...] = RELEASE_PARTS

    def __post_init__(self) -> None:
        """Check the routes and every parameter.

        Raises:
            ValueError: If a route the policy needs is missing, or a parameter is out of range.
        """
        self.action_of(self.deferral())
        self.action_of("INLINE")
        for item in dataclasses.fields(self):
            if "low" in item.metadata:
                value, low, high = getattr(self, item.name), item.metadata["low"], item.metadata["high"]
                if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                    raise ValueError(
                        f"{self.name}.{item.name}: {value!r}, must be from {low} to {high} {item.metadata['unit']}"
                    )

    def deferral(self) -> str:
        """Return the route this policy defers to."""
        return "KWORKER" if "KWORKER" in self.routes else "DEFER"

    def action_of(self, route: str) -> int:
        """Return the action that stands for ``route``."""
        if route not in self.routes:
            raise ValueError(f"{self.name}: needs route {route!r}, the environment has {self.routes}")
        return self.routes.index(route)

    def defers(self, readings: Readings) -> Mask:
        """Return which batches are deferred, shape ``(n,)``."""
        raise NotImplementedError

    def predict(
        self,
        observation: npt.ArrayLike,
        state: State = None,
        episode_start: npt.ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, State]:
        """Return the action for one observation, or actions for a batch, and the state as it came."""
        batch, single = as_batch(observation, self.parts)
        deferred = self.defers(Readings(batch, self.parts))
        actions = np.where(deferred, self.action_of(self.deferral()), self.action_of("INLINE")).astype(np.int64)
        return (actions[0] if single else actions), state

    def compiled(self, spec: EnvSpec) -> Decider | None:
        """Return the rule as kernels ask it, or None where they cannot: see :mod:`swapgym.agents.policies.symbolic`.

        Raises:
            ValueError: If it reads other parts than ``spec`` observes.
        """
        from swapgym.agents.policies.symbolic import traced

        if type(self).predict is not FixedPolicy.predict:
            return None
        as_batch(np.zeros(len(spec.parts)), self.parts)
        return traced(self, self.action_of(self.deferral()), self.action_of("INLINE"))

    def parameters(self) -> dict[str, float]:
        """Return the tunable numbers by name."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if "low" in item.metadata}


def ranges(policy: type[FixedPolicy]) -> Mapping[str, tuple[float, float]]:
    """Return the range of each tunable number of a policy class."""
    return {f.name: (f.metadata["low"], f.metadata["high"]) for f in dataclasses.fields(policy) if "low" in f.metadata}


def everywhere(readings: Readings, value: bool) -> Mask:
    """Return the same answer for every batch."""
    return np.full(len(readings), value)


Routes = Sequence[str]
