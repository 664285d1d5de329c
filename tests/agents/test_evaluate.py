"""Runs are compared on the same scenarios, with intervals that count seeds and episodes, and leave records behind."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from swapgym.agents import evaluate, train
from swapgym.agents.play import replay
from swapgym.agents.statistics import difference
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.stored.tuned import UNTUNED, tuned
from swapgym.agents.task import PRESET, SPEC
from swapgym.workload import suite

SMALL = ["--no-progress", "--lanes", "8", "--eval-episodes", "1", "--timesteps", "1024"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    there = [tmp_path_factory.mktemp("runs") / f"ppo-{seed}" for seed in range(2)]
    for seed, folder in enumerate(there):
        outcome = CliRunner().invoke(train.app, [*SMALL, "--seed", str(seed), "--out", str(folder)])
        assert outcome.exit_code == 0, outcome.output
    return there


def test_a_difference_by_hand() -> None:
    reference = np.array([[1.0, 2.0, 3.0, 4.0]])
    scores = reference + np.array([[-0.5], [-0.3]])
    value, low, high = difference(scores, reference, ["a", "a", "b", "b"])
    assert value == pytest.approx(-0.4)
    # only the seeds differ: their chance is all of the interval
    assert (low, high) == pytest.approx((-0.5, -0.3))
    assert difference(reference, reference, ["a", "a", "b", "b"]) == (0.0, 0.0, 0.0)


def test_all_play_the_same_episodes_and_the_records_replay(
    folders: list[Path], tmp_path: Path, tuned_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tuned_folder,))
    told = [*map(str, folders), "--suite", "validation", "--episodes", "1", "--out", str(tmp_path / "out")]
    outcome = CliRunner().invoke(evaluate.app, told)
    assert outcome.exit_code == 0, outcome.output
    with (tmp_path / "out" / "episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    pairs = set(suite("validation").first(1).of(PRESET))
    names = {"ppo", "always_inline", *tuned(6.0)}
    assert {row["policy"] for row in rows} == names
    for name in names:
        own = [(row["preset"], int(row["seed"])) for row in rows if row["policy"] == name]
        assert sorted(own) == sorted(pairs) * (2 if name == "ppo" else 1) if name != "ppo" else set(own) == pairs
    for row in rows[:4]:
        assert replay(SPEC.but(kernel=row["kernel"]), row["preset"], int(row["seed"]), row["actions"]) == row["digest"]
    with (tmp_path / "out" / "table.csv").open() as file:
        table = {row["policy"]: row for row in csv.DictReader(file)}
    own = [float(row["score"]) for row in rows if row["policy"] == "ppo"]
    assert float(table["ppo"]["score"]) == pytest.approx(np.mean(own))
    assert table["ppo"]["seeds"] == "2"
    best = table["ppo"]["against"]
    assert float(table[best]["difference"]) == 0.0
    assert all(float(row["score"]) >= float(table[best]["score"]) for name, row in table.items() if name != "ppo")


def test_where_nothing_is_tuned_baselines_have_their_defaults(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path / "nowhere",))
    told = [str(folders[0]), "--suite", "validation", "--episodes", "1", "--out", str(tmp_path / "out")]
    outcome = CliRunner().invoke(evaluate.app, told)
    assert outcome.exit_code == 0, outcome.output
    said = " ".join(outcome.output.split())
    assert "fixed policies: with their default thresholds" in said
    assert "swapgym tune tunes for 2, 6, 20" in said
    with (tmp_path / "out" / "table.csv").open() as file:
        assert {row["policy"] for row in csv.DictReader(file)} == {"ppo", *UNTUNED}


def test_bad_input_is_named(folders: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert CliRunner().invoke(train.app, [*SMALL, "--ms-per-mib", "20", "--out", str(other)]).exit_code == 0
    for told, message in (
        ([str(tmp_path)], "is no run"),
        ([str(folders[0]), str(other)], "must share one, or be told one"),
        ([str(folders[0]), "--suite", "tset"], "did you mean 'test'"),
    ):
        outcome = CliRunner().invoke(evaluate.app, told)
        assert outcome.exit_code == 2
        assert message in " ".join(outcome.output.replace("│", " ").split())
