"""Wrappers of the environments: of single ones, as ``gymnasium.Wrapper`` has it."""

from __future__ import annotations

from typing import Any, Final

import gymnasium as gym
import numpy as np

from swapgym.envs.costs import N_OBJECTIVES, costs_of, weighted
from swapgym.envs.epochs import epoch_record
from swapgym.envs.lane import clear_lane, run_lane
from swapgym.envs.lanes import Lanes
from swapgym.envs.phone_env import Observation, PhoneEnv, Reward
from swapgym.phone.constants import INLINE, RUN_DECISION
from swapgym.phone.engine import FOREVER_US, PHASE_EXITS, advance, decide

NEVER_ASKED: Final = epoch_record((), 0, False)
"""Epochs at which nobody is asked, where every answer was given at the end of all time."""


class RelativeReward(gym.Wrapper[Observation, Any, Observation, Any], gym.utils.RecordConstructorArgs):
    """Pays what an episode costs less than always inline **on the same scenario** (common random numbers).

    Most of an episode's cost is the scenario's, whoever decides. The wrapper keeps a second phone, the twin, on the
    same scenario, where every batch is released inline. At each step the twin is run to where the episode stands in
    simulated time; the step's reward is what the twin has cost meanwhile less what the episode has, over the reference
    cost. Both telescope: the return is the score of always inline minus the score of the policy, on this very scenario;
    positive is better than always inline. Of an episode that is truncated it is the difference up to there. Whether the
    environment's own rewards are ``centered`` makes no difference.

    A decision stands somewhere in the middle of a tick. The twin is run through the ticks before and, within the tick,
    up to its own decision at the same place or the next one behind. As long as both phones did the same, that is the
    same moment, bit for bit: always inline earns exactly 0 at every step. After that, costs of one tick may be paid one
    step early or late.

    Rewards of ``MOSwapRelease-v0`` are differences by objective. Nothing else changes: infos are the policy's own.

    Works with ``gymnasium.make``, ``gymnasium.make_vec(..., vectorization_mode="sync" or "async",
    wrappers=[RelativeReward])``, Stable-Baselines3's ``make_vec_env(..., wrapper_class=RelativeReward)``, and can be
    pickled and copied. ``unwrapped.restore`` leaves the twin where it is: copy the whole wrapper instead.

    Attributes:
        twin: The lane of the second phone.
        reward_space: Where rewards come from; one number, or one per objective.
    """

    def __init__(self, env: gym.Env[Observation, Any]) -> None:
        """Wrap ``env``.

        Raises:
            TypeError: If it is none of swapgym's environments.
        """
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        base = env.unwrapped
        if not isinstance(base, PhoneEnv):
            raise TypeError(f"env: {env!r}, must be one of swapgym's environments, wrapped or not")
        self.twin = Lanes(1, base.env_spec)
        self.reward_space = base.reward_space
        self._ahead = np.zeros(N_OBJECTIVES)

    @property
    def own(self) -> PhoneEnv:
        """The environment itself."""
        base = self.env.unwrapped
        assert isinstance(base, PhoneEnv)
        return base

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Reset the environment and begin the same scenario on the twin."""
        observation, info = self.env.reset(seed=seed, options=options)
        own, twin = self.own, self.twin
        twin.scenarios[0] = own.scenario
        clear_lane(twin.phones, twin.scenarios, twin.lanes, 0)
        twin.lanes["answers"]["asked_us"] = FOREVER_US
        twin.lanes["answers"]["route"] = INLINE
        self._ahead[:] = 0.0
        self._follow()
        return observation, info

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Step the environment, and the twin to the same moment."""
        observation, _, terminated, truncated, info = self.env.step(action)
        if terminated:
            self._run(FOREVER_US)
        else:
            self._follow()
        return observation, self._difference(), terminated, truncated, info

    # ----------------------------------------------------------------------------------------------------- private
    def _difference(self) -> Reward:
        """Return by how much the episode has drawn ahead of the twin since the last call, as a reward."""
        own, twin = self.own, self.twin
        before = self._ahead
        self._ahead = costs_of(twin.phones[0]) - own.lanes.lanes["costs"][0]
        gained = self._ahead - before
        if twin.spec.vector_reward:
            return gained / own.env_spec.rates.reference_cost(own.drawn)
        reward: float = weighted(gained, own.lanes.lanes["weights"][0])
        return reward

    def _run(self, until_us: int) -> None:
        """Run the twin through the ticks that begin before ``until_us``."""
        twin = self.twin
        decide(twin.phones, twin.scenarios, 0, INLINE)
        run_lane(twin.phones, twin.scenarios, twin.lanes, 0, NEVER_ASKED, until_us)

    def _follow(self) -> None:
        """Run the twin to where the environment's phone stands, or to its own next decision behind that."""
        twin, phones = self.twin, self.twin.phones
        target = _place(self.own.phone)
        if _place(phones[0]) >= target:
            return
        now_us, in_tick, *_ = target
        if int(phones[0]["now_us"]) < now_us:
            self._run(now_us)
        else:
            decide(phones, twin.scenarios, 0, INLINE)
        while in_tick and advance(phones, twin.scenarios, 0, now_us + 1) == RUN_DECISION:
            if _place(phones[0]) >= target:
                return
            decide(phones, twin.scenarios, 0, INLINE)


def _place(phone: Any) -> tuple[int, bool, int, int]:
    """Return how far a phone is: its tick, whether in the middle of it, whose turn it is, what of the turn is used."""
    in_tick = bool(phone["phase"] == PHASE_EXITS)
    if not in_tick:
        return int(phone["now_us"]), False, 0, 0
    return int(phone["now_us"]), True, int(phone["cursor"]), -int(phone["budget_ps"])
