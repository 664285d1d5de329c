"""Who releases for others: lmkd's reapers, the kworkers and the USERSPACE children."""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.cpu import charge, speed_on
from swapgym.phone.jit import kernel
from swapgym.phone.release import affordable, begin_budget, free_queued, walk_on


@kernel
def reaps(phone: Any, scenario: Any, reaper: int) -> bool:
    """Return whether an lmkd reaper has work: process_mrelease succeeds once all of its victim's threads are dying.

    One that looks for victims by itself is woken by the first kill, and makes its first call whether it finds any or
    not.
    """
    victim = phone.reapers[reaper].victim
    if victim < 0:
        if scenario.device.reapers_queue == 0:
            return False
        calls = phone.n_exiting > 0 and call_left_ns(phone, scenario, reaper) > 0
        return calls or oldest(phone) >= 0
    return phone.now_us + phone.tick_us > phone.processes[victim].kill_us + scenario.kernel.exit_signal_us


@kernel
def call_left_ns(phone: Any, scenario: Any, reaper: int) -> int:
    """Return what a reaper that looks for victims still needs of a CPU until its first call (ns)."""
    return max(0, scenario.device.reaper_call_us * k.NS_PER_US - phone.reaper_called_ns[reaper])


@kernel
def run_reaper(phone: Any, scenario: Any, reaper: int) -> None:
    """Let an lmkd reaper thread walk its victim's address space from the other end (process_mrelease), inline."""
    r = phone.reapers[reaper]
    task_id = k.TASK_REAPER + reaper
    task = phone.tasks[task_id]
    called_ns = 0
    if r.victim < 0:
        # those that look for victims call only now that they have a CPU
        called_ns = min(task.granted_ns, call_left_ns(phone, scenario, reaper))
        phone.reaper_called_ns[reaper] += called_ns
        if called_ns == task.granted_ns or oldest(phone) < 0:
            charge(phone, task_id, k.CHARGE_LMKD_REAPER, called_ns)
            return
        r.victim = oldest(phone)
        r.walk.stage = k.WALK_FETCH
        r.walk.credit_ps = 0
        phone.processes[r.victim].reaper = reaper
    process = phone.processes[r.victim]
    speed = speed_on(scenario, task_id, task.cpu)
    shared = process.exit_stage == k.EXIT_UNMAP and process.walk.stage != k.WALK_DONE
    waste = k.UNIT + (scenario.kernel.pte_waste if shared else 0)
    budget = begin_budget(task) - called_ns * k.PS_PER_NS
    while True:
        budget = walk_on(phone, scenario, process, r.walk, task_id, budget, speed, waste)
        if r.walk.stage != k.WALK_DECIDE:
            break
        phone.total.entries_reaped += r.walk.entries
        r.walk.stage = k.WALK_INLINE
    charge(phone, task_id, k.CHARGE_LMKD_REAPER, max(0, task.granted_ns - budget // k.PS_PER_NS))
    if r.walk.stage == k.WALK_DONE:
        process.reaper = -1
        r.victim = -1


@kernel
def oldest(phone: Any) -> int:
    """Return the oldest victim that an idle reaper still gets; -1 none.

    A victim clears task->mm as soon as it has a CPU after SIGKILL (exit_mm), and process_mrelease (mm/oom_kill.c) then
    finds no address space: ESRCH. One whose address space another reaper has emptied needs nobody.
    """
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        process = phone.processes[index]
        task = phone.tasks[k.TASK_EXIT + index]
        has_cpu = task.wanted_us == phone.now_us and task.placed != 0 and task.granted_ns > 0
        begun = has_cpu or process.walk.credit_ps != 0 or process.swap_entries < process.swap_at_kill
        late = process.exit_stage > k.EXIT_UNMAP or (process.exit_stage == k.EXIT_UNMAP and begun)
        late = late or process.anon_unclaimed + process.swap_unclaimed == 0
        if process.reaper < 0 and not late and process.killer != k.KILLER_ACTIVITY_MANAGER:
            return index
    return -1


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
def drain_kworker(phone: Any, scenario: Any, task_id: int, budget_ps: int) -> int:
    """Drain queued work items with ``budget_ps`` of CPU time; return what is left of it (ps)."""
    task = phone.tasks[task_id]
    bare = scenario.kernel.entry_drain_ps * k.UNIT // speed_on(scenario, task_id, task.cpu)
    cost = bare * task.lock_factor // k.UNIT
    budget = budget_ps
    while True:
        index = next_queued(phone)
        if index < 0:
            return budget
        process = phone.processes[index]
        count = affordable(process.queued_kworker - process.gathered, budget, cost)
        if count == 0:
            return budget
        free_queued(phone, scenario, process, count, False)
        process.queued_kworker -= count
        phone.backlog_kworker -= count
        phone.ready_kworker -= count
        phone.total.entries_kworker += count
        phone.total.spin_ns += count * (cost - bare) // k.PS_PER_NS
        budget -= count * cost


@kernel
def run_kworkers(phone: Any, scenario: Any) -> None:
    """Let the kworkers drain their queue; note how long they had work and no CPU."""
    granted = 0
    had_work = phone.ready_kworker > 0 and phone.now_us >= phone.queue_since_us + scenario.kernel.kworker_wakeup_us
    for worker in range(scenario.kernel.n_kworkers):
        task_id = k.TASK_KWORKER + worker
        task = phone.tasks[task_id]
        if task.wanted_us != phone.now_us or task.granted_ns == 0:
            continue
        granted += task.granted_ns
        budget = begin_budget(task) + phone.kworker_credit_ps[worker]
        left = drain_kworker(phone, scenario, task_id, budget)
        if phone.ready_kworker == 0:
            phone.kworker_credit_ps[worker] = 0
            charge(phone, task_id, k.CHARGE_KWORKER, max(0, task.granted_ns - left // k.PS_PER_NS))
        else:
            phone.kworker_credit_ps[worker] = left
            charge(phone, task_id, k.CHARGE_KWORKER, task.granted_ns)
    total = phone.total
    if had_work and granted == 0:
        total.starved_us += phone.tick_us
        total.starved_now_us += phone.tick_us
        total.starved_max_us = max(total.starved_max_us, total.starved_now_us)
    else:
        total.starved_now_us = 0


@kernel
def wake_children(phone: Any) -> int:
    """Give the oldest forked children that have entries left a task each; return how many, at most MAX_CHILDREN."""
    children = 0
    if phone.backlog_child > 0:
        for position in range(phone.n_killed):
            index = phone.kill_order[position]
            if phone.processes[index].queued_child > 0 and children < k.MAX_CHILDREN:
                phone.child_parent[children] = index
                children += 1
    return children


@kernel
def run_children(phone: Any, scenario: Any) -> None:
    """Let each forked child drain what its parent left to it, in the background, on its own account."""
    for child in range(phone.children):
        task_id = k.TASK_CHILD + child
        task = phone.tasks[task_id]
        if task.wanted_us != phone.now_us or task.granted_ns == 0:
            continue
        process = phone.processes[phone.child_parent[child]]
        bare = scenario.kernel.entry_drain_ps * k.UNIT // speed_on(scenario, task_id, task.cpu)
        cost = bare * task.lock_factor // k.UNIT
        budget = begin_budget(task) + process.child_credit_ps
        count = affordable(process.queued_child, budget, cost)
        free_queued(phone, scenario, process, count, True)
        process.queued_child -= count
        phone.backlog_child -= count
        phone.total.entries_child += count
        phone.total.spin_ns += count * (cost - bare) // k.PS_PER_NS
        left = budget - count * cost
        done = process.queued_child == 0
        process.child_credit_ps = 0 if done else left
        charge(
            phone, task_id, k.CHARGE_CHILD, max(0, task.granted_ns - left // k.PS_PER_NS) if done else task.granted_ns
        )
