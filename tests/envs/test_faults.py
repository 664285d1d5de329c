"""Faults that were found by use, each as it was found, in single and vector environments alike."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from swapgym.agents.play import play, replay
from swapgym.agents.policies import make as make_policy
from swapgym.envs.costs import DEFAULT_RATES
from swapgym.envs.governor import SwapReleaseGovernorEnv
from swapgym.envs.lanes import LANES_PER_THREAD
from swapgym.envs.release import SwapReleaseEnv, SwapReleaseVectorEnv
from swapgym.envs.spec import EnvSpec
from swapgym.workload import MIXED, Drawn, device_profile, drawn_preset, kernel_variant
from swapgym.workload.config import override

Make = Callable[..., SwapReleaseEnv]


# ------------------------------------------------------------------------------------------------------------ arguments
def test_arguments_are_copied_and_fixed(make: Make) -> None:
    overrides: dict[str, Any] = {"kernel": {"n_kworkers": 2}, "device": {"background_cpus": [0, 1]}}
    routes, epochs = ["INLINE", "USERSPACE"], ["kill", "exit"]
    env = make(overrides=overrides, routes=routes, epochs=epochs)
    envs = SwapReleaseVectorEnv(1, overrides=overrides, routes=routes, epochs=epochs)
    before = env.reset(options={"scenario_seed": 3})[0], env.scenario.tobytes()
    overrides["kernel"]["n_kworkers"] = 1
    overrides["device"]["background_cpus"].append(2)
    overrides["device"]["swappiness"] = 0
    routes[1], epochs[0] = "KWORKER", "launch"
    assert env.reset(options={"scenario_seed": 3})[0].tobytes() == before[0].tobytes()
    assert env.scenario.tobytes() == before[1]
    envs.reset(options={"scenario_seed": 3})
    assert envs.scenario(0).tobytes() == before[1]
    assert env.env_spec.routes == envs.env_spec.routes == ("INLINE", "USERSPACE")
    assert env.env_spec.epochs == envs.env_spec.epochs == ("kill", "exit")
    for change in (
        lambda held: held.update(kernel={}),
        lambda held: held["kernel"].__setitem__("n_kworkers", 1),
        lambda held: held.pop("kernel"),
    ):
        with pytest.raises(TypeError, match="fixed"):
            change(env.env_spec.overrides)
    assert pickle.loads(pickle.dumps(env.env_spec)) == copy.deepcopy(env.env_spec) == env.env_spec


def test_numpy_scalars_are_numbers(make: Make) -> None:
    plain = {"kernel": {"n_kworkers": 2, "zspage_return": 0.5, "hold_slot": False}, "device": {"swappiness": 60}}
    numpy = {
        "kernel": {"n_kworkers": np.int64(2), "zspage_return": np.float32(0.5), "hold_slot": np.bool_(False)},
        "device": {"swappiness": np.int32(60)},
    }
    scenarios = []
    for overrides in (plain, numpy):
        env = make(overrides=overrides)
        env.reset(options={"scenario_seed": 3})
        scenarios.append(env.scenario.tobytes())
        envs = SwapReleaseVectorEnv(1, overrides=overrides)
        envs.reset(options={"scenario_seed": 3})
        scenarios.append(envs.scenario(0).tobytes())
    assert len(set(scenarios)) == 1
    variant = override(kernel_variant("vivo-async"), {"n_kworkers": np.int64(2)})
    assert type(variant.n_kworkers) is int
    capacity = np.array(device_profile("phone-8gb").capacity)
    assert override(device_profile("phone-8gb"), {"capacity": capacity}) == device_profile("phone-8gb")


@pytest.mark.parametrize(
    "maker",
    [
        lambda **kwargs: gym.make("swapgym/SwapRelease-v1", **kwargs),
        lambda **kwargs: gym.make_vec("swapgym/SwapRelease-v1", num_envs=2, **kwargs),
        lambda **kwargs: gym.make_vec("swapgym/SwapRelease-v1", num_envs=2, vectorization_mode="sync", **kwargs),
    ],
    ids=["single", "native", "sync"],
)
def test_a_misspelt_keyword_names_the_nearest(maker: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"'presett' is unknown \(did you mean 'preset'\?\), must be one of"):
        maker(presett="camera_launch")


def test_a_misspelt_keyword_of_the_vector_environment_names_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"'thread' is unknown \(did you mean 'threads'\?\)"):
        gym.make_vec("swapgym/SwapRelease-v1", num_envs=2, thread=2)


def test_signatures_are_not_hidden() -> None:
    assert list(inspect.signature(SwapReleaseEnv).parameters)[:3] == ["preset", "device", "kernel"]
    assert inspect.signature(SwapReleaseEnv).parameters["ms_per_mib"].default == EnvSpec().ms_per_mib
    assert list(inspect.signature(SwapReleaseVectorEnv).parameters)[:3] == ["num_envs", "autoreset_mode", "threads"]


# ----------------------------------------------------------------------------------------------------------- truncation
def test_a_snapshot_from_beyond_max_decisions_truncates(make: Make) -> None:
    long = make()
    long.reset(options={"scenario_seed": 5})
    for _ in range(10):
        long.step(0)
    snapshot = long.snapshot()
    assert snapshot.running
    short = make(max_decisions=5)
    short.restore(snapshot)
    assert short.step(0)[2:4] == (False, True)
    envs = SwapReleaseVectorEnv(2, max_decisions=5)
    envs.reset(seed=0)
    envs.restore(1, snapshot)
    assert envs.step(np.zeros(2, np.int64))[3].tolist() == [False, True]


# --------------------------------------------------------------------------------------------------------------- reward
def total(env: SwapReleaseEnv, options: dict[str, Any]) -> tuple[float, dict[str, float]]:
    """Play an episode inline; return the sum of its rewards and its metrics."""
    env.reset(options=options)
    rewards, over = 0.0, False
    while not over:
        _, reward, over, _, info = env.step(0)
        rewards += reward
    return rewards, info["metrics"]


def score(preset: str, metrics: dict[str, float]) -> float:
    drawn = Drawn(preset, 0, EnvSpec().device or "", EnvSpec().kernel)
    return DEFAULT_RATES.score(drawn, [metrics["lag_ms"], metrics["peak_mib"], metrics["unaccounted_cpu_ms"]])


def test_a_reward_depends_on_the_drawn_preset_alone(make: Make) -> None:
    options = {"preset": "clear_all", "scenario_seed": 2_000_002}
    totals = [total(make(preset=own), options) for own in ("clear_all", "camera_launch", MIXED)]
    assert totals[0] == totals[1] == totals[2]
    reward, metrics = totals[0]
    assert reward == pytest.approx(1 - score("clear_all", metrics), rel=1e-9) and abs(reward) > 0.01


def test_under_mixed_the_drawn_presets_cost_is_the_scale_in_single_vector_and_runner(make: Make) -> None:
    seeds = [4, 5, 9]
    assert len({drawn_preset(MIXED, seed) for seed in seeds}) > 1
    env = make(preset=MIXED)
    totals = []
    for seed in seeds:
        reward, metrics = total(env, {"scenario_seed": seed})
        assert reward == pytest.approx(1 - score(drawn_preset(MIXED, seed), metrics))
        named = total(make(preset="low_ram"), {"preset": drawn_preset(MIXED, seed), "scenario_seed": seed})
        assert named[0] == reward
        totals.append(reward)
    envs = SwapReleaseVectorEnv(3, autoreset_mode="Disabled", preset="low_ram")
    envs.reset(options={"preset": MIXED, "scenario_seed": seeds})
    snapshots = [envs.snapshot(lane) for lane in range(3)]
    sums = np.zeros(3)
    for lane, snapshot in enumerate(snapshots):
        other = SwapReleaseVectorEnv(1, autoreset_mode="Disabled", preset="camera_launch")
        other.reset(seed=0)
        other.restore(0, snapshot)
        over = False
        while not over:
            _, rewards, ended, _, _ = other.step(np.zeros(1, np.int64))
            sums[lane] += rewards[0]
            over = bool(ended[0])
    assert sums.tolist() == totals
    rows = play(EnvSpec(), make_policy("always_inline"), "inline", [(MIXED, seed) for seed in seeds])
    assert [1 - row["score"] for row in rows] == pytest.approx(totals)


# ----------------------------------------------------------------------------------------------------------------- fork
def step_in_child(envs: SwapReleaseVectorEnv, sent: Any) -> None:
    """Step in a forked child and send what is seen."""
    sent.send(envs.step(np.zeros(envs.num_envs, np.int64))[0].tobytes())
    envs.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_threaded_vector_environment_steps_in_a_forked_child() -> None:
    envs = SwapReleaseVectorEnv(2 * LANES_PER_THREAD, threads=2, preset="clear_all")
    envs.reset(seed=0)
    envs.step(np.zeros(envs.num_envs, np.int64))
    receiving, sending = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=step_in_child, args=(envs, sending))
    child.start()
    answered = receiving.poll(60)
    try:
        assert answered, "the child hangs"
        assert receiving.recv() == envs.step(np.zeros(envs.num_envs, np.int64))[0].tobytes()
        child.join(30)
        assert child.exitcode == 0
    finally:
        child.kill()
        envs.close()


# ----  found by a reader
def test_a_refused_reset_of_lanes_changes_nothing() -> None:
    envs = SwapReleaseVectorEnv(2, autoreset_mode="Disabled")
    envs.reset(seed=1)
    before = envs.lanes.phones.tobytes(), envs.lanes.scenarios.tobytes(), envs.lanes.lanes.tobytes()
    for options in ({"preset": ["clear_all", "nope"]}, {"scenario_seed": [1, 2**64]}, ["preset"]):
        with pytest.raises(ValueError, match="options"):
            envs.reset(options=options)  # type: ignore[arg-type]
    assert before == (envs.lanes.phones.tobytes(), envs.lanes.scenarios.tobytes(), envs.lanes.lanes.tobytes())


def test_a_paused_drain_goes_on_where_nobody_sets_a_pace(make: Make) -> None:
    governor = SwapReleaseGovernorEnv()
    governor.reset(options={"scenario_seed": 8})
    for _ in range(12):
        governor.step([1, 0])
    env = make()
    env.restore(governor.snapshot())
    over = False
    while not over:
        over = env.step(1)[2]
    assert env.phone["backlog_kworker"] == 0 and env.metrics()["entries_kworker"] > 0


def test_a_policy_of_routes_is_not_played_as_one_of_paces() -> None:
    for flat in (True, False):
        spec = SwapReleaseGovernorEnv.SPEC.but(flat=flat)
        with pytest.raises(ValueError, match=r"'always_defer' names routes only.*paces=0"):
            play(spec, make_policy("always_defer", parts=spec.parts), "defer", [("camera_launch", 5)])


class Says:
    """Answers the same, whatever it sees."""

    def __init__(self, action: Any) -> None:
        self.action = action

    def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[Any, None]:
        return np.full(len(observation), self.action), None


@pytest.mark.parametrize("action", [-1, 2, 0.9, True])
def test_the_runner_refuses_what_the_environment_refuses(action: Any) -> None:
    with pytest.raises(gym.error.InvalidAction):
        play(EnvSpec(), Says(action), "it", [("camera_launch", 5)])


@pytest.mark.parametrize("text", ["3z", "3a-1b", "a", "x"])
def test_records_of_another_game_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="actions"):
        replay(EnvSpec(), "camera_launch", 5, text)


def test_a_truncating_spec_is_refused_by_the_runner() -> None:
    with pytest.raises(ValueError, match="max_decisions: 2"):
        play(EnvSpec(max_decisions=2), make_policy("always_defer"), "defer", [("camera_launch", 5)])


def test_a_policy_names_the_part_it_misses() -> None:
    spec = EnvSpec(parts=("backlog",))
    with pytest.raises(ValueError, match=r"parts: the policy needs 'exiting'"):
        play(spec, make_policy("vivo", parts=spec.parts), "vivo", [("camera_launch", 5)])


@pytest.mark.parametrize(
    "kwargs", [{"parts": None}, {"parts": [["backlog"]]}, {"preset": ["a"]}, {"kernel": 5}, {"device": ["x"]}]
)
def test_names_of_the_wrong_type_name_their_field(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        EnvSpec(**kwargs)


def test_specs_can_be_keys() -> None:
    assert len({EnvSpec(), EnvSpec(), EnvSpec(overrides={"kernel": {"n_kworkers": 2}})}) == 2


def test_a_copy_of_a_window_opens_its_own(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = make(render_mode="human")
    env.reset(seed=1)
    other = copy.deepcopy(env)
    assert other.step(0)[0].tobytes() == env.step(0)[0].tobytes()
    envs = SwapReleaseVectorEnv(2, render_mode="human")
    envs.reset(seed=1)
    envs.step(np.zeros(2, np.int64))
    assert envs._recordings[0]._window is not None and envs.render() == (None, None)
    for one in (env, other, envs):
        one.close()


def test_unsigned_pairs_are_actions_and_ragged_ones_are_not() -> None:
    envs = gym.make_vec("swapgym/SwapReleaseGovernor-v0", num_envs=2)
    envs.reset(seed=1)
    envs.step(np.zeros((2, 2), np.uint64))
    for wrong in ([[0, 1], [1]], np.array([[True, False], [True, True]]), np.zeros(2, np.int64)):
        with pytest.raises(gym.error.InvalidAction):
            envs.step(wrong)
