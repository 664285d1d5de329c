"""Watching an agent: what came of it is what the runner says, and bad input is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from swapgym.agents.paired.network import PairedPolicy, threshold_network
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.stored.agents import card
from swapgym.agents.task import SPEC
from swapgym.agents.watch import SCENARIOS, app, deferred
from swapgym.workload import suite

CONFIG = {
    "algo": "paired",
    "env_id": "swapgym/SwapRelease-v1",
    "env": {"kernel": "mainline", "hold_ms": 50},
    "seed": 4,
    "command": "python -m x",
    "git": "",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    PairedPolicy(threshold_network("rt_load", 0.3)).save(tmp_path / "model.npz")
    return tmp_path


def test_what_came_of_it(run: Path) -> None:
    outcome = CliRunner().invoke(app, [str(run), "--preset", "clear_all", "--seed", "5", "--seconds", "0.001"])
    assert outcome.exit_code == 0, outcome.output
    policy = PairedPolicy.load(run / "model.npz")
    (row,) = play(SPEC.but(**CONFIG["env"]), policy, "paired", [("clear_all", 5)])
    line = next(line for line in outcome.output.splitlines() if line.startswith(("paired", " paired")))
    assert f"{row['score']:.4g}" in line.split()
    assert f"{deferred(row):.0%}" in line.split()
    assert "always_inline" in outcome.output


@pytest.mark.parametrize(("arguments", "name"), [([], "rt_aware"), (["vivo"], "vivo")])
def test_a_fixed_policy_by_its_name(arguments: list[str], name: str) -> None:
    outcome = CliRunner().invoke(app, [*arguments, "--preset", "clear_all", "--seed", "5", "--seconds", "0"])
    assert outcome.exit_code == 0, outcome.output
    (row,) = play(SPEC, make(name), name, [("clear_all", 5)])
    line = next(line for line in outcome.output.splitlines() if line.split()[:1] == [name])
    assert f"{row['score']:.4g}" in line.split()


def test_the_deferred_share_by_hand() -> None:
    assert deferred({"batches": 4.0, "batches_inline": 1.0}) == 0.75
    assert deferred({"batches": 0.0, "batches_inline": 0.0}) == 0.0


def test_the_scenario_is_the_median_one_and_says_so() -> None:
    outcome = CliRunner().invoke(app, ["always_defer", "--preset", "clear_all", "--seconds", "0"])
    assert outcome.exit_code == 0, outcome.output
    episodes = suite("validation").first(SCENARIOS).of("clear_all")
    spec = SPEC.but(preset="clear_all")
    scores = [
        [row["score"] for row in play(spec, make(name), name, episodes)] for name in ("always_defer", "always_inline")
    ]
    gaps = np.subtract(*scores)
    median = sorted(gaps)[(len(gaps) - 1) // 2]
    seed = episodes[int(np.flatnonzero(gaps == median)[0])][1]
    said = " ".join(outcome.output.split())
    assert f"clear_all {seed}: of {len(episodes)} validation scenarios of clear_all" in said
    assert f"is the median ({median:+.4f}; it is better in {(gaps < 0).sum()} of them" in said
    assert "lower is better" in said


def test_a_policy_that_sets_the_pace_and_one_of_a_file_are_watched(tmp_path: Path) -> None:
    code = "import numpy as np\ndef pace(observation):\n    return np.array([1, 2])\n"
    (tmp_path / "mine.py").write_text(code)
    told = [f"{tmp_path}/mine.py:pace", "--env", "swapgym/SwapReleaseGovernor-v0", "--preset", "clear_all"]
    outcome = CliRunner().invoke(app, [*told, "--seed", "5", "--seconds", "0.001"])
    assert outcome.exit_code == 0, outcome.output
    assert "always_inline" in outcome.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--preset", "clearall"], "did you mean 'clear_all'"), (["--kernel", "vivo"], "kernel: 'vivo' is unknown")],
)
def test_bad_input(run: Path, arguments: list[str], message: str) -> None:
    outcome = CliRunner().invoke(app, [str(run), *arguments])
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.output.replace("│", " ").split())


def test_what_is_neither_run_nor_policy_is_named(tmp_path: Path) -> None:
    for given, message in (
        (str(tmp_path / "x"), "or a fixed policy, tuned, a run folder, a model.zip, or code"),
        (str(tmp_path), "is no run"),
    ):
        outcome = CliRunner().invoke(app, [given])
        assert outcome.exit_code == 2
        assert message in " ".join(outcome.output.replace("│", " ").split())


def test_a_card_says_how_it_was_made() -> None:
    text = card(CONFIG, [{"score": 0.9}, {"score": 0.8}, {"score": 0.85}])
    assert "python -m x" in text
    assert "0.8000 (at the start 0.9000)" in text
    assert "swapgym/agents/stored/trained/mainline/r6/paired-4" in text
    assert "stands for 50 ms" in text
    batch = card({**CONFIG, "algo": "ppo", "env": {"epochs": "batch"}}, [{"score": 0.9}])
    assert "stands for" not in batch
    assert "0.9" not in batch
