"""PELT, per-entity load tracking: averages in which what was 32 ms ago counts half (kernel/sched/pelt.c, Linux 6.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

LOAD_FULL: int = 1 << 20
LOAD_PERIOD_US: int = 256  # the kernel's are 1,024: a task asleep or awake for part of one counts for what it was then
HALVING: int = 128  # periods in which an average halves
DECAY = np.array([round(LOAD_FULL * 0.5 ** (period / HALVING)) for period in range(HALVING)], dtype=np.int64)


@kernel
def decay(value: int, periods: int) -> int:
    """Return ``value`` after so many periods (decay_load)."""
    return (value >> min(62, periods // HALVING)) * DECAY[periods % HALVING] // LOAD_FULL


@kernel
def accumulate(average: int, periods: int, ran_ns: int) -> int:
    """Return ``average`` after so many periods in which something ran for ``ran_ns``, spread over them evenly."""
    new = LOAD_FULL - decay(LOAD_FULL, periods)
    return decay(average, periods) + new * ran_ns // (periods * LOAD_PERIOD_US * k.NS_PER_US)


@kernel
def update_load_avg(e: Any, now_us: int, runnable: bool) -> None:
    """Bring the averages of an entity up to now: it has been runnable since the last time, or asleep."""
    periods = (now_us - e.load_us) // LOAD_PERIOD_US
    if periods == 0:
        return
    passed_ns = periods * LOAD_PERIOD_US * k.NS_PER_US
    ran_ns = min(e.ran_ns, passed_ns)
    e.load_us += periods * LOAD_PERIOD_US
    e.load_avg = accumulate(e.load_avg, periods, passed_ns if runnable else 0)
    e.util_avg = accumulate(e.util_avg, periods, ran_ns)
    e.ran_ns -= ran_ns


@kernel
def update_util_est(e: Any) -> None:
    """Learn from an entity that went to sleep what its utilisation is when it runs (util_est_update).

    It rises at once (UTIL_EST_FASTUP), falls by a quarter of the difference, and does not decay in sleep.
    """
    if e.util_avg >= e.util_est:
        e.util_est = e.util_avg
    else:
        e.util_est -= (e.util_est - e.util_avg) // 4


@kernel
def update_rt_avg(rq: Any, now_us: int) -> None:
    """Bring the average of what SCHED_FIFO tasks take of a CPU up to now (update_rt_rq_load_avg)."""
    periods = (now_us - rq.rt_us) // LOAD_PERIOD_US
    if periods == 0:
        return
    ran_ns = min(rq.rt_ns, periods * LOAD_PERIOD_US * k.NS_PER_US)
    rq.rt_us += periods * LOAD_PERIOD_US
    rq.rt_avg = accumulate(rq.rt_avg, periods, ran_ns)
    rq.rt_ns -= ran_ns
