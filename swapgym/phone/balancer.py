"""The load balancer under time slices: load_balance() of kernel/sched/fair.c, Linux 6.1.

A busy CPU compares loads, which are weights times the share of time that a task was runnable (PELT), and takes waiting
tasks from the busiest: whole ones, at intervals of tens of milliseconds, and at first only those that fit the
imbalance. So one of three equal tasks on two CPUs is alone for two or three intervals before another is. An idle one
takes by number. Neither takes who is current, or ran within the last half millisecond. All CPUs form one domain, and a
group has one CPU.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone import cpu
from swapgym.phone.jit import kernel
from swapgym.phone.pelt import LOAD_FULL, LOAD_PERIOD_US, decay

# --- sched_domain of CPUs that share a cache (kernel/sched/topology.c: sd_init)
BUSY_FACTOR: int = 16
IMBALANCE_PCT: int = 117
CACHE_NICE_TRIES: int = 1
MIGRATION_COST_US: int = 500  # sysctl_sched_migration_cost

# --- how busy a group of CPUs is (enum group_type)
HAS_SPARE: int = 0
FULLY_BUSY: int = 1
OVERLOADED: int = 2


@kernel
def task_load(phone: Any, task: int) -> int:
    """Return the load of ``task`` now: its weight times the share of time that it was runnable."""
    e = phone.entities[task]
    periods = (phone.now_us - e.load_us) // LOAD_PERIOD_US
    return decay(e.load_avg, periods) * phone.tasks[task].weight // LOAD_FULL


@kernel
def sum_averages(phone: Any, scenario: Any) -> int:
    """Sum up the averages of every CPU's tasks, sleepers that have not died included.

    Returns:
        The average load per capacity 1024.
    """
    for c in range(scenario.device.n_cpus):
        phone.run_queues[c].load = 0
        phone.run_queues[c].util = 0
        phone.run_queues[c].util_est = 0
        phone.run_queues[c].runnable = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        if phone.tasks[task].placed != 0:
            rq = phone.run_queues[phone.tasks[task].cpu]
            rq.util_est += phone.entities[task].util_est * k.UNIT // LOAD_FULL
    for task in range(k.N_TASKS):
        dead = task >= k.TASK_EXIT and phone.processes[task - k.TASK_EXIT].state != k.PROCESS_EXITING
        e = phone.entities[task]
        if e.load_avg > 0 and not dead:
            rq = phone.run_queues[e.cpu]
            periods = (phone.now_us - e.load_us) // LOAD_PERIOD_US
            rq.load += task_load(phone, task)
            rq.util += decay(e.util_avg, periods) * k.UNIT // LOAD_FULL
            rq.runnable += decay(e.load_avg, periods) * k.UNIT // LOAD_FULL
    load = 0
    capacity = 0
    for c in range(scenario.device.n_cpus):
        load += phone.run_queues[c].load
        capacity += phone.run_queues[c].capacity
    return load * k.UNIT // capacity


@kernel
def avg_load(phone: Any, c: int) -> int:
    """Return the load of CPU ``c`` per capacity 1024."""
    return phone.run_queues[c].load * k.UNIT // phone.run_queues[c].capacity


@kernel
def nr_running(phone: Any, c: int) -> int:
    """Return how many tasks CPU ``c`` has: the fair ones, and one of SCHED_FIFO if those take all of it."""
    return phone.cpu_tasks[c] + (1 if phone.fair_ns[c] == 0 else 0)


@kernel
def group_type(phone: Any, scenario: Any, c: int) -> int:
    """Return how busy CPU ``c`` has been of late, or is expected to be (group_classify, cpu_util_cfs)."""
    rq = phone.run_queues[c]
    util = min(scenario.device.capacity[c], max(rq.util, rq.util_est))
    full = rq.runnable * 100 > rq.capacity * IMBALANCE_PCT
    full = full or util * IMBALANCE_PCT > rq.capacity * 100
    if not full or nr_running(phone, c) == 0:
        return HAS_SPARE
    return OVERLOADED if nr_running(phone, c) > 1 else FULLY_BUSY


@kernel
def update_cpu_capacity(phone: Any, scenario: Any, c: int) -> None:
    """Note what SCHED_FIFO tasks leave of CPU ``c``, on average (scale_rt_capacity)."""
    rq = phone.run_queues[c]
    rq.capacity = max(1, scenario.device.capacity[c] * (LOAD_FULL - rq.rt_avg) // LOAD_FULL)


@kernel
def is_due(phone: Any, scenario: Any, c: int) -> bool:
    """Return whether CPU ``c`` balances at this tick: it is busy, with SCHED_FIFO tasks too, and its interval over."""
    rq = phone.run_queues[c]
    interval_us = rq.balance_interval_us * BUSY_FACTOR - scenario.device.sched_tick_us
    return nr_running(phone, c) > 0 and phone.now_us >= rq.balance_us + interval_us


@kernel
def load_balance(phone: Any, scenario: Any, c: int) -> None:
    """Let CPU ``c``, if it is due, take load from the busiest.

    An idle one has no tick (NO_HZ), so that one that becomes busy after long balances at its first. Then nobody has
    been busy for long enough to count as overloaded, unless by what is expected of those that woke. If no CPU counts as
    overloaded, it finds nothing, and the interval doubles, to twice the number of CPUs in milliseconds.
    """
    if not is_due(phone, scenario, c):
        return
    rq = phone.run_queues[c]
    rq.balance_us = phone.now_us
    update_cpu_capacity(phone, scenario, c)
    average = sum_averages(phone, scenario)
    busiest = -1
    for other in range(scenario.device.n_cpus):
        if other != c and group_type(phone, scenario, other) == OVERLOADED:
            if busiest < 0 or avg_load(phone, other) > avg_load(phone, busiest):
                busiest = other
    tasks = 0
    load = 0
    if busiest >= 0:
        if group_type(phone, scenario, c) == HAS_SPARE:
            tasks = max(0, nr_running(phone, busiest) - nr_running(phone, c)) // 2
        else:
            load = load_to_move(phone, scenario, c, busiest, average)
    shortest = scenario.device.n_cpus * k.MS
    if tasks == 0 and load == 0:
        rq.balance_failed = 0
        rq.balance_interval_us = min(2 * rq.balance_interval_us, 2 * shortest)
        return
    rq.balance_interval_us = shortest
    if detach_tasks(phone, c, busiest, tasks, load) > 0:
        rq.balance_failed = 0
    else:
        rq.balance_failed += 1


@kernel
def idle_balance(phone: Any, scenario: Any, c: int, newly: bool) -> None:
    """Let idle CPU ``c`` take half of what the one with the most tasks has, or one if it has only just become idle."""
    busiest = c
    for other in range(scenario.device.n_cpus):
        if phone.cpu_tasks[other] > max(1, phone.cpu_tasks[busiest]):
            busiest = other
    if busiest == c:
        return
    rq = phone.run_queues[c]
    rq.balance_interval_us = scenario.device.n_cpus * k.MS
    update_cpu_capacity(phone, scenario, c)
    moved = detach_tasks(phone, c, busiest, 1 if newly else phone.cpu_tasks[busiest] // 2, 0)
    if moved > 0:
        rq.balance_failed = 0
    elif not newly:
        rq.balance_failed += 1
    if not newly:
        rq.balance_us = phone.now_us


@kernel
def load_to_move(phone: Any, scenario: Any, c: int, busiest: int, average: int) -> int:
    """Return how much load CPU ``c`` may take from ``busiest`` (find_busiest_group, calculate_imbalance)."""
    mine = avg_load(phone, c)
    theirs = avg_load(phone, busiest)
    if mine >= theirs or mine >= average:
        return 0
    if group_type(phone, scenario, c) == OVERLOADED and 100 * theirs <= IMBALANCE_PCT * mine:
        return 0
    above = (theirs - average) * phone.run_queues[busiest].capacity
    below = (average - mine) * phone.run_queues[c].capacity
    return min(above, below) // k.UNIT


@kernel
def detach_tasks(phone: Any, c: int, busiest: int, tasks: int, load: int) -> int:
    """Move ``tasks`` tasks that wait on ``busiest`` to CPU ``c``, or where that is 0 some that have ``load`` together.

    From the tail of the list; who is passed over goes to its head. Each balance that failed before lets tasks of twice
    the load through.

    Returns:
        How many.
    """
    failed = phone.run_queues[c].balance_failed
    moved = 0
    unseen = phone.cpu_tasks[busiest]
    while unseen > 0 and (tasks > moved or load > 0):
        unseen -= 1
        task = list_tail(phone, busiest)
        to_head(phone, task, busiest)
        if phone.run_queues[busiest].current == task or (phone.tasks[task].mask >> c) & 1 == 0:
            continue
        own = max(1, task_load(phone, task))
        hot = phone.now_us < phone.entities[task].hot_us + MIGRATION_COST_US and failed <= CACHE_NICE_TRIES
        if hot or (tasks == 0 and own >> min(62, failed) > load):
            continue
        cpu.take(phone, task)
        cpu.put(phone, task, c)
        to_head(phone, task, c)
        load -= min(load, own)
        moved += 1
    return moved


@kernel
def to_head(phone: Any, task: int, c: int) -> None:
    """Put ``task`` at the head of CPU ``c``'s list (cfs_tasks): it woke there, was picked, came, or was passed over."""
    phone.run_queues[c].places += 1
    phone.entities[task].place = phone.run_queues[c].places


@kernel
def list_tail(phone: Any, c: int) -> int:
    """Return the task at the tail of CPU ``c``'s list, which must not be empty."""
    tail = -1
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        if phone.tasks[task].cpu == c and (tail < 0 or phone.entities[task].place < phone.entities[tail].place):
            tail = task
    return tail
