"""The benchmark: counts by hand, figures that follow from the rounds, and a run end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from statistics import median

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from typer.testing import CliRunner

from experiments.benchmark.__main__ import app
from experiments.benchmark.null import EPISODE_STEPS, NULL_ID, register_null
from experiments.benchmark.single import ENV_IDS, OURS, PEER, Round, make, measure, play, spread, summary, table


def test_episodes_and_time_are_counted() -> None:
    env = make(NULL_ID)
    env.reset(seed=0)
    episodes, step_s, reset_s = play(env, [0] * (2 * EPISODE_STEPS + 7))
    assert episodes == 2
    assert 0.0 < reset_s < step_s


def test_the_null_environment_is_one_like_ours() -> None:
    register_null()
    register_null()
    null, ours = make(NULL_ID), make(OURS)
    assert null.observation_space == ours.observation_space
    assert null.action_space == ours.action_space
    wrappers = [[type(layer).__name__ for layer in layers(env)][:-1] for env in (null, ours)]
    assert wrappers[0] == wrappers[1]
    check_env(null.unwrapped, skip_render_check=True)


def layers(env: gym.Env) -> list[gym.Env]:
    return [env, *layers(env.env)] if isinstance(env, gym.Wrapper) else [env]


def test_every_environment_is_measured_once_per_round() -> None:
    measured = measure(2, 100)
    assert sorted((r.env, r.round) for r in measured) == sorted((e, n) for e in ENV_IDS for n in range(2))
    # whoever comes first in one round does not in the next
    assert measured[0].env != measured[len(ENV_IDS)].env
    assert [r.episodes for r in measured if r.env == OURS] == [r.episodes for r in measure(2, 100) if r.env == OURS]


def test_ratios_are_taken_within_rounds() -> None:
    # the machine is half as fast in the second round, for both
    measured = [Round(e, n, 100, 10, s * (n + 1), 0.0) for n in range(2) for e, s in ((PEER, 1.0), (OURS, 0.5))]
    measured += [Round(NULL_ID, n, 100, 10, 0.1, 0.1) for n in range(2)]
    figures = table(measured)
    assert figures[OURS]["vs_cartpole"] == (2.0, 2.0, 2.0)
    assert figures[OURS]["steps_per_s"].median == 150.0
    assert figures[NULL_ID]["steps_per_s"].median == 500.0
    assert figures[NULL_ID]["steps_only_per_s"].median == pytest.approx(1000.0)
    assert figures[NULL_ID]["reset_ms"].median == pytest.approx(10.0)
    assert summary(figures)["single_vs_null"] == pytest.approx(0.3)


def test_quartiles_by_hand() -> None:
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == (3.0, 2.0, 4.0)


def test_end_to_end(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--quick", "--steps", "500", "--out", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    stored = json.loads((tmp_path / "summary.json").read_text())
    with (tmp_path / "rounds.csv").open() as file:
        rows = list(csv.DictReader(file))
    rate = {
        (row["env"], row["round"]): float(row["steps"]) / (float(row["step_s"]) + float(row["reset_s"])) for row in rows
    }
    ratios = [rate[OURS, turn] / rate[PEER, turn] for env, turn in rate if env == OURS]
    assert stored["single_vs_cartpole"] == pytest.approx(median(ratios), rel=1e-6)
    assert all(isinstance(value, float) for value in stored.values())
    for env_id in ENV_IDS:
        assert f"| {env_id} |" in (tmp_path / "single.md").read_text()
    assert {"date", "machine", "python", "numba", "gymnasium"} <= set(
        json.loads((tmp_path / "provenance.json").read_text())
    )


def test_bad_input_writes_nothing(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--steps", "3", "--out", str(tmp_path / "results")])
    assert outcome.exit_code == 2
    assert "100" in outcome.output
    assert not (tmp_path / "results").exists()
