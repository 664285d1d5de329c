"""How much of its CPU each task gets in a tick: SCHED_FIFO first, then weighted fair shares (processor sharing).

Within a tick a task gets ``weight / sum of weights`` of what SCHED_FIFO leaves of its CPU, and what it does not want
goes to the others there. Time slices are left out: over a tick of a millisecond and more they even out.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel


@kernel
def run_realtime(phone: Any, scenario: Any) -> None:
    """Let SCHED_FIFO load take its time on every CPU, up to the throttling limit, and leave the rest to fair tasks."""
    device = scenario.device
    tick_ns = scenario.tick_us * k.NS_PER_US
    if phone.now_us >= phone.rt_period_end_us:
        phone.rt_period_end_us += k.RT_PERIOD_US
        for index in range(device.n_cpus):
            phone.cpus[index].rt_used_ns = 0
    for index in range(device.n_cpus):
        cpu = phone.cpus[index]
        wanted = tick_ns * cpu.rt_permille // 1000 if cpu.rt_permille > 0 else 0
        if device.rt_throttling != 0 and wanted > 0:
            wanted = min(wanted, max(0, runtime_ns(phone, scenario, index) - cpu.rt_used_ns))
        cpu.rt_used_ns += wanted
        cpu.fair_ns = tick_ns - wanted
        cpu.available = device.capacity[index]
        if wanted > 0:
            cpu.available = device.capacity[index] * (tick_ns - wanted) // tick_ns
        phone.total.charged_ns[k.CHARGE_RT] += wanted


@kernel
def runtime_ns(phone: Any, scenario: Any, index: int) -> int:
    """Return the SCHED_FIFO time (ns) that a CPU may use in a period: its own, and with RT_RUNTIME_SHARE others' spare.

    do_balance_runtime() of kernel/sched/rt.c lends what other CPUs have left, up to the whole period; a lender has that
    much less.
    """
    own_ns = k.RT_RUNTIME_US * k.NS_PER_US
    if scenario.device.rt_runtime_share == 0:
        return own_ns
    left_ns = 0
    for cpu in range(scenario.device.n_cpus):
        left_ns += own_ns - phone.cpus[cpu].rt_used_ns
    return min(k.RT_PERIOD_US * k.NS_PER_US, phone.cpus[index].rt_used_ns + max(0, left_ns))


@kernel
def share(phone: Any, scenario: Any) -> None:
    """Grant CPU time: weighted fair shares per CPU; what a task does not want goes to the others on its CPU."""
    for index in range(scenario.device.n_cpus):
        cpu = phone.cpus[index]
        cpu.used_ns = 0
        cpu.stall_ns = 0
        cpu.reclaim_ns = 0
    crowded = 0
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        cpu = phone.cpus[t.cpu]
        t.granted_ns = -1
        t.wanted_ns = cpu.fair_ns
        if t.demand_ns >= 0:
            t.wanted_ns = min(cpu.fair_ns, t.demand_ns * k.UNIT // cpu.speed + 1)
        if cpu.tasks == 1:
            t.granted_ns = t.wanted_ns
        else:
            crowded += 1
    if crowded > 0:
        share_crowded(phone, scenario, crowded)


@kernel
def share_crowded(phone: Any, scenario: Any, crowded: int) -> None:
    """Grant CPU time where several tasks share a CPU: those content with less than their share first."""
    # used_ns holds what is granted so far while the shares are worked out
    satisfied = True
    while satisfied and crowded > 0:
        satisfied = False
        for position in range(phone.n_runnable):
            t = phone.tasks[phone.runnable[position]]
            if t.granted_ns >= 0:
                continue
            cpu = phone.cpus[t.cpu]
            fair = (cpu.fair_ns - cpu.used_ns) * t.weight // cpu.weight
            if t.wanted_ns <= fair:
                t.granted_ns = t.wanted_ns
                cpu.used_ns += t.wanted_ns
                cpu.weight -= t.weight
                satisfied = True
                crowded -= 1
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.granted_ns < 0:
            cpu = phone.cpus[t.cpu]
            t.granted_ns = (cpu.fair_ns - cpu.used_ns) * t.weight // cpu.weight
    for index in range(scenario.device.n_cpus):
        phone.cpus[index].used_ns = 0
