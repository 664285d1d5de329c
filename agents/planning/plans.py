"""Plans: a route for every batch of every process, and what an episode costs that follows one.

A plan names a batch by its process and its number among that process's batches, not by its place in the episode: a
change to one victim then leaves the others' routes where they were, however the exits interleave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.policies import Policy
from agents.runner import World
from swapgym.envs import arguments
from swapgym.envs.lanes import Lanes
from swapgym.envs.rewards import baseline_of
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE
from swapgym.workload import draw, drawn_preset, empty

MAX_BATCHES: Final = 768
"""Batches of one process with a route of their own; later ones share the last."""
N_COSTS: Final = 2

Plan = npt.NDArray[np.int8]
"""Routes by process and batch, shape ``(MAX_PROCESSES, MAX_BATCHES)``."""


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
    phones[lane : lane + 1].view(np.int64)[:] = 0
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
def follow_all(phones: Any, scenarios: Any, plans: Any, costs: Any) -> None:
    """Play every lane by its own plan; write lag (ms) and peak (MiB) into ``costs``, float64 of shape ``(n, 2)``."""
    unused = np.zeros(0, np.int8)
    for lane in range(len(plans)):
        follow(phones, scenarios, lane, plans[lane], unused)
        total = phones[lane].total
        lag_us = total.frame_late_us + total.launch_delay_us + total.stall_us + total.relaunch_cost_us
        costs[lane, 0] = lag_us / k.MS
        costs[lane, 1] = total.demand_peak_pages / k.PAGES_PER_MIB


class Stage:
    """One episode, ready to be played by many plans at once.

    Attributes:
        preset: Its preset.
        seed: Its scenario seed.
        world: What it is played in.
        evaluations: Plans played so far.
        batches: Batches each process can have, shape ``(MAX_PROCESSES,)``; 0 for those that are never killed.
    """

    def __init__(self, preset: str, seed: int, world: World, width: int = 16) -> None:
        """Draw the episode once for each of ``width`` plans that are played in one go."""
        self.preset, self.seed, self.world, self.width = preset, seed, world, width
        scenarios = empty(1)
        draw(
            preset, seed, device=world.device, kernel=world.kernel, overrides=world.overrides, tick_us=world.tick_us,
            out=scenarios[0],
        )  # fmt: skip
        self.scenarios = np.repeat(scenarios, width)
        self.phones = np.zeros(width, PHONE)
        self.routes = tuple(arguments.route_codes(world.routes, scenarios[0]))
        self.evaluations = 0
        entries = scenarios[0]["apps"]["swap_entries"]
        size = int(scenarios[0]["kernel"]["batch_entries"])
        self.batches = np.minimum(-(-entries // size) + 1, MAX_BATCHES).astype(np.int64)
        baseline = baseline_of(drawn_preset(preset, seed))
        self.scale = np.array([world.weights[0] / baseline.lag_ms, world.weights[1] / baseline.peak_mib])

    def scores(self, plans: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """Return the scores (lower is better, shape ``(n,)``) of plans of shape ``(n, MAX_PROCESSES, MAX_BATCHES)``."""
        costs = np.zeros((len(plans), N_COSTS))
        for first in range(0, len(plans), self.width):
            part = slice(first, first + self.width)
            follow_all(self.phones, self.scenarios, plans[part], costs[part])
        self.evaluations += len(plans)
        scores: npt.NDArray[np.float64] = costs @ self.scale
        return scores

    def play(self, plan: Plan) -> list[int]:
        """Return the routes of an episode that follows ``plan``, in the episode's order."""
        routes = np.zeros(1 << 14, np.int8)
        decisions = follow(self.phones, self.scenarios, 0, plan, routes)
        return [int(route) for route in routes[:decisions]]


def plan_of(stage: Stage, policy: Policy) -> Plan:
    """Return the plan that a policy follows in an episode; batches it never sees get its last route."""
    lanes = Lanes(1)
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
        last = stage.routes[int(np.atleast_1d(actions)[0])]
        plan[process, batch:] = last
        lanes.step(np.array([last], dtype=np.int64))
    plan[plan < 0] = last
    return plan


def constant(route: int) -> Plan:
    """Return the plan that sends every batch on the same route."""
    return np.full((k.MAX_PROCESSES, MAX_BATCHES), route, dtype=np.int8)


def stack(plans: Sequence[Plan]) -> npt.NDArray[np.int8]:
    """Return plans as one array."""
    return np.stack(list(plans))
