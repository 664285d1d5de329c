"""Tuned rivals are data that loads, reproduces its score, and is no worse than what was there before tuning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agents.policies import POLICIES, make
from agents.policies.base import Readings
from agents.policies.rules import Comparison, Rule
from agents.tune import (
    KERNEL,
    LAG_WEIGHTS,
    TUNABLE,
    TUNED,
    Trial,
    app,
    best,
    build,
    comparisons,
    measure,
    points,
    tuned,
)
from swapgym.envs.observations import INDEX, N_PARTS
from swapgym.workload import suite

EPISODES = list(suite("train").first(2))


@pytest.mark.parametrize("weight", LAG_WEIGHTS)
def test_stored_policies_load_and_tuning_did_not_make_them_worse(weight: float) -> None:
    stored = json.loads((TUNED / f"w{weight:g}.json").read_text())
    scores = {item["policy"]: item["train_score"] for item in stored["policies"]}
    assert list(tuned(weight)) == list(scores)
    assert list(scores.values()) == sorted(scores.values())
    assert set(TUNABLE) | {"rule", "always_inline", "always_defer"} <= set(scores)
    assert stored["search_episodes"] > 0 and stored["choose_episodes"] >= 100
    # always deferring is inside the ranges of most of them: tuned, none of those is worse
    assert min(scores.values()) <= min(scores["always_inline"], scores["always_defer"])


def test_a_stored_score_is_measured_again() -> None:
    stored = json.loads((TUNED / "w0.5.json").read_text())
    episodes, again = stored["search_episodes"] // 6, stored["choose_episodes"] // 6
    everything = list(suite("train").first(episodes + again))
    choose = [pair for position, pair in enumerate(everything) if position % (episodes + again) >= episodes]
    winner = stored["policies"][0]
    trial = measure((KERNEL, winner["policy"], winner["parameters"], choose))
    assert trial.score(0.5) == pytest.approx(winner["train_score"], abs=1e-6)


def test_rules_say_what_they_do() -> None:
    observations = np.zeros((3, N_PARTS))
    observations[:, INDEX["rt_load"]] = (0.1, 0.5, 0.9)
    observations[:, INDEX["lock_load"]] = (0.0, 0.75, 0.0)  # half a CPU gives one third, three CPUs give 0.75
    readings = Readings(observations)
    light, contended = Comparison("rt_load", False, 0.5), Comparison("lock_load", True, 1.0)
    assert Rule(literals=(light, contended), how="any").defers(readings).tolist() == [True, True, False]
    assert Rule(literals=(light, contended), how="all").defers(readings).tolist() == [False, True, False]
    assert str(Rule(literals=(light, contended), how="any")) == "defer where rt_load <= 0.5 or lock_load > 1"
    assert Rule(literals=(), how="all").predict(observations)[0].tolist() == [1, 1, 1]


def test_bad_rules_and_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rule\.how: 'some'"):
        Rule(how="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="part 'rt_lode'"):
        Rule(literals=(Comparison("rt_lode", True, 1.0),))
    with pytest.raises(FileNotFoundError, match=r"lag_weight: 0.3, must be one of those tuned: 0.2, 0.5, 0.8"):
        tuned(0.3)
    with pytest.raises(ValueError, match="stall_su"):
        build("psi", {"stall_su": 3.0})


def test_points_stay_within_the_ranges() -> None:
    for name in TUNABLE:
        tried = list(points(name, 16))
        assert tried[0] == {}
        for parameters in tried:
            assert isinstance(make(name, **parameters), POLICIES[name])


def test_comparisons_split_what_is_seen() -> None:
    known = comparisons(KERNEL, EPISODES)
    assert len(known) > 50
    assert all(one.part in INDEX and np.isfinite(one.threshold) for one in known)
    assert {one.above for one in known} == {True, False}


def test_the_best_is_by_the_weight() -> None:
    quick, small = (Trial("a", {}, np.array([[1.0, 3.0]])), Trial("b", {}, np.array([[3.0, 1.0]])))
    assert best([quick, small], 0.8, 1) == [quick]
    assert best([quick, small], 0.2, 1) == [small]


def test_end_to_end(tmp_path: Path) -> None:
    told = [
        "--samples",
        "1",
        "--rules",
        "2",
        "--episodes",
        "1",
        "--again",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path),
    ]
    outcome = CliRunner().invoke(app, told)
    assert outcome.exit_code == 0, outcome.output
    assert set(tuned(0.5, folder=tmp_path)) == set(tuned(0.5))
