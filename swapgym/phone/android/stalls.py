"""Memory stalls of whoever allocates: direct reclaim, and how stalls are booked for PSI and for lag."""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.phone.mm.reclaim import reclaim
from swapgym.phone.sched.request import charge, elapsed_us, speed_of


@kernel
def reclaim_directly(phone: Any, scenario: Any, task_id: int, pages: int, granted_ns: int, foreground: bool) -> int:
    """Let an allocating task reclaim ``pages`` itself; return the CPU time it used (ns). It is stalled meanwhile."""
    task = phone.tasks[task_id]
    left = reclaim(phone, scenario, pages, granted_ns * k.PS_PER_NS, speed_of(phone, task_id), task.lock_factor)
    if left < 0:
        left = -1 - left
    used = max(0, granted_ns - left // k.PS_PER_NS)
    charge(phone, task_id, k.CHARGE_DIRECT_RECLAIM, used)
    stalled_us = elapsed_us(phone, task_id, used)
    note_stall(phone, task.cpu, stalled_us, used, foreground)
    phone.total.direct_reclaim_us += stalled_us
    phone.last_direct_us = phone.now_us
    phone.lmkd.reclaiming_directly = 1
    return used


@kernel
def note_stall(phone: Any, cpu: int, stalled_us: int, used_ns: int, foreground: bool) -> None:
    """Book a memory stall of ``stalled_us``, ``used_ns`` of it on the CPU, for PSI and for the foreground's lag."""
    phone.cpus.stall_ns[cpu] += stalled_us * k.NS_PER_US
    phone.cpus.reclaim_ns[cpu] += used_ns
    if foreground:
        phone.total.stall_us += stalled_us
