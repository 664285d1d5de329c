"""Cached apps: paged out as they enter the cached state, frozen later, and faulting pages back until they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.costs import on_core
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.mm.locks import join
from swapgym.phone.mm.pages import evict, swap_in
from swapgym.phone.mm.reclaim import evictable
from swapgym.phone.sched.request import is_runnable, speed_of


@kernel
def enter_cached(phone: Any, scenario: Any, index: int) -> None:
    """Let process ``index`` enter the cached state: it is paged out, where the device does that, and frozen later."""
    process = phone.processes[index]
    if process.state == k.PROCESS_ALIVE and index != phone.foreground:
        process.oom_score_adj = k.CACHED_APP_ADJ
        process.cached_us = phone.now_us
        if scenario.device.compaction != 0:
            phone.compact_queue |= np.int64(1) << index


@inlined
def join_cached(phone: Any, scenario: Any) -> None:
    """Declare unfrozen cached apps that fault pages back in: they take the contended lock."""
    if is_runnable(phone, k.TASK_CACHED):
        costs = scenario.kernel
        cost_ps = on_core(costs, k.COST_SWAPIN, speed_of(phone, k.TASK_CACHED))
        join(phone, k.TASK_CACHED, cost_ps, costs.swapin_lock, 0)


@kernel
def run_compactor(phone: Any, scenario: Any) -> int:
    """Page out the app that entered cached (MADV_PAGEOUT of its anonymous pages); return the CPU time used (ns)."""
    t = phone.tasks[k.TASK_COMPACTOR]
    budget = t.granted_ns * k.PS_PER_NS + phone.compact_credit_ps
    costs = scenario.kernel
    bare = on_core(costs, k.COST_COMPRESS, speed_of(phone, k.TASK_COMPACTOR))
    cost = bare * t.lock_factor // k.UNIT
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


@inlined
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
def run_cached(phone: Any, scenario: Any) -> int:
    """Let unfrozen cached apps fault back what they touch; return the CPU time used (ns)."""
    t = phone.tasks[k.TASK_CACHED]
    costs = scenario.kernel
    bare = on_core(costs, k.COST_SWAPIN, speed_of(phone, k.TASK_CACHED))
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
            phone.compact_queue &= ~(np.int64(1) << index)
            phone.compact_target = index
            return
