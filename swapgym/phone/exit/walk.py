"""The walk over a dying address space (zap_pte_range), by the exiting thread or by lmkd's reaper.

Resident and swapped pages lie interleaved, so a segment holds one batch of swap entries and its share of resident
pages. Resident pages are freed at once. When the batch is full, someone says where its entries are released: that is
the decision of this environment. INLINE, the walker frees them before it goes on; deferred, it pays the enqueue cost
and goes on, and the entries' memory stays until a worker has drained them.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.costs import affordable, average, on_core
from swapgym.phone.jit import kernel
from swapgym.phone.mm.locks import join
from swapgym.phone.mm.pages import free_entries, free_resident
from swapgym.phone.sched.request import speed_of

RESIDENT_SEGMENT: int = 512
"""Resident pages of a segment without swap entries: mmu_gather frees in groups of 512."""
RECENT: int = 128
"""Weight of the newest batch in the running cost of an entry, over 1024."""


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
    process.swap_unclaimed -= walk.entries
    process.anon_unclaimed -= walk.anon
    process.file_pages -= walk.file
    walk.stage = k.WALK_RESIDENT
    if walk.entries == 0 and walk.anon == 0 and walk.file == 0:
        walk.stage = k.WALK_DONE


@kernel
def walk_on(phone: Any, scenario: Any, process: Any, walk: Any, task: int, budget_ps: int, waste: int) -> int:
    """Walk on until the budget is used up, a batch is full or the address space is done; return the budget left (ps).

    Args:
        phone: PHONE record.
        scenario: SCENARIO record.
        process: PROCESS record whose address space is walked.
        walk: WALK record of the walker. Its stage tells why the walk stopped.
        task: Task id of the walker: its CPU, and what the contended lock costs it.
        budget_ps: CPU time it may use.
        waste: Multiplier of all work for the page-table locks shared with a second walker, over 1024.
    """
    costs = scenario.kernel
    speed = speed_of(phone, task)
    anon_ps = on_core(costs, k.COST_RESIDENT_ANON, speed) * waste // k.UNIT
    file_ps = on_core(costs, k.COST_RESIDENT_FILE, speed) * waste // k.UNIT
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
                free_resident(phone, process, count)
            if walk.file > 0 or walk.anon > 0:
                break
            walk.stage = k.WALK_DECIDE if walk.entries > 0 else k.WALK_FETCH
        elif walk.stage == k.WALK_INLINE:
            bare_ps = inline_ps(scenario, speed) * waste // k.UNIT
            cost_ps = bare_ps * phone.tasks[task].lock_factor // k.UNIT
            count = affordable(walk.entries, budget, cost_ps)
            walk.entries -= count
            budget -= count * cost_ps
            phone.total.spin_ns += count * (cost_ps - bare_ps) // k.PS_PER_NS
            free_entries(phone, scenario, process, count)
            if count > 0:
                phone.release_ps = average(phone.release_ps, cost_ps, RECENT)
            if walk.entries > 0:
                break
            walk.stage = k.WALK_FETCH
        elif walk.stage == k.WALK_ENQUEUE:
            cost_ps = enqueue_ps(scenario, process, speed) * waste // k.UNIT
            count = affordable(walk.entries, budget, cost_ps)
            walk.entries -= count
            budget -= count * cost_ps
            if walk.entries > 0:
                break
            walk.stage = k.WALK_FETCH
        else:  # WALK_DECIDE, WALK_DONE
            return budget
    walk.credit_ps = budget
    return 0


@kernel
def inline_ps(scenario: Any, speed: int) -> int:
    """Return the cost (ps) of releasing one entry inline, without contention."""
    return on_core(scenario.kernel, k.COST_ENTRY_INLINE, speed)


@kernel
def enqueue_ps(scenario: Any, process: Any, speed: int) -> int:
    """Return what a deferred entry of ``process`` still costs its walker (ps)."""
    costs = scenario.kernel
    if process.route == k.USERSPACE:
        return on_core(costs, k.COST_ENTRY_CHILD_ENQUEUE, speed)
    return on_core(costs, k.COST_ENTRY_ENQUEUE, speed)


@kernel
def join_walker(phone: Any, scenario: Any, task: int, process: Any) -> None:
    """Declare a walker that frees swap entries inline, with the resident pages it frees in between."""
    costs = scenario.kernel
    speed = speed_of(phone, task)
    anon_ps = process.anon_unclaimed * on_core(costs, k.COST_RESIDENT_ANON, speed)
    file_ps = process.file_pages * on_core(costs, k.COST_RESIDENT_FILE, speed)
    between_ps = (anon_ps + file_ps) // max(1, process.swap_unclaimed)
    join(phone, task, inline_ps(scenario, speed), costs.entry_inline_lock, between_ps)
