"""The bound bounds, cells hold what they say, and the look into two futures is a difference of real episodes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments.decision_relevance import bound, online, regimes
from experiments.decision_relevance.__main__ import QUICK, app
from experiments.task import scenarios
from swapgym.agents.planning.plans import Stage, constant, stack
from swapgym.agents.policies import make
from swapgym.agents.rollouts import base_rule
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.workload import draw, empty


def test_an_advantage_is_the_difference_of_two_episodes() -> None:
    spec = EnvSpec(preset="camera_launch", device="phone-8gb")
    lanes = Lanes(3, spec)
    drawn = lanes.draw(0, 7)
    lanes.scenarios[1:] = lanes.scenarios[0]
    observations, advantages = np.zeros((1, len(spec.parts)), np.float32), np.zeros(1)
    rule = base_rule(make("always_defer"), spec, lanes.scenarios[0])
    # at the very first decision: its process all inline against nothing inline
    noted = online.look(
        lanes.phones, lanes.scenarios, lanes.lanes, lanes.epochs, lanes.parts, rule, observations, advantages,
    )  # fmt: skip
    assert noted == 1
    stage = Stage(drawn.preset, 7, spec)
    stage.play(constant(k.KWORKER))
    first = int(stage.phones[0]["kill_order"][0])
    plan = constant(k.KWORKER)
    plan[first] = k.INLINE
    inline, deferred = stage.scores(stack([plan, constant(k.KWORKER)]))
    assert advantages[0] == pytest.approx(inline - deferred, rel=1e-9)
    assert observations.any()


def test_looking_does_not_change_the_episode() -> None:
    seen = online.measure([("low_ram", 3), ("camera_launch", 5)] * 2, EnvSpec(), lambda: None)
    half = len(seen.advantages) // 2
    assert half > 3
    assert (seen.advantages[:half] == seen.advantages[half:]).all()
    assert (seen.observations[:half] == seen.observations[half:]).all()


def test_a_regression_on_something_visible_finds_it_and_on_nothing_does_not() -> None:
    rng = np.random.default_rng(0)
    n = 8_000
    observations = rng.random((n, 8)).astype(np.float32)
    episodes = np.arange(n) // 10
    presets = np.full(n, "mixed")
    visible = np.where(observations[:, 3] > 0.7, -0.02, 0.02) + 0.05 * rng.standard_normal(n)
    found = online.judge(online.Seen(observations, visible, presets, episodes))
    assert found.online.high < -0.002
    assert found.chosen == pytest.approx(0.3, abs=0.05)
    nothing = online.judge(online.Seen(observations, 0.01 + 0.05 * rng.standard_normal(n), presets, episodes))
    assert nothing.online.high > -0.002
    assert nothing.hindsight < -0.01


def test_cells_are_half_open_and_need_enough_episodes() -> None:
    factors = {name: np.linspace(0, 1, 40) for name in regimes.FACTORS}
    found = regimes.Sorted(factors, np.linspace(-1, 1, 40))
    low, high = found.cell({"victims": (0.0, 0.5)}), found.cell({"victims": (0.5, 2.0)})
    assert (low ^ high).all()
    effect = found.effect(low)
    assert effect is not None and effect.high < 0
    assert found.effect(found.cell({"victims": (0.0, 0.1)})) is None


def test_factors_by_hand() -> None:
    scenarios = empty(1)
    draw("rt_recording", 5, overrides={"device": {"rt_throttling": True}}, out=scenarios[0])
    scenario = scenarios[0]
    found = regimes.factors_of(scenario)
    events = scenario["events"][: scenario["n_events"]]
    assert found["victims"] == (events["kind"] == k.EVENT_KILL).sum()
    assert 0 < found["swapped share of the victims"] < 1
    scenario["n_events"] = 1
    scenario["events"][0] = (0, k.EVENT_RT, (1 << int(scenario["device"]["n_cpus"])) - 1, 400, 0)
    assert regimes.factors_of(scenario)["SCHED_FIFO load"] == pytest.approx(0.4)


def test_the_bound_is_never_above_its_baselines() -> None:
    found = bound.measure(scenarios("camera", 1), 24, EnvSpec(), lambda: None, QUICK, workers=1)
    # the search starts from untuned policies: it may miss a tuned one by as much as so few plans leave
    untuned = np.array([one.start for one in found.found])
    assert (found.scores <= untuned).all()
    assert (found.scores <= [one.score + 1e-9 for one in found.planned]).mean() >= 0.5
    assert found.presets() == list(dict.fromkeys(preset for preset, _ in found.episodes))
    assert found.gap().low <= found.gap().value <= found.gap().high


@pytest.mark.parametrize("there", [True, False])
def test_end_to_end(there: bool, tmp_path: Path, tuned_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tuned_folder if there else tmp_path / "nowhere",))
    outcome = CliRunner().invoke(app, ["--quick", "--evaluations", "16", "--out", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    with (tmp_path / "episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert summary["bound.score"] == pytest.approx(np.mean([float(row["bound"]) for row in rows]))
    fixed = [name for name in rows[0] if name not in ("preset", "seed", "bound", "planner", "evaluations")]
    means = {name: np.mean([float(row[name]) for row in rows]) for name in fixed}
    assert summary["best_fixed.score"] == pytest.approx(min(means.values()), rel=1e-6)
    assert set(fixed) == (
        {"rt_aware", "rule", "always_defer", "always_inline"} if there else set(tuned_policies.UNTUNED)
    )
    page = (tmp_path / "decision_relevance.md").read_text()
    assert f"{summary['bound.score']:.4f}" in page and f"{summary['planner.score']:.4f}" in page
    assert ("Fixed policies: tuned." in page) == there
    assert ("best_tuned_fixed.score" in summary) == there
    assert ("swapgym tune tunes" in page) == (not there)
    assert summary["best_fixed_per_preset_differs"] in (0, 1)
    assert {"regimes.png", "convergence.png", "decision_relevance.md"} <= {path.name for path in tmp_path.iterdir()}


def test_bad_input_is_named(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--quick", "--ms-per-mib", "3", "--evaluations", "8", "--out", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "ms_per_mib: 3.0, must be one of 2, 6, 20" in " ".join(outcome.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())
