"""The contended lock of the swap-free path, as a closed queue.

Whoever frees, compresses or faults swap entries alternates a part outside the lock with a hold of the lock (zsmalloc's
pool and class locks, lumped). With several of them on CPUs at once, each waits for the others' holds, and it waits on
the CPU: a spinning waiter is charged for it. The wait is that of a closed queueing network with one station, solved by
Schweitzer's approximation of mean value analysis; a hold grows with the number of contenders, as the lock's cache line
travels. Two numbers per kernel (hold and hand-off) then predict any number of contenders on any core: see
``experiments/calibration``.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

ROUNDS = 4
"""Rounds of the fixed point; after four, 2 to 8 contenders are within 0.1 % of its limit."""


@kernel
def join(phone: Any, task: int, speed: int, cost_ps: int, lock_ps: int, between_ps: int) -> None:
    """Declare that ``task`` takes the lock in this tick.

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
def contend(phone: Any, scenario: Any) -> None:
    """Work out what the lock costs everybody who takes it in this tick: sets ``lock_factor`` of each task."""
    users = 0
    on_cpu = 0
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            users += 1
            on_cpu += t.lock_share
    if users < 2:
        return
    growth = k.UNIT + scenario.kernel.lock_handoff * max(0, on_cpu - k.UNIT) // k.UNIT
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            t.lock_hold_ps = t.lock_bare_ps * growth // k.UNIT
            t.lock_wait_ps = t.lock_hold_ps
    for _ in range(ROUNDS):
        queue_ps = 0
        for position in range(phone.n_runnable):
            t = phone.tasks[phone.runnable[position]]
            if t.lock_user != 0:
                t.lock_queue_ps = queued_ps(t)
                queue_ps += t.lock_queue_ps
        for position in range(phone.n_runnable):
            t = phone.tasks[phone.runnable[position]]
            if t.lock_user != 0:
                t.lock_wait_ps = t.lock_hold_ps + queue_ps - t.lock_queue_ps
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.lock_user != 0:
            t.lock_factor = (t.lock_cost_ps - t.lock_bare_ps + t.lock_wait_ps) * k.UNIT // t.lock_cost_ps


@kernel
def queued_ps(task: Any) -> int:
    """Return the hold of ``task`` weighted by the probability to meet it at the lock."""
    at_lock = task.lock_wait_ps * k.UNIT // max(1, task.lock_free_ps + task.lock_wait_ps)
    return task.lock_share * at_lock // k.UNIT * task.lock_hold_ps // k.UNIT
