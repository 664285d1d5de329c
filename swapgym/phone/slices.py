"""Time slices: the scheduler as kernel/sched/fair.c of Linux 6.1 has it (CFS), beside the fluid shares of ``cpu.py``.

Of the tasks on a CPU one is current, and has the CPU until it blocks or is preempted: at the scheduler tick once it has
run for its slice (``check_preempt_tick``), or by a waker far enough behind it (``check_preempt_wakeup``). The next is
the one with the smallest vruntime, its CPU time over its weight. A waker gets credit (``place_entity``); whoever
changes its CPU takes its distance to ``min_vruntime`` along. A waker goes to an idle CPU or stays where it slept
(``select_idle_sibling``), an idle CPU takes a task that waits (newidle), and a busy one compares loads at intervals of
tens of milliseconds (``balancer.py``).

A device chooses it by its ``sched_latency_us``; at 0 nothing here runs. Tasks wake at ticks of the simulation; what a
current that blocks leaves of a tick is the next one's.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone import cpu
from swapgym.phone.balancer import (
    IMBALANCE_PCT,
    idle_balance,
    is_due,
    load_balance,
    sum_averages,
    task_load,
    to_head,
)
from swapgym.phone.jit import kernel
from swapgym.phone.pelt import update_load_avg, update_rt_avg, update_util_est

NEVER_RAN: int = -(1 << 40)
"""vruntime of who has slept since long: place_entity() brings it near the others."""
NOBODY: int = -1


@kernel
def start(phone: Any, scenario: Any) -> None:
    """Put the run queues at the start of the scenario."""
    for c in range(scenario.device.n_cpus):
        phone.run_queues[c].current = -1
        phone.run_queues[c].capacity = scenario.device.capacity[c]
        phone.run_queues[c].balance_interval_us = 2 * scenario.device.n_cpus * k.MS
    for task in range(k.N_TASKS):
        phone.entities[task].vruntime = NEVER_RAN


@kernel
def schedule(phone: Any, scenario: Any) -> None:
    """Place every task that wants CPU, and grant CPU time by slices."""
    scheduler_tick = phone.now_us % scenario.device.sched_tick_us < phone.tick_us
    for c in range(scenario.device.n_cpus):
        update_rt_avg(phone.run_queues[c], phone.now_us)
        phone.run_queues[c].rt_ns += phone.tick_us * k.NS_PER_US - phone.fair_ns[c]
    go_on(phone, scenario, scheduler_tick)
    wake_up(phone, scenario)
    pull(phone, scenario, scheduler_tick)
    cpu.pull(phone, scenario)
    if scheduler_tick:
        for c in range(scenario.device.n_cpus):
            # the others' next task has their CPU by the time somebody looks; one that balances has not switched yet
            if phone.run_queues[c].resched != 0 and phone.fair_ns[c] > 0 and not is_due(phone, scenario, c):
                first = leftmost(phone, c, NOBODY)
                if first >= 0:
                    switch(phone, c, first)
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
def go_on(phone: Any, scenario: Any, scheduler_tick: bool) -> None:
    """Put those that go on wanting CPU where they were; let the scheduler tick look at the current."""
    for c in range(scenario.device.n_cpus):
        phone.cpu_weight[c] = 0
        phone.cpu_tasks[c] = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.runnable_us > 0 and t.cpu >= 0 and (t.mask >> t.cpu) & 1:
            cpu.put(phone, task, t.cpu)
            update_load_avg(phone.entities[task], phone.now_us, True)
    for c in range(scenario.device.n_cpus):
        rq = phone.run_queues[c]
        if phone.fair_ns[c] == 0:
            rq.newly_idle = 1
        if rq.current >= 0 and not stays(phone, rq.current, c):
            rq.current = -1
            rq.newly_idle = 1
        if scheduler_tick and rq.current >= 0 and phone.cpu_tasks[c] > 1 and check_preempt_tick(phone, scenario, rq, c):
            rq.resched = 1


@kernel
def pull(phone: Any, scenario: Any, scheduler_tick: bool) -> None:
    """Let a CPU that has just become idle take a task that waits elsewhere, and idle ones half of them at a tick.

    As its current blocks (newidle_balance), or as another CPU's tick tells it to (nohz_balancer_kick).
    """
    for c in range(scenario.device.n_cpus):
        rq = phone.run_queues[c]
        if phone.fair_ns[c] == 0:
            continue
        if phone.cpu_tasks[c] == 0 and (rq.newly_idle != 0 or scheduler_tick):
            idle_balance(phone, scenario, c, rq.newly_idle != 0)
        rq.newly_idle = 0


@kernel
def wake_up(phone: Any, scenario: Any) -> None:
    """Place those that have slept, and let them preempt."""
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.placed == 0:
            cpu.put(phone, task, select_task_rq(phone, scenario, task))
            if t.runnable_us == 0 and phone.entities[task].exec_end_us > 0:
                update_util_est(phone.entities[task])
            update_load_avg(phone.entities[task], phone.now_us, t.runnable_us > 0)
        if t.demand_ns != 0 and (t.runnable_us == 0 or has_blocked(phone, task)):
            enqueue(phone, scenario, task, True)


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
    other = leftmost(phone, c, rq.current)
    return other >= 0 and current.vruntime - phone.entities[other].vruntime > ideal_runtime


@kernel
def leftmost(phone: Any, c: int, but: int) -> int:
    """Return the task with the smallest vruntime of those on CPU ``c`` that want it, but for task ``but``; or -1."""
    best = -1
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.cpu == c and t.placed != 0 and t.demand_ns != 0 and task != but:
            if best < 0 or phone.entities[task].vruntime < phone.entities[best].vruntime:
                best = task
    return best


@kernel
def enqueue(phone: Any, scenario: Any, task: int, wakes: bool) -> None:
    """Put ``task`` on the run queue of its CPU, and see whether it preempts the current.

    A waker is placed half a period behind the others (place_entity with GENTLE_FAIR_SLEEPERS), unless its own vruntime
    is ahead of that.
    """
    e = phone.entities[task]
    rq = phone.run_queues[phone.tasks[task].cpu]
    e.vruntime += rq.min_vruntime - phone.run_queues[e.cpu].min_vruntime
    if e.cpu != phone.tasks[task].cpu:
        e.cpu = phone.tasks[task].cpu
        e.hot_us = 0
    to_head(phone, task, e.cpu)
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
def switch(phone: Any, c: int, task: int) -> None:
    """Give CPU ``c`` to ``task``, or leave it to it."""
    rq = phone.run_queues[c]
    to_head(phone, task, c)
    rq.resched = 0
    if task != rq.current:
        phone.entities[task].exec_ns = 0
        rq.current = task


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
            switch(phone, c, task)
        t = phone.tasks[task]
        e = phone.entities[task]
        ran = min(left, t.wanted_ns)
        t.granted_ns = ran
        e.waited_us = phone.tick_us * (fair_ns - left) // fair_ns
        e.exec_ns += ran
        e.ran_ns += ran
        e.exec_end_us = phone.now_us + phone.tick_us
        e.hot_us = e.exec_end_us
        e.vruntime += ran * 1024 // t.weight
        left -= ran
        task = -1
    if rq.current >= 0:
        first = rq.current if phone.cpu_tasks[c] == 1 else leftmost(phone, c, NOBODY)
        if first >= 0:
            rq.min_vruntime = max(rq.min_vruntime, phone.entities[first].vruntime)


@kernel
def select_task_rq(phone: Any, scenario: Any, task: int) -> int:
    """Return the CPU on which ``task`` wakes: an idle one as in ``cpu.py``, or where it slept.

    A timer wakes who set it where that was. But RCU's thread is woken by the CPU that was the last to report.
    """
    t = phone.tasks[task]
    slept_here = t.cpu >= 0 and (t.mask >> t.cpu) & 1 != 0
    if not slept_here or cpu.idle_cpu(phone, scenario, task) >= 0:
        return cpu.cpu_for_waking(phone, scenario, task)
    noise = k.TASK_NOISE <= task < k.TASK_NOISE + k.MAX_NOISE
    if noise and scenario.noise[task - k.TASK_NOISE].beside_swap_free != 0:
        return wake_affine(phone, scenario, task)
    return t.cpu


@kernel
def wake_affine(phone: Any, scenario: Any, task: int) -> int:
    """Return where ``task`` wakes if any CPU may be its waker: there, or where it slept if that has clearly less load.

    Which CPU is the waker is not simulated: it is taken to be another than where it slept (wake_affine_weight).
    """
    t = phone.tasks[task]
    sum_averages(phone, scenario)
    load = task_load(phone, task)
    slept = phone.run_queues[t.cpu]
    for c in range(scenario.device.n_cpus):
        waker = phone.run_queues[c]
        there = (waker.load + load) * 100 * slept.capacity
        here = (slept.load - load) * (100 + (IMBALANCE_PCT - 100) // 2) * waker.capacity
        if c != t.cpu and (t.mask >> c) & 1 != 0 and there < here:
            return c
    return t.cpu
