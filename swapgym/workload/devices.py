"""Device profiles: topologies, memory sizes and Android tuning as data.

Sources, where a number is not said to be a judgement: capacities of 4+3+1 phones from the Pixel 6 device tree (gs101:
250, 620, 1024 at full clock) with their maximum clocks; zram 50 % of RAM and min_free_kbytes 27,386 from Pixel's
pixel-mm-gki.rc; watermark steps from watermark_scale_factor 10 to 125; cpusets from public init scripts (background
0-3); lmkd's defaults from system/memory/lmkd (Android 14); swappiness 100, AOSP's default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from swapgym.phone.constants import MAX_CPUS, MS, PAGES_PER_MIB, UNIT
from swapgym.phone.state import DEVICE
from swapgym.workload.config import bounded, check, unknown

STALL_SHARE: Final = 0.0
"""Share of memory-bound kernel work that waits for memory at any clock. Present pages freed per second on a Snapdragon
845 (Suren Baghdasaryan, RFC, Apr 2019) follow the cores' capacity in force from 0.07 to 1 of the largest within a
quarter, which leaves no room for a constant share: see ``experiments/calibration``."""


@dataclass(frozen=True)
class DeviceProfile:
    """One device, in human units."""

    name: str = ""
    capacity: tuple[int, ...] = (250, 250, 250, 250, 620, 620, 620, 1024)
    top_app_cpus: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)
    foreground_cpus: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    background_cpus: tuple[int, ...] = (0, 1, 2, 3)
    refresh_hz: int = bounded(60, 24, 240, "Hz", "display refresh rate")
    deadline_vsyncs: int = bounded(2, 1, 4, "vsyncs", "from a frame's start to its deadline: double buffering")
    ui_nice: int = bounded(-10, -20, 19, "nice", "THREAD_PRIORITY_TOP_APP_BOOST")
    ram_mib: int = bounded(8192, 512, 65536, "MiB", "physical memory")
    reserved_share: float = bounded(0.40, 0.0, 0.8, "1", "kernel, GPU, modem, persistent system (dumps: 35 to 50 %)")
    zram_share: float = bounded(0.50, 0.05, 2.0, "1", "zram disksize over RAM")
    watermark_min_mib: float = bounded(26.75, 1.0, 1024.0, "MiB", "min_free_kbytes 27,386")
    watermark_low_share: float = bounded(0.010, 0.0, 0.2, "1", "low watermark above min, over RAM")
    watermark_high_share: float = bounded(0.020, 0.0, 0.4, "1", "high watermark above min, over RAM")
    swappiness: int = bounded(100, 0, 200, "1", "vm.swappiness")
    file_floor_mib: int = bounded(120, 0, 4096, "MiB", "page cache that reclaim never gets (judgement)")
    file_workingset_mib: int = bounded(500, 0, 16384, "MiB", "page cache that the foreground uses (judgement)")
    rt_throttling: bool = True
    sched_latency_us: int = bounded(0, 0, 1_000_000, "us", "CFS's period; 0: CPUs are shared as a fluid")
    sched_min_granularity_us: int = bounded(0, 0, 1_000_000, "us", "CFS's shortest slice")
    sched_wakeup_granularity_us: int = bounded(0, 0, 1_000_000, "us", "how far behind the current a waker preempts it")
    sched_tick_us: int = bounded(4_000, 1_000, 10_000, "us", "period of the scheduler tick: HZ=250")
    low_ram: bool = False
    psi_partial_stall_ms: int = bounded(70, 1, 1000, "ms", "lmkd's medium event")
    psi_complete_stall_ms: int = bounded(700, 1, 1000, "ms", "lmkd's critical event")
    kill_timeout_ms: int = bounded(100, 0, 10_000, "ms", "lmkd's kill_timeout_ms")
    swap_free_low_percent: int = bounded(10, 0, 100, "%", "lmkd's swap_free_low_percentage")
    thrashing_limit_percent: int = bounded(100, 0, 1000, "%", "lmkd's thrashing_limit")
    thrashing_decay_percent: int = bounded(10, 0, 100, "%", "lmkd's thrashing_limit_decay")
    victim_nice: int = bounded(0, -20, 19, "nice", "of a victim that lmkd has moved to the foreground")
    reaper_nice: int = bounded(-20, -20, 19, "nice", "of lmkd's reapers: ANDROID_PRIORITY_HIGHEST")
    reapers_queue: bool = False
    reaper_call_us: int = bounded(
        0, 0, 1_000_000, "us", "CPU time until a reaper that looks for victims first gets one"
    )
    n_reapers: int = bounded(2, 0, 2, "1", "lmkd's reaper threads")
    kill_heaviest: bool = False
    compaction: bool = True
    freezer: bool = True
    freezer_ms: int = bounded(10_000, 0, 3_600_000, "ms", "freezer debounce (CachedAppOptimizer, 10 s)")
    stall_share: float = bounded(STALL_SHARE, 0.0, 1.0, "1", "share of kernel work that waits for memory at any clock")

    def __post_init__(self) -> None:
        """Check every field."""
        check(self)
        if not 1 <= len(self.capacity) <= MAX_CPUS:
            raise ValueError(f"DeviceProfile.capacity: {self.capacity!r}, must name 1 to {MAX_CPUS} CPUs")
        for value in self.capacity:
            if not 1 <= value <= UNIT:
                raise ValueError(f"DeviceProfile.capacity: {value!r}, must be from 1 to {UNIT}")
        for field in ("top_app_cpus", "foreground_cpus", "background_cpus"):
            cpus = getattr(self, field)
            if not cpus or not all(0 <= cpu < len(self.capacity) for cpu in cpus):
                raise ValueError(f"DeviceProfile.{field}: {cpus!r}, must name CPUs from 0 to {len(self.capacity) - 1}")
        if self.watermark_high_share < self.watermark_low_share:
            raise ValueError(
                f"DeviceProfile.watermark_high_share: {self.watermark_high_share!r}, must be at least"
                f" watermark_low_share ({self.watermark_low_share!r})"
            )

        if 0 < self.sched_latency_us < self.sched_min_granularity_us or (
            self.sched_latency_us > 0 and self.sched_min_granularity_us == 0
        ):
            raise ValueError(
                f"DeviceProfile.sched_min_granularity_us: {self.sched_min_granularity_us!r}, must be from 1 to"
                f" sched_latency_us ({self.sched_latency_us!r}) where CPUs are shared by slices"
            )

    def mem_speed(self) -> tuple[int, ...]:
        """Return the speed of memory-bound kernel work per CPU, over 1024."""
        return tuple(round(UNIT * (self.stall_share + (1 - self.stall_share) * c / UNIT)) for c in self.capacity)

    def to_record(self, out: Any = None) -> Any:
        """Return the profile as a DEVICE record (written into ``out`` where given)."""
        record = np.zeros(1, DEVICE)[0] if out is None else out
        n = len(self.capacity)
        ram = self.ram_mib * PAGES_PER_MIB
        watermark_min = round(self.watermark_min_mib * PAGES_PER_MIB)
        record["n_cpus"] = n
        record["capacity"][:n] = self.capacity
        record["mem_speed"][:n] = self.mem_speed()
        for name in ("top_app", "foreground", "background"):
            record[f"{name}_mask"] = sum(1 << cpu for cpu in getattr(self, f"{name}_cpus"))
        record["vsync_us"] = round(1_000_000 / self.refresh_hz)
        record["ram_pages"] = ram
        record["reserved_pages"] = round(ram * self.reserved_share)
        record["swap_slots"] = round(ram * self.zram_share)
        record["watermark_min"] = watermark_min
        record["watermark_low"] = watermark_min + round(ram * self.watermark_low_share)
        record["watermark_high"] = watermark_min + round(ram * self.watermark_high_share)
        record["file_floor_pages"] = self.file_floor_mib * PAGES_PER_MIB
        record["file_workingset_pages"] = self.file_workingset_mib * PAGES_PER_MIB
        for name in ("psi_partial_stall", "psi_complete_stall", "kill_timeout", "freezer"):
            record[f"{name}_us"] = getattr(self, f"{name}_ms") * MS
        for name in (
            "deadline_vsyncs", "ui_nice", "victim_nice", "reaper_nice", "reapers_queue", "reaper_call_us", "swappiness",
            "rt_throttling",
            "low_ram", "swap_free_low_percent", "thrashing_limit_percent", "thrashing_decay_percent", "n_reapers",
            "kill_heaviest", "compaction", "freezer", "sched_latency_us", "sched_min_granularity_us",
            "sched_wakeup_granularity_us", "sched_tick_us",
        ):  # fmt: skip
            record[name] = int(getattr(self, name))
        return record


PHONE_4GB: Final = DeviceProfile(
    name="phone-4gb",
    capacity=(250, 250, 250, 250, 430, 430, 430, 430),
    foreground_cpus=(0, 1, 2, 3, 4, 5, 6, 7),
    ram_mib=4096,
    reserved_share=0.42,
    file_floor_mib=80,
    file_workingset_mib=300,
    low_ram=True,
    psi_partial_stall_ms=200,
    thrashing_limit_percent=30,
    thrashing_decay_percent=50,
)
PHONE_6GB: Final = DeviceProfile(
    name="phone-6gb",
    zram_share=0.55,
    capacity=(250, 250, 250, 250, 250, 250, 700, 700),
    foreground_cpus=(0, 1, 2, 3, 4, 5, 6, 7),
    background_cpus=(0, 1, 2, 3),
    ram_mib=6144,
    file_floor_mib=100,
    file_workingset_mib=400,
    refresh_hz=90,
)
PHONE_8GB: Final = DeviceProfile(name="phone-8gb", zram_share=0.56)  # a public dump: 4.55 of 7.59 GB
PHONE_12GB: Final = DeviceProfile(
    name="phone-12gb",
    zram_share=0.6,
    capacity=(320, 320, 320, 320, 760, 760, 760, 1024),
    ram_mib=12288,
    reserved_share=0.36,
    file_floor_mib=160,
    file_workingset_mib=700,
    refresh_hz=120,
    kill_timeout_ms=50,
    kill_heaviest=True,
)
A72_BOARD: Final = DeviceProfile(
    name="a72-board",
    capacity=(420, 420, 420, 420),
    top_app_cpus=(0, 1, 2, 3),
    foreground_cpus=(0, 1, 2, 3),
    background_cpus=(0, 1, 2, 3),
    ram_mib=4096,
    reserved_share=0.05,
    file_floor_mib=20,
    file_workingset_mib=40,
    n_reapers=0,
    compaction=False,
    freezer=False,
)
EMULATED_X86: Final = DeviceProfile(
    name="emulated-x86",
    capacity=(1024, 1024),
    top_app_cpus=(0, 1),
    foreground_cpus=(0, 1),
    background_cpus=(0, 1),
    ram_mib=4096,
    reserved_share=0.05,
    zram_share=0.75,
    watermark_min_mib=23.0,  # min_free_kbytes, 8 MiB, and the DMA zone's 15 that lowmem_reserve keeps from user pages
    watermark_low_share=0.001,  # watermark_scale_factor 10
    watermark_high_share=0.002,
    file_floor_mib=20,
    file_workingset_mib=20,
    swappiness=60,
    # kernel/sched/fair.c, 6.1: 6, 0.75 and 1 ms, times 1 + log2(CPUs)
    sched_latency_us=12_000,
    sched_min_granularity_us=1_500,
    sched_wakeup_granularity_us=2_000,
    n_reapers=0,
    compaction=False,
    freezer=False,
)
"""The machine of ``experiments/real_kernel``: QEMU without hardware support, two CPUs, 4 GiB, no Android."""

DEVICES: Final[dict[str, DeviceProfile]] = {
    profile.name: profile for profile in (PHONE_4GB, PHONE_6GB, PHONE_8GB, PHONE_12GB, A72_BOARD, EMULATED_X86)
}


def device_profile(name: str) -> DeviceProfile:
    """Return the device profile called ``name``.

    Raises:
        ValueError: If there is none; names the nearest and all there are.
    """
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    return DEVICES[name]
