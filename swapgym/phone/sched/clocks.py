"""Clocks: utilisation as PELT has it, and schedutil, which sets the clock of each performance domain by it.

A task that runs all the time comes to half of full utilisation in 32 ms of a CPU of capacity 1024 at full clock; on a
smaller or slower one its time runs slower (update_rq_clock_pelt), so that a thread that has just woken on a little core
at its lowest clock stays slow for long. That is what makes exits of apps long asleep slower than benches say.

schedutil asks for a quarter more than the utilisation of a domain's busiest CPU, SCHED_FIFO tasks included, and for no
less than the uclamp.min of who runs there, at most once per rate limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined, kernel

HALF_LIFE_US: int = 32_768
"""32 periods of 1,024 us (kernel/sched/pelt.c: y ** 32 = 1/2)."""
STEP_US: int = 256
ONE_BITS: int = 20
ONE: int = 1 << ONE_BITS
DECAY = np.array([round(ONE * 0.5 ** (i * STEP_US / HALF_LIFE_US)) for i in range(HALF_LIFE_US // STEP_US + 1)])
"""y ** t over 2 ** 20 in steps of 256 us, as runnable_avg_yN_inv has it in steps of a period."""
HALVINGS: int = 20
FINE_BITS: int = 6
FINE: int = 1 << FINE_BITS
"""Utilisations are kept over 1024 * 64: a tick's growth at the lowest clock is a fraction of 1/1024."""
FULL: int = FINE * k.UNIT


@kernel
def decay_factor(us: int) -> int:
    """Return y ** ``us`` over 2 ** 20, between two steps of the table by interpolation."""
    halvings = us // HALF_LIFE_US
    if halvings >= HALVINGS:
        return 0
    rest = us % HALF_LIFE_US
    step = rest // STEP_US
    low = DECAY[step]
    return (low + (DECAY[step + 1] - low) * (rest % STEP_US) // STEP_US) >> halvings


@kernel
def utilisation(phone: Any, task: int) -> int:
    """Return the utilisation (1/1024) that decides which CPU fits ``task``: its own, or its uclamp.min."""
    t = phone.tasks[task]
    return max(t.boost, t.util >> FINE_BITS)


@kernel
def migrate_util(phone: Any, task: int, cpu: int) -> None:
    """Take the utilisation of ``task`` along to ``cpu`` (detach and attach of its load average)."""
    cpus = phone.cpus
    t = phone.tasks[task]
    if t.cpu < k.MAX_CPUS and t.cpu != cpu and t.util > 0:
        cpus.util[t.cpu] = max(0, cpus.util[t.cpu] - t.util)
        cpus.util[cpu] += t.util


@inlined
def set_clocks(phone: Any, scenario: Any) -> None:
    """Let schedutil set each domain's clock by the utilisation up to now and by who is placed, and set CPUs' speeds."""
    cpus = phone.cpus
    device = scenario.device
    if device.schedutil == 0:
        return
    for index in range(device.n_domains):
        phone.domains[index].asked = 0
    for c in range(device.n_cpus):
        domain = phone.domains[device.domain[c]]
        busy = (cpus.util[c] + cpus.rt_util[c]) >> FINE_BITS
        domain.asked = max(domain.asked, busy + (busy >> 2), cpus.boost[c])
    for index in range(device.n_domains):
        domain = phone.domains[index]
        if phone.now_us >= domain.next_us:
            clock = min(k.UNIT, max(device.min_clock[index], domain.asked * k.UNIT // domain.capacity))
            if clock != domain.clock:
                domain.clock = clock
                domain.next_us = phone.now_us + device.clock_rate_limit_us
                set_speeds(phone, scenario, index)


@kernel
def set_speeds(phone: Any, scenario: Any, index: int) -> None:
    """Set what the clock of domain ``index`` makes of its CPUs: their speed, and how utilisation grows there.

    On a CPU that was never idle in a tick time itself runs at the CPU's speed; where it was, that catches up with the
    clock on the wall, and only what was run counts by the speed (update_rq_clock_pelt, update_idle_rq_clock_pelt).
    """
    cpus = phone.cpus
    device = scenario.device
    tick_ns = phone.tick_us * k.NS_PER_US
    for c in range(device.n_cpus):
        if device.domain[c] == index:
            cpus.speed[c] = max(1, device.capacity[c] * phone.domains[index].clock // k.UNIT)
            cpus.busy_decay[c] = decay_factor(phone.tick_us * cpus.speed[c] // k.UNIT)
            cpus.busy_gain[c] = (ONE - cpus.busy_decay[c]) * FULL // tick_ns
            cpus.part_gain[c] = (ONE - phone.idle_decay) * FULL // tick_ns * cpus.speed[c] // k.UNIT


@kernel
def start_clocks(phone: Any, scenario: Any) -> None:
    """Put every domain at its lowest clock, or at full clock where schedutil is off."""
    device = scenario.device
    phone.idle_decay = decay_factor(phone.tick_us)
    for index in range(device.n_domains):
        phone.domains[index].clock = device.min_clock[index] if device.schedutil != 0 else k.UNIT
        for c in range(device.n_cpus):
            if device.domain[c] == index:
                phone.domains[index].capacity = device.capacity[c]
        set_speeds(phone, scenario, index)


@inlined
def account_utilisation(phone: Any, scenario: Any) -> None:
    """End of a tick: bring the utilisation of CPUs and of the tasks that were runnable up to date."""
    cpus = phone.cpus
    tick_ns = phone.tick_us * k.NS_PER_US
    for c in range(scenario.device.n_cpus):
        idle_ns = cpus.fair_ns[c] - cpus.used_ns[c]
        cpus.decay[c] = cpus.busy_decay[c] if idle_ns <= phone.tick_us else phone.idle_decay
        cpus.gain[c] = cpus.busy_gain[c] if idle_ns <= phone.tick_us else cpus.part_gain[c]
        cpus.util[c] = (cpus.util[c] * cpus.decay[c] + cpus.used_ns[c] * cpus.gain[c]) >> ONE_BITS
        if cpus.fair_ns[c] < tick_ns or cpus.rt_util[c] > 0:
            cpus.rt_util[c] = (cpus.rt_util[c] * cpus.decay[c] + (tick_ns - cpus.fair_ns[c]) * cpus.gain[c]) >> ONE_BITS
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        cpu = t.cpu
        t.util = (t.util * cpus.decay[cpu] + t.granted_ns * cpus.gain[cpu]) >> ONE_BITS
