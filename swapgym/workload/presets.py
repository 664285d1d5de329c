"""Presets: what happens to the phone, as ranges from which a scenario is drawn.

Sources: ten and more of 20 to 30 cached apps killed at a camera launch (Lei Liu, 9 Sep 2025); camera demand 300 to
1,200 MB and 773 ms (400 to 1,500) to the first frame without contention (one device log; the demand is a judgement,
to be swept). What is allocated after the first frame is no part of the launch, so a burst is shorter than that;
switches per session from LSApp; system services and third-party apps take 60 % of the CPU at a camera launch, exits
25 % (Lei Liu); SCHED_FIFO load of SurfaceFlinger, audio and camera threads 10 to 60 % of a big core (judgement).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from swapgym.workload.config import unknown

Range = tuple[float, float]
PHONES: Final = ("phone-4gb", "phone-6gb", "phone-8gb", "phone-12gb", "phone-16gb")


@dataclass(frozen=True)
class Preset:
    """Ranges from which a scenario is drawn, uniformly unless said otherwise.

    Attributes:
        name: Its name.
        devices: Device profiles it happens on.
        duration_ms: Length of the episode.
        launches: How many launches, inclusive.
        launch_gap_ms: Time between two of them.
        victims: Prescribed kills per launch, inclusive; they stop early when enough memory is to be had.
        freed_over_burst: How much is enough: memory of the victims over what the launch allocates.
        memory_target: Free memory and page cache, over RAM, that the kills are to reach instead; 0 there is none.
        target_margin_mib: What is added to the gap to it.
        kill_spread_ms: Time over which they are spread.
        promoted_share: Probability that a kill is lmkd's way (promoted) rather than the activity manager's.
        gated_share: Probability that the launch waits for its victims.
        gate_timeout_ms: How long it waits at most.
        burst_mib: What a launch allocates.
        burst_ms: How long it takes to, unhindered.
        buffer_share: Share of the burst that is unreclaimable buffers.
        hot_share: Probability that a launch is of an app that is still there (swap-in instead of burst).
        work_ms: CPU work of a launch on capacity 1024, all threads together.
        services: Services that restart after the first launch's kills, inclusive.
        slack: Page cache beyond its working set at the start, over the working set.
        slots_used: Share of the swap slots in use at the start.
        rt_share: SCHED_FIFO utilisation while the load is on.
        rt_cpus: Share of the CPUs that have it; the biggest first.
        rt_saturated: Probability that all CPUs are SCHED_FIFO-bound for a while.
        rt_unthrottled: Probability that RT throttling is off.
        system_load: CPU time of system services over all CPUs' capacity.
        mass_kill: Kills at once by the activity manager before the first launch, inclusive.
    """

    name: str
    devices: tuple[str, ...] = PHONES
    duration_ms: Range = (2_200, 3_000)
    launches: tuple[int, int] = (1, 1)
    launch_gap_ms: Range = (900, 1_600)
    victims: tuple[int, int] = (2, 10)
    freed_over_burst: Range = (0.3, 1.1)
    memory_target: Range = (0.0, 0.0)
    target_margin_mib: Range = (0.0, 0.0)
    kill_spread_ms: Range = (60, 300)
    promoted_share: float = 1.0
    gated_share: float = 1.0
    gate_timeout_ms: Range = (1_000, 2_000)
    burst_mib: Range = (300, 1_200)
    burst_ms: Range = (300, 800)
    buffer_share: Range = (0.4, 0.8)
    hot_share: float = 0.0
    work_ms: Range = (400, 900)
    services: tuple[int, int] = (0, 0)
    slack: Range = (-0.3, 0.2)
    slots_used: Range = (0.65, 0.92)
    rt_share: Range = (0.05, 0.3)
    rt_cpus: Range = (0.1, 0.4)
    rt_saturated: float = 0.0
    rt_unthrottled: float = 0.1
    system_load: Range = (0.1, 0.4)
    mass_kill: tuple[int, int] = (0, 0)

    def to_record(self) -> Any:
        """Return the preset as a PRESET record; names and devices stay behind."""
        record = np.zeros(1, PRESET)[0]
        for name in PRESET.names or ():
            record[name] = getattr(self, name)
        return record


PRESET: Final = np.dtype(
    [
        (field.name, "f8", (2,)) if isinstance(field.default, tuple) else (field.name, "f8")
        for field in fields(Preset)
        if field.name not in ("name", "devices")
    ]
)
"""A preset as kernels see it: ranges are pairs."""

CAMERA_LAUNCH: Final = Preset(
    "camera_launch",
    victims=(3, 14),
    burst_mib=(400, 1_200),
    buffer_share=(0.6, 0.95),
    kill_spread_ms=(20, 200),
    rt_share=(0.1, 0.5),
    system_load=(0.3, 0.6),
)
CAMERA_TARGET: Final = Preset(
    "camera_target",
    victims=(2, 20),
    memory_target=(0.2, 0.3),
    target_margin_mib=(0, 200),
    burst_mib=(400, 1_200),
    buffer_share=(0.6, 0.95),
    kill_spread_ms=(5, 40),
    gated_share=0.5,
    rt_share=(0.1, 0.5),
    system_load=(0.3, 0.6),
)
"""A vendor's camera booster: kills in one quick loop until their summed PSS meets a target of 25 % of RAM by default
(a decompiled service). That half of these launches wait for their victims' exits is a judgement."""
APP_SWITCHING: Final = Preset(
    "app_switching",
    duration_ms=(4_200, 5_200),
    launches=(2, 4),
    launch_gap_ms=(600, 1_100),
    victims=(1, 4),
    promoted_share=0.6,
    gated_share=0.6,
    burst_mib=(150, 500),
    buffer_share=(0.1, 0.3),
    hot_share=0.4,
    work_ms=(400, 1_000),
)
CLEAR_ALL: Final = Preset(
    "clear_all",
    victims=(1, 2),
    promoted_share=0.0,
    burst_mib=(500, 1_200),
    buffer_share=(0.3, 0.6),
    work_ms=(400, 900),
    mass_kill=(4, 10),
)
RT_RECORDING: Final = Preset(
    "rt_recording",
    duration_ms=(3_000, 3_800),
    victims=(3, 8),
    burst_mib=(200, 800),
    rt_share=(0.5, 0.95),
    rt_cpus=(0.4, 1.0),
    rt_saturated=0.5,
    rt_unthrottled=0.5,
)
LOW_RAM: Final = Preset(
    "low_ram",
    duration_ms=(2_600, 3_600),
    devices=("phone-4gb", "phone-6gb"),
    launches=(1, 2),
    launch_gap_ms=(1_200, 2_000),
    victims=(2, 5),
    burst_mib=(300, 700),
    buffer_share=(0.2, 0.6),
    slack=(-0.4, 0.0),
    slots_used=(0.8, 0.95),
)
SERVICE_RESTART: Final = Preset(
    "service_restart",
    victims=(3, 8),
    promoted_share=0.8,
    burst_mib=(200, 600),
    buffer_share=(0.2, 0.5),
    services=(2, 5),
    slack=(-0.2, 0.2),
)

PRESETS: Final[dict[str, Preset]] = {
    preset.name: preset
    for preset in (
        CAMERA_LAUNCH,
        APP_SWITCHING,
        CLEAR_ALL,
        RT_RECORDING,
        LOW_RAM,
        SERVICE_RESTART,
        CAMERA_TARGET,
    )
}
MIXED: Final = "mixed"
MIXED_PRESETS: Final = (
    "app_switching",
    "camera_launch",
    "camera_target",
    "clear_all",
    "low_ram",
    "rt_recording",
    "service_restart",
)
"""What ``mixed`` draws from, by place."""
CAMERA: Final = "camera"
MIXTURES: Final[dict[str, tuple[str, ...]]] = {MIXED: MIXED_PRESETS, CAMERA: ("camera_launch", "camera_target")}
"""Names that draw one of several presets. ``camera`` is the case that the patch series was written for."""
PRESET_NAMES: Final[tuple[str, ...]] = (*PRESETS, *MIXTURES)


def presets_of(name: str) -> tuple[str, ...]:
    """Return the presets that ``name`` draws from: a mixture's, or the one itself.

    Raises:
        ValueError: If there is no such preset.
    """
    return MIXTURES[name] if name in MIXTURES else (preset(name).name,)


def preset(name: str) -> Preset:
    """Return the preset called ``name`` (a mixture is not one: it draws one of several).

    Raises:
        ValueError: If there is none; names the nearest and all there are.
    """
    if name not in PRESETS:
        raise unknown("preset", name, PRESET_NAMES)
    return PRESETS[name]
