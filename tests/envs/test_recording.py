"""Rendering: what is drawn is the episode that was played, and looking at it changes nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest

from swapgym.envs.governor import SwapReleaseGovernorEnv
from swapgym.envs.release import SwapReleaseEnv, SwapReleaseVectorEnv
from swapgym.phone import constants as k

Make = Callable[..., SwapReleaseEnv]


def test_the_replayed_phone_is_the_phone(make: Make) -> None:
    env, plain = make(render_mode="rgb_array"), make()
    for one in (env, plain):
        one.reset(options={"scenario_seed": 14})
    assert env._recording is not None
    over, steps = False, 0
    while not over:
        one = env.step(steps % 2)
        other = plain.step(steps % 2)
        assert one[0].tobytes() == other[0].tobytes() and one[1:4] == other[1:4]
        steps += 1
        if steps % 3 == 0 or one[2]:
            history = env._recording.catch_up()
            assert env._recording.lanes.phones[0].tobytes() == env.phone.tobytes()
            assert len(history.decisions) == steps
        over = one[2]
    assert history.samples["time_us"][-1] >= env.scenario["duration_us"]
    assert len(history.victims) == env.metrics()["kills"]


def test_a_governors_paces_are_seen() -> None:
    env = SwapReleaseGovernorEnv(render_mode="rgb_array")
    env.reset(options={"scenario_seed": 8})
    for _ in range(12):
        env.step([1, 0])
    assert env._recording is not None
    decisions = env._recording.catch_up().decisions
    assert set(decisions["pace"].tolist()) == {k.PACE_PAUSED}
    assert env._recording.lanes.phones[0].tobytes() == env.phone.tobytes()


def test_frames_are_pictures_and_change(make: Make) -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=3)
    first = env.render()
    env.step(1)
    second = env.render()
    assert first.dtype == np.uint8 and first.shape == (640, 960, 3)
    assert (first != second).any()
    assert np.array_equal(second, env.render())


def test_a_restored_episode_is_drawn_from_there(make: Make) -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=3)
    env.step(1)
    moment = pickle.loads(pickle.dumps(env.snapshot()))
    other = make(render_mode="rgb_array")
    other.restore(moment)
    env.step(0)
    other.step(0)
    assert other.render().shape == env.render().shape
    assert other._recording is not None
    assert other._recording.lanes.phones[0].tobytes() == env.phone.tobytes()


def test_every_lane_has_its_own_frame() -> None:
    envs = SwapReleaseVectorEnv(2, render_mode="rgb_array", autoreset_mode="SameStep", max_decisions=3)
    envs.reset(seed=0)
    for _ in range(4):
        envs.step(np.ones(2, np.int64))
    frames = envs.render()
    assert len(frames) == 2 and (frames[0] != frames[1]).any()
    single = SwapReleaseEnv(render_mode="rgb_array")
    single.reset(options={"scenario_seed": int(envs._infos._drawn["scenario_seed"][1])})
    single.step(1)
    assert np.array_equal(single.render(), frames[1])


def test_human_shows_a_window(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = make(render_mode="human")
    env.reset(seed=0)
    env.step(0)
    assert env.render() is None
    env.close()
    with pytest.raises(gym.error.ResetNeeded):
        make(render_mode="human").render()
