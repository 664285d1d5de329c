"""How much of its CPU each task gets in a tick: SCHED_FIFO first, then weighted fair shares (processor sharing).

Within a tick a task gets ``weight / sum of weights`` of what SCHED_FIFO leaves of its CPU, and what it does not want
goes to the others there. Time slices are left out: over a tick of a millisecond and more they even out.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined, kernel


@inlined
def run_realtime(phone: Any, scenario: Any) -> None:
    """Let SCHED_FIFO load take its time on every CPU, up to the throttling limit, and leave the rest to fair tasks."""
    cpus = phone.cpus
    device = scenario.device
    tick_ns = scenario.tick_us * k.NS_PER_US
    if phone.now_us >= phone.rt_period_end_us:
        phone.rt_period_end_us += k.RT_PERIOD_US
        for index in range(device.n_cpus):
            cpus.rt_used_ns[index] = 0
    for index in range(device.n_cpus):
        wanted = tick_ns * cpus.rt_permille[index] // 1000 if cpus.rt_permille[index] > 0 else 0
        if device.rt_throttling != 0 and wanted > 0:
            wanted = min(wanted, max(0, runtime_ns(phone, scenario, index) - cpus.rt_used_ns[index]))
        cpus.rt_used_ns[index] += wanted
        cpus.fair_ns[index] = tick_ns - wanted
        cpus.available[index] = device.capacity[index]
        if wanted > 0:
            cpus.available[index] = device.capacity[index] * (tick_ns - wanted) // tick_ns
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
        left_ns += own_ns - phone.cpus.rt_used_ns[cpu]
    return min(k.RT_PERIOD_US * k.NS_PER_US, phone.cpus.rt_used_ns[index] + max(0, left_ns))


@inlined
def share(phone: Any, scenario: Any) -> None:
    """Grant CPU time: weighted fair shares per CPU; what a task does not want goes to the others on its CPU."""
    cpus = phone.cpus
    for index in range(scenario.device.n_cpus):
        cpus.used_ns[index] = 0
        cpus.stall_ns[index] = 0
        cpus.reclaim_ns[index] = 0
    crowded = 0
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        cpu = t.cpu
        t.granted_ns = -1
        t.wanted_ns = cpus.fair_ns[cpu]
        if t.demand_ns >= 0:
            t.wanted_ns = min(cpus.fair_ns[cpu], t.demand_ns * k.UNIT // cpus.speed[cpu] + 1)
        if cpus.tasks[cpu] == 1:
            t.granted_ns = t.wanted_ns
        else:
            crowded += 1
    if crowded > 0:
        share_crowded(phone, scenario, crowded)


@kernel
def share_crowded(phone: Any, scenario: Any, crowded: int) -> None:
    """Grant CPU time where several tasks share a CPU: those content with less than their share first."""
    cpus = phone.cpus
    # used_ns holds what is granted so far while the shares are worked out
    satisfied = True
    while satisfied and crowded > 0:
        satisfied = False
        for position in range(phone.n_runnable):
            t = phone.tasks[phone.runnable[position]]
            if t.granted_ns >= 0:
                continue
            cpu = t.cpu
            fair = (cpus.fair_ns[cpu] - cpus.used_ns[cpu]) * t.weight // cpus.weight[cpu]
            if t.wanted_ns <= fair:
                t.granted_ns = t.wanted_ns
                cpus.used_ns[cpu] += t.wanted_ns
                cpus.weight[cpu] -= t.weight
                satisfied = True
                crowded -= 1
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.granted_ns < 0:
            cpu = t.cpu
            t.granted_ns = (cpus.fair_ns[cpu] - cpus.used_ns[cpu]) * t.weight // cpus.weight[cpu]
    for index in range(scenario.device.n_cpus):
        cpus.used_ns[index] = 0
