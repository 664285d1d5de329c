"""The contended lock of the swap-free path, as a closed queueing network.

Whoever frees, compresses or faults swap entries alternates a part outside the lock (zsmalloc's pool and class locks or
``si->lock``, lumped) with a hold of it. With several of them on CPUs at once, each waits for the others' holds, and it
waits on the CPU: a spinning waiter is charged for it. The wait is that of a closed queueing network with one station,
solved by Schweitzer's approximation of mean value analysis; a hold grows with the number of contenders, as cache lines
travel. Hold and hand-off of one kernel then predict any number of contenders on any core: see
``experiments/calibration``.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

ROUNDS = 4
"""Rounds of the fixed point; after four, 2 to 8 contenders are within 0.1 % of its limit."""
LONGEST_PS: int = 1 << 30
"""Longest time (ps) at the lock or between two holds that is told apart: a millisecond."""
MOST: int = 1 << 30
"""Largest cost multiplier, over 1024."""


@kernel
def join(phone: Any, task: int, cost_ps: int, lock_share: int, between_ps: int) -> None:
    """Declare that ``task`` takes the lock in this tick.

    Args:
        phone: PHONE record.
        task: Task id.
        cost_ps: Cost of one operation on its CPU, the hold included.
        lock_share: Share of the operation under the lock, over 1024.
        between_ps: Other work between two operations.
    """
    t = phone.tasks[task]
    cost_ps = min(LONGEST_PS, cost_ps)
    hold_ps = cost_ps * lock_share >> k.UNIT_BITS
    phone.lock_users[phone.n_lock_users] = task
    phone.n_lock_users += 1
    t.lock_user = 1
    t.lock_share = t.granted_ns * k.UNIT // (phone.tick_us * k.NS_PER_US)
    t.lock_free_ps = min(LONGEST_PS, cost_ps - hold_ps + between_ps)
    t.lock_hold_ps = hold_ps
    t.lock_bare_ps = hold_ps
    t.lock_cost_ps = cost_ps


@kernel
def contend(phone: Any, scenario: Any) -> None:
    """Work out what the lock costs everybody who takes it in this tick: ``lock_factor`` of each task."""
    if phone.n_lock_users < 2:
        return
    meet(phone, scenario)
    for _ in range(ROUNDS):
        wait(phone, scenario)
    for position in range(phone.n_lock_users):
        t = phone.tasks[phone.lock_users[position]]
        whole_ps = t.lock_cost_ps - t.lock_bare_ps + t.lock_wait_ps
        t.lock_factor = min(MOST, whole_ps * k.UNIT // t.lock_cost_ps)


@kernel
def meet(phone: Any, scenario: Any) -> None:
    """Let holds grow with who takes the lock elsewhere, and begin without a queue.

    Cache lines travel from where others are: who shares a CPU is never at the lock at the same time.
    """
    cpus = phone.cpus
    on_cpu = 0
    for index in range(scenario.device.n_cpus):
        cpus.lock_share[index] = 0
    for position in range(phone.n_lock_users):
        t = phone.tasks[phone.lock_users[position]]
        on_cpu += t.lock_share
        cpus.lock_share[t.cpu] += t.lock_share
    for position in range(phone.n_lock_users):
        t = phone.tasks[phone.lock_users[position]]
        elsewhere = on_cpu - cpus.lock_share[t.cpu]
        growth = k.UNIT + (scenario.kernel.lock_handoff * elsewhere >> k.UNIT_BITS)
        t.lock_hold_ps = min(LONGEST_PS, t.lock_bare_ps * growth >> k.UNIT_BITS)
        t.lock_wait_ps = t.lock_hold_ps


@kernel
def wait(phone: Any, scenario: Any) -> None:
    """Let everybody who takes the lock wait for the holds of those elsewhere, as often as they are met there."""
    cpus = phone.cpus
    queue_ps = 0
    for index in range(scenario.device.n_cpus):
        cpus.lock_queue_ps[index] = 0
    for position in range(phone.n_lock_users):
        t = phone.tasks[phone.lock_users[position]]
        at_lock = t.lock_wait_ps * k.UNIT // max(1, t.lock_free_ps + t.lock_wait_ps)
        waited_ps = (t.lock_share * at_lock >> k.UNIT_BITS) * t.lock_hold_ps >> k.UNIT_BITS
        cpus.lock_queue_ps[t.cpu] += waited_ps
        queue_ps += waited_ps
    for position in range(phone.n_lock_users):
        t = phone.tasks[phone.lock_users[position]]
        t.lock_wait_ps = min(LONGEST_PS, t.lock_hold_ps + queue_ps - cpus.lock_queue_ps[t.cpu])
