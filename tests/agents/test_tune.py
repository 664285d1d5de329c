"""Tuned rivals are data that loads, reproduces its score, and is no worse than what was there before tuning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agents import tune
from agents.policies import POLICIES, make
from agents.policies.base import Readings
from agents.policies.rules import Comparison, Rule
from agents.tune import (
    KERNEL,
    LAG_WEIGHTS,
    TUNABLE,
    UNTUNED,
    Trial,
    app,
    best,
    build,
    comparisons,
    measure,
    nearest,
    points,
    rivals,
    tuned,
)
from swapgym.envs.observations import INDEX, N_PARTS
from swapgym.workload import PRESETS, suite

pytestmark = pytest.mark.xdist_group("tune")  # one run serves all

EPISODES = list(suite("train").first(2))


SIZES = {"episodes": 1, "again": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned") / "below"
    told = ["--samples", "1", "--rules", "2", "--workers", "1", "--out", str(out)]
    told += [word for name, value in SIZES.items() for word in (f"--{name}", str(value))]
    outcome = CliRunner().invoke(app, told)
    assert outcome.exit_code == 0, outcome.output
    assert len(list(out.iterdir())) == len(LAG_WEIGHTS), "nothing half written"
    return out


def choosing() -> list[tuple[str, int]]:
    """Return the train episodes that choose."""
    whole = sum(SIZES.values())
    everything = list(suite("train").first(whole))
    return [pair for position, pair in enumerate(everything) if position % whole >= SIZES["episodes"]]


@pytest.mark.parametrize("weight", LAG_WEIGHTS)
def test_stored_policies_load_and_tuning_did_not_make_them_worse(folder: Path, weight: float) -> None:
    stored = json.loads((folder / f"w{weight:g}.json").read_text())
    scores = {item["policy"]: item["train_score"] for item in stored["policies"]}
    assert list(tuned(weight, folder=folder)) == list(scores)
    assert list(scores.values()) == sorted(scores.values())
    assert {*UNTUNED, *TUNABLE, "rule"} == set(scores)
    assert (stored["search_episodes"], stored["choose_episodes"]) == (len(PRESETS), len(choosing()))
    for name in UNTUNED:
        assert scores[name] <= measure((KERNEL, name, {}, choosing())).score(weight) + 1e-6


def test_a_stored_score_is_measured_again(folder: Path) -> None:
    for item in json.loads((folder / "w0.5.json").read_text())["policies"][:2]:
        trial = measure((KERNEL, item["policy"], item["parameters"], choosing()))
        assert trial.score(0.5) == pytest.approx(item["train_score"], abs=1e-6)


def test_what_is_not_tuned_for_has_the_nearest_or_defaults(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "TUNED", folder)
    assert rivals(0.5) == (tuned(0.5, folder=folder), "tuned")
    assert nearest(0.9, kernel="mainline") == tuned(0.8, folder=folder)
    policies, about = rivals(0.5, kernel="mainline")
    assert policies == {name: make(name) for name in UNTUNED}
    assert "python -m agents.tune --kernel mainline" in about
    monkeypatch.setattr(tune, "TUNED", tmp_path)
    assert nearest(0.9, kernel="mainline") == {}


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


def test_bad_rules_and_weights_are_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"rule\.how: 'some'"):
        Rule(how="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="part 'rt_lode'"):
        Rule(literals=(Comparison("rt_lode", True, 1.0),))
    with pytest.raises(
        FileNotFoundError, match=r"lag_weight: 0.3, must be .* 0.2, 0.5, 0.8; python -m agents.tune tunes"
    ):
        tuned(0.3, folder=folder)
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
