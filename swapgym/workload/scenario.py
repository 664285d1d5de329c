"""Draw a scenario: everything exogenous of one episode, from one seed, into one SCENARIO record.

Each kind of chance has its own stream (:mod:`swapgym.workload.streams`): ``preset``, ``device``, ``apps``, ``memory``,
``timeline``, ``launches``, ``realtime``, ``frames``, ``noise``.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.phone.state import SCENARIO
from swapgym.workload.apps import (
    COLD_MINUS_HOT_MS,
    EXIT_OTHER_MS,
    RETURN_PROBABILITY,
    SWAPPED_IN_FRONT,
    AppDraw,
    draw_apps,
)
from swapgym.workload.config import override, unknown
from swapgym.workload.devices import DeviceProfile, device_profile
from swapgym.workload.kernels import KernelVariant, kernel_variant
from swapgym.workload.presets import MIXED, PRESET_NAMES, PRESETS, Preset, Range
from swapgym.workload.streams import stream, uniform

COMPRESSION_MEDIAN: Final = 3.0
COMPRESSION_SIGMA: Final = 0.15
COMPRESSION_BOUNDS: Final = (2.2, 4.5)
"""Swapped over physical bytes in zram: nine public dumpsys extracts, 2.2 to 4.5, median 3.3; a round 3.0 leaves out
same-filled pages."""
FRAME_MEDIAN_US: Final = 4_500.0
FRAME_SIGMA: Final = 0.6
"""CPU time per frame on capacity 1024, UI and render together: log-normal. gfxinfo of a public device log has a
median of 6 ms and 90 % below 18 ms of *frame time* on that phone's cores."""
UI_SHARE: Final = 0.45
EMPTY: Final = np.zeros(1, SCENARIO)[0]
SYSTEM_SLOT: Final = 0
FRONT_SLOT: Final = 1
FIRST_APP: Final = 2
MAX_APPS: Final = 40
APPS_PER_GIB: Final = 2.0
"""Cached apps per GiB of RAM: 15 on an 8 GB phone after fifteen launches in vivo's test, 20 to 30 alive in Lei Liu's
on 12 GB."""


@dataclass(frozen=True)
class Drawn:
    """What :func:`draw` has drawn.

    Attributes:
        preset: Name of the preset (for ``mixed``, of the one it drew).
        seed: Scenario seed.
        device: Name of the device profile.
        kernel: Name of the kernel variant.
    """

    preset: str
    seed: int
    device: str
    kernel: str


@functools.lru_cache(maxsize=256)
def configured(device: str, kernel: str, overrides: str) -> tuple[DeviceProfile, KernelVariant, Any, Any]:
    """Return a device and a kernel with overrides (JSON), and their records."""
    changes = json.loads(overrides)
    for name in changes:
        if name not in ("device", "kernel"):
            raise unknown("overrides", name, ("device", "kernel"))
    profile = override(device_profile(device), changes.get("device", {}), "overrides.device")
    variant = override(kernel_variant(kernel), changes.get("kernel", {}), "overrides.kernel")
    return profile, variant, profile.to_record(), variant.to_record()


def canonical(overrides: Mapping[str, Any] | None) -> str:
    """Return overrides as JSON with sorted keys.

    Raises:
        TypeError: If they are not a mapping of JSON-able values.
    """
    if overrides is None:
        return "{}"
    if not isinstance(overrides, Mapping):
        raise TypeError(f"overrides: {overrides!r}, must be a mapping with 'device' and 'kernel'")
    try:
        return json.dumps({key: dict(value) for key, value in overrides.items()}, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(f"overrides: {overrides!r}, must be mappings of field names to JSON-able values") from error


def draw(
    preset: str,
    seed: int,
    *,
    device: str | None = None,
    kernel: str = "vivo-async",
    overrides: Mapping[str, Any] | None = None,
    tick_us: int = 1_000,
    out: Any = None,
) -> Drawn:
    """Draw scenario ``seed`` of ``preset`` into ``out``.

    Args:
        preset: A preset's name, or ``mixed``.
        seed: Scenario seed, an integer from 0 to 2**63 - 1.
        device: Device profile; ``None`` draws one of the preset's.
        kernel: Kernel variant.
        overrides: ``{"device": {...}, "kernel": {...}}``: fields of :class:`DeviceProfile` and of
            :class:`KernelVariant` to replace.
        tick_us: Length of a tick.
        out: SCENARIO record (a row of an array) to be written.

    Returns:
        What was drawn.

    Raises:
        ValueError: If a name is unknown or a value out of range.
        TypeError: If a value is of the wrong type.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: {seed!r}, must be an integer from 0 to 2**63 - 1")
    seed = int(seed)
    if preset == MIXED:
        names = sorted(PRESETS)
        preset = names[int(stream(seed, "preset").integers(len(names)))]
    elif preset not in PRESETS:
        raise unknown("preset", preset, PRESET_NAMES)
    spec = PRESETS[preset]
    if device is None:
        device = spec.devices[int(stream(seed, "device").integers(len(spec.devices)))]
    profile, variant, device_record, kernel_record = configured(device, kernel, canonical(overrides))
    if out is None:
        out = np.zeros(1, SCENARIO)[0]
    scenario = Scenario(out, spec, seed, profile)
    scenario.throttling_forced = "rt_throttling" in (overrides or {}).get("device", {})
    out["device"] = device_record
    out["kernel"] = kernel_record
    out["tick_us"] = tick_us
    scenario.fill()
    return Drawn(preset, seed, profile.name, variant.name)


def pages(mib: float) -> int:
    """Return MiB in pages."""
    return round(mib * k.PAGES_PER_MIB)


class Scenario:
    """One scenario on its way into its record."""

    def __init__(self, out: Any, preset: Preset, seed: int, profile: DeviceProfile) -> None:
        """Start with an empty record."""
        self.out = out
        self.preset = preset
        self.seed = seed
        self.profile = profile
        self.events: list[tuple[int, int, int, int, int]] = []
        self.n_processes = 0
        self.throttling_forced = False

    def fill(self) -> None:
        """Draw everything."""
        out = self.out
        for name in ("apps", "launches", "noise", "events"):
            out[name] = EMPTY[name]
        timeline = stream(self.seed, "timeline")
        out["duration_us"] = uniform_int(timeline, self.preset.duration_ms) * k.MS
        apps = self.fill_apps()
        self.fill_timeline(timeline, stream(self.seed, "launches"), apps)
        self.fill_realtime()
        self.fill_frames()
        self.fill_noise()
        self.events.sort(key=lambda event: event[0])
        out["n_events"] = len(self.events)
        out["events"][: len(self.events)] = self.events
        out["n_processes"] = self.n_processes

    # ------------------------------------------------------------------------------------------------------- memory
    def fill_apps(self) -> AppDraw:
        """Draw the apps and lay out memory so that all of RAM is somewhere."""
        out, device = self.out, self.out["device"]
        memory = stream(self.seed, "memory")
        size = (self.profile.ram_mib / 8_192) ** 0.5
        n = min(MAX_APPS, max(8, round(APPS_PER_GIB * self.profile.ram_mib / 1_024 * uniform(memory, 0.7, 1.2))))
        apps = draw_apps(stream(self.seed, "apps"), n, size)
        compression = lognormal(memory, COMPRESSION_MEDIAN, COMPRESSION_SIGMA, COMPRESSION_BOUNDS)
        front_anon = pages(size * lognormal(memory, 280.0, 0.5, (80.0, 1_200.0)))
        front_swap = int(front_anon * SWAPPED_IN_FRONT * uniform(memory, 0.2, 1.0))
        slots_used = uniform(memory, *self.preset.slots_used)
        slack = uniform(memory, *self.preset.slack)
        above_low = uniform(memory, 0.2, 1.2)
        # swap: scale the apps' entries to the share of the slots in use; what does not fit is not resident either
        wanted = int(device["swap_slots"] * slots_used)
        scale = min(1.0, (wanted - front_swap) / max(1, int(apps.swap_entries.sum())))
        entries = (apps.swap_entries * scale).astype(np.int64)
        anon = (apps.anon_pages * max(scale, 0.5)).astype(np.int64)
        out["compression"] = round(compression * k.UNIT)
        pool = -(-int(entries.sum() + front_swap) * k.UNIT // int(out["compression"]))
        span = int(device["watermark_high"] - device["watermark_low"])
        free = int(device["watermark_low"]) + int(span * above_low)
        file = max(pages(self.profile.file_floor_mib) + 1, int(device["file_workingset_pages"] * (1.0 + slack)))
        room = int(device["ram_pages"] - device["reserved_pages"]) - pool - free - file - (front_anon - front_swap)
        if room < int(anon.sum()):  # a small phone: its apps have less of themselves in RAM
            anon = (anon * max(0, room) / int(anon.sum())).astype(np.int64)
        system = room - int(anon.sum())
        self.put_app(SYSTEM_SLOT, -900, max(0, system), max(0, system), 0, 0)
        self.put_app(FRONT_SLOT, 0, front_anon - front_swap, int(0.16 * front_anon), pages(100 * size), front_swap)
        slots = slice(FIRST_APP, FIRST_APP + n)
        rows = out["apps"][slots]
        rows["present"] = 1
        rows["oom_score_adj"] = apps.oom_score_adj
        rows["anon_pages"] = anon
        rows["anon_hot_pages"] = anon // 2
        rows["file_pages"] = np.minimum(apps.file_pages, file // max(1, n))
        rows["file_hot_pages"] = rows["file_pages"] * 6 // 10
        rows["swap_entries"] = entries
        rows["exit_other_ns"] = apps.exit_other_ns
        rows["relaunch_cost_us"] = apps.relaunch_cost_us
        rows["touch_pages_per_s"] = apps.touch_pages_per_s
        rows["frozen"] = 1
        self.n_processes = FIRST_APP + n
        out["foreground_process"] = FRONT_SLOT
        out["file_cache_pages"] = file + min(0, system)
        out["buffer_pages"] = 0
        out["pool_pages"] = pool
        return apps

    def put_app(self, slot: int, adj: int, anon: int, hot: int, file: int, entries: int) -> None:
        """Write one process of the start."""
        row = self.out["apps"][slot]
        row["present"] = 1
        row["oom_score_adj"] = adj
        row["anon_pages"] = anon
        row["anon_hot_pages"] = hot
        row["file_pages"] = file
        row["swap_entries"] = entries
        self.give_life(slot)

    # ----------------------------------------------------------------------------------------------------- timeline
    def fill_timeline(self, timeline: np.random.Generator, launches: np.random.Generator, apps: AppDraw) -> None:
        """Draw launches, kills and restarts. Every scenario holds at least one kill of an app that is there."""
        preset = self.preset
        killable = list(range(FIRST_APP, FIRST_APP + len(apps.anon_pages)))  # coldest first
        time_ms = uniform(timeline, 150, 500)
        n_launches = int(timeline.integers(preset.launches[0], preset.launches[1] + 1))
        mass = int(timeline.integers(preset.mass_kill[0], preset.mass_kill[1] + 1))
        mass = min(mass, len(killable) - 4)
        swept = [killable.pop(int(timeline.integers(len(killable)))) for _ in range(mass)]
        for process in swept:
            self.add(time_ms + uniform(timeline, 0, 60), k.EVENT_KILL, process, k.KILLER_ACTIVITY_MANAGER, -1)
        if swept:
            time_ms += uniform(timeline, 80, 500)
        previous = FRONT_SLOT
        for launch in range(n_launches):
            hot = launches.random() < preset.hot_share and len(killable) > 6
            process = killable.pop() if hot else self.new_process()
            self.fill_launch(launch, launches, process, hot, foreground=True)
            self.add(time_ms, k.EVENT_LAUNCH, launch, 0, 0)
            gate = launch if launches.random() < preset.gated_share else -1
            victims = self.choose_victims(killable, launch, uniform(timeline, *preset.freed_over_burst))
            count = len(victims)
            spread = uniform(timeline, *preset.kill_spread_ms)
            for position, victim in enumerate(victims):
                killer = k.KILLER_ACTIVITY_MANAGER
                if timeline.random() < preset.promoted_share:
                    killer = k.KILLER_SCENARIO_LMKD
                at_ms = time_ms + 10 + spread * position / max(1, count - 1)
                self.add(at_ms, k.EVENT_KILL, victim, killer, gate)
            if swept:
                # the person asks for an app just cleared: its start waits for the exit of its predecessor
                self.regate(swept[0], launch)
            self.add(time_ms + uniform(timeline, 250, 600), k.EVENT_COMPACT, previous, 0, launch - 1)
            previous = process
            time_ms += uniform(timeline, *preset.launch_gap_ms)
        self.fill_services(timeline, launches, n_launches)

    def choose_victims(self, killable: list[int], launch: int, enough: float) -> list[int]:
        """Take the coldest apps off ``killable`` until what they hold covers ``enough`` times the launch's burst."""
        spec = self.out["launches"][launch]
        apps = self.out["apps"]
        wanted = enough * int(spec["burst_anon_pages"] + spec["burst_buffer_pages"] + spec["burst_file_pages"])
        low, high = self.preset.victims
        victims: list[int] = []
        freed = 0.0
        while len(killable) > 3 and len(victims) < high and (len(victims) < low or freed < wanted):
            victim = killable.pop(0)
            victims.append(victim)
            held = int(apps[victim]["swap_entries"]) * k.UNIT / int(self.out["compression"])
            freed += int(apps[victim]["anon_pages"]) + held
        return victims or [killable.pop(0)]

    def fill_launch(self, launch: int, rng: np.random.Generator, process: int, hot: bool, *, foreground: bool) -> None:
        """Draw one launch: its work, its gate, its burst, and how long it would take on an idle phone."""
        preset = self.preset
        spec = self.out["launches"][launch]
        capacity = sorted(self.profile.capacity, reverse=True)
        burst = uniform(rng, *preset.burst_mib) * min(1.0, (self.profile.ram_mib / 8_192) ** 0.5)
        burst_ms = uniform(rng, *preset.burst_ms)
        buffers = uniform(rng, *preset.buffer_share)
        work_ms = uniform(rng, *preset.work_ms)
        swapin_share = uniform(rng, 0.2, 0.5)
        timeout_ms = uniform(rng, *preset.gate_timeout_ms)
        if not foreground:
            burst, burst_ms, buffers, work_ms = burst * 0.15, burst_ms * 0.5, 0.0, work_ms * 0.2
        if hot:
            burst, burst_ms, work_ms = burst * 0.3, burst_ms * 0.5, work_ms * 0.4
            entries = int(self.out["apps"][process]["swap_entries"])
            spec["swapin_pages"] = int(entries * swapin_share)
        threads = 3 if foreground else 1
        start_ns, work_ns = round(0.15 * work_ms * 1e6), round(0.85 * work_ms * 1e6)
        spec["process"] = process
        spec["foreground"] = int(foreground)
        spec["n_threads"] = threads
        spec["nice"] = 0 if foreground else 10
        spec["start_ns"] = start_ns
        spec["work_ns"] = work_ns
        spec["gate_timeout_us"] = round(timeout_ms * k.MS)
        files = min(0.1, (1.0 - buffers) / 2)
        spec["burst_buffer_pages"] = pages(burst * buffers)
        spec["burst_file_pages"] = pages(burst * files)
        spec["burst_anon_pages"] = pages(burst * (1.0 - buffers - files))
        spec["burst_us"] = round(burst_ms * k.MS)
        slowest = capacity[min(threads, len(capacity)) - 1]
        start_us = start_ns / threads * k.UNIT / slowest / k.NS_PER_US
        work_us = work_ns / threads * k.UNIT / slowest / k.NS_PER_US
        spec["nominal_us"] = round(start_us + max(work_us + self.paging_us(spec), burst_ms * k.MS))
        self.out["n_launches"] = launch + 1

    def paging_us(self, spec: Any) -> float:
        """Return the CPU time (us) of a launch's faults on the largest core of an idle phone."""
        costs = self.out["kernel"]
        fresh = int(spec["burst_buffer_pages"] + spec["burst_file_pages"] + spec["burst_anon_pages"])
        paid_ps = fresh * int(costs["alloc_ps"]) + int(spec["swapin_pages"]) * int(costs["swapin_ps"])
        return paid_ps * k.UNIT / max(self.profile.mem_speed()) / (k.PS_PER_NS * k.NS_PER_US)

    def fill_services(self, timeline: np.random.Generator, rng: np.random.Generator, first: int) -> None:
        """Draw services that start again after the kills, each gated on the exit of its predecessor."""
        low, high = self.preset.services
        count = min(int(timeline.integers(low, high + 1)), k.MAX_LAUNCHES - first)
        victims = [event for event in self.events if event[1] == k.EVENT_KILL]
        for service in range(min(count, len(victims))):
            launch = first + service
            time_us, _, process, _, gate = victims[service]
            self.fill_launch(launch, rng, self.new_process(), hot=False, foreground=False)
            self.add(time_us / k.MS + uniform(timeline, 20, 200), k.EVENT_LAUNCH, launch, 0, 0)
            if gate < 0:
                self.regate(process, launch)

    def regate(self, process: int, launch: int) -> None:
        """Let ``launch`` wait for the prescribed exit of ``process``."""
        for position, (time_us, kind, a, b, _) in enumerate(self.events):
            if kind == k.EVENT_KILL and a == process:
                self.events[position] = (time_us, kind, a, b, launch)

    def new_process(self) -> int:
        """Return a fresh slot."""
        self.n_processes += 1
        self.give_life(self.n_processes - 1)
        return self.n_processes - 1

    def give_life(self, slot: int) -> None:
        """Give an app that is or was in front what its exit and its loss cost: it is the likeliest asked for again."""
        row = self.out["apps"][slot]
        row["exit_other_ns"] = round(sum(EXIT_OTHER_MS) / 2 * 1e6)
        row["relaunch_cost_us"] = round(sum(COLD_MINUS_HOT_MS) / 2 * k.MS * RETURN_PROBABILITY[1])

    def add(self, time_ms: float, kind: int, a: int, b: int, c: int) -> None:
        """Add an event."""
        self.events.append((round(time_ms * k.MS), kind, a, b, c))

    # --------------------------------------------------------------------------------------------- load beside the apps
    def fill_realtime(self) -> None:
        """Draw the SCHED_FIFO load: on the biggest CPUs, for a part of the episode."""
        rng = stream(self.seed, "realtime")
        preset, n = self.preset, len(self.profile.capacity)
        permille = round(1_000 * uniform(rng, *preset.rt_share))
        count = max(1, round(n * uniform(rng, *preset.rt_cpus)))
        start_ms, length_ms = uniform(rng, 0, 600), uniform(rng, 1_000, 2_500)
        saturated = rng.random() < preset.rt_saturated
        saturated_ms, saturated_length_ms = uniform(rng, 300, 900), uniform(rng, 900, 2_200)
        if rng.random() < preset.rt_unthrottled and not self.throttling_forced:
            self.out["device"]["rt_throttling"] = 0
        biggest = sorted(range(n), key=lambda cpu: (-self.profile.capacity[cpu], cpu))[:count]
        mask = sum(1 << cpu for cpu in biggest)
        self.add(start_ms, k.EVENT_RT, mask, permille, 0)
        self.add(start_ms + length_ms, k.EVENT_RT, mask, round(permille * 0.2), 0)
        if saturated:
            everywhere = (1 << n) - 1
            self.add(saturated_ms, k.EVENT_RT, everywhere, 1_000, 0)
            self.add(saturated_ms + saturated_length_ms, k.EVENT_RT, everywhere, round(permille * 0.2), 0)

    def fill_frames(self) -> None:
        """Draw the cost of each frame."""
        rng = stream(self.seed, "frames")
        costs = FRAME_MEDIAN_US * np.exp(FRAME_SIGMA * rng.standard_normal(k.MAX_FRAME_COSTS))
        # a display of 90 or 120 Hz is met by apps that draw less per frame
        costs *= min(1.0, int(self.out["device"]["vsync_us"]) / 16_667)
        costs = np.minimum(np.maximum(costs, 500.0), 60_000.0)
        self.out["n_frame_costs"] = k.MAX_FRAME_COSTS
        self.out["frame_ui_us"] = np.rint(UI_SHARE * costs)
        self.out["frame_render_us"] = np.rint((1.0 - UI_SHARE) * costs)
        self.out["frame_alloc_pages"] = int(rng.integers(16, 96))
        self.out["frames_on"] = 1

    def fill_noise(self) -> None:
        """Draw the periodic threads of the system."""
        rng = stream(self.seed, "noise")
        all_cpus = (1 << len(self.profile.capacity)) - 1
        period_us = rng.integers(8_000, 40_000, k.MAX_NOISE)
        load = uniform(rng, *self.preset.system_load) * sum(self.profile.capacity) / k.UNIT
        parts = rng.uniform(0.5, 1.5, k.MAX_NOISE)
        share = load * parts / parts.sum()
        rows = self.out["noise"]
        rows["period_us"] = period_us
        rows["phase_us"] = rng.integers(0, 20_000, k.MAX_NOISE)
        rows["work_ns"] = np.rint(period_us * share * 1_000)
        rows["nice"] = (0, 0, -4, 5)
        rows["mask"] = all_cpus


def lognormal(rng: np.random.Generator, median: float, sigma: float, bounds: Range) -> float:
    """Draw from a log-normal distribution, clipped to ``bounds``."""
    return min(max(median * math.exp(sigma * rng.standard_normal()), bounds[0]), bounds[1])


def uniform_int(rng: np.random.Generator, bounds: Range) -> int:
    """Draw an integer uniformly from ``bounds``."""
    return int(rng.integers(int(bounds[0]), int(bounds[1]) + 1))


def empty(lanes: int) -> npt.NDArray[Any]:
    """Return an array of ``lanes`` empty SCENARIO records for :func:`draw` to fill."""
    return np.zeros(lanes, SCENARIO)
