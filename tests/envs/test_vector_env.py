"""``SwapReleaseVectorEnv``: Gymnasium's contract for vector environments, and what it has beyond it."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics

from swapgym.envs import vector_infos
from swapgym.envs.release import SwapReleaseEnv, SwapReleaseVectorEnv
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.state import PHONE

LANES = 4


def make(num_envs: int = LANES, **kwargs: Any) -> SwapReleaseVectorEnv:
    env = gym.make_vec("swapgym:swapgym/SwapRelease-v1", num_envs, **kwargs)
    assert isinstance(env, SwapReleaseVectorEnv)
    return env


def zeros(env: gym.vector.VectorEnv) -> Any:
    return np.zeros(env.num_envs, dtype=np.int64)


def play(env: SwapReleaseVectorEnv, steps: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    return [env.step(rng.integers(2, size=env.num_envs))[0].tobytes() for _ in range(steps)]


def test_made_natively_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make()
    assert env.spec is not None and env.spec.kwargs["vectorization_mode"] == "vector_entry_point"
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    again = gym.make_vec(env.spec)
    assert again.reset(seed=2)[0].tobytes() == env.reset(seed=2)[0].tobytes()


def test_metadata_is_the_instances_own() -> None:
    same, off = make(autoreset_mode="SameStep"), make(autoreset_mode=AutoresetMode.DISABLED)
    assert same.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert off.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert SwapReleaseVectorEnv.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert "autoreset_mode" not in SwapReleaseEnv.metadata


def test_spaces_contain_what_is_returned() -> None:
    env = make(routes=3)
    observations, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(20):
        assert env.observation_space.contains(observations)
        observations, rewards, terminated, truncated, _ = env.step(env.action_space.sample())
        assert rewards.dtype == np.float64 and terminated.dtype == truncated.dtype == np.bool_


def test_nothing_is_shared_between_steps() -> None:
    env = make(max_decisions=2)
    first, second = env.reset(seed=0), env.step(zeros(env))
    third = env.step(zeros(env))
    for one, other in ((first[0], second[0]), *zip(second[:4], third[:4], strict=True)):
        assert not np.shares_memory(one, other)
    for key in ("lag_ms", "metrics", "preset"):
        assert second[4][key] is not third[4][key]
        assert second[4][f"_{key}"] is not third[4][f"_{key}"]


def test_seeds_of_any_form() -> None:
    env = make()
    by_int = env.reset(seed=5)[1]["scenario_seed"].tolist()
    assert env.reset(seed=[5, 6, 7, 8])[1]["scenario_seed"].tolist() == by_int
    assert env.np_random_seed == (5, 6, 7, 8)
    drawn = env.reset(seed=[None, 6, None, 8])[1]["scenario_seed"].tolist()
    assert (drawn[1], drawn[3]) == (by_int[1], by_int[3]) and drawn[0] != by_int[0]
    assert len(set(make().reset()[1]["scenario_seed"].tolist())) == LANES
    single = SwapReleaseEnv()
    assert single.reset(seed=7)[1]["scenario_seed"] == by_int[2]


def test_options_per_lane() -> None:
    env = make(num_envs=2)
    options = {"scenario_seed": [3, 4], "preset": ["low_ram", "clear_all"]}
    observations, infos = env.reset(options=options)
    assert infos["preset"].tolist() == options["preset"] and infos["scenario_seed"].tolist() == [3, 4]
    single = SwapReleaseEnv()
    assert single.reset(options={"scenario_seed": 4, "preset": "clear_all"})[0].tobytes() == observations[1].tobytes()
    assert set(options) == {"scenario_seed", "preset"}


def test_partial_reset_leaves_the_other_lanes_alone() -> None:
    env = make(autoreset_mode="Disabled", max_decisions=3)
    env.reset(seed=0)
    for _ in range(3):
        _, _, terminated, truncated, infos = env.step(zeros(env))
    assert truncated.all() and not terminated.any() and all(infos["digest"])
    before = [env.digest(lane) for lane in range(LANES)]
    mask = np.array([False, True, False, False])
    _, infos = env.reset(options={"reset_mask": mask})
    assert infos["_scenario_seed"].tolist() == mask.tolist()
    assert [env.digest(lane) == before[lane] for lane in range(LANES)] == [True, False, True, True]
    with pytest.raises(gym.error.ResetNeeded, match=r"lanes \[0, 2, 3\].*reset_mask"):
        env.step(zeros(env))
    env.reset(options={"reset_mask": ~mask})
    env.step(zeros(env))


def test_next_step_ignores_the_actions_of_ended_lanes() -> None:
    env = make(num_envs=2, max_decisions=1)
    env.reset(seed=0)
    assert env.step(zeros(env))[3].all()
    _, rewards, terminated, truncated, infos = env.step(np.array([99, -1]))
    assert not rewards.any() and not terminated.any() and not truncated.any()
    assert not infos["lag_ms"].any() and not any(infos["digest"]) and infos["_scenario_seed"].all()


def test_same_step_gives_the_last_observation_and_infos() -> None:
    env = make(num_envs=2, autoreset_mode="SameStep", max_decisions=2, preset="camera_launch")
    single = SwapReleaseEnv(max_decisions=2, preset="camera_launch")
    env.reset(seed=9)
    single.reset(seed=9)
    for action in (1, 0):
        *_, infos = env.step(np.full(2, action))
        observation, *_, info = single.step(action)
    assert infos["final_obs"][0].tobytes() == observation.tobytes()
    assert vector_infos.rows(infos["final_info"], np.array([0])) == [info]
    assert vector_infos.rows(infos, np.array([0]))[0]["scenario_seed"] == single.reset()[1]["scenario_seed"]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_episode_statistics(mode: str) -> None:
    env = RecordEpisodeStatistics(make(num_envs=2, autoreset_mode=mode, max_decisions=5))
    env.reset(seed=0)
    rewards = []
    for _ in range(5):
        _, reward, _, _, infos = env.step(zeros(env))
        rewards.append(reward)
    assert infos["episode"]["l"].tolist() == [5, 5]
    assert infos["episode"]["r"] == pytest.approx(sum(rewards))


def test_statistics_and_masks_go_together() -> None:
    env = RecordEpisodeStatistics(make(num_envs=2, autoreset_mode="Disabled", max_decisions=2))
    env.reset(seed=0)
    env.step(zeros(env))
    env.reset(options={"reset_mask": np.array([True, False])})
    assert env.episode_lengths.tolist() == [0, 1]


def test_gymnasiums_normalisation_takes_it() -> None:
    env = NormalizeObservation(make(num_envs=2))
    env.reset(seed=0)
    assert np.isfinite(env.step(zeros(env))[0]).all()


def test_snapshots_go_from_lane_to_lane_and_to_the_single_environment() -> None:
    env, single = make(epochs="batch"), SwapReleaseEnv(epochs="batch")
    env.reset(seed=0)
    play(env, 5)
    moment = pickle.loads(pickle.dumps(env.snapshot(2)))
    expected = [env.step(np.ones(LANES, dtype=np.int64)) for _ in range(4)]
    digest = env.digest(2)
    other = make(epochs="batch")
    other.reset(seed=50)
    observation = other.restore(0, moment)
    assert single.restore(moment).tobytes() == observation.tobytes()
    for step in expected:
        observations, rewards, *_ = other.step(np.ones(LANES, dtype=np.int64))
        alone, reward, *_ = single.step(1)
        assert observations[0].tobytes() == alone.tobytes() == step[0][2].tobytes()
        assert rewards[0] == reward == step[1][2]
    assert other.digest(0) == single.digest() == digest
    assert other.metrics(0) == single.metrics()


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_their_own_way(clone: Callable[[SwapReleaseVectorEnv], SwapReleaseVectorEnv]) -> None:
    env = make(num_envs=130, threads=2, max_decisions=6)
    env.reset(seed=3)
    play(env, 2)
    other = clone(env)
    assert other.lanes.phones.dtype is PHONE and other.lanes.scenarios.dtype is SCENARIO
    assert play(env, 20) == play(other, 20)
    assert not np.shares_memory(env.lanes.phones, other.lanes.phones)


def in_worker(env: SwapReleaseVectorEnv) -> list[bytes]:
    return play(env, 3)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_worker_processes(method: str) -> None:
    env = make(num_envs=2)
    env.reset(seed=1)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(in_worker, (env,)) == play(env, 3)


def test_render() -> None:
    env = make(num_envs=2, render_mode="ansi")
    env.reset(seed=4)
    play(env, 2)
    single = SwapReleaseEnv(render_mode="ansi")
    single.restore(env.snapshot(1))
    assert env.render_lane(1) == single.render() == env.render()[1]
    assert env.render()[0] != env.render()[1]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_envs": 0}, "num_envs: 0, must be an integer >= 1"),
        ({"threads": 1.5}, "threads: 1.5, must be an integer >= 1"),
        ({"max_episode_steps": 0}, "max_episode_steps: 0, must be an integer >= 1"),
        ({"autoreset_mode": "SameSteps"}, "autoreset_mode: 'SameSteps' is unknown .did you mean 'SameStep'"),
        ({"preset": "cameras"}, "preset: 'cameras' is unknown .did you mean 'camera'"),
        ({"kernel": "vivo"}, "is unknown"),
    ],
)
def test_wrong_arguments(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"seed": [1, 2]}, r"seed: 2 values, must be one per lane \(4\)"),
        ({"options": {"scenario_seed": [1]}}, r"options\['scenario_seed'\]: 1 values"),
        ({"options": {"scenario_seed": -1}}, "must be an integer >= 0"),
        ({"options": {"mask": 1}}, "options: 'mask' is unknown"),
        ({"options": {"reset_mask": np.zeros(4, dtype=bool)}}, "no lane is True"),
        ({"options": {"reset_mask": [True] * 4}}, r"boolean array of shape \(4,\)"),
    ],
)
def test_wrong_resets(call: dict[str, Any], message: str) -> None:
    env = make()
    env.reset(seed=0)
    before = env.lanes.phones.tobytes()
    with pytest.raises(ValueError, match=message):
        env.reset(**call)
    assert env.lanes.phones.tobytes() == before


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 0, 0, 2], r"lane 3: step: action .*2.*, must be one of 0 \(INLINE\), 1 \(DEFER\)"),
        ([0, -1, 0, 0], "lane 1: step: action .*-1"),
        ([0, 0, 0], r"shape \(3,\)"),
        ([0.0, 0.0, 0.0, 1.0], "dtype float64"),
        ([True] * 4, "dtype bool"),
        (None, "dtype object"),
    ],
)
def test_wrong_actions(actions: Any, message: str) -> None:
    env = make()
    env.reset(seed=0)
    before = env.lanes.phones.tobytes()
    with pytest.raises(gym.error.InvalidAction, match=message):
        env.step(actions)
    assert env.lanes.phones.tobytes() == before


def test_reset_comes_first() -> None:
    env = make()
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.step(zeros(env))
    for ask in (env.metrics, env.digest, env.snapshot):
        with pytest.raises(gym.error.ResetNeeded, match="reset"):
            ask(0)


def test_nothing_is_done_after_close() -> None:
    env = make(threads=2)
    env.reset(seed=0)
    env.close()
    for ask in (lambda: env.step(zeros(env)), lambda: env.reset(seed=0)):
        with pytest.raises(gym.error.ClosedEnvironmentError, match="make another"):
            ask()
