"""Playing on from a moment, by a plan for some victims and by a base rule for the others.

The base rule is a fixed policy as kernels ask it, so that a continuation costs no more than the phone it runs.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies import FixedPolicy
from swapgym.envs.arguments import route_codes
from swapgym.envs.costs import N_OBJECTIVES, objective_costs, weighted
from swapgym.envs.deciders import LEAF, Decider, choose
from swapgym.envs.observations import NEW_READING, places, scale
from swapgym.envs.sensors import read
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide
from swapgym.phone.jit import kernel

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
    """Return ``policy`` as continuations of ``scenario`` ask it.

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
def finish_all(moments: Any, phones: Any, scenarios: Any, held: Any, rule: Any, weights: Any, costs: Any) -> None:
    """Play every lane from its moment, at which a batch is pending, to its end.

    Args:
        moments: PHONE records, shape ``(n,)``.
        phones: PHONE records, shape ``(n,)``. Written: how they end.
        scenarios: SCENARIO records, shape ``(n,)``.
        held: int64, shape ``(MAX_PROCESSES,)``: each victim's route, or BY_RULE.
        rule: A :class:`BaseRule`.
        weights: See :func:`cost`.
        costs: float64, shape ``(n,)``. Written: what each lane costs.
    """
    for lane in range(len(costs)):
        phones[lane] = moments[lane]
        finish(phones, scenarios, lane, held, rule)
        costs[lane] = cost(phones, lane, weights)
