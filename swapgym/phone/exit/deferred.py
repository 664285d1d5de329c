"""Deferred entries, from a batch in an exiting thread's hand to the free list: queues, kworkers, forked children.

A deferred entry is counted once, in its process's ``queued_kworker`` (of which ``gathered`` is not yet a work item) or
``queued_child``. Once the process is gone, what is queued for it is zombie memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.costs import affordable, average, on_core
from swapgym.phone.exit.walk import RECENT
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.mm.locks import join
from swapgym.phone.mm.pages import forget_evicted, free_objects
from swapgym.phone.sched.request import charge, is_runnable, request_cpu, speed_of, weight_of


# -------------------------------------------------------------------------------------------------------------- queues
@kernel
def has_room(phone: Any, scenario: Any, route: int, count: int) -> bool:
    """Return whether ``count`` more entries fit the queue of a deferring route."""
    if route == k.KWORKER:
        return phone.backlog_kworker + count <= scenario.kernel.queue_capacity
    return phone.backlog_child + count <= scenario.kernel.child_queue_capacity


@kernel
def queue_kworker(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Move a batch in hand to the kworker's queue; full work items become visible to it."""
    process.swap_entries -= count
    process.queued_kworker += count
    process.gathered += count
    phone.backlog_kworker += count
    phone.total.batches_kworker += 1
    if scenario.kernel.hold_slot == 0:
        phone.slots_free += count
    if process.gathered >= scenario.kernel.work_item_entries:
        flush_gathered(phone, process)


@kernel
def flush_gathered(phone: Any, process: Any) -> None:
    """Queue what a process has gathered as a work item (tlb_finish_mmu does it at the walk's end)."""
    if process.gathered > 0:
        if phone.ready_kworker == 0:
            phone.queue_since_us = phone.now_us
        phone.ready_kworker += process.gathered
        process.gathered = 0


@kernel
def queue_child(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Leave a batch in hand to the process's forked child."""
    process.swap_entries -= count
    process.queued_child += count
    phone.backlog_child += count
    phone.total.batches_child += 1
    if process.forked == 0:
        process.forked = 1
        process.walk.credit_ps -= np.int64(scenario.kernel.child_fork_ns) * k.PS_PER_NS


@kernel
def leave_zombie(phone: Any, process: Any) -> None:
    """Count what is still queued for a process that is gone now as zombie memory."""
    phone.zombie_entries += process.queued_kworker + process.queued_child


@kernel
def free_queued(phone: Any, scenario: Any, process: Any, count: int, child: bool) -> None:
    """Free ``count`` deferred entries of ``process`` and take them off their queue.

    What the child releases has kept its slot: it inherits the page tables themselves.
    """
    forget_evicted(phone, process, count)
    if child or scenario.kernel.hold_slot != 0:
        phone.slots_free += count
    if process.state == k.PROCESS_DEAD:
        phone.zombie_entries -= count
    free_objects(phone, scenario, count)
    if child:
        process.queued_child -= count
        phone.backlog_child -= count
        phone.total.entries_child += count
    else:
        process.queued_kworker -= count
        phone.backlog_kworker -= count
        phone.ready_kworker -= count
        phone.total.entries_kworker += count


# ------------------------------------------------------------------------------------------------------------- workers
@kernel
def drain_ps(scenario: Any, speed: int) -> int:
    """Return the cost (ps) of releasing one deferred entry, without contention."""
    return on_core(scenario.kernel, k.COST_ENTRY_DRAIN, speed)


@inlined
def request_drains(phone: Any, scenario: Any) -> None:
    """Let kworkers and children that have work ask for CPU, at the pace that was set."""
    costs = scenario.kernel
    all_cpus = (1 << scenario.device.n_cpus) - 1
    kworker_mask = costs.kworker_mask & all_cpus
    kworker_mask = all_cpus if kworker_mask == 0 else kworker_mask
    kworker_nice = costs.kworker_nice
    child_mask = scenario.device.background_mask
    child_nice = costs.child_nice
    if phone.drain_pace >= 0:
        kworker_nice = child_nice = k.PACE_NICE[phone.drain_pace]
        kworker_mask = child_mask = child_mask if phone.drain_pace == k.PACE_BACKGROUND else all_cpus
    if has_work(phone, scenario):
        for worker in range(costs.n_kworkers):
            entries = phone.ready_kworker // costs.n_kworkers + 1
            work_ns = entries * drain_ps(scenario, k.UNIT) // k.PS_PER_NS * 2
            if worker == 0 or phone.ready_kworker > worker * costs.work_item_entries:
                request_cpu(phone, k.TASK_KWORKER + worker, weight_of(kworker_nice), kworker_mask, 0, work_ns)
    phone.children = choose_children(phone)
    for child in range(phone.children):
        weight = max(1, weight_of(child_nice) // phone.children)
        request_cpu(phone, k.TASK_CHILD + child, weight, child_mask, 0, -1)


@inlined
def has_work(phone: Any, scenario: Any) -> bool:
    """Return whether a kworker has been woken for work; while the drain is paused none is."""
    if phone.drain_pace == k.PACE_PAUSED:
        return False
    return phone.ready_kworker > 0 and phone.now_us >= phone.queue_since_us + scenario.kernel.kworker_wakeup_us


@inlined
def join_drains(phone: Any, scenario: Any) -> None:
    """Declare kworkers and children that drain in this tick: they take the contended lock."""
    for task in range(k.TASK_CHILD, k.TASK_REAPER):
        if is_runnable(phone, task):
            join(phone, task, drain_ps(scenario, speed_of(phone, task)), scenario.kernel.entry_drain_lock, 0)


@kernel
def drain(phone: Any, scenario: Any, process: Any, task: int, queued: int, budget_ps: int, child: bool) -> int:
    """Drain of ``queued`` entries of ``process`` what ``budget_ps`` pays; return what is left of it (ps)."""
    bare_ps = drain_ps(scenario, speed_of(phone, task))
    cost_ps = bare_ps * phone.tasks[task].lock_factor // k.UNIT
    count = affordable(queued, budget_ps, cost_ps)
    if count > 0:
        free_queued(phone, scenario, process, count, child)
        phone.total.spin_ns += count * (cost_ps - bare_ps) // k.PS_PER_NS
        phone.drain_ps = average(phone.drain_ps, cost_ps, RECENT)
    return budget_ps - count * cost_ps


@kernel
def next_queued(phone: Any) -> int:
    """Return the process, oldest kill first, whose deferred entries a kworker drains next; -1 none."""
    position = phone.drain_kworker
    first = True
    while position < phone.n_killed:
        process = phone.processes[phone.kill_order[position]]
        if process.queued_kworker > process.gathered:
            return phone.kill_order[position]
        if first and process.state == k.PROCESS_DEAD:
            phone.drain_kworker = position + 1
        else:
            first = False
        position += 1
    return -1


@kernel
def run_kworker(phone: Any, scenario: Any, worker: int) -> None:
    """Let one kworker drain queued work items, oldest kill first."""
    task = k.TASK_KWORKER + worker
    granted_ns = phone.tasks[task].granted_ns
    budget = granted_ns * k.PS_PER_NS + phone.kworker_credit_ps[worker]
    while phone.ready_kworker > 0:
        process = phone.processes[next_queued(phone)]
        queued = process.queued_kworker - process.gathered
        budget = drain(phone, scenario, process, task, queued, budget, False)
        if process.queued_kworker > process.gathered:
            phone.kworker_credit_ps[worker] = budget
            charge(phone, task, k.CHARGE_KWORKER, granted_ns)
            return
    phone.kworker_credit_ps[worker] = 0
    charge(phone, task, k.CHARGE_KWORKER, max(0, granted_ns - budget // k.PS_PER_NS))


@inlined
def run_kworkers(phone: Any, scenario: Any) -> None:
    """Let the kworkers drain their queue; note how long they had work and no CPU."""
    granted = 0
    had_work = has_work(phone, scenario)
    for worker in range(scenario.kernel.n_kworkers):
        task = k.TASK_KWORKER + worker
        if is_runnable(phone, task) and phone.tasks[task].granted_ns > 0:
            granted += phone.tasks[task].granted_ns
            run_kworker(phone, scenario, worker)
    total = phone.total
    if had_work and granted == 0:
        total.starved_us += phone.tick_us
        total.starved_now_us += phone.tick_us
        total.starved_max_us = max(total.starved_max_us, total.starved_now_us)
    else:
        total.starved_now_us = 0


@inlined
def choose_children(phone: Any) -> int:
    """Give the oldest forked children that have entries left a task each; return how many, at most MAX_CHILDREN."""
    children = 0
    if phone.backlog_child > 0 and phone.drain_pace != k.PACE_PAUSED:
        for position in range(phone.n_killed):
            index = phone.kill_order[position]
            if phone.processes[index].queued_child > 0 and children < k.MAX_CHILDREN:
                phone.child_parent[children] = index
                children += 1
    return children


@inlined
def run_children(phone: Any, scenario: Any) -> None:
    """Let each forked child drain what its parent left to it, in the background, on its own account."""
    for child in range(phone.children):
        task = k.TASK_CHILD + child
        granted_ns = phone.tasks[task].granted_ns
        if not is_runnable(phone, task) or granted_ns == 0:
            continue
        process = phone.processes[phone.child_parent[child]]
        budget = granted_ns * k.PS_PER_NS + process.child_credit_ps
        left = drain(phone, scenario, process, task, process.queued_child, budget, True)
        done = process.queued_child == 0
        process.child_credit_ps = 0 if done else left
        charge(phone, task, k.CHARGE_CHILD, max(0, granted_ns - left // k.PS_PER_NS) if done else granted_ns)
