"""The release path: how an exiting thread walks its address space, and where what it finds goes.

An exiting thread walks its address space (zap_pte_range): present and swapped pages lie interleaved, so a segment holds
one batch of swap entries and its share of present pages. Present pages are freed at once. When the batch is full,
someone says where its entries are released: that is the decision of this environment. INLINE, the thread frees them
before it goes on; deferred, it pays the enqueue cost and goes on, and the entries' memory stays until a worker has
drained them.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.cpu import charge, elapsed_us, picked_us, speed_on, weight_of
from swapgym.phone.jit import kernel
from swapgym.phone.locks import contend, has_page_locks, join, join_pages
from swapgym.phone.memory import forget_evicted, free_objects

RESIDENT_SEGMENT: int = 512
"""Present pages of a segment without swap entries: mmu_gather frees in groups of 512."""


# ------------------------------------------------------------------------------------------------ freeing, in the books
@kernel
def free_present(phone: Any, process: Any, count: int) -> None:
    """Give ``count`` present anonymous pages of ``process`` back."""
    process.anon_pages -= count
    phone.anon_pages -= count
    phone.free_pages += count


@kernel
def free_entries(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Free ``count`` swap entries of ``process`` that are in a walker's hand: slot and compressed object."""
    forget_evicted(phone, process, count)
    process.swap_entries -= count
    phone.slots_free += count
    free_objects(phone, scenario, count)


@kernel
def free_queued(phone: Any, scenario: Any, process: Any, count: int, child: bool) -> None:
    """Free ``count`` deferred entries of ``process``; the caller has yet to take them off its queue.

    What the child releases has kept its slot: it inherits the page tables themselves.
    """
    forget_evicted(phone, process, count)
    if child or scenario.kernel.hold_slot != 0:
        phone.slots_free += count
    if process.state == k.PROCESS_DEAD:
        phone.zombie_entries -= count
    free_objects(phone, scenario, count)


@kernel
def queue_kworker(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Move a batch in hand to the kworker's queue; full work items become visible to it."""
    process.swap_entries -= count
    process.queued_kworker += count
    process.gathered += count
    phone.backlog_kworker += count
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
    if process.forked == 0:
        process.forked = 1
        process.walk.credit_ps -= scenario.kernel.child_fork_ns * k.PS_PER_NS


# -------------------------------------------------------------------------------------------------------------- walking
@kernel
def fetch_segment(process: Any, walk: Any, batch_entries: int) -> None:
    """Take the next segment of the address space into the walker's hand."""
    if process.swap_unclaimed > 0:
        segments = (process.swap_unclaimed + batch_entries - 1) // batch_entries
        walk.entries = min(batch_entries, process.swap_unclaimed)
    else:
        segments = max(1, (max(process.anon_unclaimed, process.file_pages) + RESIDENT_SEGMENT - 1) // RESIDENT_SEGMENT)
        walk.entries = 0
    walk.anon = process.anon_unclaimed // segments
    walk.file = process.file_pages // segments
    walk.batch = walk.entries
    process.swap_unclaimed -= walk.entries
    process.anon_unclaimed -= walk.anon
    process.file_pages -= walk.file
    walk.stage = k.WALK_RESIDENT
    if walk.entries == 0 and walk.anon == 0 and walk.file == 0:
        walk.stage = k.WALK_DONE


@kernel
def affordable(left: int, budget_ps: int, cost_ps: int) -> int:
    """Return how many of ``left`` operations the budget pays."""
    if left * cost_ps <= budget_ps:
        return left
    return max(0, budget_ps) // cost_ps


@kernel
def walk_on(
    phone: Any, scenario: Any, process: Any, walk: Any, task: int, budget_ps: int, speed: int, waste: int
) -> int:
    """Walk on until the budget is used up, a batch is full or the address space is done; return the budget left (ps).

    Args:
        phone: PHONE record.
        scenario: SCENARIO record.
        process: PROCESS record whose address space is walked.
        walk: WALK record of the walker. Its stage tells why the walk stopped.
        task: Task id of the walker: what contended locks cost it.
        budget_ps: CPU time it may use.
        speed: Speed of its CPU, over 1024.
        waste: Multiplier of all work for the page-table locks shared with a second walker, over 1024.
    """
    costs = scenario.kernel
    pace = waste * k.UNIT // speed  # over 1024, shared page-table locks included
    bare_anon_ps = costs.resident_anon_ps * pace // k.UNIT
    anon_ps = bare_anon_ps + bare_anon_ps * phone.page_locks[task].excess // k.UNIT
    file_ps = costs.resident_file_ps * pace // k.UNIT
    budget = budget_ps + walk.credit_ps
    walk.credit_ps = 0
    while True:
        if walk.stage == k.WALK_FETCH:
            fetch_segment(process, walk, costs.batch_entries)
        if walk.stage == k.WALK_RESIDENT:
            count = affordable(walk.file, budget, file_ps)
            walk.file -= count
            budget -= count * file_ps
            if walk.file == 0:
                count = affordable(walk.anon, budget, anon_ps)
                walk.anon -= count
                budget -= count * anon_ps
                phone.total.spin_ns += count * (anon_ps - bare_anon_ps) // k.PS_PER_NS
                free_present(phone, process, count)
            if walk.file > 0 or walk.anon > 0:
                break
            walk.stage = k.WALK_DECIDE if walk.entries > 0 else k.WALK_FETCH
        elif walk.stage == k.WALK_INLINE:
            bare = costs.entry_inline_ps * pace // k.UNIT
            cost = bare * phone.tasks[task].lock_factor // k.UNIT
            count = affordable(walk.entries, budget, cost)
            walk.entries -= count
            budget -= count * cost
            phone.total.spin_ns += count * (cost - bare) // k.PS_PER_NS
            free_entries(phone, scenario, process, count)
            if walk.entries > 0:
                break
            walk.stage = k.WALK_FETCH
        elif walk.stage == k.WALK_ENQUEUE:
            enqueue = costs.entry_child_enqueue_ps if process.route == k.USERSPACE else costs.entry_enqueue_ps
            cost = max(1, enqueue * pace // k.UNIT)
            count = affordable(walk.entries, budget, cost)
            walk.entries -= count
            budget -= count * cost
            if walk.entries > 0:
                break
            walk.stage = k.WALK_FETCH
        else:  # WALK_DECIDE, WALK_DONE
            return budget
    walk.credit_ps = budget
    return 0


# -------------------------------------------------------------------------------------------------------- exiting tasks
@kernel
def background_weight(phone: Any) -> int:
    """Return the load weight of one thread of the background group: the group's, shared among those that want CPU."""
    members = 1 if phone.cached_due > 0 else 0
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        if phone.processes[index].killer == k.KILLER_ACTIVITY_MANAGER and runs(phone, index):
            members += 1
    return k.BACKGROUND_WEIGHT // max(1, min(members, k.BACKGROUND_WEIGHT // 2))


@kernel
def exit_weight(phone: Any, scenario: Any, process: Any) -> int:
    """Return the load weight of an exiting process.

    lmkd promotes its victims to normal priority, the activity manager leaves them in the background group.
    """
    if process.killer == k.KILLER_ACTIVITY_MANAGER:
        return background_weight(phone)
    return weight_of(scenario.device.victim_nice)


@kernel
def exit_mask(scenario: Any, process: Any) -> int:
    """Return the cpuset of an exiting process."""
    if process.killer == k.KILLER_ACTIVITY_MANAGER:
        return scenario.device.background_mask
    return scenario.device.foreground_mask


@kernel
def runs(phone: Any, index: int) -> bool:
    """Return whether the exiting process ``index`` wants CPU: its threads are gone and it waits for nobody."""
    process = phone.processes[index]
    if process.exit_stage == k.EXIT_SIGNALLED or process.exit_stage == k.EXIT_WAIT:
        return False
    waits_for_reaper = process.exit_stage == k.EXIT_UNMAP and process.walk.stage == k.WALK_DONE
    return not waits_for_reaper


@kernel
def start_unmapping(phone: Any, scenario: Any) -> None:
    """Let victims whose threads are gone enter exit_mm, those whose address space is empty leave it, and others end."""
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        process = phone.processes[index]
        if process.exit_stage == k.EXIT_SIGNALLED:
            if phone.now_us + phone.tick_us > process.kill_us + scenario.kernel.exit_signal_us:
                process.exit_stage = k.EXIT_UNMAP
        elif process.exit_stage == k.EXIT_UNMAP and process.walk.stage == k.WALK_DONE and process.reaper < 0:
            process.exit_stage = k.EXIT_OTHER
        elif process.exit_stage == k.EXIT_WAIT and phone.now_us + phone.tick_us > process.exit_ready_us:
            finish_exit(phone, index, process.exit_ready_us)


@kernel
def begin_exit(phone: Any, scenario: Any, index: int) -> int:
    """Return the CPU time (ps) that exiting process ``index`` may use in this tick."""
    process = phone.processes[index]
    task = phone.tasks[k.TASK_EXIT + index]
    ready_us = process.kill_us + scenario.kernel.exit_signal_us - phone.now_us
    if process.exit_stage == k.EXIT_UNMAP and 0 < ready_us < phone.tick_us:
        # its last thread goes in the middle of the tick
        task.granted_ns = task.granted_ns * (phone.tick_us - ready_us) // phone.tick_us
    return begin_budget(task)


@kernel
def run_exit(phone: Any, scenario: Any, index: int, budget_ps: int) -> int:
    """Run exiting process ``index``; return its budget left (ps) if it awaits a decision, -1 if its tick is over."""
    process = phone.processes[index]
    task = phone.tasks[k.TASK_EXIT + index]
    speed = speed_on(scenario, k.TASK_EXIT + index, task.cpu)
    budget = budget_ps
    if process.exit_stage == k.EXIT_UNMAP:
        waste = k.UNIT + (scenario.kernel.pte_waste if process.reaper >= 0 else 0)
        budget = walk_on(phone, scenario, process, process.walk, k.TASK_EXIT + index, budget, speed, waste)
        if process.walk.stage == k.WALK_DECIDE:
            return budget
        if process.walk.stage == k.WALK_DONE:
            flush_gathered(phone, process)
            if process.reaper >= 0:
                # free_pgtables needs the mmap lock for writing: it sleeps until the reaper lets go
                charge_exit(phone, index, budget)
                return -1
            process.exit_stage = k.EXIT_OTHER
    if process.exit_stage == k.EXIT_OTHER:
        left = process.exit_other_left_ps * k.UNIT // speed
        if budget < left:
            process.exit_other_left_ps -= budget * speed // k.UNIT
            budget = 0
        else:
            budget -= left
            process.exit_other_left_ps = 0
            used = max(0, task.granted_ns - budget // k.PS_PER_NS)
            process.exit_ready_us = picked_us(phone, k.TASK_EXIT + index) + elapsed_us(phone, k.TASK_EXIT + index, used)
            process.exit_ready_us += scenario.kernel.exit_wait_us
            process.exit_stage = k.EXIT_WAIT
            if process.exit_ready_us < phone.now_us + phone.tick_us:
                finish_exit(phone, index, process.exit_ready_us)
    charge_exit(phone, index, budget)
    return -1


@kernel
def charge_exit(phone: Any, index: int, left_ps: int) -> None:
    """Charge what exiting process ``index`` used of its grant to itself."""
    task = k.TASK_EXIT + index
    charge(phone, task, k.CHARGE_EXIT, max(0, phone.tasks[task].granted_ns - left_ps // k.PS_PER_NS))


@kernel
def begin_budget(task: Any) -> int:
    """Return the whole grant of ``task`` in this tick (ps)."""
    return task.granted_ns * k.PS_PER_NS


@kernel
def finish_exit(phone: Any, index: int, time_us: int) -> None:
    """Notify the parent: the process is gone, what it has deferred is zombie memory now."""
    process = phone.processes[index]
    process.state = k.PROCESS_DEAD
    process.exit_us = time_us
    phone.zombie_entries += process.queued_kworker + process.queued_child
    total = phone.total
    total.exits += 1
    total.exit_latency_us += time_us - process.kill_us
    total.exit_latency_max_us = max(total.exit_latency_max_us, time_us - process.kill_us)
    if process.gate_launch >= 0:
        phone.launches[process.gate_launch].gate_pending -= 1


@kernel
def bury(phone: Any) -> None:
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
    costs = scenario.kernel
    count = process.walk.entries
    if (route == k.KWORKER and phone.backlog_kworker + count > costs.queue_capacity) or (
        route == k.USERSPACE and phone.backlog_child + count > costs.child_queue_capacity
    ):
        phone.total.fallbacks += 1
        route = k.INLINE
    process.route = route
    process.decisions += 1
    if route == k.INLINE:
        process.walk.stage = k.WALK_INLINE
        task_id = k.TASK_EXIT + phone.pending
        if phone.tasks[task_id].lock_user == 0:
            # it was not known at the tick's start that this thread would take the lock
            join_inline(phone, scenario, task_id, process)
            contend(phone, scenario)
        phone.total.batches_inline += 1
        phone.total.entries_inline += count
    else:
        process.walk.stage = k.WALK_ENQUEUE
        if route == k.KWORKER:
            queue_kworker(phone, scenario, process, count)
            phone.total.batches_kworker += 1
        else:
            queue_child(phone, scenario, process, count)
            phone.total.batches_child += 1
    phone.pending = -1


@kernel
def join_locks(phone: Any, scenario: Any) -> None:
    """Declare who of the release path takes contended locks in this tick."""
    costs = scenario.kernel
    for position in range(phone.n_runnable):
        task_id = phone.runnable[position]
        if task_id >= k.TASK_EXIT:
            process = phone.processes[task_id - k.TASK_EXIT]
            inline = process.walk.stage == k.WALK_INLINE or (
                process.decisions > 0 and process.route == k.INLINE and process.swap_unclaimed > 0
            )
            if process.exit_stage == k.EXIT_UNMAP:
                join_walker(phone, scenario, task_id, process, inline)
        elif k.TASK_REAPER <= task_id < k.TASK_NOISE:
            victim = phone.reapers[task_id - k.TASK_REAPER].victim
            if victim >= 0:
                process = phone.processes[victim]
                join_walker(phone, scenario, task_id, process, process.swap_entries > 0)
        elif k.TASK_CHILD <= task_id < k.TASK_REAPER:
            speed = speed_on(scenario, task_id, phone.tasks[task_id].cpu)
            join(phone, task_id, speed, costs.entry_drain_ps, costs.entry_drain_lock_ps, 0)


@kernel
def join_walker(phone: Any, scenario: Any, task_id: int, process: Any, inline: bool) -> None:
    """Declare a walker: of swap entries if it frees them inline, else of present pages alone."""
    if inline:
        join_inline(phone, scenario, task_id, process)
    elif process.anon_pages > 0 and has_page_locks(scenario):
        costs = scenario.kernel
        enqueue = costs.entry_child_enqueue_ps if process.route == k.USERSPACE else costs.entry_enqueue_ps
        between = (process.swap_entries * enqueue + process.file_pages * costs.resident_file_ps) // process.anon_pages
        speed = speed_on(scenario, task_id, phone.tasks[task_id].cpu)
        join_pages(phone, scenario, task_id, speed, k.UNIT, between)


@kernel
def join_inline(phone: Any, scenario: Any, task_id: int, process: Any) -> None:
    """Declare a walker that frees swap entries inline, with the present pages it frees in between."""
    costs = scenario.kernel
    between = (process.anon_unclaimed * costs.resident_anon_ps + process.file_pages * costs.resident_file_ps) // max(
        1, process.swap_unclaimed
    )
    speed = speed_on(scenario, task_id, phone.tasks[task_id].cpu)
    join(phone, task_id, speed, costs.entry_inline_ps, costs.entry_inline_lock_ps, between)
    if has_page_locks(scenario):
        # what is in a walker's hand counts: the last segment may hold all that is left
        entries = max(1, process.swap_entries)
        files = process.file_pages * costs.resident_file_ps // entries
        outside = costs.entry_inline_ps - costs.entry_inline_lock_ps + files
        join_pages(phone, scenario, task_id, speed, process.anon_pages * k.UNIT // entries, outside)
