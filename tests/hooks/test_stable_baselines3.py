"""Stable-Baselines3: its checker, vector environments, wrappers, callbacks and algorithms."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

stable_baselines3 = pytest.importorskip("stable_baselines3")

import torch  # noqa: E402
from stable_baselines3 import DQN, PPO  # noqa: E402
from stable_baselines3.common.callbacks import CallbackList, EvalCallback  # noqa: E402
from stable_baselines3.common.env_checker import check_env  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402
from stable_baselines3.common.logger import configure  # noqa: E402
from stable_baselines3.common.monitor import Monitor  # noqa: E402
from stable_baselines3.common.vec_env import SubprocVecEnv, VecNormalize, VecVideoRecorder  # noqa: E402

from swapgym.sb3 import METRICS, DomainMetricsCallback  # noqa: E402
from swapgym.wrappers import RelativeReward  # noqa: E402

RELEASE = "swapgym:swapgym/SwapRelease-v1"
GOVERNOR = "swapgym:swapgym/SwapReleaseGovernor-v0"
FORMS: Any = [
    (RELEASE, {}),
    (RELEASE, {"routes": 3}),
    (RELEASE, {"epochs": "batch"}),
    (GOVERNOR, {}),
    (GOVERNOR, {"flat": True}),
]
SMALL: dict[str, Any] = {"n_steps": 64, "batch_size": 64, "n_epochs": 1, "device": "cpu"}
torch.set_num_threads(1)  # networks this small only get slower with more


@pytest.mark.parametrize(("env_id", "kwargs"), FORMS)
def test_the_checker_warns_of_nothing(env_id: str, kwargs: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(env_id, **kwargs))


def test_environments_are_made_ready_to_be_watched() -> None:
    envs = make_vec_env(RELEASE, n_envs=2, seed=1)
    assert envs.render_mode == "rgb_array"
    envs.reset()
    for _ in range(40):
        envs.step(np.array([0, 1]))
    picture = envs.render()
    assert picture.ndim == 3
    assert picture.dtype == np.uint8
    assert picture.std() > 0


def test_other_processes_play_the_same_episodes() -> None:
    here = make_vec_env(RELEASE, n_envs=2, seed=7)
    there = make_vec_env(RELEASE, n_envs=2, seed=7, vec_env_cls=SubprocVecEnv)
    try:
        np.testing.assert_array_equal(here.reset(), there.reset())
        for _ in range(60):
            for first, second in zip(here.step(np.array([0, 1])), there.step(np.array([0, 1])), strict=True):
                if isinstance(first, np.ndarray):
                    np.testing.assert_allclose(first, second, rtol=1e-6)  # one has rewards of float32
    finally:
        there.close()


def test_the_differences_to_always_inline_can_be_learned_from() -> None:
    envs = make_vec_env(RELEASE, n_envs=2, seed=1, wrapper_class=RelativeReward)
    envs.reset()
    rewards = np.array([envs.step(np.array([0, 1]))[1] for _ in range(60)])
    assert np.all(rewards[:, 0] == 0.0)
    assert np.any(rewards[:, 1] != 0.0)
    PPO("MlpPolicy", envs, **SMALL).learn(128)


def test_rewards_and_observations_are_normalised_and_policies_evaluated(tmp_path: Path) -> None:
    envs = VecNormalize(make_vec_env(RELEASE, n_envs=2, seed=1))
    other = VecNormalize(make_vec_env(RELEASE, n_envs=1, seed=2), training=False, norm_reward=False)
    evaluation = EvalCallback(
        other, n_eval_episodes=2, eval_freq=64, log_path=str(tmp_path), best_model_save_path=str(tmp_path), verbose=0
    )
    model = PPO("MlpPolicy", envs, **SMALL)
    model.learn(256, callback=evaluation)
    results = np.load(tmp_path / "evaluations.npz")["results"]
    assert results.shape == (2, 2)
    assert np.all(np.isfinite(results))
    envs.save(str(tmp_path / "normalisation.pkl"))
    again = VecNormalize.load(str(tmp_path / "normalisation.pkl"), make_vec_env(RELEASE, n_envs=2))
    assert PPO.load(tmp_path / "best_model", env=again).predict(again.reset())[0].shape == (2,)


def test_the_monitor_writes_costs_of_episodes(tmp_path: Path) -> None:
    keywords = ("lag_ms", "peak_mib", "launch_delay_ms", "relaunch_ms", "scenario_seed")
    env = Monitor(gym.make(RELEASE), str(tmp_path / "log"), info_keywords=keywords)
    ends = []
    for seed in range(2):
        env.reset(seed=seed)
        ended = False
        while not ended:
            *_, terminated, truncated, info = env.step(1)
            ended = terminated or truncated
        ends.append(info)
    env.close()
    header, *rows = (tmp_path / "log.monitor.csv").read_text().splitlines()
    assert json.loads(header[1:])["env_id"] == "swapgym/SwapRelease-v1"
    for row, info in zip(csv.DictReader(rows), ends, strict=True):
        for name in ("lag_ms", "peak_mib", "launch_delay_ms", "relaunch_ms"):
            assert float(row[name]) == pytest.approx(info["metrics"][name])
        assert int(row["scenario_seed"]) == info["scenario_seed"]


def test_a_film_is_made_of_a_lane(tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    envs = VecVideoRecorder(make_vec_env(RELEASE, n_envs=1), str(tmp_path), lambda step: step == 0, video_length=15)
    envs.reset()
    for _ in range(20):
        envs.step(np.array([1]))
    envs.close()
    (film,) = tmp_path.glob("*.mp4")
    assert film.stat().st_size > 1000


def progress(folder: Path) -> list[dict[str, str]]:
    """Return the rows that a logger has written."""
    with (folder / "progress.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("algorithm", "env_id", "kwargs", "settings"),
    [
        (PPO, RELEASE, {}, SMALL),
        (PPO, GOVERNOR, {}, SMALL),
        (DQN, GOVERNOR, {"flat": True}, {"learning_starts": 100, "buffer_size": 1000, "device": "cpu"}),
    ],
)
def test_metrics_of_episodes_are_logged(
    algorithm: Any, env_id: str, kwargs: dict[str, Any], settings: dict[str, Any], tmp_path: Path
) -> None:
    envs = make_vec_env(env_id, n_envs=4, seed=1, env_kwargs=kwargs)
    model = algorithm("MlpPolicy", envs, **settings)
    model.set_logger(configure(str(tmp_path), ["csv"]))
    seen = Ends()
    model.learn(1024, callback=CallbackList([seen, DomainMetricsCallback()]))
    model.logger.close()
    rows = [row for row in progress(tmp_path) if row["domain/lag_ms"]]
    assert rows
    logged = seen.at_logs(model, rows)
    for row, infos in zip(rows, logged, strict=True):
        for name in METRICS:
            mean = np.mean([info["metrics"][name] for info in infos])
            assert float(row[f"domain/{name}"]) == pytest.approx(mean, rel=1e-5, abs=1e-5)


class Ends(stable_baselines3.common.callbacks.BaseCallback):  # type: ignore[misc, name-defined]
    """Keeps the infos of episodes' ends, and how many steps had been made."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[int, dict[str, Any]]] = []

    def _on_step(self) -> bool:
        for done, info in zip(self.locals["dones"], self.locals["infos"], strict=True):
            if done:
                self.ends.append((self.num_timesteps, info))
        return True

    def at_logs(self, model: Any, rows: list[dict[str, str]]) -> list[list[dict[str, Any]]]:
        """Return the infos that each log is of: of the episodes that ended since the last."""
        before, parts = 0, []
        for row in rows:
            now = int(row["time/total_timesteps"])
            parts.append([info for step, info in self.ends if before < step <= now])
            before = now
        return parts


def test_an_episode_that_a_limit_cuts_off_has_the_costs_so_far() -> None:
    envs = make_vec_env(RELEASE, n_envs=1, seed=1, env_kwargs={"max_episode_steps": 3})
    callback = DomainMetricsCallback(("lag_ms", "launch_delay_ms", "collateral_kills"))
    model = PPO("MlpPolicy", envs, n_steps=4, batch_size=4, device="cpu")
    model.set_logger(configure(None, []))
    callback.init_callback(model)
    envs.reset()
    for _ in range(3):
        _, _, dones, infos = envs.step(np.array([1]))
    callback.locals = {"dones": dones, "infos": infos}
    assert dones.all()
    assert callback.on_step()
    assert model.logger.name_to_value["domain/lag_ms"] == infos[0]["lag_ms"] >= 0.0
    assert "domain/collateral_kills" not in model.logger.name_to_value


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(ValueError, match="lag_ms"):
        DomainMetricsCallback(("lag",))
