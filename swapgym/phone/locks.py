"""The contended locks of releasing, as a closed queueing network.

Whoever frees, compresses or faults swap entries alternates a part outside the swap-free path's lock with a hold of it
(zsmalloc's pool and class locks or ``si->lock``, lumped). Whoever frees present pages holds ``lru_lock`` and
``zone->lock`` in turn, where a kernel's costs say for how long. With several of them on CPUs at once, each waits for
the others' holds, and it waits on the CPU: a spinning waiter is charged for it. The wait is that of a closed queueing
network with one station per lock, solved by Schweitzer's approximation of mean value analysis; a hold grows with the
number of contenders, as cache lines travel. Holds and one hand-off per kernel then predict any number of contenders on
any core: see ``experiments/calibration`` and ``experiments/real_kernel``.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

ROUNDS = 4
"""Rounds of the fixed point; after four, 2 to 8 contenders are within 0.1 % of its limit."""


@kernel
def join(phone: Any, task: int, speed: int, cost_ps: int, lock_ps: int, between_ps: int) -> None:
    """Declare that ``task`` takes the swap-free path's lock in this tick.

    Args:
        phone: PHONE record.
        task: Task id.
        speed: Speed of its CPU, over 1024.
        cost_ps: Cost of one operation at speed 1024, the hold included.
        lock_ps: The hold.
        between_ps: Other work between two operations at speed 1024.
    """
    t = phone.tasks[task]
    t.lock_user = 1
    t.lock_share = t.granted_ns * k.UNIT // (phone.tick_us * k.NS_PER_US)
    t.lock_free_ps = (cost_ps - lock_ps + between_ps) * k.UNIT // speed
    t.lock_hold_ps = lock_ps * k.UNIT // speed
    t.lock_bare_ps = t.lock_hold_ps
    t.lock_cost_ps = cost_ps * k.UNIT // speed


@kernel
def join_pages(phone: Any, scenario: Any, task: int, speed: int, pages: int, between_ps: int) -> None:
    """Declare that ``task`` takes the locks of present pages in this tick; of a user of the other lock, call it last.

    Args:
        phone: PHONE record.
        scenario: SCENARIO record.
        task: Task id.
        speed: Speed of its CPU, over 1024.
        pages: Present pages that it frees per operation, over 1024: between two holds of the swap-free path's lock
            where it takes that too, else 1024.
        between_ps: All else that it does per operation, at speed 1024, the swap-free path's hold left out.
    """
    t = phone.tasks[task]
    mine = phone.page_locks[task]
    costs = scenario.kernel
    if t.lock_user == 0:
        t.lock_share = t.granted_ns * k.UNIT // (phone.tick_us * k.NS_PER_US)
        t.lock_hold_ps = 0
        t.lock_wait_ps = 0
    mine.visits = pages
    mine.excess = 0
    mine.cost_ps = costs.resident_anon_ps * k.UNIT // speed
    mine.bare_ps[k.LRU_LOCK] = costs.resident_anon_lru_lock_ps * k.UNIT // speed
    mine.bare_ps[k.ZONE_LOCK] = costs.resident_anon_zone_lock_ps * k.UNIT // speed
    outside_ps = mine.cost_ps - mine.bare_ps[k.LRU_LOCK] - mine.bare_ps[k.ZONE_LOCK]
    t.lock_free_ps = between_ps * k.UNIT // speed + pages * outside_ps // k.UNIT


@kernel
def has_page_locks(scenario: Any) -> bool:
    """Return whether the kernel's costs say how long locks are held to free a present page."""
    return scenario.kernel.resident_anon_lru_lock_ps + scenario.kernel.resident_anon_zone_lock_ps > 0


@kernel
def contend(phone: Any, scenario: Any) -> None:
    """Work out what the locks cost everybody who takes them in this tick.

    Sets ``lock_factor`` of each task, and ``excess`` of those that free present pages.
    """
    users = 0
    page_users = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        takes_pages = phone.page_locks[task].visits > 0
        page_users += takes_pages
        users += takes_pages or phone.tasks[task].lock_user != 0
    if users < 2:
        return
    grow_holds(phone, scenario)
    if page_users > 0:
        for lock in range(k.N_PAGE_LOCKS):
            grow_page_holds(phone, scenario, lock)
    for _ in range(ROUNDS):
        note_queues(phone)
        wait(phone)
        if page_users > 0:
            for lock in range(k.N_PAGE_LOCKS):
                wait_for_pages(phone, lock)
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.lock_user != 0:
            t.lock_factor = (t.lock_cost_ps - t.lock_bare_ps + t.lock_wait_ps) * k.UNIT // t.lock_cost_ps
        mine = phone.page_locks[task]
        if mine.visits > 0:
            waited_ps = mine.wait_ps.sum() - mine.bare_ps.sum()
            mine.excess = waited_ps * k.UNIT // mine.cost_ps


@kernel
def growth(scenario: Any, on_cpu: int) -> int:
    """Return by how much a hold grows (over 1024) where so many (over 1024) who take its lock are on CPUs."""
    return k.UNIT + scenario.kernel.lock_handoff * max(0, on_cpu - k.UNIT) // k.UNIT


@kernel
def grow_holds(phone: Any, scenario: Any) -> None:
    """Let the holds of the swap-free path's lock grow with those who take it, and begin without a queue."""
    on_cpu = 0
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            on_cpu += t.lock_share
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            t.lock_hold_ps = t.lock_bare_ps * growth(scenario, on_cpu) // k.UNIT
            t.lock_wait_ps = t.lock_hold_ps


@kernel
def grow_page_holds(phone: Any, scenario: Any, lock: int) -> None:
    """Let the holds of a lock of present pages grow with those who take it, and begin without a queue."""
    on_cpu = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        if phone.page_locks[task].visits > 0:
            on_cpu += phone.tasks[task].lock_share
    for position in range(phone.n_runnable):
        mine = phone.page_locks[phone.runnable[position]]
        if mine.visits > 0:
            mine.hold_ps[lock] = mine.bare_ps[lock] * growth(scenario, on_cpu) // k.UNIT
            mine.wait_ps[lock] = mine.hold_ps[lock]


@kernel
def note_queues(phone: Any) -> None:
    """Set everybody's hold of each lock weighted by the probability to meet them there."""
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        mine = phone.page_locks[task]
        if t.lock_user == 0 and mine.visits == 0:
            continue
        cycle_ps = t.lock_free_ps + t.lock_wait_ps
        if mine.visits > 0:
            cycle_ps += mine.visits * mine.wait_ps.sum() // k.UNIT
            for lock in range(k.N_PAGE_LOCKS):
                mine.queue_ps[lock] = queued_ps(
                    t.lock_share, mine.visits * mine.wait_ps[lock] // k.UNIT, cycle_ps, mine.hold_ps[lock]
                )
        t.lock_queue_ps = queued_ps(t.lock_share, t.lock_wait_ps, cycle_ps, t.lock_hold_ps)


@kernel
def queued_ps(share: int, wait_ps: int, cycle_ps: int, hold_ps: int) -> int:
    """Return a hold weighted by the probability to meet at its lock who is on a CPU for ``share`` (over 1024)."""
    at_lock = wait_ps * k.UNIT // max(1, cycle_ps)
    return share * at_lock // k.UNIT * hold_ps // k.UNIT


@kernel
def wait(phone: Any) -> None:
    """Let everybody who takes the swap-free path's lock wait for the others."""
    queue_ps = 0
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            queue_ps += t.lock_queue_ps
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            t.lock_wait_ps = t.lock_hold_ps + queue_ps - t.lock_queue_ps


@kernel
def wait_for_pages(phone: Any, lock: int) -> None:
    """Let everybody who takes a lock of present pages wait for the others."""
    queue_ps = 0
    for position in range(phone.n_runnable):
        mine = phone.page_locks[phone.runnable[position]]
        if mine.visits > 0:
            queue_ps += mine.queue_ps[lock]
    for position in range(phone.n_runnable):
        mine = phone.page_locks[phone.runnable[position]]
        if mine.visits > 0:
            mine.wait_ps[lock] = mine.hold_ps[lock] + queue_ps - mine.queue_ps[lock]
