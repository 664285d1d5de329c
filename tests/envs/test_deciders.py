"""Deciders: what the arrays mean, by plain NumPy; and whole episodes beside the same played step by step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from swapgym.envs.deciders import LEAF, Decider, choose_all, network, tanh, tree
from swapgym.envs.governor import SwapReleaseGovernorEnv
from swapgym.envs.lanes import Lanes
from swapgym.envs.multi_objective import MOSwapReleaseEnv
from swapgym.envs.release import SwapReleaseEnv
from swapgym.envs.spec import EnvSpec


def drawn_tree(rng: np.random.Generator, n_parts: int, n_actions: int, splits: int = 7) -> Decider:
    """A tree of ``splits`` comparisons of drawn parts, its leaves drawn actions."""
    n = 2 * splits + 1
    rows = [(int(rng.integers(n_parts)), float(rng.uniform(0, 0.6)), 2 * i + 1, 2 * i + 2, 0) for i in range(splits)]
    rows += [(LEAF, 0.0, 0, 0, int(rng.integers(n_actions))) for _ in range(n - splits)]
    return tree(*map(list, zip(*rows, strict=True)))


def drawn_layers(rng: np.random.Generator, sizes: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(rng.normal(size=(units, inputs)), rng.normal(size=units)) for inputs, units in itertools.pairwise(sizes)]


def chosen(decider: Decider, observations: np.ndarray) -> list[int]:
    actions = np.full(len(observations), -9)
    choose_all(decider, observations, actions)
    return actions.tolist()


def test_tanh() -> None:
    values = np.concatenate([np.linspace(-25, 25, 2_001), [0.0, 1e-9, -1e-9, 1e300, -np.inf]])
    assert max(abs(tanh(float(value)) - np.tanh(value)) for value in values) < 1e-13


def test_a_tree_goes_on_low_up_to_the_threshold_and_high_above() -> None:
    decider = tree([1, 0, LEAF, LEAF, LEAF], [0.25, 0.5, 0, 0, 0], [1, 2, 0, 0, 0], [4, 3, 0, 0, 0], [0, 0, 3, 1, 2])
    above = np.nextafter(np.float32(0.5), np.float32(1))
    rows = np.array([[0.5, 0.25], [above, 0.25], [0.5, 0.3]], np.float32)
    assert chosen(decider, rows) == [3, 1, 2]
    # a threshold that is no float32: a comparison of numbers, not of roundings
    near = tree([0, LEAF, LEAF], [0.1, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 1])
    assert chosen(near, np.array([[0.1]], np.float32)) == [int(float(np.float32(0.1)) > 0.1)] == [1]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden", [[], [5], [16, 7, 9]])
@pytest.mark.parametrize("heads", [None, [2, 4]])
def test_networks_are_those_of_numpy(activation: str, hidden: list[int], heads: list[int] | None) -> None:
    rng = np.random.default_rng(len(hidden))
    layers = drawn_layers(rng, [11, *hidden, 6])
    direct = rng.normal(size=(6, 11)) if hidden else None
    rows = rng.normal(size=(200, 11)).astype(np.float32)
    values = rows.astype(np.float64)
    for number, (weight, bias) in enumerate(layers):
        values = values @ weight.T + bias
        if number < len(layers) - 1:
            values = np.maximum(values, 0) if activation == "relu" else np.tanh(values)
    values += 0 if direct is None else rows.astype(np.float64) @ direct.T
    best = values.argmax(axis=1) if heads is None else 4 * values[:, :2].argmax(axis=1) + values[:, 2:].argmax(axis=1)
    actions = chosen(network(layers, activation, heads, direct), rows)
    assert actions == best.tolist()
    assert len(set(actions)) > 3


def test_the_first_of_equals_is_taken() -> None:
    assert chosen(network([(np.zeros((3, 2)), [1.0, 2.0, 2.0])]), np.zeros((1, 2), np.float32)) == [1]


SPECS = {
    "release": SwapReleaseEnv.SPEC,
    "three routes": EnvSpec(routes=3, parts=("backlog", "rt_load", "frame_slack")),
    "every batch": EnvSpec(epochs="batch", preset="low_ram", device=None),
    "governor": SwapReleaseGovernorEnv.SPEC,
    "governor, flat": SwapReleaseGovernorEnv.SPEC.but(flat=True, preset="clear_all", device=None),
    "vector rewards": MOSwapReleaseEnv.SPEC,
}


@pytest.mark.parametrize("name", list(SPECS))
@pytest.mark.parametrize("kind", ["tree", "linear", "network"])
def test_whole_episodes_are_those_step_by_step(name: str, kind: str) -> None:
    spec, rng = SPECS[name], np.random.default_rng(len(name))
    n_parts, codes = len(spec.parts), spec.actions()
    if kind == "tree":
        decider = drawn_tree(rng, n_parts, len(codes))
    else:
        layers = drawn_layers(rng, [n_parts, *([16] if kind == "network" else []), len(codes)])
        decider = network(layers, "tanh")
    stepped, played = Lanes(3, spec), Lanes(3, spec, threads=2)
    for lanes in (stepped, played):
        for lane in range(3):
            lanes.draw(lane, lane)
        lanes.begin()
    taken = played.play(decider)
    expected: list[list[int]] = [[], [], []]
    while len(waiting := stepped.waiting()):
        actions = np.array(chosen(decider, stepped.observations))
        for lane in waiting.tolist():
            expected[lane].append(int(actions[lane]))
        stepped.actions[:] = codes[actions]
        stepped.step(waiting)
    assert [row.tolist() for row in taken] == expected
    for one in ("phones", "lanes", "observations", "statuses"):
        assert getattr(stepped, one).tobytes() == getattr(played, one).tobytes()


def test_lanes_that_have_ended_stay_as_they_are() -> None:
    lanes = Lanes(2, EnvSpec())
    lanes.draw(0, 0)
    lanes.draw(1, 1)
    lanes.begin()
    decider = tree([LEAF], [0], [0], [0], [1])
    assert all(len(row) > 0 for row in lanes.play(decider))
    before = lanes.phones.tobytes()
    assert [len(row) for row in lanes.play(decider)] == [0, 0]
    assert lanes.phones.tobytes() == before


def test_bad_arrays_are_named() -> None:
    with pytest.raises(ValueError, match="high of node 0: 0, must be a later node below 3"):
        tree([0, -1, -1], [0.5, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1])
    with pytest.raises(ValueError, match="threshold: 1 values, must be as many as nodes"):
        tree([-1, -1], [0.5], [0, 0], [0, 0], [0, 0])
    with pytest.raises(ValueError, match="threshold of node 0: nan"):
        tree([0, -1, -1], [np.nan, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 1])
    with pytest.raises(ValueError, match="action of node 0: -1"):
        tree([-1], [0], [0], [0], [-1])
    with pytest.raises(ValueError, match=r"activation: 'rulu' is unknown \(did you mean 'relu'"):
        network([(np.zeros((2, 3)), np.zeros(2))], "rulu")
    with pytest.raises(ValueError, match=r"layer 1: weights of shape \(2, 3\), biases of shape \(2,\), must be \(2, 4"):
        network([(np.zeros((4, 3)), np.zeros(4)), (np.zeros((2, 3)), np.zeros(2))])
    with pytest.raises(ValueError, match="1 weights are no numbers"):
        network([(np.zeros((2, 3)), [0.0, np.inf])])
    with pytest.raises(ValueError, match=r"heads: \[2, 2\], must be integers >= 1 that add up to the last layer's 3"):
        network([(np.zeros((3, 3)), np.zeros(3))], heads=[2, 2])
    lanes = Lanes(1, EnvSpec())
    with pytest.raises(ValueError, match="reads 3 parts, must be 39"):
        lanes.play(network([(np.zeros((2, 3)), np.zeros(2))]))
    with pytest.raises(ValueError, match="reads 40 parts, must be at most 39"):
        lanes.play(tree([39, -1, -1], [0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 1]))
    with pytest.raises(ValueError, match="has 3 actions, must be at most 2"):
        lanes.play(tree([-1], [0], [0], [0], [2]))
