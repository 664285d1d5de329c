"""One lane of the decision process: what an environment's reset and step do to one phone of an array of phones.

Single and native vector environments call these same kernels, so that they cannot disagree. All arrays hold one row per
lane; a lane's rows belong together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.envs.observations import observe
from swapgym.envs.rewards import accrue
from swapgym.phone.constants import RUN_DECISION
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.jit import kernel


@kernel
def begin_lane(phones: Any, scenarios: Any, lane: int, observations: Any, paid: Any) -> int:
    """Start ``scenarios[lane]`` on ``phones[lane]`` and run it to its first decision.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lane: Row.
        observations: float32, ``(lanes, N_PARTS)``. The lane's row is written.
        paid: int64, ``(lanes, N_TERMS)``. The lane's row is zeroed: what accrues before the first decision is paid out
            with the first step.

    Returns:
        RUN_DECISION, or RUN_END where the scenario asks for no decision at all.
    """
    phones[lane : lane + 1].view(np.uint8)[:] = 0
    paid[lane, :] = 0
    start(phones, scenarios, lane)
    status = advance(phones, scenarios, lane)
    observe(phones[lane], scenarios[lane], observations[lane])
    return status


@kernel
def step_lane(
    phones: Any, scenarios: Any, lane: int, route: int, hold_us: int, observations: Any, paid: Any, terms: Any
) -> int:
    """Send the pending batch of a lane on ``route`` and run on to its next decision.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lane: Row.
        route: INLINE, KWORKER or USERSPACE.
        hold_us: How long the route stands: batches that are full before then follow it without being asked for.
        observations: float32, ``(lanes, N_PARTS)``. The lane's row is written.
        paid: int64, ``(lanes, N_TERMS)``: see :func:`swapgym.envs.rewards.accrue`. The lane's row is updated.
        terms: float64, ``(lanes, N_TERMS)``: the reward terms of this step. The lane's row is written.

    Returns:
        RUN_DECISION, or RUN_END where the scenario is over.
    """
    until_us = phones[lane].now_us + hold_us
    decide(phones, scenarios, lane, route)
    status = advance(phones, scenarios, lane)
    while status == RUN_DECISION and phones[lane].now_us < until_us:
        decide(phones, scenarios, lane, route)
        status = advance(phones, scenarios, lane)
    observe(phones[lane], scenarios[lane], observations[lane])
    accrue(phones[lane], paid[lane], terms[lane])
    return status


@kernel
def play_out(phones: Any, scenarios: Any, lane: int, route: int) -> int:
    """Run a started lane to its scenario's end, every batch on the same ``route``; return the number of decisions."""
    decisions = 0
    if phones[lane].pending >= 0:
        decide(phones, scenarios, lane, route)
        decisions += 1
    while advance(phones, scenarios, lane) == RUN_DECISION:
        decide(phones, scenarios, lane, route)
        decisions += 1
    return decisions
