"""What a device is: cores and clocks, memory, Android's tuning, each setting with range, unit and source.

Speeds come in two parts. ``capacity`` compares the CPUs of one device, as the kernel does: 1024 is its largest at full
clock. ``core_speed`` compares devices: the largest CPU over a Cortex-X1 at 2.8 GHz, on which costs of kernel work are
stated. What waits for memory hangs on neither: ``memory_factor`` scales it for the whole device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from swapgym.phone.constants import MAX_CPUS, MAX_DOMAINS, MS, PAGES_PER_MIB, UNIT
from swapgym.phone.records import integer, record
from swapgym.phone.settings import check, fields_of, fill, setting, switch

ROOM_MIB: Final = 64
"""Least memory that must be left to apps once the system, the high watermark and the page cache's floor have theirs."""


@dataclass(frozen=True)
class DeviceProfile:
    """One device, in human units.

    Raises:
        ValueError: If a value is out of its range, or the memory settings leave no room for apps; names the fields.
        TypeError: If a value is of the wrong type.
    """

    name: str = ""
    # --- CPUs
    capacity: tuple[int, ...] = (161, 161, 161, 161, 498, 498, 498, 1024)
    domain: tuple[int, ...] = (0, 0, 0, 0, 1, 1, 1, 2)
    min_clock: tuple[float, ...] = (0.17, 0.18, 0.18)
    top_app_cpus: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)
    foreground_cpus: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    background_cpus: tuple[int, ...] = (0, 1, 2, 3)
    core_speed: float = setting(
        1.0, 0.01, 8.0, "1", "speed of the largest CPU over a Cortex-X1 at 2.8 GHz", into="core_speed", per=UNIT
    )
    memory_factor: float = setting(1.0, 0.1, 10.0, "1", "time that waits for memory, over the kernel variant's figure")
    schedutil: bool = switch(True, "schedutil sets the clocks; off: every CPU runs at full clock", into="schedutil")
    clock_rate_limit_us: int = setting(
        2_000,
        0,
        100_000,
        "us",
        "schedutil's rate_limit_us: cpufreq_policy_transition_delay_us() gives at most 2 ms",
        into="clock_rate_limit_us",
    )
    uclamp_frames: float = setting(
        0.45,
        0.0,
        1.0,
        "1",
        "uclamp.min of the UI and render threads: fit on frame times (ADPF hints move it)",
        into="uclamp_frames",
        per=UNIT,
    )
    uclamp_launch: float = setting(
        1.0,
        0.0,
        1.0,
        "1",
        "uclamp.min of a launching app's threads (the LAUNCH power hint)",
        into="uclamp_launch",
        per=UNIT,
    )
    rt_throttling: bool = switch(True, "sched_rt_runtime_us = 950000; off: -1", into="rt_throttling")
    rt_runtime_share: bool = switch(
        False,
        "RT_RUNTIME_SHARE: a CPU borrows SCHED_FIFO runtime that others do not use (LKML, 22 May 2013)",
        into="rt_runtime_share",
    )
    # --- display
    refresh_hz: int = setting(60, 24, 240, "Hz", "display refresh rate")
    deadline_vsyncs: int = setting(
        2, 1, 4, "vsyncs", "from a frame's start to its deadline: double buffering", into="deadline_vsyncs"
    )
    ui_nice: int = setting(-10, -20, 19, "nice", "THREAD_PRIORITY_TOP_APP_BOOST", into="ui_nice")
    # --- memory
    ram_mib: int = setting(8192, 512, 65536, "MiB", "physical memory", into="ram_pages", per=PAGES_PER_MIB)
    reserved_share: float = setting(0.40, 0.0, 0.8, "1", "kernel, GPU, modem, persistent system (dumps: 35 to 50 %)")
    zram_share: float = setting(0.50, 0.05, 2.0, "1", "zram disksize over RAM (Pixel: 50p; dumps 46 to 73 %)")
    watermark_min_mib: float = setting(
        26.75, 1.0, 1024.0, "MiB", "min_free_kbytes 27,386 (pixel-mm-gki.rc)", into="watermark_min", per=PAGES_PER_MIB
    )
    watermark_low_share: float = setting(0.010, 0.0, 0.2, "1", "low watermark above min, over RAM")
    watermark_high_share: float = setting(0.020, 0.0, 0.4, "1", "high watermark above min, over RAM")
    swappiness: int = setting(100, 0, 200, "1", "vm.swappiness (Qualcomm, Xiaomi: 100)", into="swappiness")
    file_floor_mib: int = setting(
        120,
        0,
        4096,
        "MiB",
        "page cache that reclaim never gets (judgement)",
        into="file_floor_pages",
        per=PAGES_PER_MIB,
    )
    file_workingset_mib: int = setting(
        500,
        0,
        16384,
        "MiB",
        "page cache that the foreground uses (judgement)",
        into="file_workingset_pages",
        per=PAGES_PER_MIB,
    )
    # --- lmkd (system/memory/lmkd, Android 14) and the activity manager
    psi_partial_stall_ms: int = setting(
        70, 1, 1000, "ms", "ro.lmk.psi_partial_stall_ms: the medium event", into="psi_partial_stall_us", per=MS
    )
    psi_complete_stall_ms: int = setting(
        700, 1, 1000, "ms", "ro.lmk.psi_complete_stall_ms: the critical event", into="psi_complete_stall_us", per=MS
    )
    kill_timeout_ms: int = setting(
        100, 0, 10_000, "ms", "ro.lmk.kill_timeout_ms (default 100; Pixel, Xiaomi 50)", into="kill_timeout_us", per=MS
    )
    swap_free_low_percent: int = setting(
        10, 0, 100, "%", "ro.lmk.swap_free_low_percentage", into="swap_free_low_percent"
    )
    thrashing_limit_percent: int = setting(100, 0, 1000, "%", "ro.lmk.thrashing_limit", into="thrashing_limit_percent")
    thrashing_decay_percent: int = setting(
        10, 0, 100, "%", "ro.lmk.thrashing_limit_decay", into="thrashing_decay_percent"
    )
    stall_limit_critical_percent: int = setting(
        40,
        0,
        100,
        "%",
        "ro.lmk.stall_limit_critical: PSI full avg10 above it makes every app killable (9 of 9 trees)",
        into="stall_limit_critical_percent",
    )
    filecache_min_mib: int = setting(
        150,
        0,
        4096,
        "MiB",
        "ro.lmk.filecache_min_kb: 153,600 on Pixel, 300,000 on Xiaomi; 0: off",
        into="filecache_min_pages",
        per=PAGES_PER_MIB,
    )
    victim_nice: int = setting(
        0, -20, 19, "nice", "of a victim that lmkd has moved to the foreground group", into="victim_nice"
    )
    reaper_nice: int = setting(-20, -20, 19, "nice", "lmkd's reapers: ANDROID_PRIORITY_HIGHEST", into="reaper_nice")
    n_reapers: int = setting(2, 0, 2, "1", "lmkd's reaper threads: THREAD_POOL_SIZE 2", into="n_reapers")
    reaper_delay_us: int = setting(
        5_000,
        0,
        1_000_000,
        "us",
        "kill to process_mrelease: it fails (ESRCH) after a median of 5 ms in public logs",
        into="reaper_delay_us",
    )
    kill_heaviest: bool = switch(False, "ro.lmk.kill_heaviest_task", into="kill_heaviest")
    compaction: bool = switch(
        True, "an app that enters cached is paged out (CachedAppOptimizer, full compaction)", into="compaction"
    )
    freezer: bool = switch(True, "cached apps are frozen", into="freezer")
    launch_history_sigma: float = setting(
        0.25,
        0.0,
        2.0,
        "1",
        "error of what the system expects a launch to allocate, its average of earlier ones over the real one"
        " (log-normal; judgement: repeated launches of an activity differ by 0.27 in time)",
    )
    freezer_ms: int = setting(
        10_000,
        0,
        3_600_000,
        "ms",
        "freezer debounce (CachedAppOptimizer: 10 s)",
        into="freezer_us",
        per=MS,
        code="i8",
    )

    def __post_init__(self) -> None:
        """Check every field, and that the memory settings leave room."""
        check(self)
        self._check_cpus()
        if self.watermark_high_share < self.watermark_low_share:
            raise ValueError(
                f"DeviceProfile.watermark_high_share: {self.watermark_high_share!r}, must be at least"
                f" watermark_low_share ({self.watermark_low_share!r})"
            )
        left = self.room_mib()
        if left < ROOM_MIB:
            fields = ("ram_mib", "reserved_share", "watermark_min_mib", "watermark_high_share", "file_floor_mib")
            values = ", ".join(f"{field} = {getattr(self, field)!r}" for field in fields)
            raise ValueError(
                f"DeviceProfile: {values}: together they leave {left:.0f} MiB for apps and swap,"
                f" must leave at least {ROOM_MIB} MiB"
            )

    def room_mib(self) -> float:
        """Return what RAM holds beyond the system's reserve, the high watermark (and a half) and the cache's floor."""
        free = self.watermark_min_mib + 1.5 * self.watermark_high_share * self.ram_mib
        return self.ram_mib * (1 - self.reserved_share) - free - self.file_floor_mib

    def _check_cpus(self) -> None:
        if not 1 <= len(self.capacity) <= MAX_CPUS:
            raise ValueError(f"DeviceProfile.capacity: {self.capacity!r}, must name 1 to {MAX_CPUS} CPUs")
        for value in self.capacity:
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= UNIT:
                raise ValueError(f"DeviceProfile.capacity: {value!r}, must be an integer from 1 to {UNIT}")
        for field in ("top_app_cpus", "foreground_cpus", "background_cpus"):
            cpus = getattr(self, field)
            if not cpus or not all(0 <= cpu < len(self.capacity) for cpu in cpus):
                raise ValueError(f"DeviceProfile.{field}: {cpus!r}, must name CPUs from 0 to {len(self.capacity) - 1}")
        if len(self.domain) != len(self.capacity) or sorted(set(self.domain)) != list(range(len(self.min_clock))):
            raise ValueError(
                f"DeviceProfile.domain: {self.domain!r}, must give each of {len(self.capacity)} CPUs a performance"
                f" domain from 0 to {len(self.min_clock) - 1}, as many as min_clock has"
            )
        if len(set(zip(self.domain, self.capacity, strict=True))) > len(self.min_clock):
            raise ValueError(
                f"DeviceProfile.domain: {self.domain!r}, CPUs of one performance domain must have one capacity"
                f" ({self.capacity!r})"
            )
        if len(self.min_clock) > MAX_DOMAINS or not all(0.0 < clock <= 1.0 for clock in self.min_clock):
            raise ValueError(
                f"DeviceProfile.min_clock: {self.min_clock!r}, must name 1 to {MAX_DOMAINS} shares of the full clock,"
                " above 0 and at most 1"
            )

    def to_record(self, out: Any = None) -> Any:
        """Return the profile as a DEVICE record (written into ``out`` where given)."""
        record = np.zeros(1, DEVICE)[0] if out is None else out
        fill(self, record)
        n = len(self.capacity)
        ram = self.ram_mib * PAGES_PER_MIB
        record["n_cpus"] = n
        record["n_domains"] = len(self.min_clock)
        record["capacity"][:n] = self.capacity
        record["domain"][:n] = self.domain
        record["min_clock"][: len(self.min_clock)] = [max(1, round(UNIT * clock)) for clock in self.min_clock]
        for name in ("top_app", "foreground", "background"):
            record[f"{name}_mask"] = sum(1 << cpu for cpu in set(getattr(self, f"{name}_cpus")))
        record["vsync_us"] = round(1_000_000 / self.refresh_hz)
        record["reserved_pages"] = round(ram * self.reserved_share)
        record["swap_slots"] = round(ram * self.zram_share)
        record["watermark_low"] = record["watermark_min"] + round(ram * self.watermark_low_share)
        record["watermark_high"] = record["watermark_min"] + round(ram * self.watermark_high_share)
        return record


DEVICE: Final[np.dtype[Any]] = record(
    integer("n_cpus", "1", "CPUs that exist (at most 8)"),
    integer("n_domains", "1", "performance domains (at most 4)"),
    integer("capacity", "1/1024", "compute capacity of each CPU at full clock, over the device's largest", MAX_CPUS),
    integer("domain", "index", "performance domain of each CPU", MAX_CPUS),
    integer("min_clock", "1/1024", "lowest clock of each domain, over its full clock", MAX_DOMAINS),
    integer("top_app_mask", "bitmask", "cpuset top-app"),
    integer("foreground_mask", "bitmask", "cpuset foreground: where lmkd moves its victims and runs its reapers"),
    integer("background_mask", "bitmask", "cpuset background"),
    integer("vsync_us", "us", "vsync period: 16667, 11111 or 8333"),
    integer("reserved_pages", "pages", "kernel, GPU, modem and persistent system memory that nobody reclaims"),
    integer("swap_slots", "entries", "zram disksize"),
    integer("watermark_low", "pages", "below it kswapd wakes"),
    integer("watermark_high", "pages", "kswapd sleeps above it"),
    *fields_of(DeviceProfile),
)
"""A device as kernels see it."""
