"""The load balancer of a busy CPU under time slices: load_balance() of kernel/sched/fair.c, Linux 6.1.

A CPU compares loads, which are weights times the share of time that a task was runnable (PELT), and takes waiting tasks
from the busiest: whole ones, at intervals of tens of milliseconds, and at first only those that fit the imbalance. So
one of three equal tasks on two CPUs is alone for two or three intervals before another is. All CPUs form one domain,
and a group has one CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone import cpu
from swapgym.phone.jit import kernel

# --- PELT (kernel/sched/pelt.c): what was 32 ms ago counts half
LOAD_FULL: int = 1 << 20
LOAD_PERIOD_US: int = 256  # the kernel's are 1,024: a task asleep or awake for part of one counts for what it was then
HALVING: int = 128  # periods in which an average halves
DECAY = np.array([round(LOAD_FULL * 0.5 ** (period / HALVING)) for period in range(HALVING)], dtype=np.int64)

# --- sched_domain of CPUs that share a cache (kernel/sched/topology.c: sd_init)
BUSY_FACTOR: int = 16
IMBALANCE_PCT: int = 117
CACHE_NICE_TRIES: int = 1
MIGRATION_COST_US: int = 500  # sysctl_sched_migration_cost
LOAD_MIN: int = 16  # LB_MIN


@kernel
def decay(value: int, periods: int) -> int:
    """Return ``value`` after so many periods (decay_load)."""
    return (value >> min(62, periods // HALVING)) * DECAY[periods % HALVING] // LOAD_FULL


@kernel
def update_load_avg(e: Any, now_us: int, runnable: bool) -> None:
    """Bring the load average of an entity up to now: it has been runnable since the last time, or asleep."""
    periods = (now_us - e.load_us) // LOAD_PERIOD_US
    e.load_us += periods * LOAD_PERIOD_US
    e.load_avg = decay(e.load_avg, periods)
    if runnable:
        e.load_avg += LOAD_FULL - decay(LOAD_FULL, periods)


@kernel
def task_load(phone: Any, task: int) -> int:
    """Return the load of ``task`` now: its weight times the share of time that it was runnable."""
    e = phone.entities[task]
    periods = (phone.now_us - e.load_us) // LOAD_PERIOD_US
    return decay(e.load_avg, periods) * phone.tasks[task].weight // LOAD_FULL


@kernel
def sum_loads(phone: Any, scenario: Any) -> int:
    """Sum up the load of every CPU, sleepers that have not died included; return the average per capacity 1024."""
    for c in range(scenario.device.n_cpus):
        phone.run_queues[c].load = 0
    for task in range(k.N_TASKS):
        dead = task >= k.TASK_EXIT and phone.processes[task - k.TASK_EXIT].state != k.PROCESS_EXITING
        if phone.entities[task].load_avg > 0 and not dead:
            phone.run_queues[phone.entities[task].cpu].load += task_load(phone, task)
    load = 0
    capacity = 0
    for c in range(scenario.device.n_cpus):
        load += phone.run_queues[c].load
        capacity += phone.cpu_available[c]
    return load * k.UNIT // max(1, capacity)


@kernel
def avg_load(phone: Any, c: int) -> int:
    """Return the load of CPU ``c`` per capacity 1024."""
    return phone.run_queues[c].load * k.UNIT // max(1, phone.cpu_available[c])


@kernel
def load_balance(phone: Any, scenario: Any, c: int) -> None:
    """Let CPU ``c``, if it is busy and its interval is over, take load from the busiest.

    An idle one has balanced just now, and found nothing: idle intervals are short, and each doubles the next, to twice
    the number of CPUs in milliseconds.
    """
    rq = phone.run_queues[c]
    shortest = scenario.device.n_cpus * k.MS
    if phone.cpu_tasks[c] == 0:
        rq.balance_us = phone.now_us
        rq.balance_interval_us = 2 * shortest
        rq.balance_failed = 0
    interval_us = rq.balance_interval_us * BUSY_FACTOR - scenario.device.sched_tick_us
    if phone.cpu_tasks[c] == 0 or phone.now_us < rq.balance_us + interval_us:
        return
    rq.balance_us = phone.now_us
    average = sum_loads(phone, scenario)
    busiest = -1
    for other in range(scenario.device.n_cpus):
        if other != c and phone.cpu_tasks[other] > 1:
            if busiest < 0 or avg_load(phone, other) > avg_load(phone, busiest):
                busiest = other
    if busiest < 0 or not is_imbalanced(phone, c, busiest, average):
        rq.balance_failed = 0
        rq.balance_interval_us = min(2 * rq.balance_interval_us, 2 * shortest)
        return
    rq.balance_interval_us = shortest
    imbalance = min(
        (avg_load(phone, busiest) - average) * phone.cpu_available[busiest],
        (average - avg_load(phone, c)) * phone.cpu_available[c],
    )
    if detach_tasks(phone, c, busiest, imbalance // k.UNIT) > 0:
        rq.balance_failed = 0
    else:
        rq.balance_failed += 1


@kernel
def is_imbalanced(phone: Any, c: int, busiest: int, average: int) -> bool:
    """Return whether CPU ``c`` may take load from ``busiest`` (find_busiest_group, calculate_imbalance)."""
    mine = avg_load(phone, c)
    theirs = avg_load(phone, busiest)
    if mine >= theirs or mine >= average:
        return False
    return phone.cpu_tasks[c] == 1 or 100 * theirs > IMBALANCE_PCT * mine


@kernel
def detach_tasks(phone: Any, c: int, busiest: int, imbalance: int) -> int:
    """Move tasks that wait on ``busiest`` to CPU ``c``; return how many.

    Each balance that failed before lets tasks of twice the load through.
    """
    failed = phone.run_queues[c].balance_failed
    moved = 0
    position = phone.n_runnable - 1
    while position >= 0 and imbalance > 0:
        task = phone.runnable[position]
        t = phone.tasks[task]
        position -= 1
        if t.cpu != busiest or phone.run_queues[busiest].current == task or (t.mask >> c) & 1 == 0:
            continue
        load = max(1, task_load(phone, task))
        hot = phone.now_us < phone.entities[task].exec_end_us + MIGRATION_COST_US and failed <= CACHE_NICE_TRIES
        if hot or (load < LOAD_MIN and failed == 0) or load >> min(62, failed) > imbalance:
            continue
        cpu.take(phone, task)
        cpu.put(phone, task, c)
        imbalance -= load
        moved += 1
    return moved
