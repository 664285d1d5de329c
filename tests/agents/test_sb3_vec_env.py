"""The Stable-Baselines3 adapter: the contract of ``VecEnv``, beside SB3's own vector of single environments."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from swapgym.agents.sb3.vec_env import SB3VecEnv, make_sb3
from swapgym.envs.costs import reference
from swapgym.envs.release import SwapReleaseEnv, SwapReleaseVectorEnv

LANES = 3


def test_as_stable_baselines_own_vector_of_single_environments() -> None:
    kwargs: dict[str, Any] = {"preset": "mixed", "epochs": "batch", "max_decisions": 5}
    ours = make_sb3(LANES, **kwargs)
    theirs = DummyVecEnv([lambda: SwapReleaseEnv(**kwargs)] * LANES)
    assert ours.seed(4) == theirs.seed(4)
    assert ours.reset().tobytes() == theirs.reset().tobytes()
    assert ours.reset_infos == theirs.reset_infos
    rng = np.random.default_rng(0)
    for step in range(40):
        actions = rng.integers(2, size=LANES)
        one, other = ours.step(actions), theirs.step(actions)
        for mine, expected in zip(one[:3], other[:3], strict=True):
            assert mine.dtype == expected.dtype and mine.tobytes() == expected.tobytes()
        assert one[2].all() == (step % 5 == 4)
        for lane in range(LANES):
            if not one[2][lane]:
                assert one[3][lane] == {}
                continue
            mine, expected = dict(one[3][lane]), dict(other[3][lane])
            assert mine.pop("terminal_observation").tobytes() == expected.pop("terminal_observation").tobytes()
            assert mine == expected and mine["TimeLimit.truncated"] is True
        assert ours.reset_infos == theirs.reset_infos


def test_the_end_of_a_scenario_is_no_truncation() -> None:
    env = make_sb3(1, max_episode_steps=10_000)
    env.reset()
    done = np.zeros(1, dtype=bool)
    while not done.any():
        _, _, done, infos = env.step(np.ones(1, dtype=np.int64))
    assert infos[0]["TimeLimit.truncated"] is False
    assert infos[0]["metrics"]["batches"] > 0


def test_seeds_and_options_are_used_once() -> None:
    env = make_sb3(LANES)
    env.seed(1)
    first = env.reset()
    assert env.reset().tobytes() != first.tobytes()
    env.seed(1)
    assert env.reset().tobytes() == first.tobytes()
    env.set_options([{"scenario_seed": 5}, {}, {"preset": "low_ram"}])
    env.reset()
    assert env.reset_infos[0]["scenario_seed"] == 5 and env.reset_infos[2]["preset"] == "low_ram"
    env.reset()
    assert env.reset_infos[0]["scenario_seed"] != 5


def test_the_last_info_has_what_the_episode_has_cost() -> None:
    env = make_sb3(LANES, ms_per_mib=10.0)
    env.seed(2)
    env.reset()
    returns = np.zeros(LANES)
    done = np.zeros(LANES, dtype=bool)
    while not done.any():
        _, rewards, done, infos = env.step(np.ones(LANES, dtype=np.int64))
        returns += rewards
    lane = int(np.flatnonzero(done)[0])
    info = infos[lane]
    lag_ms, peak_mib, _ = reference(info["preset"], info["device"])
    score = (info["lag_ms"] + 10.0 * info["peak_mib"]) / (lag_ms + 10.0 * peak_mib)
    assert returns[lane] == pytest.approx(1.0 - score, rel=1e-5)
    assert info["lag_ms"] == info["metrics"]["lag_ms"]


def test_attributes_and_methods() -> None:
    env = make_sb3(LANES, routes=3, render_mode="ansi")
    env.seed(0)
    env.reset()
    assert env.get_attr("render_mode") == ["ansi"] * LANES
    assert [spec.route_names for spec in env.get_attr("env_spec", [0, 2])] == [("INLINE", "KWORKER", "USERSPACE")] * 2
    assert [int(phone["now_us"]) for phone in env.get_attr("phone", indices=1)] == [env.envs.phone(1)["now_us"]]
    assert not env.has_attr("action_masks")
    assert env.env_is_wrapped(gym.Wrapper) == [False] * LANES
    moments = env.env_method("snapshot")
    digests = env.env_method("digest")
    env.step(np.ones(LANES, dtype=np.int64))
    assert env.env_method("digest") != digests
    for lane, moment in enumerate(moments):
        env.env_method("restore", moment, indices=lane)
    assert env.env_method("digest") == digests
    assert "asks for a route" in env.env_method("render", indices=0)[0]
    with pytest.raises(AttributeError, match="must be one of digest"):
        env.env_method("step")
    with pytest.raises(AttributeError, match="set_options"):
        env.set_attr("preset", "low_ram")


def test_other_autoreset_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="autoreset_mode 'NextStep', must be 'SameStep'"):
        SB3VecEnv(SwapReleaseVectorEnv(2))


def test_ppo_trains_saves_and_is_evaluated(tmp_path: Path) -> None:
    env = VecMonitor(make_sb3(8, epochs="batch", max_decisions=20), info_keywords=("scenario_seed",))
    model = PPO("MlpPolicy", VecNormalize(env, norm_obs=False), n_steps=32, batch_size=64, n_epochs=1, seed=0)
    model.learn(512)
    assert [row["l"] for row in model.ep_info_buffer or ()] == [20] * (512 // 20 // 8 * 8)
    model.save(tmp_path / "model")
    again = PPO.load(tmp_path / "model", env=make_sb3(8))
    mean, _ = evaluate_policy(again, VecMonitor(make_sb3(2, max_decisions=5)), n_eval_episodes=4)
    assert np.isfinite(mean)


def test_dqn_stores_what_was_seen_last() -> None:
    model = DQN("MlpPolicy", make_sb3(4, epochs="batch", max_decisions=5), learning_starts=100, buffer_size=400, seed=0)
    model.learn(60)
    buffer = model.replay_buffer
    assert buffer is not None
    ends = np.flatnonzero(buffer.dones[: buffer.pos, 0])
    assert len(ends) == 3
    for end in ends[:-1]:
        assert buffer.timeouts[end].all()
        # what follows the end of an episode is the start of another, not its last observation
        assert not np.array_equal(buffer.next_observations[end], buffer.observations[end + 1])


def test_the_next_step_writes_nothing_of_the_last() -> None:
    env = make_sb3(LANES)
    steps = [(env.reset(),), *(env.step(np.zeros(LANES, np.int64)) for _ in range(3))]
    for before, after in itertools.pairwise(steps):
        assert not any(np.shares_memory(one, other) for one in before[:3] for other in after[:3])
