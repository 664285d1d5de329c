"""RLlib: its new API stack trains on the environments and hears what episodes cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray")
pytest.importorskip("ray.rllib")
pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.parametrize("runners", ["0", "1"])
def test_the_example_runs(runners: str, tmp_path: Path) -> None:
    command = [sys.executable, "examples/rllib_ppo.py", "--iterations", "2", "--batch", "600", "--runners", runners]
    environment = {**os.environ, **QUIET, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "collateral_kills" in line]
    assert len(lines) == 2
    for line in lines:
        assert re.search(r"return -?\d.*lag_ms \d+.\d  peak_mib \d+", line), line


@pytest.fixture(scope="module")
def cluster() -> Any:
    before = dict(os.environ)
    os.environ.update(QUIET)
    yield ray.init(num_cpus=1, include_dashboard=False)
    ray.shutdown()
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("settings", [{}, {"flat": True}], ids=["pairs", "flat"])
def test_routes_and_paces_are_learned(cluster: Any, settings: dict[str, Any]) -> None:
    from ray.rllib.algorithms.ppo import PPOConfig

    config = (
        PPOConfig()
        .environment("swapgym:swapgym/SwapReleaseGovernor-v0", env_config=settings)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=4)
        .training(train_batch_size_per_learner=256, minibatch_size=128, num_epochs=1)
    )
    algorithm = config.build_algo()
    assert algorithm.train()["env_runners"]["num_episodes"] > 0
    algorithm.stop()
