"""Policies that kernels ask: the same action as ``predict``, on every threshold and beside it, in whole episodes."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np
import pytest
from sb3_contrib import QRDQN, RecurrentPPO
from sklearn.tree import DecisionTreeClassifier
from stable_baselines3 import A2C, DQN, PPO

from swapgym.agents.play import play
from swapgym.agents.policies import POLICIES, FixedPolicy, Policy, Readings, make
from swapgym.agents.policies.compiled import CompiledPolicy, compiled
from swapgym.agents.policies.rules import Comparison, Rule
from swapgym.agents.policies.symbolic import turn
from swapgym.agents.sb3.networks import from_sb3, lighter
from swapgym.agents.stored.tuned import tuned
from swapgym.envs.deciders import LEAF, Decider, choose_all, tree
from swapgym.envs.governor import SwapReleaseGovernorEnv
from swapgym.envs.observations import PARTS
from swapgym.envs.release import SwapReleaseEnv
from swapgym.envs.spec import RELEASE_PARTS, EnvSpec

SPEC = EnvSpec()
EPISODES = [("camera_launch", 5), ("low_ram", 6), ("clear_all", 8)]
RULES = {name: make(name) for name in POLICIES if name != "random"}
TUNED = {f"tuned {name}": policy for name, policy in tuned().items()}
WRITTEN = {
    "any": Rule(how="any", literals=(Comparison("backlog", True, 900.0), Comparison("direct_reclaim", False, 5e4))),
    "all": Rule(how="all", literals=(Comparison("frame_slack", True, 0.3), Comparison("direct_reclaim", True, 0.0))),
    "all of none": Rule(how="all"),
    "any of none": Rule(how="any"),
}
EVERY = RULES | TUNED | WRITTEN


def actions_of(decider: Decider | None, observations: np.ndarray) -> list[int]:
    assert decider is not None
    actions = np.full(len(observations), -9)
    choose_all(decider, observations, actions)
    return actions.tolist()


def beside(policy: FixedPolicy) -> np.ndarray:
    """Drawn observations, and all combinations in which compared parts are on a threshold or the next number."""
    rng = np.random.default_rng(0)
    rows = rng.random((4_000, len(RELEASE_PARTS))).astype(np.float32)
    decider = policy.compiled(SPEC)
    assert decider is not None
    for node in decider.nodes[decider.nodes["part"] != LEAF]:
        here = np.float32(node["threshold"])
        near = [np.nextafter(here, np.float32(-9)), here, np.nextafter(here, np.float32(9))]
        some = rng.random(len(rows)) < 0.7
        rows[some, node["part"]] = rng.choice(np.array(near, np.float32), int(some.sum()))
    return rows


@pytest.mark.parametrize("name", list(EVERY))
def test_rules_decide_alike_on_every_threshold(name: str) -> None:
    policy = EVERY[name]
    rows = beside(policy)
    actions = actions_of(policy.compiled(SPEC), rows)
    assert actions == policy.predict(rows)[0].tolist()
    constant = "always" in name or "of none" in name or "userspace" in name
    assert len(set(actions)) == (1 if constant else 2)


@pytest.mark.parametrize("part", [part.name for part in PARTS])
def test_a_comparison_turns_at_the_very_number(part: str) -> None:
    import operator

    (known,) = [one for one in PARTS if one.name == part]
    for share, compare in ((0.3, operator.gt), (0.7, operator.le), (0.5, operator.lt), (0.5, operator.ge)):
        number = known.reading(share)
        threshold, low = turn(part, compare, number)
        here = np.float32(threshold)
        above = np.nextafter(here, np.float32(2))
        held = compare(Readings(np.array([[here], [above]], np.float64), (part,))[part], number)
        assert held.tolist() == [low, not low]
        assert abs(here - share) < 1e-6


class Plain:
    """Only ``predict`` of another policy."""

    def __init__(self, policy: Policy) -> None:
        self.predict = policy.predict


@pytest.mark.parametrize("name", list(EVERY))
def test_rows_are_those_of_predict(name: str) -> None:
    assert play(SPEC, EVERY[name], "", EPISODES, threads=2) == play(SPEC, Plain(EVERY[name]), "", EPISODES)


@pytest.mark.parametrize("routes", [3, ("DEFER", "INLINE")])
def test_routes_are_the_policy_s_own(routes: Any) -> None:
    spec = EnvSpec(routes=routes)
    for name in ("rt_aware", "userspace_reaper"):
        policy = make(name, spec.route_names)
        assert play(spec, policy, "", EPISODES[:1]) == play(spec, Plain(policy), "", EPISODES[:1])


@dataclasses.dataclass(frozen=True)
class Summing(FixedPolicy):
    """Does more with its readings than comparing them."""

    name: ClassVar[str] = "summing"
    how: str = "add"

    def defers(self, readings: Readings) -> Any:
        if self.how == "add":
            return readings["backlog"] + readings["zombie"] > 100.0
        if self.how == "minimum":
            return np.minimum(readings["backlog"], readings["zombie"]) > 100.0
        if self.how == "equal":
            return readings["exiting"] == 2.0
        if self.how == "logical":
            return np.logical_or(readings["backlog"] > 5.0, readings["zombie"] > 1.0)
        return np.where(readings["backlog"] > 5.0, True, False)


@pytest.mark.parametrize("how", ["add", "minimum", "equal", "logical", "where"])
def test_what_is_more_than_comparisons_is_asked_in_python(how: str) -> None:
    policy = Summing(how=how)
    assert compiled(policy, SPEC) is None
    assert len(play(SPEC, policy, "", EPISODES[:1])) == 1


def test_who_does_not_offer_is_asked_in_python() -> None:
    assert compiled(make("random"), SPEC) is None
    assert compiled(Plain(make("vivo")), SPEC) is None


def test_parts_that_are_not_observed_are_named_as_predict_does() -> None:
    with pytest.raises(ValueError, match="the policy needs 'victim_last_route', the environment observes"):
        make("vivo", parts=("exiting", "victim_swap_left")).compiled(EnvSpec(parts=("exiting", "victim_swap_left")))
    with pytest.raises(ValueError, match=r"observation: shape \(2,\), must be"):
        make("vivo").compiled(EnvSpec(parts=("exiting", "victim_swap_left")))


# ------------------------------------------------------------------------------------------------ models, stored trees
MODELS: dict[str, Any] = {
    "ppo": functools.partial(PPO, n_steps=8, batch_size=8),
    "a2c, relu, one layer": functools.partial(A2C, policy_kwargs={"net_arch": [24]}),
    "ppo, linear": functools.partial(PPO, n_steps=8, batch_size=8, policy_kwargs={"net_arch": []}),
    "dqn": functools.partial(DQN, buffer_size=16),
    "qrdqn": functools.partial(QRDQN, buffer_size=16),
}


def model_of(name: str, **kwargs: Any) -> Any:
    """An untrained model whose outputs do not all but agree, as they do when they are new."""
    import torch

    model = MODELS[name]("MlpPolicy", SwapReleaseEnv(**kwargs), seed=3, device="cpu")
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.normal_(0.0, 0.6)
    return model


@pytest.mark.parametrize("name", list(MODELS))
def test_models_decide_as_stable_baselines3_says(name: str) -> None:
    model = model_of(name)
    policy = from_sb3(model, SPEC)
    rows = np.random.default_rng(1).random((3_000, len(SPEC.parts))).astype(np.float32)
    ours, theirs = policy.predict(rows)[0], model.predict(rows, deterministic=True)[0]
    assert ours.tolist() == theirs.tolist()
    assert len(set(ours.tolist())) == 2
    assert int(policy.predict(rows[5])[0]) == theirs[5]
    assert play(SPEC, policy, "", EPISODES) == play(SPEC, Plain(policy), "", EPISODES)


def test_a_model_of_pairs() -> None:
    spec = SwapReleaseGovernorEnv.SPEC
    model = PPO("MlpPolicy", SwapReleaseGovernorEnv(), n_steps=8, batch_size=8, device="cpu", seed=1)
    policy = from_sb3(model, spec)
    rows = np.random.default_rng(1).random((500, len(spec.parts))).astype(np.float32)
    assert policy.predict(rows)[0].tolist() == model.predict(rows, deterministic=True)[0].tolist()
    assert policy.predict(rows[0])[0].shape == (2,)
    assert play(spec, policy, "", EPISODES) == play(spec, Plain(policy), "", EPISODES)


def test_a_tree_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    seen = rng.random((500, len(SPEC.parts))).astype(np.float32)
    fitted = DecisionTreeClassifier(max_depth=4, random_state=0).fit(seen, (seen[:, 3] + seen[:, 9] > 0.9).astype(int))
    own = fitted.tree_
    decider = tree(own.feature, own.threshold, own.children_left, own.children_right, own.value[:, 0].argmax(axis=1))
    policy = CompiledPolicy.of(decider, SPEC)
    rows = rng.random((2_000, len(SPEC.parts))).astype(np.float32)
    rows[::2, own.feature[0]] = np.float32(own.threshold[0])
    assert policy.predict(rows)[0].tolist() == fitted.predict(rows).tolist()
    assert play(SPEC, policy, "", EPISODES) == play(SPEC, Plain(policy), "", EPISODES)


def test_what_cannot_be_arrays_stays_as_it_is() -> None:
    recurrent = RecurrentPPO("MlpLstmPolicy", SwapReleaseEnv(), n_steps=8, batch_size=8, device="cpu")
    for policy in (recurrent, make("vivo"), Plain(make("vivo"))):
        assert lighter(policy, SPEC) is policy
    assert isinstance(lighter(model_of("dqn"), SPEC), CompiledPolicy)


def test_models_that_cannot_be_made_into_arrays_are_named() -> None:
    import torch

    env = SwapReleaseEnv()
    recurrent = RecurrentPPO("MlpLstmPolicy", env, n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(ValueError, match="policy 'RecurrentActorCriticPolicy', must be an MlpPolicy of PPO"):
        from_sb3(recurrent, SPEC)
    odd = PPO("MlpPolicy", env, policy_kwargs={"activation_fn": torch.nn.ELU}, device="cpu")
    with pytest.raises(ValueError, match="a layer 'ELU'"):
        from_sb3(odd, SPEC)
    with pytest.raises(ValueError, match="reads 39 parts, must be 40"):
        from_sb3(PPO("MlpPolicy", env, device="cpu"), SwapReleaseGovernorEnv.SPEC)
