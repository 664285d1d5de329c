"""Training: a run folder, a curve that survives being killed, errors that say what is allowed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.resume import app as resume_app
from swapgym.agents.sb3 import algorithms, checkpoints, progress
from swapgym.agents.sb3.discount import SemiMarkovRolloutBuffer
from swapgym.agents.sb3.evaluation import Evaluation
from swapgym.agents.sb3.learner import fresh
from swapgym.agents.sb3.vec_env import make_sb3
from swapgym.agents.stored import runs
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.stored.agents import load_model
from swapgym.agents.task import ROUTES, SPEC
from swapgym.agents.train import app
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
    outcome = CliRunner().invoke(app, [*(SMALL[:1] if "--resume" in arguments else SMALL), *arguments])
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
    middle = runs.load_checkpoint(stopped).model.num_timesteps
    assert 2_048 <= middle < 4_096
    train("--resume", str(stopped))
    assert runs.load_checkpoint(stopped).model.num_timesteps == runs.load_checkpoint(whole).model.num_timesteps
    assert same(weights_of(whole), weights_of(stopped))
    assert not same(weights_of(whole), fresh_weights(whole))


def fresh_weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(fresh(runs.config_of(folder)).policy.state_dict())


def early(algo: str) -> list[str]:
    """Let an algorithm learn within a short run, and with little work."""
    if algo == "ppo":
        return []
    if algo == "recurrent-ppo":
        return ["--set", "n_steps=64", "--set", "batch_size=256", "--set", "n_epochs=1"]
    return ["--set", "learning_starts=500", "--set", "target_update_interval=100"]


def stop_after(algo: str, folder: Path, frames: int, *more: str) -> None:
    """Run as a test of its own process would: SIGTERM when so many frames are done."""
    told = (
        ["--resume", str(folder)] if (folder / "config.json").exists() else ["--out", str(folder), *early(algo), *more]
    )
    kept = checkpoints.Checkpoints._on_rollout_start

    def stopping(self: checkpoints.Checkpoints) -> None:
        if self.num_timesteps >= frames:
            os.kill(os.getpid(), signal.SIGTERM)
        kept(self)

    checkpoints.Checkpoints._on_rollout_start = stopping  # type: ignore[method-assign]
    try:
        small = SMALL[:1] if "--resume" in told else [*SMALL, "--algo", algo, "--timesteps", "4096"]
        outcome = CliRunner().invoke(app, [*small, *told])
    finally:
        checkpoints.Checkpoints._on_rollout_start = kept  # type: ignore[method-assign]
    assert outcome.exit_code == 128 + signal.SIGTERM
    said = " ".join(outcome.output.split())
    assert "stopped by SIGTERM after" in said
    assert f"go on with: swapgym resume {folder}" in said


def test_a_run_stopped_as_often_as_you_like_has_the_same_curve(tmp_path: Path) -> None:
    often = ["--eval-every", "700", "--checkpoint-every", "1500", "--set", "n_steps=32"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train("--timesteps", "4096", *often, "--out", str(whole))
    for frames in (300, 1_000, 1_800, 2_900):
        stop_after("ppo", stopped, frames, *often)
    outcome = CliRunner().invoke(resume_app, [str(stopped), "--no-progress"])
    assert outcome.exit_code == 0, outcome.output
    curve = json.loads((whole / "curve.json").read_text())
    assert len(curve) >= 6
    assert (stopped / "curve.json").read_text() == (whole / "curve.json").read_text()
    assert same(weights_of(whole), weights_of(stopped))


def test_a_finished_run_goes_on_to_more_frames_or_says_why_not(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train("--timesteps", "1024", "--out", str(folder))
    assert "is finished (1024 frames); --timesteps with a larger number" in refusal("--resume", str(folder))
    said = refusal("--resume", str(folder), "--timesteps", "100")
    assert "timesteps: 100, must be more than the 1024 frames" in said
    said = refusal("--resume", str(folder), "--seed", "3", "--algo", "dqn")
    assert "leave out --seed, --algo" in said
    train("--resume", str(folder), "--timesteps", "3000")
    assert runs.load_checkpoint(folder).model.num_timesteps >= 3_000
    assert runs.config_of(folder)["hyperparameters"]["n_timesteps"] == 3_000


def refusal(*arguments: str) -> str:
    outcome = CliRunner().invoke(app, list(arguments))
    assert outcome.exit_code == 2, outcome.output
    return " ".join(outcome.output.replace("│", " ").split())


def test_a_folder_without_a_checkpoint_can_be_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"

    def failing(*given: Any) -> None:
        raise RuntimeError("as if killed")

    with monkeypatch.context() as patch:
        patch.setattr("swapgym.agents.sb3.learner.train", failing)
        assert CliRunner().invoke(app, [*SMALL, "--timesteps", "1024", "--out", str(folder)]).exit_code == 1
    assert "ended before its first checkpoint; start it again: swapgym train" in refusal("--resume", str(folder))
    outcome = train("--timesteps", "1024", "--out", str(folder))
    assert "starts again" in outcome.output
    assert runs.load_checkpoint(folder).model.num_timesteps >= 1_024


@pytest.mark.parametrize("name", ["tensorboard", "torch"])
def test_nothing_is_written_where_a_library_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda one, *more: None if one == name else found(one, *more))
    outcome = CliRunner().invoke(app, [*SMALL, "--timesteps", "1024", "--out", str(tmp_path / "run")])
    assert isinstance(outcome.exception, ModuleNotFoundError)
    assert outcome.exception.name == name
    assert not (tmp_path / "run").exists()


def test_a_bar_needs_no_more_than_what_train_installs(tmp_path: Path) -> None:
    told = [*SMALL[1:], "--timesteps", "1024", "--out", str(tmp_path / "run")]
    code = "import sys; sys.modules['tqdm'] = None; from swapgym.cli import main; main('train')"
    done = subprocess.run([sys.executable, "-c", code, *told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished, validation score" in " ".join(done.stdout.split())


def test_it_trains_off_the_main_thread(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(train, "--timesteps", "1024", "--out", str(tmp_path / "run")).result()
    assert runs.load_checkpoint(tmp_path / "run").model.num_timesteps >= 1_024


def test_lines_say_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    outcome = train("--timesteps", "4096", "--out", str(tmp_path / "run"))
    assert re.search(
        r"2,048 of 4,096 frames, [\d,]+ per second, some \d+ s left, validation score \d\.\d+", outcome.output
    )


@pytest.mark.parametrize(
    ("env", "more"),
    [
        ("swapgym/SwapReleaseGovernor-v0", []),
        ("swapgym/SwapRelease-v1", ["--env-arg", "routes=3", "--env-arg", "max_decisions=7"]),
    ],
)
def test_the_environment_that_is_trained_is_the_one_that_is_named(env: str, more: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train("--env", env, *more, "--kernel", "vivo-async", "--timesteps", "1024", "--out", str(folder))
    config = runs.config_of(folder)
    model = runs.load_checkpoint(folder).model
    spec = runs.spec_of(config)
    assert (config["env_id"], spec.kernel) == (env, "vivo-async")
    assert model.action_space == spec.action_space
    assert model.observation_space == spec.observation_space
    assert len(spec.actions()) == (8 if "Governor" in env else 3)
    assert json.loads((folder / "curve.json").read_text())[-1]["score"] > 0


CONFIG = {
    "algo": "ppo",
    "env_id": "swapgym/SwapRelease-v1",
    "env": SPEC.as_dict(),
    "hyperparameters": algorithms.hyperparameters("ppo", "swapgym/SwapRelease-v1"),
}


def scenarios_of(seed: int) -> set[int]:
    """Return the seeds of scenarios that a run's lanes draw at first and after each end."""
    lanes = fresh({**CONFIG, "seed": seed}).get_env().venv
    lanes.reset()
    found: set[int] = {info["scenario_seed"] for info in lanes.reset_infos}
    for _ in range(40):
        lanes.step(np.ones(lanes.num_envs, np.int64))
        found |= {info["scenario_seed"] for info in lanes.reset_infos}
    return found


def test_runs_of_other_seeds_share_no_scenarios() -> None:
    first, second = scenarios_of(0), scenarios_of(1)
    assert len(first) > 100
    assert not first & second
    assert scenarios_of(0) == first


def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "agents.train", *SMALL, "--timesteps", "400000", "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (folder / "checkpoint.pkl").exists() and time.monotonic() < until:
        time.sleep(0.1)
    process.kill()
    process.wait()
    frames = runs.load_checkpoint(folder).model.num_timesteps
    assert 1_024 <= frames < 400_000
    config = json.loads((folder / "config.json").read_text())
    config["hyperparameters"]["n_timesteps"] = frames + 2_048
    (folder / "config.json").write_text(json.dumps(config))
    train("--resume", str(folder))
    assert runs.load_checkpoint(folder).model.num_timesteps >= frames + 2_048


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
    model = runs.load_checkpoint(tmp_path / "run").model
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    state = torch.get_rng_state()
    evaluation = Evaluation(SPEC, suite("validation").first(1).of(SPEC.preset), 1, {})
    assert evaluation.mean(model) == evaluation.mean(model)
    assert same(before, dict(model.policy.state_dict()))
    assert torch.equal(state, torch.get_rng_state())


def test_discounts_follow_simulated_time_and_returns_by_hand() -> None:
    lanes = make_sb3(1)
    buffer = SemiMarkovRolloutBuffer(
        3, lanes.observation_space, lanes.action_space, gae_lambda=1.0, n_envs=1, clock=lanes, discount_ms=100.0
    )
    observation = lanes.reset()
    for elapsed_ms, reward in ((0, 1.0), (100, 2.0), (50, 4.0)):
        lanes.elapsed_us = np.array([1_000 * elapsed_ms])
        lanes.rewards = np.array([reward], np.float32)
        zero = torch.zeros(1)
        buffer.add(observation, np.zeros((1, 1)), np.array([reward]), np.array([0.0]), zero, zero)
    buffer.compute_returns_and_advantage(torch.tensor([10.0]), np.array([False]))
    last = 4.0 + np.exp(-0.5) * 10.0
    expected = [1.0 + (2.0 + np.exp(-1.0) * last), 2.0 + np.exp(-1.0) * last, last]
    assert buffer.returns[:, 0] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="discount_ms: 0"):
        SemiMarkovRolloutBuffer(3, lanes.observation_space, lanes.action_space, clock=lanes, discount_ms=0)


def test_what_follows_a_truncation_is_discounted_by_the_time_that_passed() -> None:
    lanes = make_sb3(2)
    buffer = SemiMarkovRolloutBuffer(
        1, lanes.observation_space, lanes.action_space, gae_lambda=1.0, gamma=0.5, n_envs=2, clock=lanes,
        discount_ms=100.0,
    )  # fmt: skip
    lanes.elapsed_us, lanes.rewards = np.array([200_000, 200_000]), np.array([1.0, 1.0], np.float32)
    zero, follows = torch.zeros(2), 8.0
    # the collector adds gamma times the value of what follows where the episode was truncated
    given = np.array([1.0 + 0.5 * follows, 1.0])
    buffer.add(lanes.reset(), np.zeros((2, 1)), given, np.zeros(2), zero, zero)
    buffer.compute_returns_and_advantage(torch.zeros(2), np.array([True, True]))
    assert buffer.returns[0] == pytest.approx([1.0 + np.exp(-2.0) * follows, 1.0], rel=1e-6)


def test_time_passes_in_the_lanes_as_their_phones_say() -> None:
    lanes = make_sb3(3, preset="camera_launch")
    lanes.seed(5)
    lanes.reset()
    for _ in range(600):
        before = lanes.envs.lanes.phones["now_us"].copy()
        _, rewards, done, infos = lanes.step(np.array([0, 1, 0]))
        now = lanes.envs.lanes.phones["now_us"]
        ends = np.array([info["elapsed_us"] if over else us for info, over, us in zip(infos, done, now, strict=True)])
        assert (lanes.elapsed_us == ends - before).all()
        assert (lanes.elapsed_us >= 0).all()
        assert rewards.tolist() == lanes.rewards.tolist()


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
        (["--env", "CartPole-v1"], "env: 'CartPole-v1' is unknown"),
        (["--env", "swapgym/MOSwapRelease-v0"], "rewards by a vector, must reward by one number"),
        (["--env", "swapgym/SwapReleaseGovernor-v0", "--algo", "dqn"], "--env-arg flat=true gives it numbers"),
        (["--env-arg", "route=3"], "argument: 'route' is unknown (did you mean 'routes'?)"),
        (["--env-arg", "tick_us"], "env-arg: 'tick_us', must be key=value"),
        (["--env-arg", "hold_ms=5", "--hold-ms", "6"], "hold_ms=5 is given twice"),
        (["--set", "gamma=2"], "gamma: 2, must be a number from 0 to 1"),
        (["--set", "clip_range=lin_-1"], "clip_range: 'lin_-1', must be a number > 0 or lin_<number>"),
        (["--set", "n_epochs=1.5"], "n_epochs: 1.5, must be an integer >= 1"),
        (["--set", "policy=MlpPolicie"], "ppo: Policy MlpPolicie unknown"),
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
        for name, policy in {"ppo": model, "random": make("random", ROUTES), "fresh": fresh(config)}.items()
    }
    # deferring gains a fifth there, random half of it; this seed's network does not defer before it has learned
    assert scores["ppo"] < scores["random"] - 0.02
    assert scores["ppo"] < scores["fresh"] - 0.02
