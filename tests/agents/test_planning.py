"""The bound is never worse than where it starts, and what it found is what an environment gives for its routes."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import swapgym  # noqa: F401  # registers the environments
from swapgym.agents.planning import search, search_all
from swapgym.agents.planning.clairvoyant import STARTS, starts
from swapgym.agents.planning.plans import MAX_BATCHES, Stage, constant, plan_of, stack
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k

SPEC = EnvSpec()
BATCH = SPEC.but(epochs="batch")
EPISODES = [("camera_launch", 1), ("app_switching", 2), ("low_ram", 3)]


@pytest.mark.parametrize("policy", ["always_inline", "always_defer", "vivo", "free_memory", "psi"])
def test_a_policy_s_plan_costs_what_the_policy_does(policy: str) -> None:
    for preset, seed in EPISODES:
        stage = Stage(preset, seed, SPEC)
        plan = plan_of(stage, make(policy))
        (row,) = play(BATCH, make(policy), policy, [(preset, seed)])
        assert stage.scores(stack([plan]))[0] == pytest.approx(row["score"], rel=1e-12)


def test_a_search_is_never_worse_than_its_start_and_never_rises() -> None:
    for preset, seed in EPISODES:
        found = search(preset, seed, SPEC, 80)
        scores = [score for _, score in found.curve]
        assert scores == sorted(scores, reverse=True)
        assert found.score == scores[-1] <= found.start
        assert found.evaluations == found.curve[-1][0] == 80
        stage = Stage(preset, seed, SPEC)
        assert found.start == stage.scores(starts(stage)[1]).min()
        assert found.start_policy in STARTS


def test_what_is_found_can_be_done_in_the_environment() -> None:
    found = search("camera_launch", 4, SPEC, 120)
    env = gym.make("swapgym/SwapRelease-v1", preset="camera_launch", epochs="batch")
    env.reset(options={"scenario_seed": 4})
    total = 0.0
    for position, action in enumerate(found.actions):
        _, reward, terminated, _, _ = env.step(action)
        total += float(reward)
        assert terminated == (position == len(found.actions) - 1)
    assert 1.0 - total == pytest.approx(found.score, rel=1e-9)


def test_it_finds_what_two_constant_plans_miss() -> None:
    gains = []
    for preset, seed in EPISODES:
        found = search(preset, seed, SPEC, 200)
        stage = Stage(preset, seed, SPEC)
        both = stage.scores(stack([constant(k.INLINE), constant(stage.routes[1])])).min()
        gains.append(both - found.score)
    assert min(gains) >= 0.0
    assert max(gains) > 0.005


def test_a_change_to_one_process_leaves_the_others_routes() -> None:
    stage = Stage("camera_launch", 1, SPEC)
    stage.play(constant(k.INLINE))
    process = int(np.argmax(stage.phones[0]["processes"]["decisions"]))
    plan = constant(k.INLINE)
    plan[process] = stage.routes[1]
    stage.play(plan)
    total = stage.phones[0]["total"]
    assert total["batches_kworker"] == stage.phones[0]["processes"]["decisions"][process]
    assert stage.batches.max() < MAX_BATCHES


def test_searches_are_reproducible_over_workers() -> None:
    alone = search_all(EPISODES[:2], SPEC, 40, workers=1)
    shared = search_all(EPISODES[:2], SPEC, 40, workers=2)
    assert alone == shared


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="evaluations: 3, must be at least"):
        search("low_ram", 1, SPEC, 3)
    with pytest.raises(ValueError, match=r"paces: .* must be none: plans are of routes alone"):
        search("low_ram", 1, SPEC.but(paces=4), 50)
