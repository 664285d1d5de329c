"""Playing on from a moment, by a plan for some victims and by a base rule for the others.

The base rule is :class:`swapgym.agents.policies.thresholds.RealtimeAware` as a kernel, so that a continuation
costs no more than the phone it runs.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from swapgym.envs.costs import N_OBJECTIVES, objective_costs, weighted
from swapgym.envs.observations import INDEX, PARTS
from swapgym.envs.sensors import read_cpus
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide
from swapgym.phone.jit import kernel

BY_RULE: Final = -1
"""Stands for a route: whatever the base rule says."""
STARVED_SCALE: Final = PARTS[INDEX["starved"]].scale


@kernel
def by_rule(phones: Any, scenarios: Any, lane: int, rule: Any, deferral: int, readings: Any) -> int:
    """Return the route that :class:`..policies.thresholds.RealtimeAware` takes for the pending batch of a lane.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lane: Row.
        rule: float64, its ``load`` and ``starved_us``.
        deferral: Code of the route it defers to.
        readings: READING records; row 0 is worked in.
    """
    reading = readings[0]
    read_cpus(phones[lane], scenarios[lane], reading)
    # observations are float32: thresholds must fall on the same side here as there
    load = np.float64(np.float32(reading.rt_load))
    starved_us = float(phones[lane].total.starved_now_us)
    seen = np.float64(np.float32(starved_us / (starved_us + STARVED_SCALE)))
    if load > rule[0] or STARVED_SCALE * seen / (1.0 - seen) > rule[1]:
        return k.INLINE
    return deferral


@kernel
def finish(phones: Any, scenarios: Any, lane: int, held: Any, rule: Any, deferral: int, readings: Any) -> None:
    """Play a lane with a pending batch to its end: victims on the routes held for them, or by the rule."""
    while True:
        route = held[phones[lane].pending]
        if route == BY_RULE:
            route = by_rule(phones, scenarios, lane, rule, deferral, readings)
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
def finish_all(
    moments: Any, phones: Any, scenarios: Any, held: Any, rule: Any, deferral: int, readings: Any, weights: Any,
    costs: Any,
) -> None:  # fmt: skip
    """Play every lane from its moment, at which a batch is pending, to its end.

    Args:
        moments: PHONE records, shape ``(n,)``.
        phones: PHONE records, shape ``(n,)``. Written: how they end.
        scenarios: SCENARIO records, shape ``(n,)``.
        held: int64, shape ``(MAX_PROCESSES,)``: each victim's route, or BY_RULE.
        rule: float64, shape ``(2,)``: see :func:`by_rule`.
        deferral: Code of the route the rule defers to.
        readings: READING records; row 0 is worked in.
        weights: See :func:`cost`.
        costs: float64, shape ``(n,)``. Written: what each lane costs.
    """
    for lane in range(len(costs)):
        phones[lane] = moments[lane]
        finish(phones, scenarios, lane, held, rule, deferral, readings)
        costs[lane] = cost(phones, lane, weights)
