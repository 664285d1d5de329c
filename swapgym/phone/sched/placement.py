"""Where a task runs: the kernel's placement in outline (kernel/sched/fair.c).

A waking task looks for an idle CPU, the smallest that fits its utilisation or its boost (energy-aware placement,
uclamp); with none idle it takes the largest expected share. An idle CPU pulls (newidle balance), a task that has
outgrown its CPU moves up (misfit), and every few milliseconds a load balancer looks for a clearly better share.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.sched.clocks import migrate_util, utilisation

CAPACITY_MARGIN = 1078
"""capacity_greater(): a CPU is larger when it has 5 % more."""


@kernel
def put(phone: Any, task: int, index: int) -> None:
    """Place ``task`` on CPU ``index``."""
    cpus = phone.cpus
    t = phone.tasks[task]
    migrate_util(phone, task, index)
    t.cpu = index
    t.placed = 1
    cpus.weight[index] += t.weight
    cpus.tasks[index] += 1
    cpus.boost[index] = max(cpus.boost[index], t.boost)


@kernel
def take(phone: Any, task: int) -> None:
    """Take ``task`` off its CPU."""
    cpu = phone.tasks[task].cpu
    phone.cpus.weight[cpu] -= phone.tasks[task].weight
    phone.cpus.tasks[cpu] -= 1


@kernel
def idle_cpu(phone: Any, scenario: Any, task: int) -> int:
    """Return the idle CPU for ``task``: the smallest that fits, else the largest; -1 where none is idle."""
    t = phone.tasks[task]
    needed = utilisation(phone, task) * 5 // 4  # fits_capacity(): 80 %
    best = -1
    best_available = 0
    best_fits = False
    for index in range(scenario.device.n_cpus):
        available = phone.cpus.available[index]
        if (t.mask >> index) & 1 == 0 or phone.cpus.tasks[index] > 0 or available == 0:
            continue
        fits = available >= needed
        if best < 0:
            better = True
        elif fits != best_fits:
            better = fits
        elif available == best_available:
            better = index == t.cpu  # its caches are there
        else:
            better = (available < best_available) == fits
        if better:
            best = index
            best_available = available
            best_fits = fits
    return best


@kernel
def expected_ns(phone: Any, scenario: Any, task: int, index: int) -> int:
    """Return the work ``task`` would get per tick on a CPU at full clock beside the tasks placed there now."""
    t = phone.tasks[task]
    weight = phone.cpus.weight[index]
    if t.cpu != index or t.placed == 0:
        weight += t.weight
    return phone.cpus.fair_ns[index] * t.weight // weight * scenario.device.capacity[index] // k.UNIT


@kernel
def best_cpu(phone: Any, scenario: Any, task: int) -> int:
    """Return the CPU with the largest expected share for ``task``; the lowest number among equals."""
    t = phone.tasks[task]
    best = -1
    best_ns = -1
    for index in range(scenario.device.n_cpus):
        if (t.mask >> index) & 1 == 0:
            continue
        ns = expected_ns(phone, scenario, task, index)
        if ns > best_ns or (ns == best_ns and index == t.cpu):
            best = index
            best_ns = ns
    return best


@kernel
def cpu_for_waking(phone: Any, scenario: Any, task: int) -> int:
    """Return the CPU on which ``task`` wakes up: an idle one, or the largest expected share where none is.

    A thread that no CPU fits (a boosted one) does not go to a small idle CPU while a large one would give it more, even
    shared.
    """
    idle = idle_cpu(phone, scenario, task)
    if idle >= 0 and phone.cpus.available[idle] >= utilisation(phone, task) * 5 // 4:
        return idle
    best = best_cpu(phone, scenario, task)
    if idle < 0:
        return best
    enough = expected_ns(phone, scenario, task, idle) * 5 >= expected_ns(phone, scenario, task, best) * 4
    return idle if enough else best


@inlined
def place(phone: Any, scenario: Any) -> None:
    """Place every task that wants CPU: those that ran stay, wakers choose, idle CPUs pull, the balancer mends."""
    cpus = phone.cpus
    for index in range(scenario.device.n_cpus):
        cpus.weight[index] = 0
        cpus.tasks[index] = 0
        cpus.boost[index] = 0
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        t = phone.tasks[task]
        if t.ran_before != 0 and (t.mask >> t.cpu) & 1:
            put(phone, task, t.cpu)
    for position in range(phone.n_runnable):
        task = phone.runnable[position]
        if phone.tasks[task].placed == 0:
            put(phone, task, cpu_for_waking(phone, scenario, task))
    pull(phone, scenario)
    if phone.now_us >= phone.next_balance_us:
        phone.next_balance_us = phone.now_us + k.LOAD_BALANCE_US
        balance(phone, scenario)


@inlined
def pull(phone: Any, scenario: Any) -> None:
    """Let idle CPUs take a task that shares its CPU, or one that has outgrown a smaller CPU."""
    cpus = phone.cpus
    idle = 0
    largest = 0
    for index in range(scenario.device.n_cpus):
        if cpus.tasks[index] == 0 and cpus.fair_ns[index] > 0:
            idle += 1
            largest = max(largest, cpus.available[index])
    position = phone.n_runnable - 1
    while idle > 0 and position >= 0:
        task = phone.runnable[position]
        t = phone.tasks[task]
        available = cpus.available[t.cpu]
        shared = cpus.tasks[t.cpu] > 1
        outgrown = t.demand_ns < 0 and largest * k.UNIT > available * CAPACITY_MARGIN
        misfit = outgrown and available * 4 < utilisation(phone, task) * 5
        if shared or misfit:
            index = idle_cpu(phone, scenario, task)
            if index >= 0:
                larger = cpus.available[index] * k.UNIT > available * CAPACITY_MARGIN
                if (misfit and larger) or (shared and expects_more(phone, scenario, task, index)):
                    take(phone, task)
                    if shared:
                        idle -= 1
                    put(phone, task, index)
        position -= 1


@kernel
def expects_more(phone: Any, scenario: Any, task: int, index: int) -> bool:
    """Return whether ``task`` expects more work on a CPU than where it is: all that an idle CPU asks (newidle)."""
    t = phone.tasks[task]
    return expected_ns(phone, scenario, task, index) > expected_ns(phone, scenario, task, t.cpu)


@kernel
def gains(phone: Any, scenario: Any, task: int, index: int) -> bool:
    """Return whether ``task`` expects at least a quarter more work on a CPU than where it is."""
    t = phone.tasks[task]
    return expected_ns(phone, scenario, task, index) * 4 > expected_ns(phone, scenario, task, t.cpu) * 5


@kernel
def balance(phone: Any, scenario: Any) -> None:
    """Move the lightest tasks, at most two, to CPUs where they expect at least a quarter more."""
    moved = 0
    position = phone.n_runnable - 1
    while position >= 0 and moved < 2:
        task = phone.runnable[position]
        t = phone.tasks[task]
        cpu = t.cpu
        if phone.cpus.tasks[cpu] > 1 or phone.cpus.fair_ns[cpu] == 0:
            index = best_cpu(phone, scenario, task)
            if index != t.cpu and gains(phone, scenario, task, index):
                take(phone, task)
                put(phone, task, index)
                moved += 1
        position -= 1
