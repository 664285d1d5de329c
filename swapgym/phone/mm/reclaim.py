"""Reclaim: what kswapd and direct reclaim take, from whom, and what it costs."""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.costs import on_core
from swapgym.phone.jit import kernel
from swapgym.phone.mm.locks import join
from swapgym.phone.mm.pages import evict, fragmented_pages
from swapgym.phone.sched.request import is_runnable, speed_of


@kernel
def evictable(phone: Any, index: int) -> int:
    """Return the anonymous pages that reclaim may take from process ``index`` before it hurts anybody."""
    process = phone.processes[index]
    if process.state != k.PROCESS_ALIVE or index == phone.foreground or process.oom_score_adj == 0:
        return 0
    return max(0, process.anon_unclaimed - process.anon_hot_pages)


@kernel
def find_evictable(phone: Any) -> int:
    """Return the coldest process that still has pages to evict; -1 none. Processes are numbered coldest first."""
    if phone.reclaim_cursor >= 0 and evictable(phone, phone.reclaim_cursor) > 0:
        return phone.reclaim_cursor
    phone.reclaim_cursor = -1
    for index in range(k.MAX_PROCESSES):
        if evictable(phone, index) > 0:
            phone.reclaim_cursor = index
            break
    return phone.reclaim_cursor


@kernel
def reclaim(phone: Any, scenario: Any, wanted: int, budget_ps: int, speed: int, factor: int) -> int:
    """Reclaim up to ``wanted`` pages with ``budget_ps`` of CPU time.

    Returns the budget left, as ``-1 - left`` where nothing is left to reclaim.

    As shrink_node: batches of SWAP_CLUSTER_MAX, clean page cache first while it is ample (cache_trim_mode), then page
    cache and anonymous memory by swappiness and list sizes (get_scan_count), every fourth batch the slab shrinkers,
    of which zsmalloc's compaction is one.
    """
    device = scenario.device
    costs = scenario.kernel
    before = phone.free_pages
    bare_ps = on_core(costs, k.COST_COMPRESS, speed)
    while phone.free_pages - before < wanted:
        count = min(k.SWAP_CLUSTER_MAX, wanted - (phone.free_pages - before))
        file_list = max(0, phone.file_pages - device.file_floor_pages)
        target = find_evictable(phone) if phone.slots_free > 0 else -1
        phone.reclaim_round += 1
        if phone.reclaim_round % 4 == 0:
            pages = min(count, fragmented_pages(phone, scenario))
            # below an eighth of the pool zs_compact finds too little to move
            if pages > 0 and phone.pool_pages < 8 * fragmented_pages(phone, scenario):
                cost = on_core(costs, k.COST_COMPACTION, speed) * factor // k.UNIT
                pages = min(pages, budget_ps // cost)
                if pages == 0:
                    return budget_ps
                budget_ps -= pages * cost
                phone.pool_pages -= pages
                phone.free_pages += pages
                phone.total.compacted += pages
                continue
        if target < 0 and file_list == 0:
            return -1 - budget_ps
        if target < 0 or (file_list > 0 and phone.file_pages > device.file_workingset_pages):
            take_file = True
        elif file_list == 0:
            take_file = False
        else:
            anon_pressure = device.swappiness * phone.anon_pages
            file_pressure = (200 - device.swappiness) * file_list
            phone.anon_debt += k.UNIT * anon_pressure // max(1, anon_pressure + file_pressure)
            take_file = phone.anon_debt < k.UNIT
            if not take_file:
                phone.anon_debt -= k.UNIT
        if take_file:
            cost = on_core(costs, k.COST_FILE_RECLAIM, speed)
            pages = min(count, file_list, budget_ps // cost)
            if pages == 0:
                return budget_ps
            phone.file_pages -= pages
            phone.free_pages += pages
            phone.total.file_reclaimed += pages
        else:
            cost = bare_ps * factor // k.UNIT
            pages = min(count, evictable(phone, target), phone.slots_free, budget_ps // cost)
            if pages == 0:
                return budget_ps
            evict(phone, scenario, phone.processes[target], pages)
            phone.total.spin_ns += pages * (cost - bare_ps) // k.PS_PER_NS
        budget_ps -= pages * cost
    return budget_ps


@kernel
def join_reclaim(phone: Any, scenario: Any, task: int) -> None:
    """Declare a task that compresses into the pool, if it runs in this tick."""
    if is_runnable(phone, task):
        costs = scenario.kernel
        cost_ps = on_core(costs, k.COST_COMPRESS, speed_of(phone, task))
        join(phone, task, cost_ps, costs.compress_lock, 0)


@kernel
def run_kswapd(phone: Any, scenario: Any) -> int:
    """Let kswapd reclaim until free memory is above the high watermark; return the CPU time it used (ns)."""
    t = phone.tasks[k.TASK_KSWAPD]
    wanted = scenario.device.watermark_high - phone.free_pages
    budget = t.granted_ns * k.PS_PER_NS + phone.kswapd_credit_ps
    left = reclaim(phone, scenario, wanted, budget, speed_of(phone, k.TASK_KSWAPD), t.lock_factor)
    if left < 0 or phone.free_pages >= scenario.device.watermark_high:
        if left < 0:
            left = -1 - left
        phone.kswapd_awake = 0
        phone.kswapd_credit_ps = 0
        return max(0, t.granted_ns - left // k.PS_PER_NS)
    phone.kswapd_credit_ps = left
    return t.granted_ns
