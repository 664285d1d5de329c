"""Networks of Stable-Baselines3 as arrays that kernels ask: :mod:`swapgym.envs.deciders`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from swapgym.agents.policies import Policy
from swapgym.agents.policies.compiled import CompiledPolicy
from swapgym.envs.deciders import network
from swapgym.envs.spec import EnvSpec

Array = npt.NDArray[np.float64]


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


def lighter(model: Any, spec: EnvSpec) -> Policy:
    """Return a model's policy as arrays where :func:`from_sb3` can make them, else the model itself."""
    try:
        return from_sb3(model, spec)
    except ValueError:
        own: Policy = model
        return own


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
    policy: Any = getattr(model, "policy", None)
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
