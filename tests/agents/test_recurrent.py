"""A recurrent policy keeps its own state of each lane while others end."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sb3_contrib import RecurrentPPO

from swapgym.agents.play import Row, play, remaining
from swapgym.agents.sb3.vec_env import make_sb3
from swapgym.envs.spec import EnvSpec

SPEC = EnvSpec(epochs="batch")
EPISODES = [("low_ram", 6), ("camera_launch", 5), ("clear_all", 7), ("service_restart", 3)]


class Counting:
    """Defers every n-th batch of a lane, where n follows from its first observation: it needs its state."""

    def __init__(self) -> None:
        self.lanes: list[int] = []

    def predict(
        self, observation: npt.ArrayLike, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[npt.NDArray[np.int64], Any]:
        seen = np.asarray(observation)
        self.lanes.append(len(seen))
        if state is None:
            state = (np.zeros((1, len(seen), 1)), (2 + np.rint(1_000 * seen[:, :1]) % 5)[None])
        count, period = state
        assert count.shape == period.shape == (1, len(seen), 1)
        actions = (count[0, :, 0] % period[0, :, 0] == 0).astype(np.int64)
        return actions, (count + 1, period)


def actions_of(rows: list[Row]) -> list[str]:
    return [row["actions"] for row in rows]


def alone(policy: Any) -> list[str]:
    return [action for episode in EPISODES for action in actions_of(play(SPEC, policy, "", [episode]))]


def test_side_by_side_is_as_alone() -> None:
    policy = Counting()
    together = actions_of(play(SPEC, policy, "", EPISODES))
    assert policy.lanes[0] == len(EPISODES)
    assert len(set(policy.lanes)) >= 3, "lanes end at different times"
    assert together == alone(Counting())
    assert len(set(together)) == len(EPISODES)


def test_lanes_that_ended_take_their_state_with_them() -> None:
    hidden = np.arange(8.0).reshape(2, 4, 1)
    before, waiting = np.array([0, 2, 3, 6]), np.array([2, 6])
    one, other = remaining((hidden, 10 * hidden), before, waiting)
    assert one.tolist() == [[[1.0], [3.0]], [[5.0], [7.0]]]
    assert other.tolist() == (10 * one).tolist()
    assert remaining(None, before, waiting) is None
    state = (hidden,)
    assert remaining(state, before, before) is state


@pytest.fixture(scope="module")
def model() -> RecurrentPPO:
    made = RecurrentPPO(
        "MlpLstmPolicy", make_sb3(2), n_steps=8, batch_size=16, seed=1, device="cpu",
        policy_kwargs={"net_arch": [16], "lstm_hidden_size": 8},
    )  # fmt: skip
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        # an untrained network hardly tells its observations apart
        for parameter in made.policy.parameters():
            parameter.copy_(1.5 * torch.randn(parameter.shape, generator=generator))
    return made


def test_a_recurrent_model_plays_lanes_as_if_each_were_alone(model: RecurrentPPO) -> None:
    together = actions_of(play(SPEC, model, "", EPISODES))
    assert together == alone(model)
    assert any("a" in actions and "b" in actions for actions in together), "it does decide"


def test_its_state_matters(model: RecurrentPPO) -> None:
    class Forgetful:
        def predict(
            self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
        ) -> Any:
            return model.predict(observation, None, deterministic=deterministic)[0], None

    assert actions_of(play(SPEC, Forgetful(), "", EPISODES)) != actions_of(play(SPEC, model, "", EPISODES))
