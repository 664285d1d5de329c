"""rl-baselines3-zoo: the hyperparameters that are shipped train, and what is trained can be looked at."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

rl_zoo3 = pytest.importorskip("rl_zoo3")
yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
ENV = "swapgym/SwapRelease-v1"
COMMON = ["--env", ENV, "--gym-packages", "swapgym", "--num-threads", "1", "--device", "cpu"]


def run(module: str, *arguments: str, **environment: str) -> str:
    """Run a module of the zoo as its users do; return what it prints."""
    command = [sys.executable, "-m", f"rl_zoo3.{module}", *COMMON, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_what_is_trained_can_be_looked_at(algorithm: str, tmp_path: Path) -> None:
    logs = str(tmp_path)
    settings = ["--algo", algorithm, "--conf-file", f"examples/rl_zoo3/{algorithm}.yml", "--log-folder", logs]
    if algorithm == "dqn":
        settings += ["--hyperparams", "learning_starts:500"]
    told = run("train", *settings, "--n-timesteps", "4096", "--eval-freq", "2048", "--eval-episodes", "2")
    for tag in ("domain/", "collateral_kills", "eval/", "mean_reward"):
        assert tag in told
    monitors = list(tmp_path.glob(f"{algorithm}/*/*.monitor.csv"))
    assert all("lag_ms,peak_mib" in monitor.read_text() for monitor in monitors)
    look = ["--algo", algorithm, "--folder", logs, "--n-timesteps", "150"]
    told = run("enjoy", *look, "--no-render")
    assert re.search(r"Mean reward: -?\d", told)
    if algorithm == "ppo":
        pytest.importorskip("pygame")
        run("enjoy", *look[:-1], "20", SDL_VIDEODRIVER="dummy")


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/rl_zoo3/*.yml")), ids=lambda path: path.stem)
def test_the_zoo_knows_every_key(path: Path) -> None:
    from rl_zoo3.utils import ALGOS

    algorithm: Any = ALGOS[path.stem]
    names = inspect.signature(algorithm).parameters
    own = {"n_envs", "n_timesteps", "env_wrapper", "callback", "monitor_kwargs", "env_kwargs", "normalize"}
    for settings in yaml.safe_load(path.read_text()).values():
        assert set(settings) <= own | set(names)
