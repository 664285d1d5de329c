"""One episode over its time, as the phone's records have it: what the timeline figure is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.policies import Policy
from agents.runner import World
from swapgym.envs import arguments
from swapgym.envs.lanes import Lanes
from swapgym.phone import constants as k
from swapgym.phone.engine import PHASE_TICK, start
from swapgym.workload import draw

MEMORY: Final = {
    "free": "free_pages",
    "page cache": "file_pages",
    "anonymous": "anon_pages",
    "zram pool": "pool_pages",
}
"""Memory by what it is called in the figure, and the phone's field."""

LOOK_US: Final = 5_000
"""How often the phone is looked at: decisions come in bunches, and what follows the last of them is half the story."""

Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """An episode at its start, every :data:`LOOK_US` and at its end (``n`` samples), and its decisions.

    Attributes:
        preset: Preset of the episode.
        seed: Its scenario seed.
        n_cpus: CPUs of its device.
        time_ms: Simulated time, shape ``(n,)``.
        memory_mib: Memory by :data:`MEMORY`, shape ``(n, len(MEMORY))``.
        backlog_entries: Entries deferred and not yet drained, shape ``(n,)``.
        late_ms: Lateness of frames so far, shape ``(n,)``.
        delay_ms: Delay of launches so far, shape ``(n,)``.
        charged_ms: CPU time so far by who paid, shape ``(n, N_CHARGES)``.
        decided_ms: When a batch was decided, shape ``(decisions,)``.
        deferred: Whether it was deferred, shape ``(decisions,)``.
    """

    preset: str
    seed: int
    n_cpus: int
    time_ms: Series
    memory_mib: Series
    backlog_entries: Series
    late_ms: Series
    delay_ms: Series
    charged_ms: Series
    decided_ms: Series
    deferred: npt.NDArray[np.bool_]


def trace(world: World, policy: Policy, preset: str, seed: int) -> Timeline:
    """Play an episode and return its timeline.

    Args:
        world: Kernel, device, routes, overrides and tick.
        policy: Decides, deterministically.
        preset: Preset.
        seed: Scenario seed.

    Raises:
        ValueError: If preset or kernel are unknown.
    """
    lanes = Lanes(1)
    draw(
        preset, seed, device=world.device, kernel=world.kernel, overrides=world.overrides, tick_us=world.tick_us,
        out=lanes.scenarios[0],
    )  # fmt: skip
    codes = arguments.route_codes(world.routes, lanes.scenarios[0])
    # lanes begin at their first decision; what the phone is like before it is read off one that has just started
    start(lanes.phones, lanes.scenarios, 0)
    samples = [sample(lanes.phones[0])]
    scenario, phone = lanes.scenarios[0], lanes.phones[0]
    end_us = int(scenario["duration_us"])
    routes = np.zeros(1, dtype=np.int64)
    decided, deferred = [], []
    state = None
    # the scenario is made to end at every look, which is the only thing that its length decides
    scenario["duration_us"] = min(LOOK_US, end_us)
    lanes.begin()
    while True:
        if len(lanes.waiting()):
            actions, state = policy.predict(lanes.observations, state, deterministic=True)
            routes[0] = codes[int(actions[0])]
            decided.append(phone["now_us"] / k.MS)
            deferred.append(routes[0] != k.INLINE)
        else:
            samples.append(sample(phone))
            if phone["now_us"] >= end_us:
                break
            scenario["duration_us"] = min(phone["now_us"] + LOOK_US, end_us)
            phone["phase"] = PHASE_TICK
        lanes.step(routes)
    table = np.array(samples)
    charges = 4 + len(MEMORY)
    return Timeline(
        preset=preset,
        seed=seed,
        n_cpus=int(lanes.scenarios[0]["device"]["n_cpus"]),
        time_ms=table[:, 0],
        backlog_entries=table[:, 1],
        late_ms=table[:, 2],
        delay_ms=table[:, 3],
        memory_mib=table[:, 4:charges],
        charged_ms=table[:, charges:],
        decided_ms=np.array(decided, dtype=np.float64),
        deferred=np.array(deferred, dtype=np.bool_),
    )


def sample(phone: Any) -> list[float]:
    """Return what a timeline has of a phone: time, backlog, lateness, delay, memory, CPU time by who paid."""
    total = phone["total"]
    return [
        phone["now_us"] / k.MS,
        float(phone["backlog_kworker"] + phone["backlog_child"]),
        total["frame_late_us"] / k.MS,
        total["launch_delay_us"] / k.MS,
        *(phone[field] / k.PAGES_PER_MIB for field in MEMORY.values()),
        *(total["charged_ns"] / (k.MS * k.NS_PER_US)).tolist(),
    ]
