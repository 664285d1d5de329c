"""The devices that come with swapgym: what is measured of each, and what is a judgement.

``phone-8gb`` stands on a Pixel 6: capacities of its device tree (gs101: 250, 620, 1024 per MHz) times clocks of 1.80,
2.25 and 2.80 GHz. The others' cores are placed beside it by the cores they are sold with (judgements). RAM, zram and
lmkd's settings are those of public dumps and device trees. Lowest clocks are 300 to 800 MHz, as sold (judgement).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from swapgym.phone.device import DeviceProfile
from swapgym.workload.config import unknown

_EIGHT: Final = (0, 1, 2, 3, 4, 5, 6, 7)

PHONE_8GB: Final = DeviceProfile(name="phone-8gb", zram_share=0.56, kill_timeout_ms=50)
"""4 + 3 + 1 cores. zram of a public dump: 4.55 of 7.59 GB; lmkd as Pixels set it."""
PHONE_4GB: Final = replace(
    PHONE_8GB,
    name="phone-4gb",
    capacity=(430, 430, 430, 430, 1024, 1024, 1024, 1024),
    domain=(0, 0, 0, 0, 1, 1, 1, 1),
    min_clock=(0.32, 0.25),
    foreground_cpus=_EIGHT,
    core_speed=0.34,
    ram_mib=4096,
    reserved_share=0.42,
    zram_share=0.50,
    file_floor_mib=80,
    file_workingset_mib=300,
    psi_partial_stall_ms=200,
    thrashing_limit_percent=30,
    thrashing_decay_percent=50,
    kill_timeout_ms=100,
    filecache_min_mib=100,
    n_reapers=0,
)
"""4 Cortex-A53 at 1.9 GHz and 4 Cortex-A73 at 2.4 GHz (judgement). lmkd's low-RAM settings: 200 ms, 30 %, 50 %.
Its kernel is older than process_mrelease (5.15, Android's 5.10)."""
PHONE_6GB: Final = replace(
    PHONE_8GB,
    name="phone-6gb",
    capacity=(376, 376, 376, 376, 376, 376, 1024, 1024),
    domain=(0, 0, 0, 0, 0, 0, 1, 1),
    min_clock=(0.25, 0.33),
    foreground_cpus=_EIGHT,
    core_speed=0.48,
    ram_mib=6144,
    zram_share=0.55,
    file_floor_mib=100,
    file_workingset_mib=400,
    refresh_hz=90,
    kill_timeout_ms=100,
    n_reapers=0,
)
"""6 Cortex-A55 at 2.0 GHz and 2 Cortex-A76 at 2.2 GHz, as a Dimensity 700 has (judgement); no process_mrelease."""
PHONE_12GB: Final = replace(
    PHONE_8GB,
    name="phone-12gb",
    capacity=(260, 260, 260, 260, 700, 700, 700, 1024),
    min_clock=(0.17, 0.28, 0.25),
    core_speed=1.2,
    ram_mib=12288,
    reserved_share=0.36,
    zram_share=0.6,
    file_floor_mib=160,
    file_workingset_mib=700,
    refresh_hz=120,
    kill_heaviest=True,
)
"""4 + 3 + 1 cores of 2022, the largest a Cortex-X2 at 3 GHz (judgement). kill_heaviest and a time-out of 50 ms as on
Pixel 8 Pro."""
PHONE_16GB: Final = replace(
    PHONE_12GB,
    name="phone-16gb",
    capacity=(420, 420, 420, 420, 760, 760, 760, 1024),
    min_clock=(0.25, 0.25, 0.25),
    core_speed=2.0,
    ram_mib=16384,
    reserved_share=0.33,
    zram_share=0.5,
    file_floor_mib=200,
    file_workingset_mib=900,
    kill_timeout_ms=100,
)
"""A flagship of 2025: 4 + 3 + 1 cores at 2.7, 3.5 and 4.21 GHz (Lei Liu, Sep 2025); their speeds are a judgement."""
A72_BOARD: Final = DeviceProfile(
    name="a72-board",
    capacity=(1024, 1024, 1024, 1024),
    domain=(0, 0, 0, 0),
    min_clock=(1.0,),
    schedutil=False,
    core_speed=0.26,
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
"""Raspberry Pi 4B: 4 Cortex-A72 at 1.5 GHz, its clock held; the board of the zsmalloc series of 2026."""

DEVICES: Final[dict[str, DeviceProfile]] = {
    profile.name: profile for profile in (PHONE_4GB, PHONE_6GB, PHONE_8GB, PHONE_12GB, PHONE_16GB, A72_BOARD)
}


def device_profile(name: str) -> DeviceProfile:
    """Return the device profile called ``name``.

    Raises:
        ValueError: If there is none; names the nearest and all there are.
    """
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    return DEVICES[name]
