"""Plans: a route for every batch of every process, and what an episode costs that follows one.

Who plans is asked at every batch, whatever the epochs of the decision process: :func:`per_batch`. A plan names a batch
by its process and its number among that process's batches, not by its place in the episode: a change to one victim then
leaves the others' routes where they were, however the exits interleave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies import Policy
from swapgym.envs import arguments
from swapgym.envs.costs import N_OBJECTIVES, objective_costs, weighted
from swapgym.envs.epochs import BATCH
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE
from swapgym.workload import empty

MAX_BATCHES: Final = 768
"""Batches of one process with a route of their own; later ones share the last."""

Plan = npt.NDArray[np.int8]
"""Routes by process and batch, shape ``(MAX_PROCESSES, MAX_BATCHES)``."""


def per_batch(spec: EnvSpec) -> EnvSpec:
    """Return a decision process as planners play it: asked at every batch, of routes alone.

    Raises:
        ValueError: If its actions set the drain's pace too.
    """
    if spec.pace_names:
        raise ValueError(f"paces: {spec.pace_names}, must be none: plans are of routes alone")
    return spec.but(epochs=BATCH)


@kernel
def follow(phones: Any, scenarios: Any, lane: int, plan: Any, routes: Any) -> int:
    """Play the scenario of a lane from its start to its end by ``plan``; return the number of decisions.

    Args:
        phones: PHONE records; the lane's is overwritten.
        scenarios: SCENARIO records.
        lane: Row.
        plan: int8, shape ``(MAX_PROCESSES, MAX_BATCHES)``.
        routes: int8, shape ``(n,)``: the routes as they were taken, in the episode's order, as far as there is room.
    """
    phones[lane : lane + 1].view(np.uint8)[:] = 0
    start(phones, scenarios, lane)
    phone = phones[lane]
    decisions = 0
    while advance(phones, scenarios, lane) == k.RUN_DECISION:
        process = phone.pending
        route = plan[process, min(phone.processes[process].decisions, MAX_BATCHES - 1)]
        if decisions < len(routes):
            routes[decisions] = route
        decisions += 1
        decide(phones, scenarios, lane, route)
    return decisions


@kernel
def follow_all(phones: Any, scenarios: Any, plans: Any, weights: Any, scores: Any) -> None:
    """Play every lane by its own plan; write its cost by ``weights`` into ``scores``, float64 of shape ``(n,)``."""
    unused = np.zeros(0, np.int8)
    costs = np.zeros(N_OBJECTIVES, np.float64)
    for lane in range(len(plans)):
        follow(phones, scenarios, lane, plans[lane], unused)
        objective_costs(phones, lane, costs)
        scores[lane] = weighted(costs, weights)


class Stage:
    """One episode, ready to be played by many plans at once.

    Attributes:
        preset: Its preset.
        seed: Its scenario seed.
        spec: The decision process, asked at every batch.
        routes: Codes of its routes, by action.
        evaluations: Plans played so far.
        batches: Batches each process can have, shape ``(MAX_PROCESSES,)``; 0 for those that are never killed.
    """

    def __init__(self, preset: str, seed: int, spec: EnvSpec, width: int = 16) -> None:
        """Draw the episode once for each of ``width`` plans that are played in one go."""
        self.preset, self.seed, self.spec, self.width = preset, seed, per_batch(spec), width
        scenarios = empty(1)
        drawn = spec.draw(seed, scenarios[0], preset)
        self.scenarios = np.repeat(scenarios, width)
        self.phones = np.zeros(width, PHONE)
        self.routes = tuple(arguments.route_codes(spec.route_names, scenarios[0]))
        self.evaluations = 0
        entries = scenarios[0]["apps"]["swap_entries"]
        size = int(scenarios[0]["kernel"]["batch_entries"])
        self.batches = np.minimum(-(-entries // size) + 1, MAX_BATCHES).astype(np.int64)
        self.weights = spec.rates.weights(drawn)

    def scores(self, plans: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """Return the scores (lower is better, shape ``(n,)``) of plans of shape ``(n, MAX_PROCESSES, MAX_BATCHES)``."""
        scores = np.zeros(len(plans))
        for first in range(0, len(plans), self.width):
            part = slice(first, first + self.width)
            follow_all(self.phones, self.scenarios, plans[part], self.weights, scores[part])
        self.evaluations += len(plans)
        return scores

    def play(self, plan: Plan) -> list[int]:
        """Return the actions of an episode that follows ``plan``, in the episode's order."""
        routes = np.zeros(1 << 14, np.int8)
        decisions = follow(self.phones, self.scenarios, 0, plan, routes)
        return [self.routes.index(int(route)) for route in routes[:decisions]]


def plan_of(stage: Stage, policy: Policy) -> Plan:
    """Return the plan that a policy follows in an episode; batches it never sees get its last route."""
    lanes = Lanes(1, stage.spec)
    codes = stage.spec.actions()
    lanes.scenarios[:] = stage.scenarios[:1]
    lanes.begin()
    plan = np.full((k.MAX_PROCESSES, MAX_BATCHES), -1, dtype=np.int8)
    state = None
    last = k.INLINE
    while len(waiting := lanes.waiting()):
        phone = lanes.phones[0]
        process = int(phone["pending"])
        batch = min(int(phone["processes"][process]["decisions"]), MAX_BATCHES - 1)
        actions, state = policy.predict(lanes.observations[waiting], state, deterministic=True)
        action = int(np.atleast_1d(actions)[0])
        last = stage.routes[action]
        plan[process, batch:] = last
        lanes.actions[0] = codes[action]
        lanes.step()
    plan[plan < 0] = last
    return plan


def constant(route: int) -> Plan:
    """Return the plan that sends every batch on the same route."""
    return np.full((k.MAX_PROCESSES, MAX_BATCHES), route, dtype=np.int8)


def stack(plans: Sequence[Plan]) -> npt.NDArray[np.int8]:
    """Return plans as one array."""
    return np.stack(list(plans))
