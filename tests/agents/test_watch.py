"""Watching an agent: what came of it is what the runner says, and bad input is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.improving.network import PairedPolicy, threshold_network
from agents.policies import make
from agents.runner import World, encode, play
from agents.train import ROUTES
from agents.trained import card
from agents.watch import app, deferred
from swapgym.envs.observations import INDEX

CONFIG = {"algo": "paired", "kernel": "vivo-async", "lag_weight": 0.5, "seed": 4, "command": "python -m x", "git": ""}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    PairedPolicy(threshold_network(INDEX["rt_load"], 0.3)).save(tmp_path / "model.npz")
    return tmp_path


def test_what_came_of_it(run: Path) -> None:
    outcome = CliRunner().invoke(app, [str(run), "--preset", "clear_all", "--seed", "5", "--seconds", "0.001"])
    assert outcome.exit_code == 0, outcome.output
    policy = PairedPolicy.load(run / "model.npz")
    (row,) = play(World(routes=ROUTES), policy, "paired", [("clear_all", 5)])
    line = next(line for line in outcome.output.splitlines() if line.startswith(("paired", " paired")))
    assert f"{row['score']:.4g}" in line.split()
    assert f"{deferred(row['actions']):.0%}" in line.split()
    assert "always_inline" in outcome.output


@pytest.mark.parametrize(("arguments", "name"), [([], "rt_aware"), (["vivo"], "vivo")])
def test_a_fixed_policy_by_its_name(arguments: list[str], name: str) -> None:
    outcome = CliRunner().invoke(app, [*arguments, "--preset", "clear_all", "--seed", "5", "--seconds", "0"])
    assert outcome.exit_code == 0, outcome.output
    (row,) = play(World(routes=ROUTES), make(name, ROUTES), name, [("clear_all", 5)])
    line = next(line for line in outcome.output.splitlines() if line.split()[:1] == [name])
    assert f"{row['score']:.4g}" in line.split()


def test_the_deferred_share_by_hand() -> None:
    assert deferred(encode([0, 1, 1, 0])) == 0.5
    assert deferred("") == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"), [(["--preset", "clearall"], "did you mean 'clear_all'"), (["--preset", "mixed"], "mixed")]
)
def test_bad_input(run: Path, arguments: list[str], message: str) -> None:
    outcome = CliRunner().invoke(app, [str(run), *arguments])
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.output.replace("│", " ").split())


def test_what_is_neither_run_nor_policy_is_named(tmp_path: Path) -> None:
    for given, message in (
        (str(tmp_path / "x"), "neither a run folder nor one of always_inline"),
        (str(tmp_path), "is no run"),
    ):
        outcome = CliRunner().invoke(app, [given])
        assert outcome.exit_code == 2
        assert message in " ".join(outcome.output.replace("│", " ").split())


def test_a_card_says_how_it_was_made() -> None:
    text = card(CONFIG, [{"score": 0.9}, {"score": 0.8}, {"score": 0.85}])
    assert "python -m x" in text
    assert "0.8000 (at the start 0.9000)" in text
    assert "agents/trained/vivo-async/w0.5/paired-4" in text
    held = card({**CONFIG, "algo": "ppo", "hyperparameters": {"hold_ms": 300}}, [{"score": 0.9}])
    assert "stands for 300 ms" in held
    assert "0.9" not in held
