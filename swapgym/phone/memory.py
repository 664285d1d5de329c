"""Memory: who holds each page, and how reclaim gets it back.

``ram = free + file + reserved + buffers + pool + anon`` at every instant. The zram pool obeys a power law: freeing a
share of its objects gives back physical pages as ``pool ~ objects ** g``, since a zspage goes back only when all of its
objects are gone. With g = 1 memory comes back in proportion, with g = 0 only at the very end; measured on Linux 6.1:
0.2 (varied data, interleaved page by page: 14 % back for 50 % freed) to 0.95 (grain of 256 pages: 48 %). zs_compact
gives back what the law withholds.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.phone.locks import join


@kernel
def in_use(phone: Any, scenario: Any) -> int:
    """Return memory in use (pages): RAM without free memory and clean page cache."""
    return scenario.device.ram_pages - phone.free_pages - phone.file_pages


@kernel
def demand(phone: Any, scenario: Any) -> int:
    """Return the memory demand (pages): in use, plus what evicting pages since the start has saved."""
    return in_use(phone, scenario) + phone.evicted_pages - phone.evicted_pages * k.UNIT // scenario.compression


@kernel
def free_objects(phone: Any, scenario: Any, count: int) -> None:
    """Free ``count`` compressed objects of the pool; physical pages come back by the zspage law."""
    if count <= 0:
        return
    if count >= phone.pool_objects:
        pages = phone.pool_pages
        phone.pool_remainder = 0
    else:
        owed = phone.pool_remainder + count * phone.pool_pages * scenario.kernel.zspage_return // phone.pool_objects
        pages = owed // k.UNIT
        phone.pool_remainder = owed % k.UNIT
    phone.pool_objects -= count
    phone.pool_pages -= pages
    phone.free_pages += pages


@kernel
def store_objects(phone: Any, scenario: Any, count: int) -> int:
    """Compress ``count`` pages into the pool; return the physical pages it grew by (taken from free memory).

    Holes that partly freed zspages left are filled first.
    """
    needed = (phone.pool_objects + count) * k.UNIT
    grown = max(0, (needed + scenario.compression - 1) // scenario.compression - phone.pool_pages)
    fresh = (count * k.UNIT + phone.swapout_remainder) // scenario.compression
    phone.swapout_remainder = (count * k.UNIT + phone.swapout_remainder) % scenario.compression
    grown = min(grown, fresh)
    phone.pool_objects += count
    phone.pool_pages += grown
    phone.free_pages -= grown
    return grown


@kernel
def forget_evicted(phone: Any, process: Any, count: int) -> None:
    """Take the share evicted since the start off the books as ``count`` entries of ``process`` go."""
    entries = process.swap_entries + process.queued_kworker + process.queued_child
    if entries > 0:
        gone = process.evicted_entries * count // entries
        if count >= entries:
            gone = process.evicted_entries
        process.evicted_entries -= gone
        phone.evicted_pages -= gone


@kernel
def fragmented_pages(phone: Any, scenario: Any) -> int:
    """Return the physical pages of the pool beyond what its objects need: what zs_compact could give back."""
    return max(0, phone.pool_pages - (phone.pool_objects * k.UNIT + scenario.compression - 1) // scenario.compression)


@kernel
def evict(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Swap ``count`` anonymous pages of ``process`` out to zram."""
    process.anon_pages -= count
    process.anon_unclaimed -= count
    process.swap_entries += count
    process.swap_unclaimed += count
    process.evicted_entries += count
    phone.anon_pages -= count
    phone.free_pages += count
    phone.slots_free -= count
    phone.evicted_pages += count
    phone.total.pswpout += count
    store_objects(phone, scenario, count)


@kernel
def swap_in(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Fault ``count`` pages of ``process`` back in from zram."""
    forget_evicted(phone, process, count)
    process.swap_entries -= count
    process.swap_unclaimed -= count
    process.anon_pages += count
    process.anon_unclaimed += count
    phone.anon_pages += count
    phone.free_pages -= count
    phone.slots_free += count
    phone.total.pswpin += count
    free_objects(phone, scenario, count)


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
    while phone.free_pages - before < wanted:
        count = min(k.SWAP_CLUSTER_MAX, wanted - (phone.free_pages - before))
        file_list = max(0, phone.file_pages - device.file_floor_pages)
        target = find_evictable(phone) if phone.slots_free > 0 else -1
        phone.reclaim_round += 1
        if phone.reclaim_round % 4 == 0:
            pages = min(count, fragmented_pages(phone, scenario))
            # below an eighth of the pool zs_compact finds too little to move
            if pages > 0 and phone.pool_pages < 8 * fragmented_pages(phone, scenario):
                cost = costs.compaction_ps * k.UNIT // speed * factor // k.UNIT
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
            cost = costs.file_reclaim_ps * k.UNIT // speed
            pages = min(count, file_list, budget_ps // cost)
            if pages == 0:
                return budget_ps
            phone.file_pages -= pages
            phone.free_pages += pages
            phone.total.file_reclaimed += pages
        else:
            cost = costs.compress_ps * k.UNIT // speed * factor // k.UNIT
            pages = min(count, evictable(phone, target), phone.slots_free, budget_ps // cost)
            if pages == 0:
                return budget_ps
            evict(phone, scenario, phone.processes[target], pages)
            phone.total.spin_ns += pages * (cost - costs.compress_ps * k.UNIT // speed) // k.PS_PER_NS
        budget_ps -= pages * cost
    return budget_ps


@kernel
def join_reclaim(phone: Any, scenario: Any) -> None:
    """Declare kswapd, the compactor and cached apps: compressing into the pool and faulting from it take the lock."""
    costs = scenario.kernel
    for task_id in (k.TASK_KSWAPD, k.TASK_COMPACTOR, k.TASK_CACHED):
        task = phone.tasks[task_id]
        if task.wanted_us == phone.now_us:
            speed = scenario.device.mem_speed[task.cpu]
            if task_id == k.TASK_CACHED:
                join(phone, task_id, speed, costs.swapin_ps, costs.swapin_lock_ps, 0)
            else:
                join(phone, task_id, speed, costs.compress_ps, costs.compress_lock_ps, 0)


@kernel
def run_kswapd(phone: Any, scenario: Any, cpu_speed: int) -> int:
    """Let kswapd reclaim until free memory is above the high watermark; return the CPU time it used (ns)."""
    t = phone.tasks[k.TASK_KSWAPD]
    wanted = scenario.device.watermark_high - phone.free_pages
    budget = t.granted_ns * k.PS_PER_NS + phone.kswapd_credit_ps
    left = reclaim(phone, scenario, wanted, budget, cpu_speed, t.lock_factor)
    if left < 0 or phone.free_pages >= scenario.device.watermark_high:
        if left < 0:
            left = -1 - left
        phone.kswapd_awake = 0
        phone.kswapd_credit_ps = 0
        return max(0, t.granted_ns - left // k.PS_PER_NS)
    phone.kswapd_credit_ps = left
    return t.granted_ns


@kernel
def run_compactor(phone: Any, scenario: Any, speed: int) -> int:
    """Page out the app that entered cached (MADV_PAGEOUT of its anonymous pages); return the CPU time used (ns)."""
    t = phone.tasks[k.TASK_COMPACTOR]
    budget = t.granted_ns * k.PS_PER_NS + phone.compact_credit_ps
    cost = scenario.kernel.compress_ps * k.UNIT // speed * t.lock_factor // k.UNIT
    bare = scenario.kernel.compress_ps * k.UNIT // speed
    while phone.compact_target >= 0:
        unmap_files(phone, phone.processes[phone.compact_target])
        pages = min(evictable(phone, phone.compact_target), phone.slots_free)
        if pages == 0:
            next_compaction(phone)
            continue
        pages = min(pages, budget // cost)
        if pages == 0:
            phone.compact_credit_ps = budget
            return t.granted_ns
        evict(phone, scenario, phone.processes[phone.compact_target], pages)
        phone.total.spin_ns += pages * (cost - bare) // k.PS_PER_NS
        budget -= pages * cost
    phone.compact_credit_ps = 0
    return max(0, t.granted_ns - budget // k.PS_PER_NS)


@kernel
def unmap_files(phone: Any, process: Any) -> None:
    """Page out the mapped files of an app that enters cached, but for those it shares with others.

    Their cost is small beside that of compressing, and is left out.
    """
    pages = min(process.file_pages - process.file_hot_pages, phone.file_pages)
    if pages <= 0:
        return
    process.file_pages -= pages
    phone.file_pages -= pages
    phone.free_pages += pages
    phone.total.file_reclaimed += pages


@kernel
def wake_cached(phone: Any, scenario: Any) -> None:
    """Let cached apps that nothing has frozen want the pages they touch."""
    if phone.now_us < phone.cached_next_us:
        return
    phone.cached_next_us += k.CACHED_WAKE_US
    for index in range(scenario.n_processes):
        process = phone.processes[index]
        if process.state != k.PROCESS_ALIVE or process.oom_score_adj < k.PREVIOUS_APP_ADJ:
            continue
        if scenario.device.freezer != 0 and phone.now_us >= process.cached_us + scenario.device.freezer_us:
            continue
        touched = scenario.apps[index].touch_pages_per_s * (k.CACHED_WAKE_US // k.MS) // 1000
        due = min(touched, process.swap_unclaimed - process.touch_due)
        process.touch_due += due
        phone.cached_due += due


@kernel
def run_cached(phone: Any, scenario: Any, speed: int) -> int:
    """Let unfrozen cached apps fault back what they touch; return the CPU time used (ns)."""
    t = phone.tasks[k.TASK_CACHED]
    bare = scenario.kernel.swapin_ps * k.UNIT // speed
    cost = bare * t.lock_factor // k.UNIT
    budget = t.granted_ns * k.PS_PER_NS + phone.cached_credit_ps
    for index in range(scenario.n_processes):
        process = phone.processes[index]
        if process.touch_due == 0:
            continue
        room = max(0, phone.free_pages - scenario.device.watermark_min)
        wanted = min(process.touch_due, process.swap_unclaimed) if process.state == k.PROCESS_ALIVE else 0
        pages = min(wanted, budget // cost, room)
        swap_in(phone, scenario, process, pages)
        phone.total.spin_ns += pages * (cost - bare) // k.PS_PER_NS
        budget -= pages * cost
        settled = process.touch_due if wanted == 0 else pages
        process.touch_due -= settled
        phone.cached_due -= settled
        if budget < cost:
            break
    if phone.cached_due > 0 and budget < cost:
        phone.cached_credit_ps = budget
        return t.granted_ns
    phone.cached_credit_ps = 0
    return max(0, t.granted_ns - budget // k.PS_PER_NS)


@kernel
def next_compaction(phone: Any) -> None:
    """Take the next process off the compaction queue."""
    phone.compact_target = -1
    for index in range(k.MAX_PROCESSES):
        if (phone.compact_queue >> index) & 1:
            phone.compact_queue &= ~(1 << index)
            phone.compact_target = index
            return


@kernel
def account(phone: Any, scenario: Any) -> None:
    """End of a tick: wake kswapd, follow the peaks of demand, use, zombie memory and backlog."""
    if phone.free_pages < scenario.device.watermark_low:
        phone.kswapd_awake = 1
    total = phone.total
    total.free_min_pages = min(total.free_min_pages, phone.free_pages)
    total.in_use_peak_pages = max(total.in_use_peak_pages, in_use(phone, scenario))
    total.demand_peak_pages = max(total.demand_peak_pages, demand(phone, scenario) - phone.demand_start_pages)
    backlog = phone.backlog_kworker + phone.backlog_child
    if backlog > 0:
        zombie_pages = phone.zombie_entries * phone.pool_pages // max(1, phone.pool_objects)
        total.zombie_peak_pages = max(total.zombie_peak_pages, zombie_pages)
        total.zombie_page_us += zombie_pages * phone.tick_us
        total.backlog_peak = max(total.backlog_peak, backlog)
        total.backlog_entry_us += backlog * phone.tick_us
