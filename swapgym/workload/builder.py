"""One way to put a phone together by hand: for tests, calibration, and questions asked of one scene.

>>> from swapgym.workload.builder import PhoneBuilder
>>> board = PhoneBuilder("a72-board", "mainline", ms=500)
>>> victim = board.app(swap_mib=64)
>>> board.kill(victim)
>>> phone = board.run()
>>> board.exit_ms(victim) > 10
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.device import DeviceProfile
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.kernel_variant import KernelVariant
from swapgym.phone.state import PHONE
from swapgym.workload.config import override
from swapgym.workload.devices import device_profile
from swapgym.workload.kernels import kernel_variant

MIB: Final = k.PAGES_PER_MIB
Route = int | Callable[[Any], int]


class PhoneBuilder:
    """A phone with nothing on it but what is put there.

    Nothing is drawn: costs are the kernel variant's own, no background threads, no frames, no SCHED_FIFO load.

    Attributes:
        profile: The device.
        variant: The kernel.
        scenarios: The SCENARIO under construction, an array of one; its fields may be set.
        phones: The PHONE, an array of one.
    """

    def __init__(
        self,
        device: str | DeviceProfile = "phone-8gb",
        kernel: str | KernelVariant = "mainline",
        *,
        device_changes: Mapping[str, Any] | None = None,
        kernel_changes: Mapping[str, Any] | None = None,
        ms: float = 2_000,
        tick_us: int = 1_000,
        compression: float = 2.7,
    ) -> None:
        """Take a device profile and a kernel variant, with fields replaced.

        Args:
            device: Name of a device, or a profile.
            kernel: Name of a kernel variant, or a variant.
            device_changes: Fields of the profile to replace.
            kernel_changes: Fields of the variant to replace.
            ms: Length of the scenario.
            tick_us: Length of a tick.
            compression: Swapped bytes per compressed byte (lzo-rle on the board: 2.74).

        Raises:
            ValueError: If a name is unknown or a value out of range.
            TypeError: If a value is of the wrong type.
        """
        profile = device_profile(device) if isinstance(device, str) else device
        variant = kernel_variant(kernel) if isinstance(kernel, str) else kernel
        self.profile = override(profile, device_changes or {}, "device_changes")
        self.variant = override(variant, kernel_changes or {}, "kernel_changes")
        self.scenarios: npt.NDArray[Any] = np.zeros(1, SCENARIO)
        self.phones: npt.NDArray[Any] = np.zeros(1, PHONE)
        scenario = self.scenario
        self.profile.to_record(scenario["device"])
        self.variant.to_record(self.profile, scenario["kernel"])
        scenario["duration_us"] = round(ms * k.MS)
        scenario["tick_us"] = tick_us
        scenario["compression"] = round(compression * k.UNIT)
        scenario["n_frame_costs"] = 1
        scenario["file_cache_pages"] = scenario["device"]["file_workingset_pages"] + 100 * MIB
        scenario["foreground_process"] = self.app(adj=0)

    @property
    def scenario(self) -> Any:
        """Return the SCENARIO record under construction."""
        return self.scenarios[0]

    @property
    def phone(self) -> Any:
        """Return the PHONE record as the last run left it."""
        return self.phones[0]

    @property
    def device(self) -> Any:
        """Return the DEVICE record; its fields may be set."""
        return self.scenarios[0]["device"]

    @property
    def kernel(self) -> Any:
        """Return the KERNEL record; its fields may be set."""
        return self.scenarios[0]["kernel"]

    def app(
        self, swap_mib: float = 0, anon_mib: float = 0, file_mib: float = 0, *, adj: int = 900, threads: int = 1,
        mappings: int = 0, files: int = 0, **fields: int,
    ) -> int:  # fmt: skip
        """Add a process that lives at the start; return its index.

        Args:
            swap_mib: Swapped memory.
            anon_mib: Resident anonymous memory.
            file_mib: Mapped file pages.
            adj: Its oom_score_adj.
            threads: Threads that its exit sees off.
            mappings: Mappings that its exit frees.
            files: Files that its exit closes.
            **fields: Other fields of the APP record, in its units (pages, entries).
        """
        index = int(self.scenario["n_processes"])
        values = {
            "present": 1, "oom_score_adj": adj, "swap_entries": round(swap_mib * MIB),
            "anon_pages": round(anon_mib * MIB), "file_pages": round(file_mib * MIB), "threads": threads,
            "mappings": mappings, "files": files,
        } | fields  # fmt: skip
        for name, value in values.items():
            self.scenario["apps"][index][name] = value
        self.scenario["n_processes"] = index + 1
        entries = int(self.scenario["apps"]["swap_entries"].sum())
        self.scenario["pool_pages"] = -(-entries * k.UNIT // int(self.scenario["compression"]))
        return index

    def event(self, ms: float, kind: int, a: int = 0, b: int = 0, c: int = -1) -> None:
        """Add an event; events must be added in the order of time."""
        count = int(self.scenario["n_events"])
        self.scenario["events"][count] = (round(ms * k.MS), kind, a, b, c)
        self.scenario["n_events"] = count + 1

    def kill(self, process: int, ms: float = 0, killer: int = k.KILLER_SCENARIO_LMKD, gate: int = -1) -> None:
        """Kill a process at a time; the launch ``gate`` waits for its exit."""
        self.event(ms, k.EVENT_KILL, process, killer, gate)

    def launch(self, ms: float = 0, **fields: int) -> int:
        """Start a launch at a time; return its index. ``fields`` are those of the LAUNCH_SPEC record."""
        index = int(self.scenario["n_launches"])
        values = {"process": 40 + index, "foreground": 1, "n_threads": 1, "burst_us": 1, "gate_timeout_us": 10**6}
        for name, value in (values | fields).items():
            self.scenario["launches"][index][name] = value
        self.scenario["n_launches"] = index + 1
        self.event(ms, k.EVENT_LAUNCH, index)
        return index

    def background_thread(
        self, index: int, share: float, *, nice: int = 0, mask: int | None = None, period_us: int = 1_000,
        phase_us: int = 0,
    ) -> None:  # fmt: skip
        """Let background thread ``index`` want ``share`` of the reference CPU, all of the time."""
        everywhere = (1 << int(self.device["n_cpus"])) - 1
        work_ns = round(share * period_us * k.NS_PER_US)
        values = {
            "period_us": period_us, "phase_us": phase_us, "work_ns": work_ns, "nice": nice,
            "mask": everywhere if mask is None else mask,
        }  # fmt: skip
        for name, value in values.items():
            self.scenario["background_threads"][index][name] = value

    def leave_free(self, pages: int) -> None:
        """Fill RAM with reserved memory until ``pages`` are free."""
        scenario = self.scenario
        held = scenario["apps"]["anon_pages"].sum() + scenario["pool_pages"] + scenario["file_cache_pages"]
        held += scenario["buffer_pages"]
        self.device["reserved_pages"] = self.device["ram_pages"] - held - pages

    def start(self) -> None:
        """Put the phone at the scenario's start."""
        self.phones.view(np.uint8)[:] = 0
        engine.start(self.phones, self.scenarios, 0)

    def decisions(self, until_ms: float | None = None) -> Iterator[Any]:
        """Run on; yield the PHONE at each decision, which the caller must take with :meth:`decide`."""
        until_us = engine.FOREVER_US if until_ms is None else round(until_ms * k.MS)
        while engine.advance(self.phones, self.scenarios, 0, until_us) == k.RUN_DECISION:
            yield self.phone

    def decide(self, route: int) -> None:
        """Send the pending batch on its route."""
        engine.decide(self.phones, self.scenarios, 0, route)

    def go_on(self, route: Route = k.INLINE, until_ms: float | None = None) -> Any:
        """Run a started phone on to ``until_ms`` or the end; return the PHONE record."""
        for phone in self.decisions(until_ms):
            self.decide(route(phone) if callable(route) else route)
        return self.phone

    def run(self, route: Route = k.INLINE) -> Any:
        """Run from the start to the end, every batch on ``route`` (or where ``route(phone)`` says)."""
        self.start()
        return self.go_on(route)

    def exit_ms(self, process: int) -> float:
        """Return kill to exit of a process (ms)."""
        record = self.phone["processes"][process]
        return float(record["exit_us"] - record["kill_us"]) / k.MS

    def charged_ms(self, who: int) -> float:
        """Return the CPU time charged to ``who`` (CHARGE_*) so far (ms)."""
        return float(self.phone["total"]["charged_ns"][who]) / 1e6
