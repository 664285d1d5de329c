"""Minari: episodes are recorded, infos and all, and read again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

minari = pytest.importorskip("minari")

ROOT = Path(__file__).parents[2]
NEEDS = {"hdf5": "h5py", "arrow": "pyarrow", "parquet": "pyarrow"}
ABOUT = {
    "author": "nobody", "author_email": "nobody@localhost", "code_permalink": "here", "description": "a test",
    "algorithm_name": "chance",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:`eval_env` is set to None")
@pytest.mark.parametrize("data_format", list(NEEDS))
@pytest.mark.parametrize("env_id", ["swapgym/SwapRelease-v1", "swapgym/SwapReleaseGovernor-v0"])
def test_episodes_come_back_as_they_were(
    env_id: str, data_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(NEEDS[data_format])
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = minari.DataCollector(gym.make(env_id, preset="mixed"), record_infos=True, data_format=data_format)
    env.action_space.seed(0)
    played: list[list[Any]] = []
    for seed in range(2):
        observation, info = env.reset(seed=seed)
        steps = [[observation, info, None, None]]
        while not (steps[-1][3] and steps[-1][3][0]):
            action = env.action_space.sample()
            observation, reward, terminated, truncated, info = env.step(action)
            steps.append([observation, info, (action, reward), (terminated or truncated,)])
        played.append(steps)
    env.create_dataset("swapgym/test-v0", **ABOUT)
    env.close()

    dataset = minari.load_dataset("swapgym/test-v0")
    assert dataset.total_episodes == 2
    for episode, steps in zip(dataset.iterate_episodes(), played, strict=True):
        np.testing.assert_array_equal(episode.observations, [step[0] for step in steps])
        np.testing.assert_array_equal(episode.actions, [step[2][0] for step in steps[1:]])
        np.testing.assert_array_equal(episode.rewards, [step[2][1] for step in steps[1:]])
        assert set(episode.infos) == set(steps[0][1])
        for name in set(episode.infos) - {"metrics"}:
            found = [value.decode() if isinstance(value, bytes) else value for value in episode.infos[name]]
            assert found == [step[1][name] for step in steps]
        metrics = episode.infos["metrics"]
        last = {name: metrics[name][-1] for name in metrics} if isinstance(metrics, dict) else metrics[-1]
        assert last == steps[-1][1]["metrics"]
    recovered = dataset.recover_environment()
    assert recovered.unwrapped.env_spec == env.unwrapped.env_spec


def test_the_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    command = [sys.executable, str(ROOT / "examples/minari_dataset.py"), "--episodes", "2", "--folder", str(tmp_path)]
    for _ in range(2):
        run = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert "2 episodes, " in run.stdout
        assert run.stdout.count("MiB") == 2
