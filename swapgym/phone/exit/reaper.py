"""lmkd's reaper threads: process_mrelease on a victim, from the other end of its address space.

A reaper sends SIGKILL, moves its victim to the foreground group, and calls process_mrelease some milliseconds later.
The call finds no address space (ESRCH) where the victim's last thread has entered exit_mm by then: in public logs it
fails so after a median of 5 ms.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.exit.walk import join_walker, walk_on
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.sched.request import charge, is_runnable, request_cpu, weight_of


@kernel
def hand_to_reaper(phone: Any, scenario: Any, index: int) -> None:
    """Hand a fresh victim to an idle reaper; with both busy, lmkd's main thread kills without reaping."""
    for reaper in range(scenario.device.n_reapers):
        r = phone.reapers[reaper]
        if r.victim < 0:
            r.victim = index
            r.walk.stage = k.WALK_FETCH
            r.walk.credit_ps = 0
            phone.processes[index].reaper = reaper
            return


@inlined
def request_reapers(phone: Any, scenario: Any) -> None:
    """Let reapers ask for CPU from their call on; let those go whose victim was faster."""
    device = scenario.device
    for reaper in range(device.n_reapers):
        r = phone.reapers[reaper]
        if r.victim < 0 or phone.now_us + phone.tick_us <= phone.processes[r.victim].kill_us + device.reaper_delay_us:
            continue
        process = phone.processes[r.victim]
        if r.reaping == 0 and process.exit_stage >= k.EXIT_UNMAP:
            phone.total.reaps_late += 1
            let_go(phone, reaper)
            continue
        r.reaping = 1
        request_cpu(phone, k.TASK_REAPER + reaper, weight_of(device.reaper_nice), device.foreground_mask, 0, -1)


@kernel
def let_go(phone: Any, reaper: int) -> None:
    """Let a reaper's victim go: it is done, or too late."""
    r = phone.reapers[reaper]
    phone.processes[r.victim].reaper = -1
    r.victim = -1
    r.reaping = 0


@kernel
def works_on(phone: Any, process: Any) -> bool:
    """Return whether a reaper works on the address space of ``process``."""
    return process.reaper >= 0 and phone.reapers[process.reaper].reaping != 0


@inlined
def join_reapers(phone: Any, scenario: Any) -> None:
    """Declare reapers that free swap entries in this tick: they take the contended lock."""
    for reaper in range(scenario.device.n_reapers):
        task = k.TASK_REAPER + reaper
        if is_runnable(phone, task) and phone.processes[phone.reapers[reaper].victim].swap_entries > 0:
            join_walker(phone, scenario, task, phone.processes[phone.reapers[reaper].victim])


@inlined
def run_reapers(phone: Any, scenario: Any) -> None:
    """Let reapers walk their victims' address spaces, releasing entries inline."""
    for reaper in range(scenario.device.n_reapers):
        task = k.TASK_REAPER + reaper
        if not is_runnable(phone, task):
            continue
        r = phone.reapers[reaper]
        process = phone.processes[r.victim]
        granted_ns = phone.tasks[task].granted_ns
        shared = process.exit_stage == k.EXIT_UNMAP and process.walk.stage != k.WALK_DONE
        waste = k.UNIT + (scenario.kernel.pte_waste if shared else 0)
        budget = granted_ns * k.PS_PER_NS
        while True:
            budget = walk_on(phone, scenario, process, r.walk, task, budget, waste)
            if r.walk.stage != k.WALK_DECIDE:
                break
            phone.total.entries_reaped += r.walk.entries
            r.walk.stage = k.WALK_INLINE
        charge(phone, task, k.CHARGE_LMKD_REAPER, max(0, granted_ns - budget // k.PS_PER_NS))
        if r.walk.stage == k.WALK_DONE:
            let_go(phone, reaper)
