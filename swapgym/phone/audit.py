"""The auditor: every page in exactly one place, every nanosecond of CPU charged to someone, nothing out of bounds.

It reads a phone between two calls of :func:`swapgym.phone.engine.advance` and never changes it. Its sums are kernels,
so that thousands of episodes can be audited at every decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.phone.engine import PHASE_EXITS
from swapgym.phone.jit import kernel
from swapgym.phone.sched.clocks import FULL
from swapgym.phone.state import PHONE

MAY_BE_NEGATIVE = frozenset(
    {
        "pending", "drain_pace", "killer", "gate_launch", "reaper", "demand_ns", "requested", "cached_us",
        "reclaim_cursor",
        "compact_target", "last_direct_us", "waiting_for", "victim", "last_some_event_us",
        "last_full_event_us",
        "credit_ps",  # the cost of forking the USERSPACE child is a debt until it is paid
        "oom_score_adj",
        "compact_queue",  # a bitmask
    }
)  # fmt: skip
"""Fields whose sign or -1 has a meaning of its own."""

CHECKS: Final = (
    "pages of RAM",
    "anonymous pages of the processes",
    "anonymous pages claimed by walkers",
    "swap slots",
    "objects of the pool",
    "backlog of the kworker",
    "queued work items",
    "backlog of the child",
    "entries of zombies",
    "entries claimed by walkers",
    "pages evicted",
    "processes exiting",
    "kills",
    "exits that gates wait for",
    "memory of the dead",
    "threads left of those that unmap",
    "mappings and files left of those that notify",
    "CPU time charged",
    "backlog_kworker against its capacity",
    "backlog_child against its capacity",
    "low watermark",
    "high watermark",
    "highest utilisation of a task",
    *(f"clock of domain {index}" for index in range(k.MAX_DOMAINS)),
    *(f"speed of CPU {index}" for index in range(k.MAX_CPUS)),
    *(f"SCHED_FIFO utilisation of CPU {index}" for index in range(k.MAX_CPUS)),
)
"""What :func:`take_stock` writes, row by row."""


def audit(phone: Any, scenario: Any) -> list[str]:
    """Return everything that does not hold, in words; an empty list where all does.

    Args:
        phone: One PHONE record.
        scenario: The SCENARIO record it runs.
    """
    wrong = [f"{name} is negative" for name in negative_fields(phone)]
    rows = np.zeros((len(CHECKS), 3), np.int64)
    take_stock(phone, scenario, rows)
    for what, (found, low, high) in zip(CHECKS, rows.tolist(), strict=True):
        if not low <= found <= high:
            wrong.append(f"{what}: {found} instead of {low}" + (f" to {high}" if high > low else ""))
    return wrong


# ------------------------------------------------------------------------------------------------------------- balances
@kernel
def take_stock(phone: Any, scenario: Any, rows: Any) -> None:
    """Write what there is of each of CHECKS, and the least and the most that there may be (int64, shape (n, 3))."""
    device = scenario.device
    row = stock_of_memory(phone, scenario, rows)
    row = stock_of_exits(phone, scenario, rows, row)
    charged = 0
    for who in range(k.N_CHARGES):
        charged += phone.total.charged_ns[who]
    # in the middle of a tick it does not close yet
    elapsed_ns = phone.now_us * k.NS_PER_US * device.n_cpus if phone.phase != PHASE_EXITS else charged
    row = note(rows, row, charged, elapsed_ns, elapsed_ns)
    row = note(rows, row, phone.backlog_kworker, 0, scenario.kernel.queue_capacity)
    row = note(rows, row, phone.backlog_child, 0, scenario.kernel.child_queue_capacity)
    row = note(rows, row, device.watermark_low, device.watermark_min, device.ram_pages)
    row = note(rows, row, device.watermark_high, device.watermark_low, device.ram_pages)
    highest = 0
    for task in range(k.N_TASKS):
        highest = max(highest, phone.tasks[task].util)
    row = note(rows, row, highest, 0, FULL)
    for index in range(k.MAX_DOMAINS):
        exists = index < device.n_domains
        lowest = (device.min_clock[index] if device.schedutil != 0 else k.UNIT) if exists else 0
        row = note(rows, row, phone.domains[index].clock, lowest, k.UNIT if exists else 0)
    for index in range(k.MAX_CPUS):
        exists = index < device.n_cpus
        row = note(rows, row, phone.cpus.speed[index], 1 if exists else 0, device.capacity[index] if exists else 0)
    for index in range(k.MAX_CPUS):
        row = note(rows, row, phone.cpus.rt_util[index], 0, FULL)


@kernel
def note(rows: Any, row: int, found: int, low: int, high: int) -> int:
    """Write one row; return the next one's number."""
    rows[row, 0] = found
    rows[row, 1] = low
    rows[row, 2] = high
    return row + 1


@kernel
def stock_of_memory(phone: Any, scenario: Any, rows: Any) -> int:
    """Write the balances of pages and swap entries; return the next row's number."""
    anon = claimed = in_hand = entries = entries_claimed = entries_in_hand = 0
    kworker = gathered = child = zombie = evicted = 0
    for index in range(k.MAX_PROCESSES):
        process = phone.processes[index]
        anon += process.anon_pages
        claimed += process.anon_pages - process.anon_unclaimed
        in_hand += process.walk.anon
        entries += process.swap_entries
        entries_claimed += process.swap_entries - process.swap_unclaimed
        # a batch on its way to a queue is counted there
        entries_in_hand += process.walk.entries if process.walk.stage != k.WALK_ENQUEUE else 0
        kworker += process.queued_kworker
        gathered += process.gathered
        child += process.queued_child
        evicted += process.evicted_entries
        if process.state == k.PROCESS_DEAD:
            zombie += process.queued_kworker + process.queued_child
    for index in range(k.MAX_REAPERS):
        in_hand += phone.reapers[index].walk.anon
        entries_in_hand += phone.reapers[index].walk.entries
    device = scenario.device
    ram = phone.free_pages + phone.file_pages + phone.buffer_pages + phone.pool_pages + phone.anon_pages
    slots = phone.slots_free + entries + child + (kworker if scenario.kernel.hold_slot != 0 else 0)
    row = note(rows, 0, ram + device.reserved_pages, device.ram_pages, device.ram_pages)
    row = note(rows, row, anon, phone.anon_pages, phone.anon_pages)
    row = note(rows, row, claimed, in_hand, in_hand)
    row = note(rows, row, slots, device.swap_slots, device.swap_slots)
    row = note(rows, row, entries + kworker + child, phone.pool_objects, phone.pool_objects)
    row = note(rows, row, kworker, phone.backlog_kworker, phone.backlog_kworker)
    row = note(rows, row, kworker - gathered, phone.ready_kworker, phone.ready_kworker)
    row = note(rows, row, child, phone.backlog_child, phone.backlog_child)
    row = note(rows, row, zombie, phone.zombie_entries, phone.zombie_entries)
    row = note(rows, row, entries_claimed, entries_in_hand, entries_in_hand)
    return note(rows, row, evicted, phone.evicted_pages, phone.evicted_pages)


@kernel
def stock_of_exits(phone: Any, scenario: Any, rows: Any, row: int) -> int:
    """Write the balances of exits and of what waits for them; return the next row's number."""
    exiting = on_list = gated = dead_memory = threads = rest = waited = 0
    for index in range(k.MAX_PROCESSES):
        process = phone.processes[index]
        if process.state == k.PROCESS_EXITING:
            exiting += 1
            gated += 1 if process.gate_launch >= 0 else 0
        if process.state == k.PROCESS_EXITING or process.state == k.PROCESS_DEAD:
            threads += process.threads_left if process.exit_stage >= k.EXIT_UNMAP else 0
            rest += process.mappings_left + process.files_left if process.exit_stage == k.EXIT_NOTIFY else 0
        if process.state == k.PROCESS_DEAD:
            dead_memory += process.anon_pages + process.swap_entries + process.file_pages
    for position in range(phone.n_exiting):
        on_list += 1 if phone.processes[phone.exiting[position]].state == k.PROCESS_EXITING else 0
    for position in range(phone.next_event, scenario.n_events):
        event = scenario.events[position]
        gated += 1 if event.kind == k.EVENT_KILL and event.c >= 0 else 0
    for launch in range(k.MAX_LAUNCHES):
        waited += phone.launches[launch].gate_pending
    row = note(rows, row, exiting, on_list, on_list)
    row = note(rows, row, phone.total.exits + on_list, phone.total.kills, phone.total.kills)
    row = note(rows, row, waited, gated, gated)
    row = note(rows, row, dead_memory, 0, 0)
    row = note(rows, row, threads, 0, 0)
    return note(rows, row, rest, 0, 0)


# ------------------------------------------------------------------------------------------------------------ negatives
def counters(dtype: np.dtype[Any], offset: int = 0, prefix: str = "") -> Iterator[tuple[str, int, int]]:
    """Yield name, offset and size of every integer of a record that must not be negative."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        for index in range(int(np.prod(shape))):
            yield from counters(base, offset + index * base.itemsize, f"{prefix}[{index}]")
    elif dtype.fields is None:
        yield prefix, offset, dtype.itemsize
    else:
        for name, (inner, at, *_) in dtype.fields.items():
            if name not in MAY_BE_NEGATIVE and name != "padding":
                yield from counters(inner, offset + at, f"{prefix}.{name}" if prefix else name)


def places(size: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return names and positions of all counters of ``size`` bytes, as words of that size."""
    found = [(name, offset // size) for name, offset, own in counters(PHONE) if own == size]
    return [name for name, _ in found], np.array([at for _, at in found])


COUNTERS: Final = {size: places(size) for size in (1, 2, 4, 8)}
"""Names and positions of the counters by their size in bytes."""


def negative_fields(phone: Any) -> list[str]:
    """Return the names of a phone's fields below zero that must not be."""
    raw = phone.tobytes()
    found: list[str] = []
    for size, (names, where) in COUNTERS.items():
        found += [names[index] for index in np.flatnonzero(np.frombuffer(raw, f"i{size}")[where] < 0)]
    return found
