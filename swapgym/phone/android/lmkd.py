"""Android's low-memory killer daemon: mp_event_psi() of system/memory/lmkd (Android 14), its polls, waits and reapers.

Watermarks are compared as in get_lowest_watermark(): a test on ``wmark < WMARK_HIGH`` is true when free memory is
below the *low* watermark, and ``wmark < WMARK_LOW`` below *min*, as the messages it logs say ("min watermark is
breached even after kill"). The app in front (oom_score_adj 0 and below) is never taken: its death would end what lag
means.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.exit.reaper import hand_to_reaper
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.mm.psi import update_triggers

WATERMARK_MIN: int = 0
WATERMARK_LOW: int = 1
WATERMARK_HIGH: int = 2
WATERMARK_NONE: int = 3
NO_KILL: int = -1
THRASHING_CRITICAL_FACTOR: int = 3  # thrashing_limit_critical = 3 x thrashing_limit
HEAVIEST_BELOW_ADJ: int = 200  # at and below PERCEPTIBLE_APP_ADJ always the heaviest


@kernel
def kill(phone: Any, scenario: Any, index: int, killer: int) -> None:
    """Send SIGKILL to process ``index``; lmkd and kills in its manner hand the victim to an idle reaper thread."""
    process = phone.processes[index]
    process.state = k.PROCESS_EXITING
    process.exit_stage = k.EXIT_SIGNALLED
    process.killer = killer
    process.kill_us = phone.now_us
    process.walk.stage = k.WALK_FETCH
    phone.exiting[phone.n_exiting] = index
    phone.n_exiting += 1
    phone.kill_order[phone.n_killed] = index
    phone.n_killed += 1
    phone.total.kills += 1
    if killer == k.KILLER_LMKD and process.prescribed == 0:
        phone.total.collateral_kills += 1
        phone.total.relaunch_cost_us += scenario.apps[index].relaunch_cost_us
    if killer != k.KILLER_ACTIVITY_MANAGER:
        hand_to_reaper(phone, scenario, index)


@kernel
def lowest_watermark(phone: Any, scenario: Any) -> int:
    """Return the lowest watermark that free memory breaches."""
    device = scenario.device
    if phone.free_pages < device.watermark_min:
        return WATERMARK_MIN
    if phone.free_pages < device.watermark_low:
        return WATERMARK_LOW
    if phone.free_pages < device.watermark_high:
        return WATERMARK_HIGH
    return WATERMARK_NONE


@kernel
def swap_is_low(phone: Any, scenario: Any) -> bool:
    """Return whether free swap is low: with zram, no more of it is free than easily available memory can hold."""
    easy = phone.free_pages + max(0, phone.file_pages - scenario.device.file_workingset_pages)
    free = min(phone.slots_free, easy * scenario.compression // k.UNIT)
    return free * 100 < scenario.device.swap_slots * scenario.device.swap_free_low_percent


@kernel
def thrashing_percent(phone: Any, scenario: Any) -> int:
    """Return refaults of this window in percent of the file LRU, the last window's growth halved per window since.

    A new window restores the limit that kills for thrashing have lowered.
    """
    lmkd = phone.lmkd
    elapsed = phone.now_us - lmkd.thrash_window_us
    grown = (phone.total.refaults - lmkd.thrash_refaults) * 100 // max(1, lmkd.thrash_file)
    if elapsed > k.PSI_WINDOW_US:
        windows = min(30, elapsed // k.PSI_WINDOW_US)
        lmkd.thrash_previous_percent = grown >> windows
        lmkd.thrash_limit_percent = scenario.device.thrashing_limit_percent
        lmkd.thrash_window_us = phone.now_us
        lmkd.thrash_refaults = phone.total.refaults
        lmkd.thrash_file = phone.file_pages
        grown = 0
    return grown + lmkd.thrash_previous_percent


@kernel
def choose_min_adj(phone: Any, scenario: Any, critical: bool, after_kill: bool) -> int:
    """Go through lmkd's tests in order; return the lowest killable oom_score_adj, NO_KILL where none holds.

    Args:
        phone: PHONE record.
        scenario: SCENARIO record.
        critical: The critical PSI event (``full``) has come.
        after_kill: First look after a kill.
    """
    min_adj = test_reasons(phone, scenario, critical, after_kill)
    stalled = phone.psi.full_avg10 > scenario.device.stall_limit_critical_percent * k.UNIT
    if min_adj != NO_KILL and stalled and scenario.device.stall_limit_critical_percent < 100:
        return 0
    return min_adj


@kernel
def test_reasons(phone: Any, scenario: Any, critical: bool, after_kill: bool) -> int:
    """Return the lowest killable oom_score_adj by the first of lmkd's reasons that holds, NO_KILL where none does."""
    device = scenario.device
    lmkd = phone.lmkd
    thrashing = thrashing_percent(phone, scenario)
    limit = lmkd.thrash_limit_percent
    watermark = lowest_watermark(phone, scenario)
    low_swap = swap_is_low(phone, scenario)
    thrashing_critical = thrashing >= THRASHING_CRITICAL_FACTOR * device.thrashing_limit_percent
    spare_perceptible = watermark > WATERMARK_MIN and not thrashing_critical
    if after_kill and watermark < WATERMARK_LOW:  # PRESSURE_AFTER_KILL
        return 0
    if critical:  # NOT_RESPONDING
        return 0
    if low_swap and thrashing > limit:  # LOW_SWAP_AND_THRASHING
        return k.PERCEPTIBLE_APP_ADJ + 1 if spare_perceptible else 0
    if low_swap and watermark < WATERMARK_HIGH:  # LOW_MEM_AND_SWAP
        return k.PERCEPTIBLE_APP_ADJ + 1 if spare_perceptible else 0
    if thrashing > limit and (watermark < WATERMARK_HIGH or lmkd.reclaiming_directly != 0):
        # LOW_MEM_AND_THRASHING, DIRECT_RECL_AND_THRASHING
        lmkd.thrash_limit_percent = limit * (100 - device.thrashing_decay_percent) // 100
        lmkd.checks_filecache = 1
        return 0 if thrashing_critical else k.PERCEPTIBLE_APP_ADJ + 1
    if lmkd.checks_filecache != 0:  # LOW_FILECACHE_AFTER_THRASHING
        if phone.file_pages < device.filecache_min_pages:
            return k.PERCEPTIBLE_APP_ADJ + 1
        lmkd.checks_filecache = 0
    if watermark < WATERMARK_HIGH:  # LOW_MEM
        return k.PREVIOUS_APP_ADJ + 1
    return NO_KILL


@kernel
def choose_victim(phone: Any, scenario: Any, min_adj: int) -> int:
    """Return the victim: highest oom_score_adj first, its LRU tail or its heaviest process; -1 none."""
    best = -1
    best_adj = max(1, min_adj) - 1
    best_size = 0
    for index in range(k.MAX_PROCESSES):
        process = phone.processes[index]
        if process.state != k.PROCESS_ALIVE or process.oom_score_adj < max(1, min_adj):
            continue
        size = process.anon_pages + process.file_pages + process.swap_entries
        heaviest = scenario.device.kill_heaviest != 0 or process.oom_score_adj <= HEAVIEST_BELOW_ADJ
        if process.oom_score_adj > best_adj or (process.oom_score_adj == best_adj and heaviest and size > best_size):
            best = index
            best_adj = process.oom_score_adj
            best_size = size
    return best


@kernel
def look(phone: Any, scenario: Any, critical: bool) -> None:
    """One look at the phone (mp_event_psi): kill one process or none, and say how to poll."""
    lmkd = phone.lmkd
    after_kill = lmkd.killed != 0
    if after_kill:
        lmkd.thrash_refaults = phone.total.refaults
        lmkd.thrash_file = phone.file_pages
        lmkd.thrash_previous_percent = 0
        lmkd.thrash_window_us = phone.now_us
    lmkd.killed = 0
    refaulted = phone.total.refaults != lmkd.seen_refaults
    lmkd.seen_refaults = phone.total.refaults
    if lmkd.reclaiming != 0 or lmkd.reclaiming_directly != 0 or refaulted:
        min_adj = choose_min_adj(phone, scenario, critical, after_kill)
        if min_adj != NO_KILL:
            victim = choose_victim(phone, scenario, min_adj)
            if victim >= 0:
                kill(phone, scenario, victim, k.KILLER_LMKD)
                lmkd.killed = 1
                lmkd.waiting_for = victim
                lmkd.waiting_until_us = phone.now_us + scenario.device.kill_timeout_us
    if lmkd.reclaiming_directly != 0 or lmkd.killed != 0:
        # in direct reclaim or killing, the polling window is extended
        lmkd.polling_until_us = phone.now_us + k.PSI_WINDOW_US
    lmkd.fast_poll = 1 if lmkd.killed != 0 or swap_is_low(phone, scenario) else 0
    lmkd.next_poll_us = phone.now_us + (k.POLL_SHORT_US if lmkd.fast_poll != 0 else k.POLL_LONG_US)
    lmkd.reclaiming = 0
    lmkd.reclaiming_directly = 0


@inlined
def watch(phone: Any, scenario: Any) -> None:
    """End of a tick: PSI triggers, the wait for the last victim, polls."""
    device = scenario.device
    psi = phone.psi
    lmkd = phone.lmkd
    woken = False
    critical = False
    if phone.now_us >= psi.next_update_us:
        update_triggers(phone)
        if (
            psi.some_growth_us >= device.psi_partial_stall_us
            and phone.now_us >= psi.last_some_event_us + k.PSI_WINDOW_US
        ):
            psi.last_some_event_us = phone.now_us
            woken = True
        if (
            psi.full_growth_us >= device.psi_complete_stall_us
            and phone.now_us >= psi.last_full_event_us + k.PSI_WINDOW_US
        ):
            psi.last_full_event_us = phone.now_us
            woken = True
            critical = True
    if woken:
        lmkd.polling_until_us = phone.now_us + k.PSI_WINDOW_US
    if lmkd.waiting_for >= 0:
        victim = phone.processes[lmkd.waiting_for]
        if victim.state == k.PROCESS_EXITING:
            if phone.now_us < lmkd.waiting_until_us:
                return
            phone.total.kill_timeouts += 1
        # the pidfd's death notice, or the time-out, resumes polling at once
        lmkd.waiting_for = -1
        lmkd.next_poll_us = phone.now_us
    if woken or (phone.now_us < lmkd.polling_until_us and phone.now_us >= lmkd.next_poll_us):
        look(phone, scenario, critical)
