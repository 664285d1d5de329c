"""The stages of an exit: from SIGKILL to the notification that the victim's parent waits for.

``SIGNALLED`` until the victim's threads run (thaw, wake-ups), ``THREADS`` while they leave one by one, ``UNMAP`` while
the last one walks the address space (exit_mm), ``REST`` for mappings, files and contexts, ``NOTIFY`` until the parent
has run. Every stage but the first and the last scales with the app.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.costs import affordable, on_core
from swapgym.phone.exit.deferred import flush_gathered, has_room, leave_zombie, queue_child, queue_kworker
from swapgym.phone.exit.reaper import works_on
from swapgym.phone.exit.walk import join_walker, walk_on
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.mm.locks import contend
from swapgym.phone.sched.request import charge, elapsed_us, is_runnable, request_cpu, speed_of, weight_of


# ------------------------------------------------------------------------------------------------------------ schedule
@kernel
def background_weight(phone: Any) -> int:
    """Return the load weight of one thread of the background group: the group's, shared among those that want CPU."""
    members = 1 if phone.cached_due > 0 else 0
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        if phone.processes[index].killer == k.KILLER_ACTIVITY_MANAGER and wants_cpu(phone, index):
            members += 1
    return k.BACKGROUND_WEIGHT // max(1, min(members, k.BACKGROUND_WEIGHT // 2))


@kernel
def wants_cpu(phone: Any, index: int) -> bool:
    """Return whether the exiting process ``index`` wants CPU: it has been woken and waits for nobody."""
    process = phone.processes[index]
    if process.exit_stage == k.EXIT_SIGNALLED or process.exit_stage == k.EXIT_NOTIFY:
        return False
    waits_for_reaper = process.exit_stage == k.EXIT_UNMAP and process.walk.stage == k.WALK_DONE
    return not waits_for_reaper


@inlined
def request_exits(phone: Any, scenario: Any) -> None:
    """Move exits on that time alone moves, and let the others ask for CPU.

    lmkd promotes its victims to normal priority and the foreground cpuset, the activity manager leaves them in the
    background group.
    """
    device = scenario.device
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        process = phone.processes[index]
        end_us = phone.now_us + phone.tick_us
        if process.exit_stage == k.EXIT_SIGNALLED and end_us > process.kill_us + scenario.kernel.exit_signal_us:
            process.exit_stage = k.EXIT_THREADS
        elif process.exit_stage == k.EXIT_UNMAP and process.walk.stage == k.WALK_DONE and process.reaper < 0:
            process.exit_stage = k.EXIT_REST
        elif process.exit_stage == k.EXIT_NOTIFY and end_us > process.exit_ready_us:
            finish_exit(phone, index, process.exit_ready_us)
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        process = phone.processes[index]
        if process.state == k.PROCESS_EXITING and wants_cpu(phone, index):
            if process.killer == k.KILLER_ACTIVITY_MANAGER:
                request_cpu(phone, k.TASK_EXIT + index, background_weight(phone), device.background_mask, 0, -1)
            else:
                weight = weight_of(device.victim_nice)
                request_cpu(phone, k.TASK_EXIT + index, weight, device.foreground_mask, 0, -1)


@inlined
def join_exits(phone: Any, scenario: Any) -> None:
    """Declare exiting threads that free swap entries inline in this tick: they take the contended lock."""
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        process = phone.processes[index]
        goes_on = process.decisions > 0 and process.route == k.INLINE and process.swap_unclaimed > 0
        inline = process.walk.stage == k.WALK_INLINE or goes_on
        if inline and process.exit_stage == k.EXIT_UNMAP and is_runnable(phone, k.TASK_EXIT + index):
            join_walker(phone, scenario, k.TASK_EXIT + index, process)


# ----------------------------------------------------------------------------------------------------------------- run
@kernel
def begin_exit(phone: Any, scenario: Any, index: int) -> int:
    """Return the CPU time (ps) that exiting process ``index`` may use in this tick."""
    process = phone.processes[index]
    task = phone.tasks[k.TASK_EXIT + index]
    ready_us = process.kill_us + scenario.kernel.exit_signal_us - phone.now_us
    if process.exit_stage == k.EXIT_THREADS and 0 < ready_us < phone.tick_us:
        # its threads wake in the middle of the tick
        task.granted_ns = task.granted_ns * (phone.tick_us - ready_us) // phone.tick_us
    return task.granted_ns * k.PS_PER_NS


@kernel
def run_exit(phone: Any, scenario: Any, index: int, budget_ps: int) -> int:
    """Run exiting process ``index``; return its budget left (ps) if it awaits a decision, -1 if its tick is over."""
    process = phone.processes[index]
    budget = budget_ps
    if process.exit_stage == k.EXIT_THREADS:
        budget = see_threads_off(phone, scenario, process, k.TASK_EXIT + index, budget)
    if process.exit_stage == k.EXIT_UNMAP:
        waste = k.UNIT + (scenario.kernel.pte_waste if works_on(phone, process) else 0)
        budget = walk_on(phone, scenario, process, process.walk, k.TASK_EXIT + index, budget, waste)
        if process.walk.stage == k.WALK_DECIDE:
            return budget
        if process.walk.stage == k.WALK_DONE:
            flush_gathered(phone, process)
            if works_on(phone, process):
                # free_pgtables needs the mmap lock for writing: it sleeps until the reaper lets go
                charge_exit(phone, index, budget)
                return -1
            process.exit_stage = k.EXIT_REST
    if process.exit_stage == k.EXIT_REST:
        budget = finish_rest(phone, scenario, process, k.TASK_EXIT + index, budget)
        if process.exit_stage == k.EXIT_NOTIFY:
            used_ns = max(0, phone.tasks[k.TASK_EXIT + index].granted_ns - budget // k.PS_PER_NS)
            process.exit_ready_us = phone.now_us + elapsed_us(phone, k.TASK_EXIT + index, used_ns)
            process.exit_ready_us += scenario.kernel.exit_notify_us
            if process.exit_ready_us < phone.now_us + phone.tick_us:
                finish_exit(phone, index, process.exit_ready_us)
    charge_exit(phone, index, budget)
    return -1


@kernel
def see_threads_off(phone: Any, scenario: Any, process: Any, task: int, budget_ps: int) -> int:
    """Let threads of an exiting process leave; return the budget left (ps)."""
    costs = scenario.kernel
    cost_ps = on_core(costs, k.COST_THREAD_EXIT, speed_of(phone, task))
    budget = budget_ps + process.walk.credit_ps
    process.walk.credit_ps = 0
    count = affordable(process.threads_left, budget, cost_ps)
    process.threads_left -= count
    budget -= count * cost_ps
    if process.threads_left > 0:
        process.walk.credit_ps = budget
        return 0
    process.exit_stage = k.EXIT_UNMAP
    return budget


@kernel
def finish_rest(phone: Any, scenario: Any, process: Any, task: int, budget_ps: int) -> int:
    """Free mappings and close files of an exiting process; return the budget left (ps)."""
    costs = scenario.kernel
    speed = speed_of(phone, task)
    mapping_ps = on_core(costs, k.COST_MAPPING_FREE, speed)
    file_ps = on_core(costs, k.COST_FILE_CLOSE, speed)
    budget = budget_ps + process.walk.credit_ps
    process.walk.credit_ps = 0
    count = affordable(process.mappings_left, budget, mapping_ps)
    process.mappings_left -= count
    budget -= count * mapping_ps
    if process.mappings_left == 0:
        count = affordable(process.files_left, budget, file_ps)
        process.files_left -= count
        budget -= count * file_ps
    if process.mappings_left + process.files_left > 0:
        process.walk.credit_ps = budget
        return 0
    process.exit_stage = k.EXIT_NOTIFY
    return budget


@kernel
def charge_exit(phone: Any, index: int, left_ps: int) -> None:
    """Charge what exiting process ``index`` used of its grant to itself."""
    task = k.TASK_EXIT + index
    charge(phone, task, k.CHARGE_EXIT, max(0, phone.tasks[task].granted_ns - left_ps // k.PS_PER_NS))


# ----------------------------------------------------------------------------------------------------------------- end
@kernel
def finish_exit(phone: Any, index: int, time_us: int) -> None:
    """Notify the parent: the process is gone, what it has deferred is zombie memory now."""
    process = phone.processes[index]
    process.state = k.PROCESS_DEAD
    process.exit_us = time_us
    leave_zombie(phone, process)
    total = phone.total
    total.exits += 1
    total.exit_latency_us += time_us - process.kill_us
    total.exit_latency_max_us = max(total.exit_latency_max_us, time_us - process.kill_us)
    if process.gate_launch >= 0:
        phone.launches[process.gate_launch].gate_pending -= 1


@inlined
def reap_exited(phone: Any) -> None:
    """End of a tick: take the dead off the list of exiting processes."""
    kept = 0
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        if phone.processes[index].state == k.PROCESS_EXITING:
            phone.exiting[kept] = index
            kept += 1
    phone.n_exiting = kept


@kernel
def route_batch(phone: Any, scenario: Any, route: int) -> None:
    """Send the pending batch on its route; a full queue falls back to inline."""
    process = phone.processes[phone.pending]
    count = process.walk.entries
    if route != k.INLINE and not has_room(phone, scenario, route, count):
        phone.total.fallbacks += 1
        route = k.INLINE
    process.route = route
    process.decisions += 1
    if route == k.INLINE:
        process.walk.stage = k.WALK_INLINE
        task = k.TASK_EXIT + phone.pending
        if phone.tasks[task].lock_user == 0:
            # it was not known at the tick's start that this thread would take the lock
            join_walker(phone, scenario, task, process)
            contend(phone, scenario)
        phone.total.batches_inline += 1
        phone.total.entries_inline += count
    else:
        process.walk.stage = k.WALK_ENQUEUE
        if route == k.KWORKER:
            queue_kworker(phone, scenario, process, count)
        else:
            queue_child(phone, scenario, process, count)
    phone.pending = -1
