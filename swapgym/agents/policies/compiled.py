"""Policies that kernels ask, without Python: who offers to be one, and arrays as a policy like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies.base import Actions, Policy, State, as_batch
from swapgym.envs.deciders import Decider, choose_all
from swapgym.envs.spec import EnvSpec


def compiled(policy: Policy | Any, spec: EnvSpec) -> Decider | None:
    """Return a policy as kernels ask it, or None where it does not offer that.

    What offers it has a method ``compiled(spec)`` that returns a :class:`swapgym.envs.deciders.Decider`, or None; it
    decides as ``predict`` does.
    """
    offer = getattr(policy, "compiled", None)
    decider: Decider | None = None if offer is None else offer(spec)
    return decider


@dataclass(frozen=True)
class CompiledPolicy:
    """A decider with ``predict`` as Stable-Baselines3 has it: both ask the same kernel.

    Attributes:
        decider: A tree or a network: :mod:`swapgym.envs.deciders`.
        parts: Names of the parts of the observation that it reads, in their order.
        paces: How many paces an action names beside its route, where actions are pairs; 0 where they are numbers.
    """

    decider: Decider
    parts: tuple[str, ...]
    paces: int = 0

    @classmethod
    def of(cls, decider: Decider, spec: EnvSpec) -> CompiledPolicy:
        """Return a decider as a policy for ``spec``.

        Raises:
            ValueError: If it reads other parts than are observed, or has more actions.
        """
        decider.check(len(spec.parts), len(spec.actions()))
        return cls(decider, tuple(spec.parts), 0 if spec.flat else len(spec.pace_names))

    def compiled(self, spec: EnvSpec) -> Decider:
        """Return the decider.

        Raises:
            ValueError: If it does not fit ``spec``.
        """
        return self.decider.check(len(spec.parts), len(spec.actions()))

    def predict(
        self,
        observation: npt.ArrayLike,
        state: State = None,
        episode_start: npt.ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, State]:
        """Return the action for one observation, or actions for a batch, and the state as it came."""
        batch, single = as_batch(observation, self.parts)
        flat = np.empty(len(batch), np.int64)
        choose_all(self.decider, batch.astype(np.float32), flat)
        actions = np.stack(divmod(flat, self.paces), axis=-1) if self.paces else flat
        return (actions[0] if single else actions), state
