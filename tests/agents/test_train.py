"""Training: a run folder, a curve that survives being killed, errors that say what is allowed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from swapgym.agents.evaluate import load_model
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.sb3 import algorithms, callbacks
from swapgym.agents.sb3.evaluation import Evaluation
from swapgym.agents.sb3.vec_env import make_sb3
from swapgym.agents.stored import runs
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.task import ROUTES, SPEC
from swapgym.agents.train import app, learner
from swapgym.workload import suite

SMALL = [
    "--no-progress",
    "--lanes",
    "8",
    "--eval-episodes",
    "1",
    "--checkpoint-every",
    "1024",
    "--eval-every",
    "100000",
    "--no-figures",
]


def train(*arguments: str) -> Any:
    outcome = CliRunner().invoke(app, [*SMALL, *arguments])
    assert outcome.exit_code == 0, outcome.output
    return outcome


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    model = algorithms.algorithm(runs.config_of(folder)["algo"]).load(folder / "model.zip", device="cpu")
    return dict(model.policy.state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("algo", algorithms.ALGORITHMS)
def test_a_run_that_stops_and_goes_on_has_the_same_weights(algo: str, tmp_path: Path) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    train("--algo", algo, *early(algo), "--timesteps", "4096", "--out", str(whole))
    train("--algo", algo, *early(algo), "--timesteps", "4096", "--out", str(again))
    assert same(weights_of(whole), weights_of(again))
    # back to a checkpoint of the middle: a run told to end there
    stopped = tmp_path / "stopped"
    stop_after(algo, stopped, 2_048)
    middle = runs.load_checkpoint(stopped).num_timesteps
    assert 2_048 <= middle < 4_096
    train("--resume", str(stopped))
    assert runs.load_checkpoint(stopped).num_timesteps == runs.load_checkpoint(whole).num_timesteps
    assert same(weights_of(whole), weights_of(stopped))
    assert not same(weights_of(whole), fresh_weights(whole))


def fresh_weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(learner(runs.config_of(folder)).policy.state_dict())


def early(algo: str) -> list[str]:
    """Let an algorithm learn within a short run, and with little work."""
    if algo == "ppo":
        return []
    if algo == "recurrent-ppo":
        return ["--set", "n_steps=64", "--set", "batch_size=256", "--set", "n_epochs=1"]
    return ["--set", "learning_starts=500", "--set", "target_update_interval=100"]


def stop_after(algo: str, folder: Path, frames: int) -> None:
    """Run as a test of its own process would: SIGTERM when so many frames are done."""
    kept = callbacks.Checkpoints._on_rollout_start

    def stopping(self: callbacks.Checkpoints) -> None:
        if self.num_timesteps >= frames:
            os.kill(os.getpid(), signal.SIGTERM)
        kept(self)

    callbacks.Checkpoints._on_rollout_start = stopping  # type: ignore[method-assign]
    try:
        outcome = train("--algo", algo, *early(algo), "--timesteps", "4096", "--out", str(folder))
    finally:
        callbacks.Checkpoints._on_rollout_start = kept  # type: ignore[method-assign]
    assert "stopped" in outcome.output


def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "agents.train", *SMALL, "--timesteps", "400000", "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (folder / "checkpoint.pkl").exists() and time.monotonic() < until:
        time.sleep(0.1)
    process.kill()
    process.wait()
    frames = runs.load_checkpoint(folder).num_timesteps
    assert 1_024 <= frames < 400_000
    config = json.loads((folder / "config.json").read_text())
    config["hyperparameters"]["n_timesteps"] = frames + 2_048
    (folder / "config.json").write_text(json.dumps(config))
    train("--resume", str(folder))
    assert runs.load_checkpoint(folder).num_timesteps >= frames + 2_048


def test_a_run_folder_says_what_was_run(tmp_path: Path) -> None:
    train("--timesteps", "1024", "--seed", "3", "--ms-per-mib", "10", "--hold-ms", "50", "--out", str(tmp_path / "run"))
    config = runs.config_of(tmp_path / "run")
    assert (config["seed"], config["algo"], config["env_id"]) == (3, "ppo", "swapgym/SwapRelease-v1")
    assert runs.spec_of(config) == SPEC.but(ms_per_mib=10.0, hold_ms=50)
    assert config["command"].startswith("swapgym train")
    assert set(runs.PACKAGES) == set(config["versions"])
    assert not list((tmp_path / "run").glob(".*")), "nothing half written"
    assert (tmp_path / "run" / "model.zip").stat().st_size < 500_000


def test_a_run_where_nothing_is_tuned_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path / "nowhere",))
    outcome = train("--timesteps", "1024", "--kernel", "mainline", "--out", str(tmp_path / "run"))
    said = " ".join(outcome.output.split())
    assert "best_tuned is left out: swapgym tune --kernel mainline tunes them" in said
    assert re.search(r"best fixed policy \d\.\d+, always_", said)


def test_evaluation_changes_neither_model_nor_generators(tmp_path: Path) -> None:
    train("--timesteps", "1024", "--out", str(tmp_path / "run"))
    model = runs.load_checkpoint(tmp_path / "run")
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    state = torch.get_rng_state()
    evaluation = Evaluation(SPEC, suite("validation").first(1).of(SPEC.preset), 1, {})
    assert evaluation.mean(model) == evaluation.mean(model)
    assert same(before, dict(model.policy.state_dict()))
    assert torch.equal(state, torch.get_rng_state())


def test_discounts_follow_simulated_time_and_returns_by_hand() -> None:
    from swapgym.agents.sb3.discount import SemiMarkovRolloutBuffer

    lanes = make_sb3(1)
    buffer = SemiMarkovRolloutBuffer(
        3, lanes.observation_space, lanes.action_space, gae_lambda=1.0, n_envs=1, clock=lanes, discount_ms=100.0
    )
    observation = lanes.reset()
    for elapsed_ms, reward in ((0, 1.0), (100, 2.0), (50, 4.0)):
        lanes.elapsed_us = np.array([1_000 * elapsed_ms])
        zero = torch.zeros(1)
        buffer.add(observation, np.zeros((1, 1)), np.array([reward]), np.array([0.0]), zero, zero)
    buffer.compute_returns_and_advantage(torch.tensor([10.0]), np.array([False]))
    last = 4.0 + np.exp(-0.5) * 10.0
    expected = [1.0 + (2.0 + np.exp(-1.0) * last), 2.0 + np.exp(-1.0) * last, last]
    assert buffer.returns[:, 0] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="discount_ms: 0"):
        SemiMarkovRolloutBuffer(3, lanes.observation_space, lanes.action_space, clock=lanes, discount_ms=0)


def test_time_passes_in_the_lanes_as_their_phones_say() -> None:
    lanes = make_sb3(3, preset="camera_launch")
    lanes.seed(5)
    lanes.reset()
    for _ in range(600):
        before = lanes.envs.lanes.phones["now_us"].copy()
        _, _, done, _ = lanes.step(np.array([0, 1, 0]))
        expected = np.where(done, 0, lanes.envs.lanes.phones["now_us"] - before)
        assert (lanes.elapsed_us == expected).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--algo", "pop"], "algo 'pop' is unknown (did you mean 'ppo'?)"),
        (["--env", "swapgym/SwapRelease-v0"], "did you mean 'swapgym/SwapRelease-v1'"),
        (["--preset", "camera_lunch"], "did you mean 'camera_launch'"),
        (["--epochs", "events"], "epochs: 'events' is unknown (did you mean 'event'?)"),
        (["--kernel", "vivo-sync"], "kernel: 'vivo-sync' is unknown (did you mean 'vivo-async'?), must be one of"),
        (["--eval-episodes", "21"], "episodes: 21, must be from 1 to 20"),
        (["--algo", "recurrent-ppo", "--set", "discount_ms=5"], "only ppo discounts by time"),
        (["--resume", "nowhere"], "nowhere is no run"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, [*SMALL, *arguments, "--out", str(tmp_path / "run")])
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.output.replace("│", " ").split())
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    train("--timesteps", "1024", "--out", str(tmp_path / "run"))
    outcome = CliRunner().invoke(app, [*SMALL, "--out", str(tmp_path / "run")])
    assert outcome.exit_code == 2
    assert "holds a run already" in " ".join(outcome.output.replace("│", " ").split())


def test_unknown_hyperparameters_and_schedules_are_named(tmp_path: Path) -> None:
    (tmp_path / "ppo.yml").write_text("swapgym/SwapRelease-v1: {learning_rat: 1.0}\n")
    with pytest.raises(ValueError, match=r"key 'learning_rat' is unknown \(did you mean 'learning_rate'"):
        algorithms.hyperparameters("ppo", "swapgym/SwapRelease-v1", folder=tmp_path)
    with pytest.raises(ValueError, match="learning_rate: 'lin_x', must be a number or lin_<number>"):
        algorithms.arguments({"learning_rate": "lin_x"})
    assert algorithms.arguments({"learning_rate": "lin_0.5"})["learning_rate"](0.5) == 0.25
    with pytest.raises(ValueError, match="only ppo discounts by time"):
        algorithms.hyperparameters("dqn", "swapgym/SwapRelease-v1", {"discount_ms": 5})


def test_a_short_run_improves_over_random(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = [
        "--preset",
        "clear_all",
        "--ms-per-mib",
        "0",
        "--timesteps",
        "6144",
        "--set",
        "n_steps=64",
        "--set",
        "batch_size=128",
    ]
    train(*arguments, "--seed", "1", "--out", str(folder))
    config, model = load_model(folder)
    episodes = list(suite("validation").only("clear_all"))
    spec = runs.spec_of(config)
    scores = {
        name: np.mean([row["score"] for row in play(spec, policy, name, episodes)])
        for name, policy in {"ppo": model, "random": make("random", ROUTES), "fresh": learner(config)}.items()
    }
    # deferring gains a fifth there, random half of it; this seed's network does not defer before it has learned
    assert scores["ppo"] < scores["random"] - 0.02
    assert scores["ppo"] < scores["fresh"] - 0.02
