"""The records of schedulable tasks: as they want and get CPU, as they take locks, and as run queues see them.

Units as in :mod:`swapgym.phone.state`, whose PHONE record holds one of each per task and one run queue per CPU.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.records import Field, integer, record

TASK_FIELDS: Final[tuple[Field, ...]] = (
    integer("wanted_us", "us", "start of the last tick in which it wanted CPU"),
    integer("placed", "0/1", "has its CPU in this tick"),
    integer("weight", "1", "nice-to-weight of the kernel"),
    integer("mask", "bitmask", "cpuset"),
    integer("cpu", "index", "CPU it is placed on; -1 not yet"),
    integer("demand_ns", "ns", "work it can do in this tick on a CPU of speed 1024; -1 more than any CPU gives"),
    integer("wanted_ns", "ns", "the same on its own CPU"),
    integer("granted_ns", "ns", "CPU time granted in this tick"),
    integer("runnable_us", "us", "how long it has wanted CPU without a break (its utilisation grows with it)"),
    integer("lock_user", "0/1", "takes the contended lock in this tick"),
    integer("lock_share", "1/1024", "share of the tick it is on a CPU"),
    integer("lock_free_ps", "ps", "time per operation outside the lock, on its CPU"),
    integer("lock_hold_ps", "ps", "time per operation under the lock, on its CPU"),
    integer("lock_cost_ps", "ps", "cost of an operation without contention, on its CPU"),
    integer("lock_bare_ps", "ps", "of which the hold"),
    integer("lock_queue_ps", "ps", "what another has to wait for it on average"),
    integer("lock_wait_ps", "ps", "time per operation from asking for the lock until it is given back"),
    integer("lock_factor", "1/1024", "cost multiplier of lock-taking work in this tick"),
)
TASK: Final[np.dtype[Any]] = record(*TASK_FIELDS)

PAGE_LOCKING_FIELDS: Final[tuple[Field, ...]] = (
    integer("visits", "1/1024", "present pages freed per operation in this tick; 0: the task frees none"),
    integer("cost_ps", "ps", "cost of freeing one without contention, on its CPU"),
    integer("bare_ps", "ps", "hold of each lock per page without contention, on its CPU", k.N_PAGE_LOCKS),
    integer("hold_ps", "ps", "hold of each lock per page", k.N_PAGE_LOCKS),
    integer("queue_ps", "ps", "what another has to wait for it on average, at each lock", k.N_PAGE_LOCKS),
    integer("wait_ps", "ps", "time per page from asking for each lock until it is given back", k.N_PAGE_LOCKS),
    integer("excess", "1/1024", "what contention adds to the cost of a page, as a share of it"),
)
PAGE_LOCKING: Final[np.dtype[Any]] = record(*PAGE_LOCKING_FIELDS)

SCHED_ENTITY_FIELDS: Final[tuple[Field, ...]] = (
    integer("cpu", "index", "run queue that its vruntime belongs to"),
    integer("vruntime", "ns", "CPU time at nice 0 that it counts as having had"),
    integer("exec_ns", "ns", "how long it has run since it was last picked"),
    integer("exec_end_us", "us", "end of the last tick in which it ran"),
    integer("hot_us", "us", "the same, on the CPU where it is: 0 after a migration"),
    integer("place", "1", "in its CPU's list (cfs_tasks): at the head is the highest"),
    integer("waited_us", "us", "how long it waited in this tick until it was picked"),
    integer("load_avg", "1/2**20", "PELT average of its being runnable"),
    integer("util_avg", "1/2**20", "PELT average of its running"),
    integer("util_est", "1/2**20", "what its util_avg is expected to be when it runs, by its last sleeps"),
    integer("load_us", "us", "when the averages were last updated"),
    integer("ran_ns", "ns", "how long it has run since then"),
)
SCHED_ENTITY: Final[np.dtype[Any]] = record(*SCHED_ENTITY_FIELDS)

RUN_QUEUE_FIELDS: Final[tuple[Field, ...]] = (
    integer("current", "index", "task that has the CPU; -1 none"),
    integer("resched", "0/1", "it must be picked anew (TIF_NEED_RESCHED)"),
    integer("places", "1", "how often a task went to the head of its list"),
    integer("newly_idle", "0/1", "its current has blocked, or SCHED_FIFO tasks have left it"),
    integer("min_vruntime", "ns", "smallest vruntime of its tasks; it never goes back"),
    integer("load", "1", "sum of the load averages of its tasks, those asleep included, when last balanced"),
    integer("util", "1/1024", "sum of their utilisations, likewise"),
    integer("util_est", "1/1024", "sum of what is expected of those that are awake, likewise"),
    integer("runnable", "1/1024", "how many of them were runnable on average, likewise"),
    integer("rt_avg", "1/2**20", "PELT average of SCHED_FIFO tasks running"),
    integer("rt_us", "us", "when that was last updated"),
    integer("rt_ns", "ns", "how long they have run since then"),
    integer("capacity", "1/1024", "what they left of the CPU when it last balanced (rq->cpu_capacity)"),
    integer("balance_us", "us", "when it last balanced"),
    integer("balance_interval_us", "us", "sd->balance_interval: interval of an idle CPU"),
    integer("balance_failed", "1", "sd->nr_balance_failed: balances in a row that found an imbalance and moved nobody"),
)
RUN_QUEUE: Final[np.dtype[Any]] = record(*RUN_QUEUE_FIELDS)
