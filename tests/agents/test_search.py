"""The judge and the evolution of trees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapgym.agents.play import play
from swapgym.agents.policies.trees import DEFER, INLINE, IntegerTree, Tree, comparisons_of, depth_of
from swapgym.agents.search.evolution import Variation, evolve, simplified, thresholds_of
from swapgym.agents.search.judge import Judge
from swapgym.envs.costs import OBJECTIVES
from swapgym.envs.spec import EnvSpec
from tests.agents.test_trees import trees

SPEC = EnvSpec()
EPISODES = [("camera_launch", 3), ("camera_target", 4), ("camera_launch", 5)]
SEEN = {"backlog": np.array([10, 100, 1_000]), "free_margin": np.array([-512, 0, 512])}


def test_costs_are_the_runner_s_in_any_order() -> None:
    judge = Judge(SPEC, EPISODES)
    rules = [IntegerTree(root=root) for root in (DEFER, ("backlog", 2_000, DEFER, INLINE), INLINE)]
    found = [judge.costs(rule.compiled(SPEC)) for rule in (*rules, rules[0])]  # type: ignore[arg-type]
    assert (found[0] == found[3]).all() and not (found[0] == found[2]).all()
    for rule, costs in zip(rules, found, strict=False):
        rows = play(SPEC, rule, "tree", EPISODES)
        assert costs.tolist() == [[row[name] for name in OBJECTIVES] for row in rows]
        assert judge.scores(costs, SPEC.ms_per_mib) == pytest.approx([row["score"] for row in rows])


def test_quantiles_are_integers_below_the_largest() -> None:
    readings = np.array([[0.0, 0.5], [10.0, 0.5], [20.0, 0.5], [np.inf, 0.5]])
    found = thresholds_of(("backlog", "swap_free"), readings, (0.25, 0.5, 0.99))
    assert list(found) == ["backlog"] and found["backlog"].tolist() == [0, 10]


@settings(max_examples=200, deadline=None)
@given(root=trees(4), seed=st.integers(0, 2**32 - 1))
def test_a_simplified_tree_decides_alike_and_is_no_larger(root: Tree, seed: int) -> None:
    small = simplified(root)
    assert comparisons_of(small) <= comparisons_of(root) and simplified(small) == small
    rng = np.random.default_rng(seed)
    observations = rng.uniform(-1, 1, (64, len(SPEC.parts))).astype(np.float32)
    assert (
        IntegerTree(root=small).predict(observations)[0].tolist()
        == IntegerTree(root=root).predict(observations)[0].tolist()
    )


def test_children_differ_from_their_parent_and_keep_to_the_depth() -> None:
    variation = Variation(SEEN, 3, np.random.default_rng(0))
    parent: Tree = ("backlog", 100, ("free_margin", 0, DEFER, ("backlog", 10, DEFER, INLINE)), INLINE)
    parent = simplified(parent)
    children = [variation.child([parent]) for _ in range(500)]
    assert parent not in children
    assert all(depth_of(child) <= 3 and simplified(child) == child for child in children)
    assert len(set(children)) > 50 and {depth_of(child) for child in children} == {0, 1, 2, 3}


def test_evolution_finds_a_rule_that_was_hidden() -> None:
    hidden = ("backlog", 300, ("free_margin", 0, INLINE, DEFER), INLINE)
    points = [(backlog, margin) for backlog in range(0, 1_000, 50) for margin in range(-1_000, 1_000, 100)]

    def says(tree: Tree, backlog: int, margin: int) -> str:
        while not isinstance(tree, str):
            part, threshold, low, high = tree
            tree = high if {"backlog": backlog, "free_margin": margin}[part] > threshold else low
        return str(tree)

    def cost(tree: Tree) -> float:
        return sum(says(tree, *point) != says(hidden, *point) for point in points) / len(points)

    runs = [evolve(cost, Variation(SEEN, 2, np.random.default_rng(0)), [], generations=120) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0][0].score == 0.0 and comparisons_of(runs[0][0].tree) == 2
    scores = [judged.score for judged in runs[0]]
    assert scores == sorted(set(scores))


def test_where_nothing_varies_there_is_nothing_to_search() -> None:
    with pytest.raises(ValueError, match="no part varies"):
        Variation({}, 3, np.random.default_rng(0))
