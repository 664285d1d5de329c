"""One episode over its time, as the phone's records have it: what the timeline figure is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies import Policy
from swapgym.envs.lane import ROUTE, answer_lane, clear_lane, run_lane
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k

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
        decided_ms: When a decision was made, shape ``(decisions,)``.
        deferred: Whether it was to defer, shape ``(decisions,)``.
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


def trace(spec: EnvSpec, policy: Policy, preset: str, seed: int) -> Timeline:
    """Play an episode and return its timeline.

    Args:
        spec: The decision process.
        policy: Decides, deterministically.
        preset: Preset.
        seed: Scenario seed.

    Raises:
        ValueError: If preset or kernel are unknown.
    """
    lanes = Lanes(1, spec)
    lanes.draw(0, seed, preset)
    rows = (lanes.phones, lanes.scenarios, lanes.lanes)
    phone = lanes.phones[0]
    codes = spec.actions()
    samples, decided, deferred = [], [], []
    state = None
    look_us = 0
    clear_lane(*rows, 0)
    while True:
        status = run_lane(*rows, 0, lanes.epochs, look_us)
        if status == k.RUN_DECISION:
            lanes.look(0)
            actions, state = policy.predict(lanes.observations, state, deterministic=True)
            action = codes[spec.flat_actions(actions)[0]]
            decided.append(phone["now_us"] / k.MS)
            deferred.append(action[ROUTE] != k.INLINE)
            answer_lane(*rows, 0, action)
            continue
        samples.append(sample(phone))
        if status == k.RUN_END:
            break
        look_us = int(phone["now_us"]) + LOOK_US
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
