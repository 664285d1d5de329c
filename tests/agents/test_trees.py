"""Integer trees: what they say, that kernels say the same, and what is refused."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapgym.agents.policies.rules import Comparison, Rule
from swapgym.agents.policies.trees import (
    DEFER,
    INLINE,
    IntegerTree,
    comparisons_of,
    depth_of,
    of_comparisons,
    steps_per_unit,
)
from swapgym.envs.deciders import choose_all
from swapgym.envs.observations import INDEX, PARTS, space
from swapgym.envs.spec import EnvSpec

SPEC = EnvSpec()
SMALL = ("backlog", 1_000, INLINE, ("free_margin", -512, DEFER, INLINE))


def trees(depth: int) -> st.SearchStrategy[Any]:
    """Draw trees over the parts that are observed."""
    leaf = st.sampled_from([DEFER, INLINE])
    if depth == 0:
        return leaf
    below = trees(depth - 1)
    return st.one_of(leaf, st.tuples(st.sampled_from(sorted(SPEC.parts)), st.integers(-2_000, 200_000), below, below))


def observed(part: str, reading: float) -> float:
    """Return what a reading looks like in an observation, by the part's own inverse."""
    low, high = (float(bound[0]) for bound in space([part]))
    values = np.linspace(low, high, 4_097)[:-1]
    readings = np.array([PARTS[INDEX[part]].reading(value) for value in values])
    return float(values[np.abs(readings - reading).argmin()])


def test_a_tree_by_hand() -> None:
    policy = IntegerTree(root=SMALL)
    observations = np.zeros((3, len(SPEC.parts)), np.float32)
    backlog, margin = (SPEC.parts.index(part) for part in ("backlog", "free_margin"))
    observations[:, backlog] = [observed("backlog", entries) for entries in (500, 5_000, 5_000)]
    observations[:, margin] = [0.0, observed("free_margin", -0.9), observed("free_margin", 0.9)]
    defer, inline = SPEC.route_names.index("DEFER"), SPEC.route_names.index("INLINE")
    assert policy.predict(observations)[0].tolist() == [inline, defer, inline]
    assert (depth_of(SMALL), comparisons_of(SMALL)) == (2, 2)
    assert str(policy).splitlines() == [
        "backlog > 1000:",
        "    free_margin > -512 / 1024:",
        "        inline",
        "    else:",
        "        defer",
        "else:",
        "    inline",
    ]


def test_shares_are_fixed_point_and_counts_are_not() -> None:
    assert steps_per_unit("free_margin") == steps_per_unit("swap_free") == 1024
    assert steps_per_unit("backlog") == steps_per_unit("launch_need") == steps_per_unit("clock_big") == 1


@settings(max_examples=60, deadline=None)
@given(root=trees(3), seed=st.integers(0, 2**32 - 1))
def test_kernels_decide_as_predict_does(root: Any, seed: int) -> None:
    policy = IntegerTree(root=root)
    decider = policy.compiled(SPEC)
    assert decider is not None
    low, high = space(SPEC.parts)
    observations = np.random.default_rng(seed).uniform(low, high, (256, len(low))).astype(np.float32)
    own = decider.nodes[decider.nodes["part"] >= 0]
    for place, node in enumerate(own[: len(observations) // 2]):  # on each threshold, and just above it
        if np.isfinite(node["threshold"]):
            observations[2 * place, node["part"]] = node["threshold"]
            observations[2 * place + 1, node["part"]] = np.nextafter(np.float32(node["threshold"]), np.float32(np.inf))
    found = np.empty(len(observations), np.int64)
    choose_all(decider, observations, found)
    assert found.tolist() == policy.predict(observations)[0].tolist()


@pytest.mark.parametrize("how", ["all", "any"])
def test_a_rule_of_comparisons_as_a_tree(how: Literal["all", "any"]) -> None:
    literals = (Comparison("backlog", False, 163_391.98), Comparison("swap_free", True, 0.25))
    tree, rule = IntegerTree(root=of_comparisons(literals, how)), Rule(literals=literals, how=how)
    assert tree.root[1] == 163_391
    low, high = space(SPEC.parts)
    observations = np.random.default_rng(0).uniform(low, high, (512, len(low)))
    answers = rule.predict(observations)[0]
    assert tree.predict(observations)[0].tolist() == answers.tolist()
    assert 0 < answers.sum() < len(answers)


def test_lists_from_json_are_taken() -> None:
    assert IntegerTree(root=["backlog", 1_000, INLINE, ["free_margin", -512, DEFER, INLINE]]).root == SMALL


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("later", "must be 'defer', 'inline' or"),
        (("backlog", 1), "must be 'defer', 'inline' or"),
        (("backlock", 1, DEFER, INLINE), "part 'backlock', must be one of"),
        (("backlog", 1.5, DEFER, INLINE), "threshold 1.5 of backlog, must be an integer"),
        (("backlog", True, DEFER, INLINE), "threshold True of backlog"),
        (("backlog", 1, DEFER, ("psi_some", "many", DEFER, INLINE)), "threshold 'many' of psi_some"),
    ],
)
def test_what_is_no_tree_is_refused(root: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IntegerTree(root=root)


def test_a_tree_without_end_is_refused() -> None:
    root: Any = DEFER
    for threshold in range(9):
        root = ("backlog", threshold, INLINE, root)
    with pytest.raises(ValueError, match="more than 8 comparisons"):
        IntegerTree(root=root)
