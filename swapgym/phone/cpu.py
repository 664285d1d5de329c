"""The scheduler: SCHED_FIFO first, then weighted fair shares on the CPU where each task was placed.

Within a tick the CPU is shared as a fluid: a task gets ``weight / sum of weights`` of what SCHED_FIFO leaves, and what
it does not want goes to the others. Placement is the kernel's in outline (kernel/sched/fair.c): a waking task looks for
an idle CPU, the smallest that fits its utilisation (energy-aware placement), the largest for top-app threads (uclamp);
with none idle it takes the largest expected share; an idle CPU pulls (newidle balance), a task that has outgrown its
CPU moves up (misfit), and every few milliseconds a load balancer looks for a clearly better share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

NICE_TO_WEIGHT = np.array(k.NICE_TO_WEIGHT, dtype=np.int64)
UTIL_PER_MS = 20
"""Growth of PELT utilisation of a task that runs all the time: 1024 (1 - 0.5^(t / 32 ms)) has slope 22 at 0, and passes
200 after 10 ms and 500 after 31 ms."""

CAPACITY_MARGIN = 1078
"""capacity_greater(): a CPU is larger when it has 5 % more."""


@kernel
def weight_of(nice: int) -> int:
    """Return the load weight of ``nice`` (-20 to 19)."""
    return NICE_TO_WEIGHT[nice + 20]


@kernel
def speed_on(scenario: Any, task: int, cpu: int) -> int:
    """Return the speed (1/1024) of ``task`` on ``cpu``: memory-bound kernel work scales less than computing does."""
    if task <= k.TASK_RENDER or k.TASK_NOISE <= task < k.TASK_EXIT:
        return scenario.device.capacity[cpu]
    return scenario.device.mem_speed[cpu]


@kernel
def run_realtime(phone: Any, scenario: Any) -> None:
    """Let SCHED_FIFO load take its time on every CPU, up to the throttling limit, and leave the rest to fair tasks."""
    tick_ns = scenario.tick_us * k.NS_PER_US
    if phone.now_us >= phone.rt_period_end_us:
        phone.rt_period_end_us += k.RT_PERIOD_US
        for cpu in range(scenario.device.n_cpus):
            phone.rt_used_ns[cpu] = 0
    for cpu in range(scenario.device.n_cpus):
        wanted = tick_ns * phone.rt_permille[cpu] // 1000
        if scenario.device.rt_throttling != 0:
            wanted = min(wanted, max(0, k.RT_RUNTIME_US * k.NS_PER_US - phone.rt_used_ns[cpu]))
        phone.rt_used_ns[cpu] += wanted
        phone.fair_ns[cpu] = tick_ns - wanted
        phone.cpu_available[cpu] = scenario.device.capacity[cpu]
        if wanted > 0:
            phone.cpu_available[cpu] = scenario.device.capacity[cpu] * (tick_ns - wanted) // tick_ns
        phone.total.charged_ns[k.CHARGE_RT] += wanted


@kernel
def want(phone: Any, task: int, weight: int, mask: int, demand_ns: int) -> None:
    """Put ``task`` on the list of those that want CPU in this tick, heaviest first.

    Args:
        phone: PHONE record.
        task: Task id.
        weight: Its load weight.
        mask: Its cpuset.
        demand_ns: Work it can do in this tick, in nanoseconds of a CPU of speed 1024; -1 more than any CPU gives.
    """
    t = phone.tasks[task]
    if phone.now_us == t.wanted_us + phone.tick_us:
        t.runnable_us += phone.tick_us
    else:
        t.runnable_us = 0
    t.wanted_us = phone.now_us
    t.weight = weight
    t.mask = mask
    t.demand_ns = demand_ns if demand_ns < phone.tick_us * k.NS_PER_US else -1
    t.placed = 0
    t.lock_user = 0
    t.lock_factor = k.UNIT
    phone.page_locks[task].visits = 0
    phone.page_locks[task].excess = 0
    position = phone.n_runnable
    while position > 0 and phone.tasks[phone.runnable[position - 1]].weight < weight:
        phone.runnable[position] = phone.runnable[position - 1]
        position -= 1
    phone.runnable[position] = task
    phone.n_runnable += 1


@kernel
def put(phone: Any, task: int, cpu: int) -> None:
    """Place ``task`` on ``cpu``."""
    t = phone.tasks[task]
    t.cpu = cpu
    t.placed = 1
    phone.cpu_weight[cpu] += t.weight
    phone.cpu_tasks[cpu] += 1


@kernel
def take(phone: Any, task: int) -> None:
    """Take ``task`` off its CPU."""
    t = phone.tasks[task]
    phone.cpu_weight[t.cpu] -= t.weight
    phone.cpu_tasks[t.cpu] -= 1


@kernel
def utilisation(phone: Any, task: int) -> int:
    """Return the task's estimated utilisation over 1024, which decides the smallest CPU that fits it."""
    t = phone.tasks[task]
    if task <= k.TASK_RENDER or (k.TASK_LAUNCH <= task < k.TASK_EXIT and t.weight >= 1024):
        return k.UNIT  # top-app: uclamp asks for the largest
    return min(k.UNIT, t.runnable_us * UTIL_PER_MS // k.MS)


@kernel
def idle_cpu(phone: Any, scenario: Any, task: int) -> int:
    """Return the idle CPU for ``task``: the smallest that fits, else the largest; -1 where none is idle."""
    t = phone.tasks[task]
    needed = utilisation(phone, task) * 5 // 4  # fits_capacity(): 80 %
    best = -1
    best_available = 0
    best_fits = False
    for cpu in range(scenario.device.n_cpus):
        available = phone.cpu_available[cpu]
        if (t.mask >> cpu) & 1 == 0 or phone.cpu_tasks[cpu] > 0 or available == 0:
            continue
        fits = available >= needed
        if best < 0:
            better = True
        elif fits != best_fits:
            better = fits
        elif available == best_available:
            better = cpu == t.cpu  # its caches are there
        else:
            better = (available < best_available) == fits
        if better:
            best = cpu
            best_available = available
            best_fits = fits
    return best


@kernel
def expected_ns(phone: Any, scenario: Any, task: int, cpu: int) -> int:
    """Return the work ``task`` would get per tick on ``cpu`` (speed 1024) beside the tasks placed there now."""
    t = phone.tasks[task]
    weight = phone.cpu_weight[cpu]
    if t.cpu != cpu or t.placed == 0:
        weight += t.weight
    return phone.fair_ns[cpu] * t.weight // weight * speed_on(scenario, task, cpu) // k.UNIT


@kernel
def best_cpu(phone: Any, scenario: Any, task: int) -> int:
    """Return the CPU with the largest expected share for ``task``; the lowest number among equals."""
    t = phone.tasks[task]
    best = -1
    best_ns = -1
    for cpu in range(scenario.device.n_cpus):
        if (t.mask >> cpu) & 1 == 0:
            continue
        ns = expected_ns(phone, scenario, task, cpu)
        if ns > best_ns or (ns == best_ns and cpu == t.cpu):
            best = cpu
            best_ns = ns
    return best


@kernel
def cpu_for_waking(phone: Any, scenario: Any, task: int) -> int:
    """Return the CPU on which ``task`` wakes up: an idle one, or the largest expected share where none is.

    A boosted thread does not go to a small idle CPU while a large one would give it more, even shared: the small one
    does not fit its clamp.
    """
    idle = idle_cpu(phone, scenario, task)
    if idle >= 0 and utilisation(phone, task) < k.UNIT:
        return idle
    best = best_cpu(phone, scenario, task)
    if idle < 0:
        return best
    enough = expected_ns(phone, scenario, task, idle) * 5 >= expected_ns(phone, scenario, task, best) * 4
    return idle if enough else best


@kernel
def place(phone: Any, scenario: Any) -> None:
    """Place every task that wants CPU: those that ran stay, wakers choose, idle CPUs pull, the balancer mends."""
    n_cpus = scenario.device.n_cpus
    for cpu in range(n_cpus):
        phone.cpu_weight[cpu] = 0
        phone.cpu_tasks[cpu] = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.runnable_us > 0 and t.cpu >= 0 and (t.mask >> t.cpu) & 1:
            put(phone, task, t.cpu)
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        if phone.tasks[task].placed == 0:
            put(phone, task, cpu_for_waking(phone, scenario, task))
    pull(phone, scenario)
    if phone.now_us >= phone.next_balance_us:
        phone.next_balance_us = phone.now_us + k.LOAD_BALANCE_US
        balance(phone, scenario)


@kernel
def pull(phone: Any, scenario: Any) -> None:
    """Let idle CPUs take a task that shares its CPU, or one that has outgrown a smaller CPU.

    With time slices only the latter: ``slices.py`` has the kernel's rules for the former.
    """
    idle = 0
    largest = 0
    for cpu in range(scenario.device.n_cpus):
        if phone.cpu_tasks[cpu] == 0 and phone.fair_ns[cpu] > 0:
            idle += 1
            largest = max(largest, phone.cpu_available[cpu])
    position = phone.n_runnable - 1
    while idle > 0 and position >= 0:
        task = phone.runnable[position]
        t = phone.tasks[task]
        available = phone.cpu_available[t.cpu]
        shared = phone.cpu_tasks[t.cpu] > 1 and scenario.device.sched_latency_us == 0
        outgrown = t.demand_ns < 0 and largest * k.UNIT > available * CAPACITY_MARGIN
        misfit = outgrown and available * 4 < utilisation(phone, task) * 5
        if shared or misfit:
            cpu = idle_cpu(phone, scenario, task)
            if cpu >= 0:
                larger = phone.cpu_available[cpu] * k.UNIT > available * CAPACITY_MARGIN
                if (misfit and larger) or (shared and expects_more(phone, scenario, task, cpu)):
                    take(phone, task)
                    if shared:
                        idle -= 1
                    put(phone, task, cpu)
        position -= 1


@kernel
def expects_more(phone: Any, scenario: Any, task: int, cpu: int) -> bool:
    """Return whether ``task`` expects more work on ``cpu`` than where it is: all that an idle CPU asks (newidle)."""
    t = phone.tasks[task]
    return expected_ns(phone, scenario, task, cpu) > expected_ns(phone, scenario, task, t.cpu)


@kernel
def gains(phone: Any, scenario: Any, task: int, cpu: int) -> bool:
    """Return whether ``task`` expects at least a quarter more work on ``cpu`` than where it is."""
    t = phone.tasks[task]
    return expected_ns(phone, scenario, task, cpu) * 4 > expected_ns(phone, scenario, task, t.cpu) * 5


@kernel
def balance(phone: Any, scenario: Any) -> None:
    """Move the lightest tasks, at most two, to CPUs where they expect at least a quarter more."""
    moved = 0
    position = phone.n_runnable - 1
    while position >= 0 and moved < 2:
        task = phone.runnable[position]
        t = phone.tasks[task]
        if phone.cpu_tasks[t.cpu] > 1 or phone.fair_ns[t.cpu] == 0:
            cpu = best_cpu(phone, scenario, task)
            if cpu != t.cpu and gains(phone, scenario, task, cpu):
                take(phone, task)
                put(phone, task, cpu)
                moved += 1
        position -= 1


@kernel
def begin_share(phone: Any, scenario: Any) -> None:
    """Clear the CPUs' accounts of this tick, and work out what each task wants on the CPU where it was placed."""
    for cpu in range(scenario.device.n_cpus):
        phone.cpu_used_ns[cpu] = 0
        phone.cpu_stall_ns[cpu] = 0
        phone.cpu_reclaim_ns[cpu] = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        t.granted_ns = -1
        t.wanted_ns = phone.fair_ns[t.cpu]
        if t.demand_ns >= 0:
            t.wanted_ns = min(t.wanted_ns, t.demand_ns * k.UNIT // speed_on(scenario, task, t.cpu) + 1)


@kernel
def share(phone: Any, scenario: Any) -> None:
    """Grant CPU time: weighted fair shares per CPU; what a task does not want goes to the others on its CPU."""
    begin_share(phone, scenario)
    crowded = 0
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if phone.cpu_tasks[t.cpu] == 1:
            t.granted_ns = t.wanted_ns
        else:
            crowded += 1
    if crowded > 0:
        share_crowded(phone, scenario, crowded)


@kernel
def share_crowded(phone: Any, scenario: Any, crowded: int) -> None:
    """Grant CPU time where several tasks share a CPU: those content with less than their share first."""
    # cpu_used_ns holds what is granted so far while the shares are worked out
    satisfied = True
    while satisfied and crowded > 0:
        satisfied = False
        for position in range(phone.n_runnable):
            t = phone.tasks[phone.runnable[position]]
            if t.granted_ns >= 0:
                continue
            fair = (phone.fair_ns[t.cpu] - phone.cpu_used_ns[t.cpu]) * t.weight // phone.cpu_weight[t.cpu]
            if t.wanted_ns <= fair:
                t.granted_ns = t.wanted_ns
                phone.cpu_used_ns[t.cpu] += t.wanted_ns
                phone.cpu_weight[t.cpu] -= t.weight
                satisfied = True
                crowded -= 1
    for position in range(phone.n_runnable):
        t = phone.tasks[phone.runnable[position]]
        if t.granted_ns < 0:
            t.granted_ns = (phone.fair_ns[t.cpu] - phone.cpu_used_ns[t.cpu]) * t.weight // phone.cpu_weight[t.cpu]
    for cpu in range(scenario.device.n_cpus):
        phone.cpu_used_ns[cpu] = 0


@kernel
def elapsed_us(phone: Any, task: int, used_ns: int) -> int:
    """Return the wall time (us) after which ``task`` has used ``used_ns`` of its grant.

    One that got all it wanted has run whenever SCHED_FIFO did not; one that was cut short has run by turns all tick
    long.
    """
    t = phone.tasks[task]
    whole_ns = phone.fair_ns[t.cpu] if t.granted_ns >= t.wanted_ns else t.granted_ns
    return min(phone.tick_us, phone.tick_us * used_ns // max(1, whole_ns))


@kernel
def picked_us(phone: Any, task: int) -> int:
    """Return when in this tick ``task`` began to run: at once, but for one whose slice came later."""
    return phone.now_us + phone.entities[task].waited_us


@kernel
def charge(phone: Any, task: int, who: int, used_ns: int) -> None:
    """Charge ``used_ns`` of the task's CPU to ``who`` (CHARGE_*)."""
    phone.cpu_used_ns[phone.tasks[task].cpu] += used_ns
    phone.total.charged_ns[who] += used_ns


@kernel
def charge_idle(phone: Any, scenario: Any) -> None:
    """Charge what nobody used in this tick to idle."""
    for cpu in range(scenario.device.n_cpus):
        phone.total.charged_ns[k.CHARGE_IDLE] += phone.fair_ns[cpu] - phone.cpu_used_ns[cpu]
