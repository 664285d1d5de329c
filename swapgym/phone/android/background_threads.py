"""The system's periodic background threads: services, binder traffic, third-party apps beside the foreground."""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined
from swapgym.phone.sched.request import charge, is_runnable, request_cpu, speed_of, weight_of


@inlined
def wake_background_threads(phone: Any, scenario: Any) -> None:
    """Wake the periodic threads whose time has come, and ask for CPU for all that have work."""
    for index in range(k.MAX_BACKGROUND_THREADS):
        spec = scenario.background_threads[index]
        if spec.period_us == 0:
            continue
        while phone.background_next_us[index] < phone.now_us + phone.tick_us:
            phone.background_next_us[index] += spec.period_us
            phone.background_left_ns[index] = min(phone.background_left_ns[index] + spec.work_ns, 4 * spec.work_ns)
        if phone.background_left_ns[index] > 0:
            left_ns = phone.background_left_ns[index]
            request_cpu(phone, k.TASK_BACKGROUND + index, weight_of(spec.nice), spec.mask, 0, left_ns)


@inlined
def run_background_threads(phone: Any, scenario: Any) -> None:
    """Let the background threads use their grants."""
    for index in range(k.MAX_BACKGROUND_THREADS):
        task = k.TASK_BACKGROUND + index
        if scenario.background_threads[index].period_us == 0 or not is_runnable(phone, task):
            continue
        speed = speed_of(phone, task)
        needed = (phone.background_left_ns[index] * k.UNIT + speed - 1) // speed
        used = min(needed, phone.tasks[task].granted_ns)
        charge(phone, task, k.CHARGE_BACKGROUND, used)
        phone.background_left_ns[index] = max(0, phone.background_left_ns[index] - used * speed // k.UNIT)
        if used == needed:
            phone.background_left_ns[index] = 0
