"""The auditor: every page in exactly one place, every nanosecond of CPU charged to someone, no counter below zero.

It reads a phone between two calls of :func:`swapgym.phone.engine.advance` and never changes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.engine import PHASE_EXITS

MAY_BE_NEGATIVE = frozenset(
    {
        "pending", "killer", "gate_launch", "reaper", "cpu", "demand_ns", "requested_us", "cached_us", "reclaim_cursor",
        "compact_target", "last_direct_us", "last_kill_us", "waiting_for", "victim", "last_some_event_us",
        "last_full_event_us",
        "credit_ps",  # the cost of forking the USERSPACE child is a debt until it is paid
        "oom_score_adj",
        "compact_queue",  # a bitmask
    }
)  # fmt: skip
"""Fields whose sign or -1 has a meaning of its own."""


def audit(phone: Any, scenario: Any) -> list[str]:
    """Return every balance that does not hold, in words; an empty list where all do.

    Args:
        phone: One PHONE record.
        scenario: The SCENARIO record it runs.
    """
    wrong = [f"{name} is negative" for name in negative_fields(phone)]
    for what, found, expected in [
        *page_balances(phone, scenario),
        *entry_balances(phone, scenario),
        *cpu_balances(phone, scenario),
    ]:
        if int(found) != int(expected):
            wrong.append(f"{what}: {int(found)} instead of {int(expected)}")
    device = scenario["device"]
    if not device["watermark_min"] <= device["watermark_low"] <= device["watermark_high"]:
        wrong.append("watermarks are out of order")
    costs = scenario["kernel"]
    for queue in ("kworker", "child"):
        capacity = costs["queue_capacity" if queue == "kworker" else "child_queue_capacity"]
        if phone[f"backlog_{queue}"] > capacity:
            wrong.append(f"backlog_{queue} is {phone[f'backlog_{queue}']}, over its capacity {capacity}")
    return wrong


Balance = tuple[str, Any, Any]


def page_balances(phone: Any, scenario: Any) -> list[Balance]:
    """Return the balances of physical pages."""
    device = scenario["device"]
    places = ("free_pages", "file_pages", "buffer_pages", "pool_pages", "anon_pages")
    walks = list(in_hand(phone, "anon"))
    processes = phone["processes"]
    return [
        (
            "pages of RAM",
            sum(int(phone[place]) for place in places) + int(device["reserved_pages"]),
            device["ram_pages"],
        ),
        ("anonymous pages of the processes", processes["anon_pages"].sum(), phone["anon_pages"]),
        (
            "anonymous pages claimed by walkers",
            (processes["anon_pages"] - processes["anon_unclaimed"]).sum(),
            sum(walks),
        ),
    ]


def entry_balances(phone: Any, scenario: Any) -> list[Balance]:
    """Return the balances of swap entries, slots, compressed objects and backlog."""
    processes = phone["processes"]
    swapped = processes["swap_entries"].sum()
    kworker = processes["queued_kworker"].sum()
    child = processes["queued_child"].sum()
    held = child + (kworker if scenario["kernel"]["hold_slot"] else 0)
    dead = processes["state"] == k.PROCESS_DEAD
    zombie = (processes["queued_kworker"] + processes["queued_child"])[dead].sum()
    return [
        ("swap slots", phone["slots_free"] + swapped + held, scenario["device"]["swap_slots"]),
        ("objects of the pool", swapped + kworker + child, phone["pool_objects"]),
        ("backlog of the kworker", kworker, phone["backlog_kworker"]),
        ("queued work items", kworker - processes["gathered"].sum(), phone["ready_kworker"]),
        ("backlog of the child", child, phone["backlog_child"]),
        ("entries of zombies", zombie, phone["zombie_entries"]),
        (
            "entries claimed by walkers",
            (processes["swap_entries"] - processes["swap_unclaimed"]).sum(),
            claimed_entries(phone),
        ),
        ("pages evicted", processes["evicted_entries"].sum(), phone["evicted_pages"]),
        ("processes exiting", (processes["state"] == k.PROCESS_EXITING).sum(), exiting_now(phone)),
        ("kills", phone["total"]["exits"] + exiting_now(phone), phone["total"]["kills"]),
    ]


def cpu_balances(phone: Any, scenario: Any) -> list[Balance]:
    """Return the balance of CPU time; in the middle of a tick it does not close yet."""
    if phone["phase"] == PHASE_EXITS:
        return []
    elapsed_ns = int(phone["now_us"]) * k.NS_PER_US * int(scenario["device"]["n_cpus"])
    return [("CPU time charged", phone["total"]["charged_ns"].sum(), elapsed_ns)]


def in_hand(phone: Any, what: str) -> list[int]:
    """Return what each walker (exiting threads and reapers) has in hand."""
    return [int(n) for n in phone["processes"]["walk"][what]] + [int(n) for n in phone["reapers"]["walk"][what]]


def claimed_entries(phone: Any) -> int:
    """Return the swap entries in walkers' hands that have not been released or queued."""
    walks = np.concatenate([phone["processes"]["walk"], phone["reapers"]["walk"]])
    return int(walks["entries"][walks["stage"] != k.WALK_ENQUEUE].sum())


def exiting_now(phone: Any) -> int:
    """Return the number of processes on the list of exiting ones that are not dead yet."""
    indices = phone["exiting"][: int(phone["n_exiting"])]
    return int((phone["processes"]["state"][indices] == k.PROCESS_EXITING).sum())


def negative_fields(record: Any, prefix: str = "") -> list[str]:
    """Return the names of fields below zero that must not be."""
    found: list[str] = []
    for name in record.dtype.names or ():
        value = record[name]
        if value.dtype.names:
            found += negative_fields(value, f"{prefix}{name}.")
        elif name not in MAY_BE_NEGATIVE and np.any(value < 0):
            found.append(prefix + name)
    return found
