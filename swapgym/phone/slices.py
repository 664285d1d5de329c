"""Time slices: the scheduler as kernel/sched/fair.c of Linux 6.1 has it (CFS), beside the fluid shares of ``cpu.py``.

Of the tasks on a CPU one is current, and has the CPU until it blocks or is preempted: at the scheduler tick once it has
run for its slice (``check_preempt_tick``), or by a waker far enough behind it (``check_preempt_wakeup``). The next is
the one with the smallest vruntime, its CPU time over its weight. A waker gets credit (``place_entity``); whoever changes
its CPU takes its distance to ``min_vruntime`` along. A waker goes to an idle CPU or stays where it slept
(``select_idle_sibling``), an idle CPU takes a task that waits (newidle), and a busy one compares loads at intervals of
tens of milliseconds (``load_balance``).

A device chooses it by its ``sched_latency_us``; at 0 nothing here runs. Tasks wake at ticks of the simulation; what a
current that blocks leaves of a tick is the next one's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone import cpu
from swapgym.phone.jit import kernel

NEVER_RAN: int = -(1 << 40)
"""vruntime of who has slept since long: place_entity() brings it near the others."""

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
def start(phone: Any, scenario: Any) -> None:
    """Put the run queues at the start of the scenario."""
    for c in range(scenario.device.n_cpus):
        phone.run_queues[c].current = -1
        phone.run_queues[c].balance_interval_us = scenario.device.n_cpus * k.MS
    for task in range(k.N_TASKS):
        phone.entities[task].vruntime = NEVER_RAN


@kernel
def schedule(phone: Any, scenario: Any) -> None:
    """Place every task that wants CPU, and grant CPU time by slices."""
    for c in range(scenario.device.n_cpus):
        phone.cpu_weight[c] = 0
        phone.cpu_tasks[c] = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.runnable_us > 0 and t.cpu >= 0 and (t.mask >> t.cpu) & 1:
            cpu.put(phone, task, t.cpu)
            update_load_avg(phone.entities[task], phone.now_us, True)
    ticks = phone.now_us % scenario.device.sched_tick_us < phone.tick_us
    for c in range(scenario.device.n_cpus):
        rq = phone.run_queues[c]
        if rq.current >= 0 and not stays(phone, rq.current, c):
            rq.current = -1
        if ticks and rq.current >= 0 and phone.cpu_tasks[c] > 1 and check_preempt_tick(phone, scenario, rq, c):
            rq.resched = 1
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.placed == 0:
            cpu.put(phone, task, select_task_rq(phone, scenario, task))
            update_load_avg(phone.entities[task], phone.now_us, t.runnable_us > 0)
        if t.demand_ns != 0 and (t.runnable_us == 0 or has_blocked(phone, task)):
            enqueue(phone, scenario, task, True)
    cpu.pull(phone, scenario)
    if ticks:
        for c in range(scenario.device.n_cpus):
            load_balance(phone, scenario, c)
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        if phone.entities[task].cpu != phone.tasks[task].cpu and phone.tasks[task].demand_ns != 0:
            enqueue(phone, scenario, task, False)
    cpu.begin_share(phone, scenario)
    for c in range(scenario.device.n_cpus):
        if phone.cpu_tasks[c] > 0:
            run(phone, phone.run_queues[c], c)
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        t.granted_ns = max(0, t.granted_ns)
        t.wanted_ns = t.granted_ns  # it runs in one piece: wall time is what it uses


@kernel
def has_blocked(phone: Any, task: int) -> bool:
    """Return whether ``task`` gave up its CPU in the last tick, having done all it could do then: it wakes again.

    Such is a thread whose work began or ended within that tick.
    """
    e = phone.entities[task]
    return e.exec_end_us == phone.now_us and phone.run_queues[e.cpu].current != task


@kernel
def stays(phone: Any, task: int, c: int) -> bool:
    """Return whether ``task`` has wanted CPU since it last ran, on CPU ``c``."""
    t = phone.tasks[task]
    return t.wanted_us == phone.now_us and t.placed != 0 and t.cpu == c


# --------------------------------------------------------------------------------------------------------- run queues
@kernel
def sched_slice(phone: Any, scenario: Any, task: int, c: int) -> int:
    """Return the slice (ns) of ``task`` on CPU ``c``: its share of the period, which grows with many tasks."""
    device = scenario.device
    least = device.sched_min_granularity_us
    period = max(device.sched_latency_us, phone.cpu_tasks[c] * least)
    return max(period * k.NS_PER_US * phone.tasks[task].weight // phone.cpu_weight[c], least * k.NS_PER_US)


@kernel
def check_preempt_tick(phone: Any, scenario: Any, rq: Any, c: int) -> bool:
    """Return whether the scheduler tick takes the CPU from the current."""
    ideal_runtime = sched_slice(phone, scenario, rq.current, c)
    current = phone.entities[rq.current]
    if current.exec_ns > ideal_runtime:
        return True
    if current.exec_ns < scenario.device.sched_min_granularity_us * k.NS_PER_US:
        return False
    return current.vruntime - least_vruntime(phone, c, rq.current) > ideal_runtime


@kernel
def least_vruntime(phone: Any, c: int, but: int) -> int:
    """Return the smallest vruntime of those on CPU ``c``, leaving out task ``but``."""
    least = np.int64(1) << 62
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.cpu == c and t.placed != 0 and t.demand_ns != 0 and task != but:
            least = min(least, phone.entities[task].vruntime)
    return least


@kernel
def enqueue(phone: Any, scenario: Any, task: int, wakes: bool) -> None:
    """Put ``task`` on the run queue of its CPU, and see whether it preempts the current.

    A waker is placed half a period behind the others (place_entity with GENTLE_FAIR_SLEEPERS), unless its own vruntime
    is ahead of that.
    """
    e = phone.entities[task]
    rq = phone.run_queues[phone.tasks[task].cpu]
    e.vruntime += rq.min_vruntime - phone.run_queues[e.cpu].min_vruntime
    e.cpu = phone.tasks[task].cpu
    if wakes:
        e.vruntime = max(e.vruntime, rq.min_vruntime - scenario.device.sched_latency_us * k.NS_PER_US // 2)
    if rq.current >= 0 and rq.current != task:
        wakeup_gran = scenario.device.sched_wakeup_granularity_us * k.NS_PER_US * 1024 // phone.tasks[task].weight
        if phone.entities[rq.current].vruntime - e.vruntime > wakeup_gran:
            rq.resched = 1


@kernel
def pick_next(phone: Any, c: int) -> int:
    """Return the task with the smallest vruntime of those on CPU ``c`` that have not run in this tick; -1 none."""
    best = -1
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.cpu == c and t.granted_ns < 0 and t.demand_ns != 0:
            if best < 0 or phone.entities[task].vruntime < phone.entities[best].vruntime:
                best = task
    return best


@kernel
def run(phone: Any, rq: Any, c: int) -> None:
    """Run CPU ``c`` for what SCHED_FIFO leaves of a tick: the current, then whoever comes after those that block."""
    fair_ns = phone.fair_ns[c]
    left = fair_ns
    task = rq.current
    while left > 0:
        if task < 0 or rq.resched != 0:
            task = pick_next(phone, c)
            rq.resched = 0
            if task < 0:
                break
            if task != rq.current:
                phone.entities[task].exec_ns = 0
                rq.current = task
        t = phone.tasks[task]
        e = phone.entities[task]
        ran = min(left, t.wanted_ns)
        t.granted_ns = ran
        e.waited_us = phone.tick_us * (fair_ns - left) // fair_ns
        e.exec_ns += ran
        e.exec_end_us = phone.now_us + phone.tick_us
        e.vruntime += ran * 1024 // t.weight
        left -= ran
        task = -1
    if rq.current >= 0:
        alone = phone.cpu_tasks[c] == 1
        least = phone.entities[rq.current].vruntime if alone else least_vruntime(phone, c, -1)
        rq.min_vruntime = max(rq.min_vruntime, least)


# ----------------------------------------------------------------------------------------------------------- placement
@kernel
def select_task_rq(phone: Any, scenario: Any, task: int) -> int:
    """Return the CPU on which ``task`` wakes: an idle one as in ``cpu.py``, or where it slept."""
    t = phone.tasks[task]
    slept_here = t.cpu >= 0 and (t.mask >> t.cpu) & 1 != 0
    if slept_here and cpu.idle_cpu(phone, scenario, task) < 0:
        return t.cpu
    return cpu.cpu_for_waking(phone, scenario, task)


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
    """Let CPU ``c``, if it is busy and its interval is over, take load from the busiest."""
    rq = phone.run_queues[c]
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
    shortest = scenario.device.n_cpus * k.MS
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
    """Move tasks that wait on ``busiest`` to CPU ``c``; return how many. Each failure before lets larger ones through."""
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
