"""Hand-made worlds: small boards on which what must happen can be worked out on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.audit import audit
from swapgym.phone.state import PHONE, SCENARIO

MIB = k.PAGES_PER_MIB
PLENTY = 1 << 40
COSTS = {
    "batch_entries": 510,
    "work_item_entries": 9_680,
    "defer_route": k.KWORKER,
    "queue_capacity": PLENTY,
    "hold_slot": 1,
    "n_kworkers": 1,
    "kworker_nice": -20,
    "kworker_mask": 255,
    "child_nice": 10,
    "child_queue_capacity": PLENTY,
    "resident_anon_ps": 400_000,
    "resident_file_ps": 200_000,
    "entry_inline_ps": 900_000,
    "entry_inline_lock_ps": 564_000,
    "entry_enqueue_ps": 20_000,
    "entry_drain_ps": 900_000,
    "entry_drain_lock_ps": 564_000,
    "entry_child_enqueue_ps": 5_000,
    "compress_ps": 5_000_000,
    "compress_lock_ps": 300_000,
    "swapin_ps": 6_000_000,
    "swapin_lock_ps": 376_000,
    "file_reclaim_ps": 1_000_000,
    "compaction_ps": 2_000_000,
    "alloc_ps": 500_000,
    "lock_handoff": 113,
    "zspage_return": 1_024,
    "pte_waste": 205,
}


class Board:
    """A world under construction; ``board.device[...]``, ``board.kernel[...]`` and the scenario's fields can be set."""

    def __init__(self, cpus: int = 4, capacity: int = 1024, ms: int = 2_000, tick_us: int = 1_000) -> None:
        self.scenarios = np.zeros(1, SCENARIO)
        self.scenario: Any = self.scenarios[0]
        self.device: Any = self.scenario["device"]
        self.kernel: Any = self.scenario["kernel"]
        self.phones = np.zeros(1, PHONE)
        everywhere = (1 << cpus) - 1
        self.device["n_cpus"] = cpus
        self.device["capacity"][:cpus] = capacity
        self.device["mem_speed"][:cpus] = capacity
        for name in ("top_app", "foreground", "background"):
            self.device[f"{name}_mask"] = everywhere
        self.device["vsync_us"] = 16_667
        self.device["deadline_vsyncs"] = 2
        self.device["ui_nice"] = -10
        self.device["reaper_nice"] = -20
        self.device["ram_pages"] = 4_096 * MIB
        self.device["reserved_pages"] = 100 * MIB
        self.device["swap_slots"] = 2_048 * MIB
        for name, mib in (("min", 20), ("low", 40), ("high", 60)):
            self.device[f"watermark_{name}"] = mib * MIB
        self.device["swappiness"] = 100
        self.device["file_floor_pages"] = 50 * MIB
        self.device["file_workingset_pages"] = 100 * MIB
        self.device["rt_throttling"] = 1
        self.device["psi_partial_stall_us"] = 70_000
        self.device["psi_complete_stall_us"] = 700_000
        self.device["kill_timeout_us"] = 100_000
        self.device["swap_free_low_percent"] = 10
        self.device["thrashing_limit_percent"] = 100
        self.device["thrashing_decay_percent"] = 10
        for name, value in COSTS.items():
            self.kernel[name] = value
        self.scenario["duration_us"] = ms * k.MS
        self.scenario["tick_us"] = tick_us
        self.scenario["compression"] = 3 * k.UNIT
        self.scenario["n_frame_costs"] = 1
        self.scenario["file_cache_pages"] = 200 * MIB
        self.scenario["foreground_process"] = self.app(adj=0)

    def app(self, adj: int = 900, entries: int = 0, anon: int = 0, file: int = 0, hot: int = 0) -> int:
        index = int(self.scenario["n_processes"])
        row = self.scenario["apps"][index]
        row["present"] = 1
        row["oom_score_adj"] = adj
        row["swap_entries"] = entries
        row["anon_pages"] = anon
        row["anon_hot_pages"] = hot
        row["file_pages"] = file
        self.scenario["n_processes"] = index + 1
        self.scenario["pool_pages"] = -(-int(self.scenario["apps"]["swap_entries"].sum()) // 3)
        return index

    def event(self, ms: float, kind: int, a: int = 0, b: int = 0, c: int = -1) -> None:
        count = int(self.scenario["n_events"])
        self.scenario["events"][count] = (round(ms * k.MS), kind, a, b, c)
        self.scenario["n_events"] = count + 1

    def kill(self, process: int, ms: float = 0, killer: int = k.KILLER_SCENARIO_LMKD, gate: int = -1) -> None:
        self.event(ms, k.EVENT_KILL, process, killer, gate)

    def leave_free(self, pages: int) -> None:
        """Fill RAM with reserved memory until ``pages`` are free."""
        apps = self.scenario["apps"]
        held = apps["anon_pages"].sum() + self.scenario["pool_pages"] + self.scenario["file_cache_pages"]
        self.device["reserved_pages"] = self.device["ram_pages"] - held - pages

    def launch(self, ms: float = 0, **fields: int) -> int:
        index = int(self.scenario["n_launches"])
        spec = self.scenario["launches"][index]
        values = {
            "process": 40 + index,
            "foreground": 1,
            "n_threads": 1,
            "burst_us": 1,
            "gate_timeout_us": 10**6,
        } | fields
        for name, value in values.items():
            spec[name] = value
        self.scenario["n_launches"] = index + 1
        self.event(ms, k.EVENT_LAUNCH, index)
        return index

    def noise(self, index: int, share: float, nice: int = 0, mask: int = 255) -> None:
        self.scenario["noise"][index] = (1_000, 0, round(share * 1e6), nice, mask, 0)

    def run(self, route: int | Callable[[Any], int] = k.INLINE) -> Any:
        """Run to the end, auditing at every decision; return the PHONE record."""
        self.phones[:] = 0
        engine.start(self.phones, self.scenarios, 0)
        while engine.advance(self.phones, self.scenarios, 0) == k.RUN_DECISION:
            assert audit(self.phones[0], self.scenario) == []
            chosen = route(self.phones[0]) if callable(route) else route
            engine.decide(self.phones, self.scenarios, 0, chosen)
        assert audit(self.phones[0], self.scenario) == []
        return self.phones[0]


def charged_ms(phone: Any, who: int) -> float:
    return float(phone["total"]["charged_ns"][who]) / 1e6


def pressed(adjs: list[int], **device: int) -> Board:
    """A phone on which nothing but killing helps: a burst, no page cache to spare, no free swap."""
    board = Board(cpus=2, ms=1_500)
    board.scenario["file_cache_pages"] = 50 * MIB
    for adj in adjs:
        board.app(adj=adj, anon=60 * MIB, hot=60 * MIB, entries=10 * MIB)
    board.device["swap_slots"] = 10 * MIB * len(adjs)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=200 * MIB)
    for name, value in device.items():
        board.device[name] = value
    return board
