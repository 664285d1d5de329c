"""A small network in NumPy arrays, which kernels ask within an episode and ``predict`` beside one.

It gives what leaving a batch to the deferred route is worth over releasing it inline, in units of score (negative:
deferring is better). :mod:`swapgym.envs.deciders` runs it, so that a stored policy decides alike on every machine.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies.base import Actions, State, as_batch
from swapgym.agents.policies.compiled import CompiledPolicy
from swapgym.envs import deciders
from swapgym.envs.deciders import Decider
from swapgym.envs.observations import places
from swapgym.envs.spec import RELEASE_PARTS, EnvSpec
from swapgym.files import write

HIDDEN: Final = (48, 32)
Array = npt.NDArray[np.float64]


class Network(NamedTuple):
    """Weights of two hidden layers of rectified units and a linear way past them.

    Attributes:
        direct: Linear weights of the observation, shape ``(parts,)``.
        first: Shape ``(HIDDEN[0], parts)``.
        first_bias: Shape ``(HIDDEN[0],)``.
        second: Shape ``(HIDDEN[1], HIDDEN[0])``.
        second_bias: Shape ``(HIDDEN[1],)``.
        last: Shape ``(HIDDEN[1],)``.
        offset: Shape ``(1,)``: added to the output; a margin against what cannot be told from chance is part of it.
    """

    direct: Array
    first: Array
    first_bias: Array
    second: Array
    second_bias: Array
    last: Array
    offset: Array


def threshold_network(part: str, above: float, parts: Sequence[str] = RELEASE_PARTS) -> Network:
    """Return the network that defers unless observed ``part`` is above ``above``: a fixed rule to start from."""
    nothing, n_parts = np.zeros, len(parts)
    direct = nothing(n_parts)
    direct[list(parts).index(part)] = 1.0
    return Network(
        direct, nothing((HIDDEN[0], n_parts)), nothing(HIDDEN[0]), nothing((HIDDEN[1], HIDDEN[0])), nothing(HIDDEN[1]),
        nothing(HIDDEN[1]), np.array([-above]),
    )  # fmt: skip


def decider_of(network: Network) -> Decider:
    """Return a network as kernels ask it: what inline is worth, 0, beside what deferring is, the larger first."""
    over = np.zeros((2, len(network.last)))
    direct = np.zeros((2, len(network.direct)))
    over[1], direct[1] = -network.last, -network.direct
    layers = [
        (network.first, network.first_bias),
        (network.second, network.second_bias),
        (over, np.array([0.0, -network.offset[0]])),
    ]
    return deciders.network(layers, "relu", direct=direct)


def advantages(network: Network, observations: npt.NDArray[np.float32]) -> Array:
    """Return the output for observations (float32, shape ``(n, parts)``), float64, shape ``(n,)``."""
    outputs = np.empty((len(observations), 2))
    deciders.outputs_all(decider_of(network), observations, outputs)
    return -outputs[:, 1]


class PairedPolicy:
    """Defers where the network says that it is worth something; ``predict`` as Stable-Baselines3 has it.

    Attributes:
        network: The weights.
        parts: The parts of the observation that it reads.
        about: How it was made.
    """

    def __init__(
        self, network: Network, parts: Sequence[str] = RELEASE_PARTS, about: dict[str, Any] | None = None
    ) -> None:
        """Wrap a network."""
        self.network = network
        self.policy = CompiledPolicy(decider_of(network), tuple(parts))
        self.parts = self.policy.parts
        self.about = about or {}

    def advantages(self, observation: npt.ArrayLike) -> Array:
        """Return what deferring is worth for observations ``(n, parts)``: below 0 deferring is better."""
        batch, _ = as_batch(observation, self.parts)
        return advantages(self.network, batch.astype(np.float32))

    def compiled(self, spec: EnvSpec) -> Decider:
        """Return the network as kernels ask it.

        Raises:
            ValueError: If it does not fit ``spec``.
        """
        return self.policy.compiled(spec)

    def predict(
        self,
        observation: npt.ArrayLike,
        state: State = None,
        episode_start: npt.ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, State]:
        """Return 1 (defer) or 0 (inline) for one observation or a batch, and the state as it came."""
        return self.policy.predict(observation, state)

    def save(self, path: Path) -> None:
        """Write the weights as float32, and the names of the parts they read."""
        buffer = io.BytesIO()
        about = json.dumps({**self.about, "parts": self.parts})
        arrays = {name: value.astype(np.float32) for name, value in self.network._asdict().items()}
        np.savez_compressed(buffer, about=np.array(about), **arrays)
        write(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> PairedPolicy:
        """Read what :meth:`save` wrote; ``device`` is taken for the sake of Stable-Baselines3's models.

        Raises:
            ValueError: If it reads parts of the observation that there are not.
        """
        with np.load(path) as stored:
            about = json.loads(str(stored["about"]))
            network = Network(*(stored[name].astype(np.float64) for name in Network._fields))
        parts = about.pop("parts", [])
        places(parts)
        return cls(network, parts, about)
