"""Asking for CPU and being charged for it: what every other room of the phone sees of the scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.sched.clocks import ONE_BITS, decay_factor

NICE_TO_WEIGHT = np.array(k.NICE_TO_WEIGHT, dtype=np.int64)
NEVER_US: int = -(1 << 40)
NEVER_TICK: int = -2


@kernel
def weight_of(nice: int) -> int:
    """Return the load weight of ``nice`` (-20 to 19)."""
    return NICE_TO_WEIGHT[nice + 20]


@kernel
def request_cpu(phone: Any, task: int, weight: int, mask: int, boost: int, demand_ns: int) -> None:
    """Put ``task`` on the list of those that want CPU in this tick, heaviest first.

    Args:
        phone: PHONE record.
        task: Task id.
        weight: Its load weight.
        mask: Its cpuset.
        boost: Its uclamp.min, over 1024.
        demand_ns: Work it can do in this tick, in nanoseconds of the reference CPU; -1 more than any CPU gives.
    """
    t = phone.tasks[task]
    slept = phone.tick - 1 - t.requested
    t.ran_before = 1 if slept == 0 else 0
    if slept > 0 and t.util > 0:
        t.util = t.util * decay_factor(slept * phone.tick_us) >> ONE_BITS
    t.requested = phone.tick
    t.weight = weight
    t.mask = mask
    t.boost = boost
    t.demand_ns = demand_ns if demand_ns < phone.tick_us * k.NS_PER_US else -1
    t.placed = 0
    t.lock_user = 0
    t.lock_factor = k.UNIT
    position = phone.n_runnable
    while position > 0 and phone.tasks[phone.runnable[position - 1]].weight < weight:
        phone.runnable[position] = phone.runnable[position - 1]
        position -= 1
    phone.runnable[position] = task
    phone.n_runnable += 1


@kernel
def is_runnable(phone: Any, task: int) -> bool:
    """Return whether ``task`` has asked for CPU in this tick."""
    return phone.tasks[task].requested == phone.tick


@kernel
def speed_of(phone: Any, task: int) -> int:
    """Return what the clock makes of the task's CPU now, over 1024."""
    return phone.cpus.speed[phone.tasks[task].cpu]


@kernel
def elapsed_us(phone: Any, task: int, used_ns: int) -> int:
    """Return the wall time (us) after which ``task`` has used ``used_ns`` of its grant.

    One that got all it wanted has run whenever SCHED_FIFO did not; one that was cut short has run by turns all tick
    long.
    """
    t = phone.tasks[task]
    whole_ns = phone.cpus.fair_ns[t.cpu] if t.granted_ns >= t.wanted_ns else t.granted_ns
    return min(phone.tick_us, phone.tick_us * used_ns // max(1, whole_ns))


@kernel
def charge(phone: Any, task: int, who: int, used_ns: int) -> None:
    """Charge ``used_ns`` of the task's CPU to ``who`` (CHARGE_*)."""
    phone.cpus.used_ns[phone.tasks[task].cpu] += used_ns
    phone.total.charged_ns[who] += used_ns


@inlined
def charge_idle(phone: Any, scenario: Any) -> None:
    """Charge what nobody used in this tick to idle."""
    for index in range(scenario.device.n_cpus):
        phone.total.charged_ns[k.CHARGE_IDLE] += phone.cpus.fair_ns[index] - phone.cpus.used_ns[index]
