"""The runner: the same rows whatever the workers do, and records that replay."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from agents.policies import make
from agents.runner import Player, World, decode, encode, play, play_all, replay

EPISODES = [("camera_launch", 5), ("low_ram", 6), ("clear_all", 8)]
PLAYERS = [(World(), Player(name, name)) for name in ("always_inline", "random")]


def test_one_worker_or_two_is_the_same() -> None:
    assert play_all(PLAYERS, EPISODES, workers=1) == play_all(PLAYERS, EPISODES, workers=2)


def test_rows_are_the_environment_s_own_episodes() -> None:
    world = World(routes=("INLINE", "DEFER"))
    policy = make("vivo")
    for row in play(world, policy, "vivo", EPISODES):
        env = gym.make("swapgym:swapgym/SwapRelease-v0", preset=row["preset"])
        observation, _ = env.reset(options={"scenario_seed": row["seed"]})
        rewards, done = 0.0, False
        while not done:
            action, _ = policy.predict(observation)
            observation, reward, terminated, truncated, info = env.step(int(action))
            rewards += float(reward)
            done = terminated or truncated
        assert info["digest"].startswith(row["digest"])
        assert rewards == pytest.approx(-row["score"], rel=1e-9)
        assert info["metrics"]["lag_ms"] == row["lag_ms"]


def test_records_replay() -> None:
    for row in play_all(PLAYERS, EPISODES, workers=1):
        assert replay(World(), row["preset"], row["seed"], row["actions"]) == row["digest"]


def test_a_changed_record_does_not_replay() -> None:
    row = play_all(PLAYERS[:1], EPISODES[:1], workers=1)[0]
    count = int(row["actions"][:-1])
    try:
        digest = replay(World(), row["preset"], row["seed"], f"{count // 2}I{count - count // 2}K")
    except ValueError:
        digest = "another number of decisions"
    assert digest != row["digest"]
    with pytest.raises(ValueError, match="asks for more"):
        replay(World(), row["preset"], row["seed"], "1I")
    with pytest.raises(ValueError, match="ended after"):
        replay(World(), row["preset"], row["seed"], "100000I")


def test_run_lengths() -> None:
    routes = np.random.default_rng(1).integers(0, 3, 200).tolist()
    assert decode(encode(routes)) == routes
    assert encode([0, 0, 0, 1, 2, 2]) == "3I1K2U"


class Capricious:
    """Changes its mind with every observation."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Any, Any]:
        return (np.asarray(observation).sum(axis=-1) * 1_000).astype(np.int64) % 2, state


def test_a_held_action_is_the_environment_s() -> None:
    world = World(routes=("INLINE", "DEFER"))
    digests = set()
    for hold_ms in (0, 20, 300):
        for row in play(world, Capricious(), "", EPISODES, hold_ms):
            env = gym.make("swapgym:swapgym/SwapRelease-v0", preset=row["preset"], hold_ms=hold_ms)
            observation, _ = env.reset(options={"scenario_seed": row["seed"]})
            done = False
            while not done:
                action, _ = Capricious().predict(observation)
                observation, _, terminated, truncated, info = env.step(int(action))
                done = terminated or truncated
            assert info["digest"].startswith(row["digest"])
            assert replay(world, row["preset"], row["seed"], row["actions"]) == row["digest"]
            digests.add(row["digest"])
    assert len(digests) == 9
