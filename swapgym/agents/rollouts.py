"""Playing on from a decision state to the episode's end, in kernels: the one place where that is done.

Two ways. :class:`Rollouts` answers where the decision process asks: an action that is kept for a while, a policy after
it. :func:`finish` answers every batch, as planners do: some victims by the routes that are held for them, the others by
a base rule, which is a fixed policy as kernels ask it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies import FixedPolicy, Policy
from swapgym.agents.policies.compiled import compiled
from swapgym.envs.arguments import route_codes
from swapgym.envs.costs import N_OBJECTIVES, objective_costs, weighted
from swapgym.envs.deciders import LEAF, Decider, choose, new_scratch
from swapgym.envs.lane import step_lane
from swapgym.envs.lanes import Lanes
from swapgym.envs.observations import NEW_READING, places, scale
from swapgym.envs.sensors import read
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide
from swapgym.phone.jit import kernel

ROOM: Final = 256
"""Decisions that there is room for at first."""
BY_RULE: Final = -1
"""Stands for a route: whatever the base rule says."""


class BaseRule(NamedTuple):
    """A fixed policy for the pending batch of one scenario.

    Attributes:
        decider: The policy's tree, of the parts that it reads.
        parts: Those parts, int64.
        routes: Codes of the routes that its actions stand for, int64.
        reading: READING record, shape ``(1,)``; worked in.
        seen: float32, one per part; worked in.
        scratch: See :func:`swapgym.envs.deciders.new_scratch`; worked in.
    """

    decider: Decider
    parts: npt.NDArray[np.int64]
    routes: npt.NDArray[np.int64]
    reading: npt.NDArray[Any]
    seen: npt.NDArray[np.float32]
    scratch: npt.NDArray[np.float64]


def base_rule(policy: FixedPolicy, spec: EnvSpec, scenario: Any) -> BaseRule:
    """Return ``policy`` as rollouts of ``scenario`` ask it.

    Raises:
        ValueError: If kernels cannot ask it.
    """
    decider = policy.compiled(spec.but(parts=policy.parts))
    if decider is None:
        raise ValueError(f"rule: {policy.name!r} does more with its readings than comparing them, must only do that")
    inner = decider.nodes["part"] != LEAF
    asked = np.unique(decider.nodes["part"][inner])
    decider.nodes["part"][inner] = np.searchsorted(asked, decider.nodes["part"][inner])
    routes = np.array(route_codes(policy.routes, scenario), np.int64)
    parts = places(policy.parts)[asked]
    seen, scratch = np.zeros(len(asked), np.float32), np.zeros((2, 1))
    return BaseRule(decider, parts, routes, NEW_READING.copy(), seen, scratch)


@kernel
def by_rule(phones: Any, scenarios: Any, lane: int, rule: Any) -> int:
    """Return the route that a base rule takes for the pending batch of a lane.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lane: Row.
        rule: A :class:`BaseRule`.
    """
    rule.reading[0] = NEW_READING[0]
    read(phones[lane], scenarios[lane], rule.reading[0])
    scale(rule.reading.view(np.float64), rule.parts, rule.seen)
    route: int = rule.routes[choose(rule.decider, rule.seen, rule.scratch)]
    return route


@kernel
def finish(phones: Any, scenarios: Any, lane: int, held: Any, rule: Any) -> None:
    """Play a lane with a pending batch to its end: victims on the routes held for them, or by the rule."""
    while True:
        route = held[phones[lane].pending]
        if route == BY_RULE:
            route = by_rule(phones, scenarios, lane, rule)
        decide(phones, scenarios, lane, route)
        if advance(phones, scenarios, lane) != k.RUN_DECISION:
            return


@kernel
def play_on(
    phones: Any, scenarios: Any, lanes: Any, lane: int, action: int, until_us: int, decider: Any, codes: Any,
    epochs: Any, parts: Any, observations: Any, rewards: Any, times_us: Any,
) -> int:  # fmt: skip
    """Play a lane that awaits an answer to its end: ``action`` until it is ``until_us``, a policy thereafter.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lanes: LANE records.
        lane: Row.
        action: Flat action that is kept.
        until_us: Simulated time until which it is kept; it is taken once at least.
        decider: The policy: see :mod:`swapgym.envs.deciders`.
        codes: What flat actions stand for, int64, shape ``(n, 2)``.
        epochs: When the policy is asked.
        parts: Observed parts, int64.
        observations: float32, one row per lane.
        rewards: float64, shape ``(room,)``. Written: what each decision was paid, as far as there is room.
        times_us: int64, shape ``(room,)``. Written: when each was made.

    Returns:
        How many decisions were made.
    """
    scratch = new_scratch(decider)
    decisions = 0
    while True:
        now_us = phones[lane].now_us
        chosen: Any = np.int64(action)
        if decisions > 0 and now_us >= until_us:
            chosen = choose(decider, observations[lane], scratch)
        status = step_lane(phones, scenarios, lanes, lane, codes[chosen], epochs, parts, observations)
        if decisions < len(rewards):
            rewards[decisions] = lanes[lane].reward
            times_us[decisions] = now_us
        decisions += 1
        if status != k.RUN_DECISION:
            return decisions


class Rollouts:
    """Plays lanes on from decision states, by an action that is kept and a policy thereafter."""

    def __init__(self, policy: Policy, spec: EnvSpec) -> None:
        """Take the policy.

        Raises:
            ValueError: If kernels cannot ask it.
        """
        decider = compiled(policy, spec)
        if decider is None:
            raise ValueError(f"policy: {policy!r} is none that kernels can ask, must offer to be compiled")
        self.decider, self.codes = decider, spec.actions()
        self._rewards, self._times_us = np.zeros(ROOM), np.zeros(ROOM, np.int64)

    def play_on(
        self, lanes: Lanes, lane: int, action: int, keep_us: int = 0
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Play a lane that awaits an answer to its end.

        Args:
            lanes: The lanes.
            lane: Which of them.
            action: Flat action that is kept.
            keep_us: How long; it is taken once at least.

        Returns:
            What each decision was paid, and when it was made (us of simulated time): float64 and int64, shape
            ``(decisions,)``. What the episode has cost is in ``lanes.lanes["costs"]``.
        """
        until_us = int(lanes.phones["now_us"][lane]) + keep_us
        while True:
            before = lanes.take(lane)
            decisions = play_on(
                lanes.phones, lanes.scenarios, lanes.lanes, lane, action, until_us, self.decider, self.codes,
                lanes.epochs, lanes.parts, lanes.observations, self._rewards, self._times_us,
            )  # fmt: skip
            if decisions <= len(self._rewards):
                lanes.statuses[lane] = k.RUN_END
                return self._rewards[:decisions].copy(), self._times_us[:decisions].copy()
            # more decisions than there was room for: once more, with room
            self._rewards, self._times_us = np.zeros(2 * decisions), np.zeros(2 * decisions, np.int64)
            lanes.phones[lane], lanes.scenarios[lane], lanes.lanes[lane] = (rows[0] for rows in before)
            lanes.look(lane)


@kernel
def cost(phones: Any, lane: int, weights: Any) -> float:
    """Return what the episode of a lane has cost so far.

    Args:
        phones: PHONE records.
        lane: Row.
        weights: float64, score per unit of each objective.
    """
    costs = np.zeros(N_OBJECTIVES, np.float64)
    objective_costs(phones, lane, costs)
    total: float = weighted(costs, weights)
    return total


@kernel
def finish_all(states: Any, phones: Any, scenarios: Any, held: Any, rule: Any, weights: Any, costs: Any) -> None:
    """Play every lane from its state, at which a batch is pending, to its end.

    Args:
        states: PHONE records, shape ``(n,)``.
        phones: PHONE records, shape ``(n,)``. Written: how they end.
        scenarios: SCENARIO records, shape ``(n,)``.
        held: int64, shape ``(MAX_PROCESSES,)``: each victim's route, or BY_RULE.
        rule: A :class:`BaseRule`.
        weights: See :func:`cost`.
        costs: float64, shape ``(n,)``. Written: what each lane costs.
    """
    for lane in range(len(costs)):
        phones[lane] = states[lane]
        finish(phones, scenarios, lane, held, rule)
        costs[lane] = cost(phones, lane, weights)
