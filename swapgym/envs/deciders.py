"""Policies as arrays, which kernels ask: a tree of comparisons, or a network; whole episodes are played without Python.

A threshold rule is a small tree, a linear policy a network without hidden layers. All four are one :class:`Decider`, so
that one kernel is compiled for every policy there will be. Sums run in a fixed order and tanh is made of additions,
multiplications and one division, so that a decider decides alike on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapgym.phone.jit import kernel
from swapgym.phone.records import integer, record
from swapgym.workload.config import unknown

Array = npt.NDArray[np.float64]

LEAF: Final = -1
"""Stands for a part: nothing is compared here, the tree's answer is the node's ``action``."""
NODE: Final[np.dtype[Any]] = record(
    integer("threshold", "1", "observed values up to it go on at `low`, those above it at `high`", code="f8"),
    integer("part", "place", "place in the observation, or LEAF"),
    integer("low", "place", "next node; always a later one"),
    integer("high", "place", "next node; always a later one"),
    integer("action", "code", "flat action of a leaf"),
)
"""A node of a tree; the first is the root, and two nodes may go on at the same one."""

ACTIVATIONS: Final = ("none", "relu", "tanh")
_RELU: Final = ACTIVATIONS.index("relu")
_TANH: Final = ACTIVATIONS.index("tanh")
LAYER: Final[np.dtype[Any]] = record(
    integer("first", "place", "its first weight: biases, then what each input weighs in each unit", code="i8"),
    integer("units", "1", "its outputs"),
    integer("activation", "code", "place in ACTIVATIONS"),
    integer("direct", "0/1", "whether the observation is an input too, before the layer below"),
)
"""A layer of a network."""


class Decider(NamedTuple):
    """A policy as arrays: a tree if it has nodes, else a network. Made by :func:`tree`, :func:`network`.

    Attributes:
        nodes: NODE records, shape ``(n,)``; none for a network.
        layers: LAYER records, shape ``(n,)``; none for a tree.
        weights: float64, shape ``(n,)``: those of all layers.
        heads: int64, shape ``(n,)``: outputs of the last layer by part of the action. The largest of each is taken, the
            first of equals; the flat action is a number with these as its digits, as
            :meth:`swapgym.envs.spec.EnvSpec.actions` counts.
        inputs: int64, shape ``(1,)``: parts of the observation that there must be (a network), or be at least (a tree).
    """

    nodes: npt.NDArray[Any]
    layers: npt.NDArray[Any]
    weights: Array
    heads: npt.NDArray[np.int64]
    inputs: npt.NDArray[np.int64]

    @property
    def n_actions(self) -> int:
        """How many flat actions it chooses among, at least."""
        if len(self.nodes):
            leaves = self.nodes[self.nodes["part"] == LEAF]
            return int(leaves["action"].max()) + 1
        return int(self.heads.prod())

    def check(self, n_parts: int, n_actions: int) -> Decider:
        """Return it, if it can decide from so many parts among so many flat actions.

        Raises:
            ValueError: If not; names both numbers.
        """
        inputs = int(self.inputs[0])
        if inputs > n_parts or (len(self.layers) and inputs != n_parts):
            most = "" if len(self.layers) else "at most "
            raise ValueError(f"decider: reads {inputs} parts, must be {most}{n_parts}: what is observed")
        if self.n_actions > n_actions:
            raise ValueError(f"decider: has {self.n_actions} actions, must be at most {n_actions}: those of the spec")
        return self


def tree(
    parts: Sequence[int], thresholds: Sequence[float], low: Sequence[int], high: Sequence[int], actions: Sequence[int]
) -> Decider:
    """Return a tree, its nodes as parallel lists: what scikit-learn keeps of a decision tree fits.

    Args:
        parts: Place in the observation that each node compares, or below 0 for a leaf.
        thresholds: Observed values up to it go on at ``low``, those above it at ``high``; a leaf's is not read.
        low: Next nodes, each later than its own; a leaf's is not read.
        high: Likewise.
        actions: Flat actions of the leaves; another node's is not read.

    Raises:
        ValueError: If the lists are not as long as each other, or a node is none; names the list, place and value.
    """
    columns = {"part": parts, "threshold": thresholds, "low": low, "high": high, "action": actions}
    n = len(parts)
    for name, column in columns.items():
        if len(column) != n or n == 0:
            raise ValueError(f"{name}: {len(column)} values, must be as many as nodes ({n}), at least one")
    nodes = np.zeros(n, NODE)
    for place in range(n):
        node = nodes[place]
        if parts[place] < 0:
            if actions[place] < 0:
                raise ValueError(f"action of node {place}: {actions[place]!r}, must be an integer >= 0")
            node["part"], node["action"] = LEAF, actions[place]
            continue
        if math.isnan(thresholds[place]):
            raise ValueError(f"threshold of node {place}: {thresholds[place]!r}, must be a number")
        for name in ("low", "high"):
            if not place < columns[name][place] < n:
                raise ValueError(f"{name} of node {place}: {columns[name][place]!r}, must be a later node below {n}")
        for name in ("part", "threshold", "low", "high"):
            node[name] = columns[name][place]
    return Decider(
        nodes, np.zeros(0, LAYER), np.zeros(0), np.zeros(0, np.int64), np.array([int(max(parts)) + 1], np.int64)
    )


def network(
    layers: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
    activation: str = "tanh",
    heads: Sequence[int] | None = None,
    direct: npt.ArrayLike | None = None,
) -> Decider:
    """Return a network; of one layer it is a linear policy.

    Args:
        layers: Weights of shape ``(units, inputs)`` and biases of shape ``(units,)`` of each layer, as PyTorch has
            them; the first reads the observation.
        activation: ``relu`` or ``tanh``, of all layers but the last, whose outputs are compared as they are.
        heads: Outputs of the last layer by part of the action; by default one part has them all.
        direct: What the observation weighs in the last layer, beside the layer below: shape ``(units, parts)``.

    Raises:
        ValueError: If shapes do not fit each other or a weight is no number; names the layer and what would.
    """
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)
    if not layers:
        raise ValueError("layers: none, must be at least one")
    arrays = [(np.asarray(weight, np.float64), np.asarray(bias, np.float64)) for weight, bias in layers]
    records, weights, place = np.zeros(len(arrays), LAYER), [], 0
    parts = inputs = arrays[0][0].shape[-1]
    for number, (weight, bias) in enumerate(arrays):
        units = len(weight)
        if weight.shape != (units, inputs) or bias.shape != (units,):
            raise ValueError(
                f"layer {number}: weights of shape {weight.shape}, biases of shape {bias.shape}, must be"
                f" ({units}, {inputs}) and ({units},)"
            )
        last = number == len(arrays) - 1
        own = [bias, weight.T]
        if last and direct is not None:
            beside = np.asarray(direct, np.float64)
            if beside.shape != (units, parts):
                raise ValueError(f"direct: shape {beside.shape}, must be ({units}, {parts})")
            own.insert(1, beside.T)
        records[number]["first"], records[number]["units"] = place, units
        records[number]["activation"] = 0 if last else ACTIVATIONS.index(activation)
        records[number]["direct"] = len(own) == 3
        weights += [part.ravel() for part in own]
        place += sum(part.size for part in own)
        inputs = units
    flat = np.concatenate(weights)
    if not np.isfinite(flat).all():
        raise ValueError(f"layers: {np.count_nonzero(~np.isfinite(flat))} weights are no numbers, must be finite")
    split = np.array([inputs] if heads is None else heads, np.int64)
    if split.sum() != inputs or (split < 1).any():
        raise ValueError(f"heads: {heads!r}, must be integers >= 1 that add up to the last layer's {inputs} units")
    return Decider(np.zeros(0, NODE), records, flat, split, np.array([parts], np.int64))


# ------------------------------------------------------------------------------------------------------------- kernels
_SQUARINGS: Final = 6
_EXP: Final = np.array([1.0 / math.factorial(power) for power in range(14, -1, -1)])


@kernel
def tanh(x: float) -> float:
    """Return the hyperbolic tangent of ``x``, right to 1e-13: a Taylor series of exp(-2 abs(x) / 64), squared."""
    size = min(abs(x), 20.0)
    small = size / -32.0
    fall = 0.0
    for place in range(len(_EXP)):
        fall = fall * small + _EXP[place]
    for _ in range(_SQUARINGS):
        fall *= fall
    value = (1.0 - fall) / (1.0 + fall)
    return value if x >= 0.0 else -value


@kernel
def new_scratch(decider: Any) -> Any:
    """Return room for a network's layers: float64, shape ``(2, the widest)``."""
    widest = decider.inputs[0]
    for number in range(len(decider.layers)):
        widest = max(widest, np.int64(decider.layers[number].units))
    return np.empty((2, widest), np.float64)


@kernel
def weigh(weights: Any, first: int, inputs: Any, n_inputs: int, outputs: Any, units: int) -> int:
    """Add what ``inputs`` weigh to ``outputs``; return the place behind the weights.

    The inner loop runs over outputs: each is summed in the order of its inputs, and several at a time.
    """
    for place in range(n_inputs):
        value = np.float64(inputs[place])
        for unit in range(units):
            outputs[unit] += weights[first + unit] * value
        first += units
    return first


@kernel
def forward(decider: Any, observation: Any, scratch: Any) -> int:
    """Run a network; return the row of ``scratch`` with its outputs."""
    row = 0
    n_inputs: Any = len(observation)
    scratch[row, :n_inputs] = observation
    for number in range(len(decider.layers)):
        layer = decider.layers[number]
        units = layer.units
        outputs = scratch[1 - row]
        outputs[:units] = decider.weights[layer.first : layer.first + units]
        first = layer.first + units
        if layer.direct != 0:
            first = weigh(decider.weights, first, observation, len(observation), outputs, units)
        weigh(decider.weights, first, scratch[row], n_inputs, outputs, units)
        if layer.activation == _RELU:
            for unit in range(units):
                outputs[unit] = outputs[unit] if outputs[unit] > 0.0 else 0.0
        elif layer.activation == _TANH:
            for unit in range(units):
                outputs[unit] = tanh(outputs[unit])
        row = 1 - row
        n_inputs = units
    return row


@kernel
def choose(decider: Any, observation: Any, scratch: Any) -> int:
    """Return the flat action that a decider takes.

    Args:
        decider: A :class:`Decider`.
        observation: float32, shape ``(parts,)``.
        scratch: What :func:`new_scratch` returned.
    """
    if len(decider.nodes) > 0:
        place: Any = 0
        while decider.nodes[place].part != LEAF:
            node = decider.nodes[place]
            place = node.low if observation[node.part] <= node.threshold else node.high
        return decider.nodes[place].action
    outputs = scratch[forward(decider, observation, scratch)]
    action: Any = 0
    first: Any = 0
    for head in range(len(decider.heads)):
        best = first
        for place in range(first + 1, first + decider.heads[head]):
            if outputs[place] > outputs[best]:
                best = place
        action = action * decider.heads[head] + (best - first)
        first += decider.heads[head]
    return action


@kernel
def choose_all(decider: Any, observations: Any, actions: Any) -> None:
    """Write the flat actions for ``observations`` (float32, shape ``(n, parts)``) into ``actions`` (int64)."""
    scratch = new_scratch(decider)
    for row in range(len(observations)):
        actions[row] = choose(decider, observations[row], scratch)


@kernel
def outputs_all(decider: Any, observations: Any, outputs: Any) -> None:
    """Write a network's outputs for ``observations`` into ``outputs`` (float64, shape ``(n, units)``)."""
    scratch = new_scratch(decider)
    for row in range(len(observations)):
        outputs[row] = scratch[forward(decider, observations[row], scratch), : outputs.shape[1]]
