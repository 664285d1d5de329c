"""Tuned baselines are data that loads, reproduces its score, and is no worse than what was there before tuning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from swapgym.agents.play import play
from swapgym.agents.policies import POLICIES, make
from swapgym.agents.policies.base import Readings
from swapgym.agents.policies.rules import Comparison, Rule
from swapgym.agents.search.judge import Judge
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.stored.tuned import UNTUNED, baselines, build, folder_of, nearest, tuned
from swapgym.agents.task import KERNEL, PRESET, RATES, SPEC
from swapgym.agents.tune import TUNABLE, Trial, app, best, comparisons, measure, points, seen
from swapgym.envs.spec import RELEASE_PARTS
from swapgym.workload import presets_of, suite

pytestmark = pytest.mark.xdist_group("tune")  # one run serves all

EPISODES = suite("train").first(2).of(PRESET)


SIZES = {"episodes": 1, "again": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned") / KERNEL
    told = ["--samples", "1", "--rules", "2", "--generations", "1", "--threads", "1", "--out", str(out)]
    told += [word for name, value in SIZES.items() for word in (f"--{name}", str(value))]
    outcome = CliRunner().invoke(app, told)
    assert outcome.exit_code == 0, outcome.output
    assert len(list(out.iterdir())) == len(RATES), "nothing half written"
    return out


def choosing() -> list[tuple[str, int]]:
    """Return the train episodes that choose."""
    whole = sum(SIZES.values())
    everything = suite("train").first(whole).of(PRESET)
    return [pair for position, pair in enumerate(everything) if position % whole >= SIZES["episodes"]]


@pytest.mark.parametrize("rate", RATES)
def test_stored_policies_load_and_tuning_did_not_make_them_worse(folder: Path, rate: float) -> None:
    stored = json.loads((folder / f"r{rate:g}.json").read_text())
    scores = {item["policy"]: item["train_score"] for item in stored["policies"]}
    assert list(tuned(rate, folder=folder)) == list(scores)
    assert list(scores.values()) == sorted(scores.values())
    assert {*UNTUNED, *TUNABLE, "rule", "tree"} == set(scores)
    assert (stored["search_episodes"], stored["choose_episodes"]) == (len(presets_of(PRESET)), len(choosing()))
    for name in UNTUNED:
        assert scores[name] <= measure(Judge(SPEC, choosing()), name, {}).score(rate) + 1e-6


def test_a_stored_score_is_measured_again(folder: Path) -> None:
    for item in json.loads((folder / "r6.json").read_text())["policies"][:2]:
        trial = measure(Judge(SPEC, choosing()), item["policy"], item["parameters"])
        assert trial.score(6.0) == pytest.approx(item["train_score"], abs=1e-6)


def test_a_score_at_any_rate_is_the_runner_s() -> None:
    trial = measure(Judge(SPEC, EPISODES), "vivo", {})
    for rate in (0.0, 6.0, 25.0):
        rows = play(SPEC.but(ms_per_mib=rate), make("vivo"), "vivo", EPISODES)
        assert trial.score(rate) == pytest.approx(np.mean([row["score"] for row in rows]), rel=1e-12)


def test_what_is_not_tuned_for_has_the_nearest_or_defaults(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (folder.parent,))
    assert baselines(6.0) == (tuned(6.0, folder=folder), "tuned")
    for rate, stored in ((0.0, 2.0), (3.0, 2.0), (4.0, 6.0), (100.0, 20.0)):
        assert nearest(rate, kernel="mainline", preset="low_ram") == tuned(stored, folder=folder)
    policies, about = baselines(6.0, kernel="mainline", preset="mixed")
    assert policies == {name: make(name) for name in UNTUNED}
    assert "swapgym tune --kernel mainline --preset mixed" in about
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path,))
    assert nearest(6.0, kernel="mainline") == {}


def test_each_kernel_and_preset_has_a_folder_of_its_own() -> None:
    assert folder_of("mainline") == tuned_policies.TUNED[0] / "mainline"
    assert folder_of("mainline", "mixed") == tuned_policies.TUNED[0] / "mainline" / "mixed"


def test_rules_say_what_they_do() -> None:
    observations = np.zeros((3, len(RELEASE_PARTS)))
    observations[:, RELEASE_PARTS.index("rt_load")] = (0.1, 0.5, 0.9)
    # half a CPU gives one third, three CPUs give 0.75
    observations[:, RELEASE_PARTS.index("lock_load")] = (0.0, 0.75, 0.0)
    readings = Readings(observations, RELEASE_PARTS)
    light, contended = Comparison("rt_load", False, 0.5), Comparison("lock_load", True, 1.0)
    assert Rule(literals=(light, contended), how="any").defers(readings).tolist() == [True, True, False]
    assert Rule(literals=(light, contended), how="all").defers(readings).tolist() == [False, True, False]
    assert str(Rule(literals=(light, contended), how="any")) == "defer where rt_load <= 0.5 or lock_load > 1"
    assert Rule(literals=(), how="all").predict(observations)[0].tolist() == [1, 1, 1]


def test_bad_rules_and_rates_are_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"rule\.how: 'some'"):
        Rule(how="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="part 'rt_lode'"):
        Rule(literals=(Comparison("rt_lode", True, 1.0),))
    with pytest.raises(FileNotFoundError, match=r"ms_per_mib: 0.3, must be .*: 2, 6, 20; swapgym tune tunes"):
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
    known = comparisons(SPEC, seen(SPEC, EPISODES))
    assert len(known) > 50
    assert all(one.part in RELEASE_PARTS and np.isfinite(one.threshold) for one in known)
    assert {one.above for one in known} == {True, False}


def test_what_kernels_cannot_ask_is_not_tuned() -> None:
    with pytest.raises(ValueError, match="'random', must be one that compares readings"):
        measure(Judge(SPEC, EPISODES), "random", {})


def test_the_best_is_by_the_rate() -> None:
    quick, small = (
        Trial(name, {}, np.array([costs]), np.ones((1, 3)))
        for name, costs in (("a", [100.0, 30.0, 0.0]), ("b", [200.0, 10.0, 0.0]))
    )
    assert best([quick, small], 1.0, 1) == [quick]
    assert best([quick, small], 10.0, 1) == [small]
