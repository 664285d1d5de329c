"""One lane of the decision process: what an environment's reset and step do to one phone of an array of phones.

Single and native vector environments call these same kernels, so that they cannot disagree. All arrays hold one row per
lane; a lane's rows belong together.
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from swapgym.envs.costs import N_OBJECTIVES, N_TERMS, cost_terms, fold_terms, weighted
from swapgym.envs.epochs import BACKLOG_TOO, is_epoch, only_backlog, signature
from swapgym.envs.observations import observe
from swapgym.phone import constants as k
from swapgym.phone.engine import FOREVER_US, advance, decide, set_pace, start
from swapgym.phone.jit import kernel
from swapgym.phone.records import Field, integer, nested, record, wide

ANSWER: Final[np.dtype[Any]] = record(
    wide("signature", "bits", "what mattered when it was given (swapgym.envs.epochs)"),
    wide("asked_us", "us", "when it was given"),
    integer("route", "code", "route of the victim's batches until the next epoch"),
)
"""An answer of the policy, for one victim."""


def real(name: str, unit: str, meaning: str, shape: int | None = None) -> Field:
    """Declare a float64 field, or a sub-array of ``shape`` of them."""
    return integer(name, unit, meaning, shape, code="f8")


LANE: Final[np.dtype[Any]] = record(
    real("weights", "1", "what a unit of each objective costs, over the reference cost", N_OBJECTIVES),
    real("terms", "ms, MiB", "what the episode has cost so far by term", N_TERMS),
    real("costs", "ms, MiB, ms", "what the episode has cost so far by objective, paid or not", N_OBJECTIVES),
    real(
        "credit", "ms, MiB, ms per us", "what the reference costs by objective, per time; 0 not centred", N_OBJECTIVES
    ),
    real("gained", "ms, MiB, ms", "what the last step cost less than that by objective", N_OBJECTIVES),
    real("reward", "1", "the last step's reward"),
    wide("paid_us", "us", "until when costs have been paid"),
    nested("drain", ANSWER, "the last answer given, for whichever victim or none"),
    nested("answers", ANSWER, "the last answer for each process", k.MAX_PROCESSES),
)
"""What a lane keeps beside its phone: what has been paid, and what has been answered."""

TOLD_COSTS: Final = slice(0, N_TERMS + N_OBJECTIVES)
TOLD_GAINED: Final = slice(N_TERMS + N_OBJECTIVES, N_TERMS + 2 * N_OBJECTIVES)
TOLD_REWARD: Final = N_TERMS + 2 * N_OBJECTIVES
TOLD_ELAPSED: Final = TOLD_REWARD + 1
N_TOLD: Final = TOLD_ELAPSED + 1
"""Rows of what many lanes tell of their last step, side by side: costs by term and by objective, what was gained, the
reward, and the simulated time since the start (us). The records themselves lie too far apart to be gathered."""


def costs_view(lanes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the first lane's costs so far, by term and then by objective, as a view of its LANE record."""
    first = lanes[:1].view(np.float64)
    place = lanes.dtype.fields["terms"][1] // first.itemsize  # type: ignore[index]  # a record has fields
    return first[place : place + N_TERMS + N_OBJECTIVES]


def unchecked(function: Any, *arguments: Any) -> Any:
    """Return a kernel for arguments of just these types: it does not look at them again, which halves a call's cost.

    Whoever calls it must pass arrays of the same types, layouts and dtypes: with others it reads anything.
    """
    if numba.config.DISABLE_JIT:
        return function
    return function.compile(tuple(map(numba.typeof, arguments)))


ROUTE: Final = 0
PACE: Final = 1
"""Places in an action as kernels take it: int64, shape ``(2,)``: a route's code (-1: the one that the kernel variant
defers to) and a pace (-1 leaves it)."""


@kernel
def clear_lane(phones: Any, scenarios: Any, lanes: Any, lane: int) -> None:
    """Put ``phones[lane]`` at the start of ``scenarios[lane]``; of the LANE record only weights and credit stay.

    What accrues before the first decision is paid with the first step.
    """
    phones[lane : lane + 1].view(np.uint8)[:] = 0
    own = lanes[lane]
    own.costs[:] = 0.0
    own.terms[:] = 0.0
    own.gained[:] = 0.0
    own.paid_us = 0
    own.reward = 0.0
    own.drain.asked_us = -FOREVER_US
    for index in range(k.MAX_PROCESSES):
        own.answers[index].asked_us = -FOREVER_US
    start(phones, scenarios, lane)


@kernel
def begin_lane(phones: Any, scenarios: Any, lanes: Any, lane: int, epochs: Any, chosen: Any, observations: Any) -> int:
    """Start ``scenarios[lane]`` on ``phones[lane]`` and run it to its first decision.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lanes: LANE records. The lane's is cleared.
        lane: Row.
        epochs: When the policy is asked (:mod:`swapgym.envs.epochs`).
        chosen: Observed parts, int64.
        observations: float32, ``(lanes, len(chosen))``. The lane's row is written.

    Returns:
        RUN_DECISION, or RUN_END where the scenario asks for no decision at all.
    """
    clear_lane(phones, scenarios, lanes, lane)
    status = run_lane(phones, scenarios, lanes, lane, epochs, FOREVER_US)
    observe(phones[lane], scenarios[lane], chosen, observations[lane])
    return status


@kernel
def answer_lane(phones: Any, scenarios: Any, lanes: Any, lane: int, action: Any) -> None:
    """Take the policy's answer: the pending victim's batches follow its route, workers its pace, until the next epoch.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lanes: LANE records. The lane's is updated.
        lane: Row.
        action: int64, shape ``(2,)``: see ROUTE and PACE. Without a pending victim the route is not read.
    """
    phone = phones[lane]
    own = lanes[lane]
    now = signature(phone, scenarios[lane])
    if action[PACE] >= 0:
        set_pace(phones, scenarios, lane, action[PACE])
        own.drain.signature = now
        own.drain.asked_us = phone.now_us
    if phone.pending >= 0:
        answer = own.answers[phone.pending]
        answer.signature = now
        answer.asked_us = phone.now_us
        answer.route = action[ROUTE] if action[ROUTE] >= 0 else scenarios[lane].kernel.defer_route
        decide(phones, scenarios, lane, answer.route)


@kernel
def run_lane(phones: Any, scenarios: Any, lanes: Any, lane: int, epochs: Any, until_us: int) -> int:
    """Run a lane to its next epoch, or to the first tick that begins at ``until_us`` or later.

    Batches between epochs follow the last answer for their victim.

    Returns:
        RUN_DECISION, RUN_PAUSED at ``until_us``, or RUN_END where the scenario is over.
    """
    phone = phones[lane]
    scenario = scenarios[lane]
    own = lanes[lane]
    while True:
        pause_us = until_us
        if epochs[BACKLOG_TOO] != 0:
            pause_us = min(until_us, phone.now_us + 1)
        status = advance(phones, scenarios, lane, pause_us)
        if status == k.RUN_DECISION:
            answer = own.answers[phone.pending]
            if is_epoch(phone, scenario, answer, epochs):
                return k.RUN_DECISION
            decide(phones, scenarios, lane, answer.route)
        elif status == k.RUN_END:
            return k.RUN_END
        else:
            if epochs[BACKLOG_TOO] != 0 and only_backlog(phone) and is_epoch(phone, scenario, own.drain, epochs):
                return k.RUN_DECISION
            if phone.now_us >= until_us:
                return k.RUN_PAUSED


@kernel
def pay_lane(phones: Any, scenarios: Any, lanes: Any, lane: int) -> None:
    """Write what has accrued since the last call, by objective and as a reward, into the lane's record."""
    own = lanes[lane]
    own.gained[:] = own.costs  # what has been paid before
    cost_terms(phones, lane, own.terms)
    fold_terms(own.terms, own.costs)
    now_us = min(phones[lane].now_us, scenarios[lane].duration_us)
    for objective in range(N_OBJECTIVES):
        due = own.credit[objective] * (now_us - own.paid_us)
        own.gained[objective] = due - (own.costs[objective] - own.gained[objective])
    own.paid_us = now_us
    own.reward = weighted(own.gained, own.weights)


@kernel
def tell_lane(phones: Any, lanes: Any, lane: int, told: Any) -> None:
    """Write what a lane tells of its last step into its column of ``told`` (float64, shape ``(N_TOLD, lanes)``)."""
    own = lanes[lane]
    for term in range(N_TERMS):
        told[term, lane] = own.terms[term]
    for objective in range(N_OBJECTIVES):
        told[N_TERMS + objective, lane] = own.costs[objective]
        told[N_TERMS + N_OBJECTIVES + objective, lane] = own.gained[objective]
    told[TOLD_REWARD, lane] = own.reward
    told[TOLD_ELAPSED, lane] = phones[lane].now_us


@kernel
def step_lane(
    phones: Any, scenarios: Any, lanes: Any, lane: int, action: Any, epochs: Any, chosen: Any, observations: Any
) -> int:
    """Take an answer and run on to the next epoch.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lanes: LANE records. The lane's is updated.
        lane: Row.
        action: int64, shape ``(2,)``: see ROUTE and PACE.
        epochs: When the policy is asked.
        chosen: Observed parts, int64.
        observations: float32, ``(lanes, len(chosen))``. The lane's row is written.

    Returns:
        RUN_DECISION, or RUN_END where the scenario is over.
    """
    answer_lane(phones, scenarios, lanes, lane, action)
    status = run_lane(phones, scenarios, lanes, lane, epochs, FOREVER_US)
    observe(phones[lane], scenarios[lane], chosen, observations[lane])
    pay_lane(phones, scenarios, lanes, lane)
    return status


@kernel
def play_out(phones: Any, scenarios: Any, lane: int, route: int) -> int:
    """Run a started lane to its scenario's end, every batch on the same ``route``; return the number of batches."""
    batches = 0
    if phones[lane].pending >= 0:
        decide(phones, scenarios, lane, route)
        batches += 1
    while advance(phones, scenarios, lane) == k.RUN_DECISION:
        decide(phones, scenarios, lane, route)
        batches += 1
    return batches
