"""Hand-made worlds: a device, a kernel, a few processes, and what is done to them; the procedure of a measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE, SCENARIO
from swapgym.workload.config import override
from swapgym.workload.devices import device_profile
from swapgym.workload.kernels import kernel_variant

MIB = k.PAGES_PER_MIB


class Board:
    """A phone with nothing on it but what a measurement puts there.

    Attributes:
        scenario: The SCENARIO record under construction.
        phone: The PHONE record after :meth:`run`.
    """

    def __init__(
        self,
        device: str,
        kernel: str,
        *,
        device_changes: Mapping[str, Any] | None = None,
        kernel_changes: Mapping[str, Any] | None = None,
        ms: int = 2_000,
        tick_us: int = 250,
    ) -> None:
        """Take a device profile and a kernel variant, with fields replaced."""
        self.scenarios = np.zeros(1, SCENARIO)
        self.phones = np.zeros(1, PHONE)
        self.scenario: Any = self.scenarios[0]
        self.phone: Any = self.phones[0]
        override(device_profile(device), device_changes or {}).to_record(self.scenario["device"])
        self.change_kernel(kernel, kernel_changes or {})
        self.scenario["duration_us"] = ms * k.MS
        self.scenario["tick_us"] = tick_us
        self.scenario["compression"] = round(2.7 * k.UNIT)  # lzo-rle on the board: 2.74
        self.scenario["n_frame_costs"] = 1
        self.scenario["file_cache_pages"] = self.scenario["device"]["file_workingset_pages"] + 100 * MIB
        self.scenario["foreground_process"] = self.app(adj=0)

    def change_kernel(self, kernel: str, changes: Mapping[str, Any]) -> None:
        """Take a kernel variant, with fields replaced."""
        override(kernel_variant(kernel), changes).to_record(self.scenario["kernel"])

    def app(
        self, swap_mib: float = 0, anon_mib: float = 0, file_mib: float = 0, adj: int = 900, other_ms: float = 0
    ) -> int:
        """Add a process; return its index."""
        index = int(self.scenario["n_processes"])
        row = self.scenario["apps"][index]
        row["present"] = 1
        row["oom_score_adj"] = adj
        row["swap_entries"] = round(swap_mib * MIB)
        row["anon_pages"] = round(anon_mib * MIB)
        row["file_pages"] = round(file_mib * MIB)
        row["exit_other_ns"] = round(other_ms * 1e6)
        self.scenario["n_processes"] = index + 1
        entries = int(self.scenario["apps"]["swap_entries"].sum())
        self.scenario["pool_pages"] = -(-entries * k.UNIT // int(self.scenario["compression"]))
        return index

    def event(self, ms: float, kind: int, a: int = 0, b: int = 0, c: int = -1) -> None:
        """Add an event; events must be added in the order of time."""
        count = int(self.scenario["n_events"])
        self.scenario["events"][count] = (round(ms * k.MS), kind, a, b, c)
        self.scenario["n_events"] = count + 1

    def kill(self, process: int, ms: float = 0, killer: int = k.KILLER_SCENARIO_LMKD) -> None:
        """Kill a process."""
        self.event(ms, k.EVENT_KILL, process, killer)

    def noise(self, threads: int, share: float) -> None:
        """Let ``threads`` background threads want ``share`` of a CPU of capacity 1024 each."""
        for index in range(threads):
            everywhere = (1 << int(self.scenario["device"]["n_cpus"])) - 1
            self.scenario["noise"][index] = (4_000, 500 * index, round(share * 4e6), 0, everywhere, 0)

    def run(self, route: int = k.INLINE) -> Any:
        """Run to the end, every batch on the same route; return the PHONE record."""
        self.phones[:] = 0
        engine.start(self.phones, self.scenarios, 0)
        while engine.advance(self.phones, self.scenarios, 0) == k.RUN_DECISION:
            engine.decide(self.phones, self.scenarios, 0, route)
        return self.phone

    def exit_ms(self, process: int) -> float:
        """Return kill to exit of a process (ms)."""
        record = self.phone["processes"][process]
        return float(record["exit_us"] - record["kill_us"]) / k.MS
