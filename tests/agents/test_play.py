"""The runner: the same rows whatever the workers do, and records that replay."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from swapgym.agents.play import Player, decode, encode, play, play_all, replay
from swapgym.agents.policies import make
from swapgym.envs.governor import SwapReleaseGovernorEnv
from swapgym.envs.spec import EnvSpec

EPISODES = [("camera_launch", 5), ("low_ram", 6), ("clear_all", 8)]
SPEC = EnvSpec(routes=3)
PLAYERS = [(SPEC, Player(name, name)) for name in ("always_inline", "random")]


def test_one_worker_or_two_is_the_same() -> None:
    assert play_all(PLAYERS, EPISODES, workers=1) == play_all(PLAYERS, EPISODES, workers=2)


def test_rows_are_the_environment_s_own_episodes() -> None:
    policy = make("vivo")
    for row in play(EnvSpec(), policy, "vivo", EPISODES):
        env = gym.make("swapgym:swapgym/SwapRelease-v1", preset=row["preset"])
        observation, _ = env.reset(options={"scenario_seed": row["seed"]})
        rewards, done = 0.0, False
        while not done:
            action, _ = policy.predict(observation)
            observation, reward, terminated, truncated, info = env.step(int(action))
            rewards += float(reward)
            done = terminated or truncated
        assert info["digest"].startswith(row["digest"])
        assert rewards == pytest.approx(1.0 - row["score"], rel=1e-9)
        assert info["metrics"]["lag_ms"] == row["lag_ms"]


def test_records_replay() -> None:
    for row in play_all(PLAYERS, EPISODES, workers=1):
        assert replay(SPEC, row["preset"], row["seed"], row["actions"]) == row["digest"]


def test_a_changed_record_does_not_replay() -> None:
    row = play_all(PLAYERS[:1], EPISODES[:1], workers=1)[0]
    count = int(row["actions"][:-1])
    try:
        digest = replay(SPEC, row["preset"], row["seed"], f"{count // 2}a{count - count // 2}b")
    except ValueError:
        digest = "another number of decisions"
    assert digest != row["digest"]
    with pytest.raises(ValueError, match="asks for more"):
        replay(SPEC, row["preset"], row["seed"], "1a")
    with pytest.raises(ValueError, match="ended after"):
        replay(SPEC, row["preset"], row["seed"], "100000a")


def test_run_lengths() -> None:
    actions = np.random.default_rng(1).integers(0, 12, 200).tolist()
    assert decode(encode(actions)) == actions
    assert encode([0, 0, 0, 1, 11, 11]) == "3a1b2l"


class Capricious:
    """Changes its mind with every observation."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Any, Any]:
        return (np.asarray(observation).sum(axis=-1) * 1_000).astype(np.int64) % 2, state


@pytest.mark.parametrize("changes", [{"hold_ms": 20}, {"hold_ms": 300}, {"epochs": "batch"}, {"epochs": ("launch",)}])
def test_a_policy_is_asked_when_the_environment_asks(changes: dict[str, Any]) -> None:
    spec = EnvSpec(**changes)
    for row in play(spec, Capricious(), "", EPISODES):
        env = gym.make("swapgym:swapgym/SwapRelease-v1", preset=row["preset"], **changes)
        observation, _ = env.reset(options={"scenario_seed": row["seed"]})
        done, decisions = False, 0
        while not done:
            action, _ = Capricious().predict(observation)
            observation, _, terminated, truncated, info = env.step(int(action))
            done, decisions = terminated or truncated, decisions + 1
        assert info["digest"].startswith(row["digest"])
        assert decisions == row["decisions"]
        assert replay(spec, row["preset"], row["seed"], row["actions"]) == row["digest"]


class Pacing:
    """Answers with a route and a pace."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Any, Any]:
        word = (np.asarray(observation).sum(axis=-1) * 1_000).astype(np.int64)
        return np.stack([word % 2, word % 4], axis=-1), state


def test_actions_that_set_the_pace_replay() -> None:
    spec = SwapReleaseGovernorEnv.SPEC
    rows = play(spec, Pacing(), "", EPISODES)
    for row in rows:
        assert replay(spec, row["preset"], row["seed"], row["actions"]) == row["digest"]
        # as one number, it is the same action
        assert replay(spec.but(flat=True), row["preset"], row["seed"], row["actions"]) == row["digest"]
    assert len(set("".join(row["actions"] for row in rows)) - set("0123456789")) > 2
