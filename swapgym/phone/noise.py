"""Periodic background threads: the system's services, and a kernel thread that wakes while swap entries are freed.

Freeing swap entries empties nodes of the swap cache's xarray, which go by RCU (``clear_shadow_from_swap_cache``): a
grace period follows the other, and its kthread wakes for each, at a tick of the scheduler, which reports a CPU's
quiescent state (``rcu_sched_clock_irq``). It takes little CPU time, but it ends the turn of whom it interrupts, so that
under time slices frames are late which otherwise were not.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.cpu import charge, want, weight_of
from swapgym.phone.jit import kernel

GOLDEN: int = 633
"""The golden ratio less one, of 1,024."""


@kernel
def wake_noise(phone: Any, scenario: Any) -> None:
    """Wake the periodic background threads."""
    for index in range(k.MAX_NOISE):
        spec = scenario.noise[index]
        if spec.period_us == 0:
            continue
        if spec.beside_swap_free != 0:
            if begins_grace_period(phone, scenario, index):
                phone.noise_left_ns[index] = min(phone.noise_left_ns[index] + spec.work_ns, 4 * spec.work_ns)
        else:
            while phone.noise_next_us[index] < phone.now_us + phone.tick_us:
                phone.noise_next_us[index] += spec.period_us
                phone.noise_left_ns[index] = min(phone.noise_left_ns[index] + spec.work_ns, 4 * spec.work_ns)
        if phone.noise_left_ns[index] > 0:
            want(phone, k.TASK_NOISE + index, weight_of(spec.nice), spec.mask, phone.noise_left_ns[index])


@kernel
def begins_grace_period(phone: Any, scenario: Any, index: int) -> bool:
    """Return whether thread ``index`` wakes now, and say when it may next.

    The first grace period begins at the first tick after an entry was freed. Each takes whole ticks, between half and
    one and a half of the period: in traces of the measured kernel one of four took one, of 4 ms, half of them two, the
    others three. Which is next goes by the golden ratio, so that they come as evenly as they can.
    """
    tick_us = scenario.device.sched_tick_us
    if phone.now_us % tick_us >= phone.tick_us or phone.noise_next_us[index] > phone.now_us:
        return False
    if not has_freed(phone, index):
        return False
    phone.noise_spread[index] = (phone.noise_spread[index] + GOLDEN) % k.UNIT
    us = scenario.noise[index].period_us * (k.UNIT // 2 + phone.noise_spread[index]) // k.UNIT
    phone.noise_next_us[index] = phone.now_us + max(1, (us + tick_us // 2) // tick_us) * tick_us
    return True


@kernel
def has_freed(phone: Any, index: int) -> bool:
    """Return whether anybody has freed a swap entry since thread ``index`` last asked."""
    total = phone.total
    freed = total.entries_inline + total.entries_reaped + total.entries_kworker + total.entries_child
    more = freed > phone.noise_freed[index]
    phone.noise_freed[index] = freed
    return more


@kernel
def run_noise(phone: Any, scenario: Any) -> None:
    """Let the background threads use their grants."""
    for index in range(k.MAX_NOISE):
        task_id = k.TASK_NOISE + index
        task = phone.tasks[task_id]
        if scenario.noise[index].period_us == 0 or task.wanted_us != phone.now_us:
            continue
        capacity = scenario.device.capacity[task.cpu]
        needed = (phone.noise_left_ns[index] * k.UNIT + capacity - 1) // capacity
        used = min(needed, task.granted_ns)
        charge(phone, task_id, k.CHARGE_NOISE, used)
        phone.noise_left_ns[index] = max(0, phone.noise_left_ns[index] - used * capacity // k.UNIT)
        if used == needed:
            phone.noise_left_ns[index] = 0
