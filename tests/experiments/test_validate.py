"""What is stored can be played again, and a record that lies is found."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments import results
from experiments.validate.__main__ import NEEDED, app
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.envs.spec import EnvSpec

STORED = Path(__file__).parents[2] / "experiments" / "compare" / "results" / "episodes.csv"


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def some(count: int, spec: EnvSpec | None = None) -> list[dict[str, str]]:
    spec = spec or EnvSpec()
    policy = make("vivo", spec.route_names, spec.parts)
    played = play(spec, policy, "vivo", [("camera_launch", seed) for seed in range(count)])
    return [{name: str(row[name]) for name in (*NEEDED, "world")} for row in played]


def test_the_comparison_s_episodes_end_as_stored() -> None:
    outcome = CliRunner().invoke(app, [str(STORED), "--sample", "60"])
    assert outcome.exit_code == 0, outcome.output
    assert "60 episodes played again, 0 end otherwise" in outcome.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": "0" * 16}, "stored is 0000000000000000"),
        ({"actions": "1a"}, "asks for more"),
        ({"actions": "3I"}, "must be run lengths"),
        ({"preset": "camera_lunch"}, "camera_lunch"),
    ],
)
def test_a_record_that_lies_is_named(change: dict[str, str], message: str, tmp_path: Path) -> None:
    rows = some(3)
    rows[1] |= change
    outcome = CliRunner().invoke(app, [str(write(tmp_path / "rows.csv", rows)), "--all"])
    assert outcome.exit_code == 1
    assert message in outcome.output
    assert "rows.csv, line 3" in outcome.output.replace("\n", "")
    assert "3 episodes played again, 1 end otherwise" in outcome.output


def test_records_of_another_decision_process_replay_by_what_is_stored_beside_them(tmp_path: Path) -> None:
    spec = EnvSpec(kernel="vivo-async", routes=3, epochs="batch", overrides={"device": {"n_reapers": 0}})
    path = write(tmp_path / "rows.csv", some(2, spec))
    assert CliRunner().invoke(app, [str(path), "--all"]).exit_code == 1
    results.write_worlds(tmp_path, [EnvSpec(), spec])
    assert list(results.read_worlds(tmp_path).values()).count(spec) == 1
    outcome = CliRunner().invoke(app, [str(path), "--all"])
    assert outcome.exit_code == 0, outcome.output


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, [str(write(tmp_path / "t.csv", [{"a": "1", "seed": "2"}]))])
    assert outcome.exit_code == 2
    assert "columns preset, kernel, actions, digest are missing" in " ".join(outcome.output.replace("│", " ").split())
