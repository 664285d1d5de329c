"""Pressure stall information, as kernel/sched/psi.c has it.

Per CPU, ``some`` is time in which a task there was stalled on memory and ``full`` time in which nothing else ran there;
both are averaged over CPUs by their non-idle time. kswapd's own running counts as a stall (balance_pgdat enters
memstall).
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined, kernel

AVERAGE_PERIOD_US: int = 2_000_000
EXP_10S: int = 838
"""exp(-2 s / 10 s) over 1024 (psi.c has 1677 over 2048)."""


@inlined
def account_stalls(phone: Any, scenario: Any) -> None:
    """Add this tick's stalls to ``some`` and ``full``."""
    cpus = phone.cpus
    stalled = 0
    for index in range(scenario.device.n_cpus):
        stalled += cpus.stall_ns[index]
    psi = phone.psi
    if stalled > 0:
        tick_ns = phone.tick_us * k.NS_PER_US
        weight = 0
        some = 0
        full = 0
        for index in range(scenario.device.n_cpus):
            realtime = tick_ns - cpus.fair_ns[index]
            asleep = max(0, cpus.stall_ns[index] - cpus.reclaim_ns[index])
            busy = min(tick_ns, cpus.used_ns[index] + realtime + asleep)
            stall = min(tick_ns, cpus.stall_ns[index])
            productive = cpus.used_ns[index] - cpus.reclaim_ns[index] + realtime
            weight += busy
            some += stall * (busy // k.NS_PER_US)
            full += max(0, stall - productive) * (busy // k.NS_PER_US)
        # the remainder of these divisions is under a nanosecond per tick
        psi.some_ns += some // max(1, weight // k.NS_PER_US)
        psi.full_ns += full // max(1, weight // k.NS_PER_US)
    if phone.now_us >= psi.last_avg_us + AVERAGE_PERIOD_US:
        stall_us = (psi.full_ns - psi.last_full_ns) // k.NS_PER_US
        psi.full_avg10 = average(psi.full_avg10, stall_us)
        psi.last_avg_us += AVERAGE_PERIOD_US
        psi.last_full_ns = psi.full_ns


@kernel
def average(value: int, stall_us: int) -> int:
    """Return the running average (percent times 1024) after a period with ``stall_us`` of stalls (calc_load)."""
    percent = stall_us * 100 * k.UNIT // AVERAGE_PERIOD_US
    return (value * EXP_10S + percent * (k.UNIT - EXP_10S)) // k.UNIT


@kernel
def update_triggers(phone: Any) -> None:
    """Estimate the stall of the last second, ten times per window (window_update).

    It is the growth of this window and, for the part still to come, that of the one before.
    """
    psi = phone.psi
    psi.next_update_us = phone.now_us + k.PSI_WINDOW_US // k.PSI_UPDATES_PER_WINDOW
    elapsed = phone.now_us - psi.window_start_us
    some_us = psi.some_ns // k.NS_PER_US
    full_us = psi.full_ns // k.NS_PER_US
    psi.some_growth_us = some_us - psi.window_some_us
    psi.full_growth_us = full_us - psi.window_full_us
    if elapsed > k.PSI_WINDOW_US:
        psi.previous_some_us = psi.some_growth_us
        psi.previous_full_us = psi.full_growth_us
        psi.window_start_us = phone.now_us
        psi.window_some_us = some_us
        psi.window_full_us = full_us
    else:
        remaining = k.PSI_WINDOW_US - elapsed
        psi.some_growth_us += psi.previous_some_us * remaining // k.PSI_WINDOW_US
        psi.full_growth_us += psi.previous_full_us * remaining // k.PSI_WINDOW_US
