"""Policies that kernels ask, without Python: who offers to be one, and stored networks made into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from swapgym.agents.policies.base import Actions, Policy, State, as_batch
from swapgym.envs.deciders import Decider, choose_all, network
from swapgym.envs.spec import EnvSpec

Array = npt.NDArray[np.float64]


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


def from_sb3(model: Any, spec: EnvSpec) -> CompiledPolicy:
    """Return the deterministic policy of a Stable-Baselines3 model as arrays, weights copied.

    PPO, A2C and DQN with ``MlpPolicy``, and QR-DQN of sb3-contrib, whose mean over quantiles is a layer too. Sums are
    of float64 here and of float32 there: where two actions are equal but for rounding they can differ.

    Args:
        model: As trained or loaded.
        spec: The decision process that it was trained in.

    Raises:
        ValueError: If the model is another, or its network has other layers than linear, Tanh and ReLU ones; or it
            does not fit ``spec``. Names what was found.
    """
    layers, activation = layers_of(modules_of(model))
    space = model.action_space
    outputs = space.nvec.tolist() if isinstance(space, spaces.MultiDiscrete) else [int(space.n)]
    weight, bias = layers[-1]
    if len(weight) != sum(outputs):  # quantiles of each action, actions innermost: their mean is a layer too
        weight, bias = weight.reshape(-1, sum(outputs), weight.shape[1]), bias.reshape(-1, sum(outputs))
        layers[-1] = weight.mean(axis=0), bias.mean(axis=0)
    return CompiledPolicy.of(network(layers, activation, outputs), spec)


def layers_of(modules: Sequence[Any]) -> tuple[list[tuple[Array, Array]], str]:
    """Return weights and biases of PyTorch modules, and the activation between them.

    Raises:
        ValueError: If there are others than linear, Tanh and ReLU ones, or not one kind of these between each two.
    """
    layers: list[tuple[Array, Array]] = []
    kinds: list[str] = []
    for module in modules:
        kind = type(module).__name__
        if kind == "Linear":
            weight, bias = (part.detach().cpu().numpy().astype(np.float64) for part in (module.weight, module.bias))
            layers.append((weight, bias))
        elif kind in ("Tanh", "ReLU"):
            kinds.append(kind.lower())
        else:
            raise ValueError(f"model: its network has a layer {kind!r}, must be Linear, and Tanh or ReLU between them")
    if len(set(kinds)) > 1 or len(kinds) != len(layers) - 1:
        raise ValueError(f"model: {kinds} between {len(layers)} linear layers, must be one kind between each two")
    return layers, kinds[0] if kinds else "tanh"


def modules_of(model: Any) -> Sequence[Any]:
    """Return the layers of a model's acting network in their order.

    Raises:
        ValueError: If the model is none that is known here.
    """
    policy = model.policy
    kind = type(policy).__name__
    if kind == "ActorCriticPolicy":
        found = [*policy.mlp_extractor.policy_net, policy.action_net]
        extractor = policy.pi_features_extractor
    elif kind in ("DQNPolicy", "QRDQNPolicy"):
        net = policy.q_net if kind == "DQNPolicy" else policy.quantile_net
        found = [*(net.q_net if kind == "DQNPolicy" else net.quantile_net)]
        extractor = net.features_extractor
    else:
        raise ValueError(f"model: policy {kind!r}, must be an MlpPolicy of PPO, A2C, DQN or QR-DQN")
    if type(extractor).__name__ != "FlattenExtractor":
        raise ValueError(f"model: features extractor {type(extractor).__name__!r}, must be 'FlattenExtractor'")
    return found
