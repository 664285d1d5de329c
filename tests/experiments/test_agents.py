"""Stored agents beside their baselines: arithmetic by hand, what a known policy looks at, and a run end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments.agents import discounting, planners
from experiments.agents.__main__ import app
from experiments.agents.importance import importance, surrogate, watch
from experiments.agents.measure import Measured, share
from experiments.task import scenarios
from swapgym.agents.improve import app as improve
from swapgym.agents.paired.network import PairedPolicy, threshold_network
from swapgym.agents.planning import mpc
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.stored import runs
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.stored.agents import Group, place, stored
from swapgym.agents.tables import BOUND, ONLINE
from swapgym.agents.task import KERNEL, ROUTES, SPEC
from swapgym.envs.spec import EnvSpec

EPISODES = [("rt_recording", seed) for seed in range(60)]


def measured() -> Measured:
    scores = {
        "paired": np.array([[0.8, 1.8], [1.0, 2.0]]),
        "rt_aware": np.array([[1.0, 2.0]]),
        "always_defer": np.array([[1.5, 2.0]]),
        BOUND: np.array([[0.5, 1.5]]),
        ONLINE: np.array([[0.9, 1.9]]),
    }
    return Measured(Group(KERNEL, SPEC.ms_per_mib), [("camera_launch", 0), ("clear_all", 1)], [], scores)


def test_the_gap_by_hand() -> None:
    found = measured()
    assert found.best_fixed() == "rt_aware"
    assert found.learned() == ["paired"]
    # 1.5 for the best fixed, 1.4 learned, 1.0 the bound
    value, low, high = found.gap_closed("paired")
    assert value == pytest.approx(0.2)
    assert low == pytest.approx(0.0)
    assert high == pytest.approx(0.4)
    # and 1.4 is what the planner comes to
    assert found.gap_closed("paired", ONLINE)[0] == pytest.approx(1.0)
    assert share(np.array([[1.0]]), np.array([1.0]), np.array([0.5])) == 0.0
    assert found.over_best("paired")[0] == pytest.approx(-0.1)


def test_a_rule_is_seen_through() -> None:
    policy = PairedPolicy(threshold_network("rt_load", 0.3))
    seen = watch(EnvSpec(), policy, EPISODES)
    assert 0.05 < seen.actions.mean() < 0.95
    turned = importance(policy, seen)
    assert next(iter(turned)) == "rt_load"
    assert all(value == 0 for name, value in turned.items() if name != "rt_load")
    leaves, agreement = surrogate(seen)
    assert agreement > 0.95
    assert all("rt_load" in leaf.path for leaf in leaves)
    assert sum(leaf.share for leaf in leaves) == pytest.approx(1.0)


def test_stored_runs_are_found_by_what_they_share(tmp_path: Path) -> None:
    config = {"env": EnvSpec(kernel="mainline", ms_per_mib=1.0).as_dict(), "algo": "ppo", "seed": 3}
    folder = place(config, tmp_path)
    assert folder == tmp_path / "mainline" / "r1" / "ppo-3"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    assert stored(tmp_path) == {Group("mainline", 1.0): [folder]}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the online planner look at two futures only."""
    monkeypatch.setattr(planners, "SETTINGS", mpc.Settings(futures=2, rounds=1, hold=0))


@pytest.mark.usefixtures("hasty")
def test_a_run_end_to_end(tmp_path: Path, tuned_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tuned_folder,))
    runner = CliRunner()
    for seed in (0, 1):
        config = {"env": {}, "algo": "paired", "seed": seed}
        folder = place(config, tmp_path / "trained")
        small = ["--episodes", "8", "--iterations", "1", "--eval-episodes", "1", "--seed", str(seed)]
        outcome = runner.invoke(improve, [*small, "--out", str(folder)])
        assert outcome.exit_code == 0, outcome.output
        assert runs.config_of(folder)["seed"] == seed
    folders = ["--trained", str(tmp_path / "trained"), "--out", str(tmp_path / "out")]
    outcome = runner.invoke(app, ["--quick", "--evaluations", "16", *folders])
    assert outcome.exit_code == 0, outcome.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["seeds"] == 2
    assert summary[f"SwapRelease-v1.{KERNEL}.r6.bound.score"] == summary["bound.score"]
    assert summary["bound.score"] <= summary["best_tuned_fixed.score"] + 1e-9
    assert {"learned.score", "gap_to_planner_closed", "gap_to_planner_closed_ci_low"} <= set(summary)
    assert summary["gap_closed_ci_low"] <= summary["gap_closed"] <= summary["gap_closed_ci_high"]
    with (tmp_path / "out" / f"episodes-{KERNEL}-r6.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["policy"] for row in rows} >= {"paired", BOUND, ONLINE, "always_defer"}
    assert all(row["digest"] for row in rows)
    assert "What paired does" in (tmp_path / "out" / "agents.md").read_text()
    assert summary["planner.score"] >= summary["bound.score"] - 1e-9
    outcome = runner.invoke(app, ["--trained", str(tmp_path / "nowhere")])
    assert outcome.exit_code == 2
    assert "swapgym store RUN" in " ".join(outcome.output.replace("│", " ").split())


def test_baselines_are_tuned_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path / "nowhere",))
    config = {"env": {"kernel": "mainline"}, "algo": "ppo", "seed": 0}
    folder = place(config, tmp_path / "trained")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    outcome = CliRunner().invoke(app, ["--trained", str(tmp_path / "trained"), "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 2
    assert "swapgym tune --kernel mainline" in " ".join(outcome.output.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("hasty")
def test_plans_are_kept_as_they_replay(tmp_path: Path) -> None:
    small = ["--episodes", "1", "--evaluations", "12", "--workers", "1", "--ms-per-mib", "6", "--out", str(tmp_path)]
    outcome = CliRunner().invoke(planners.app, small)
    assert outcome.exit_code == 0, outcome.output
    path = planners.path_of(SPEC, tmp_path)
    episodes = scenarios("camera", 1)
    rows = planners.kept(path, SPEC, episodes)
    assert rows is not None
    assert [row["policy"] for row in rows] == [BOUND] * len(episodes) + [ONLINE] * len(episodes)
    bound = [row["score"] for row in rows if row["policy"] == BOUND]
    inline = [row["score"] for row in play(SPEC, make("always_inline", ROUTES), "", episodes)]
    assert all(a <= b + 1e-9 for a, b in zip(bound, inline, strict=True))
    assert planners.kept(path, SPEC, scenarios("camera", 2)) is None
    assert planners.kept(tmp_path / "none.json", SPEC, episodes) is None
    stored_ = json.loads(path.read_text())
    stored_["plans"][0][4] = "0" * 16
    path.write_text(json.dumps(stored_))
    with pytest.raises(ValueError, match="ends otherwise"):
        planners.kept(path, SPEC, episodes)


def test_discounts_by_hand() -> None:
    sums = discounting.discounted(np.array([1.0, 0.0, 2.0]), np.array([0.0, 1.0, 3_000.0]))
    assert sums["whole"] == 3.0
    assert sums["by time, 3000 ms"] == pytest.approx(1 + 2 * np.exp(-1))
    assert sums["by decisions, gamma 0.9"] == pytest.approx(1 + 2 * 0.81)
    spacing = discounting.spacing(np.array([0.0] * 98 + [1.0, 99.0]))
    assert spacing.median == 0.0
    assert spacing.in_longest == pytest.approx(0.99, abs=0.02)


def test_whole_differences_are_those_of_whole_episodes() -> None:
    spec = EnvSpec()
    found, _ = discounting.differences(spec, [("clear_all", 3)])
    assert 0 < len(found["whole"]) <= discounting.STATES
    agreed = discounting.agreements({"whole": np.array([1.0, -2.0, 0.0]), "half": np.array([0.5, -1.0, 3.0])})
    assert agreed[0].sign == 1.0
