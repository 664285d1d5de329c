"""Lay out a scenario's memory: the apps, the app in front, the system, so that all of RAM is somewhere."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.apps import (
    COLD_MINUS_HOT_MS,
    FILES,
    MAPPINGS,
    RETURN_PROBABILITY,
    SWAPPED_IN_FRONT,
    SWAPPED_PLATEAU,
    THREADS,
    draw_app,
    exit_size,
    pages,
)
from swapgym.workload.streams import APPS, MEMORY, lognormal, stream, uniform

COMPRESSION_MEDIAN: Final = 3.0
COMPRESSION_SIGMA: Final = 0.15
COMPRESSION_LOW: Final = 2.2
COMPRESSION_HIGH: Final = 4.5
"""Swapped over physical bytes in zram: nine public dumpsys extracts, 2.2 to 4.5, median 3.3; a round 3.0 leaves out
same-filled pages."""
SYSTEM_SLOT: Final = 0
FRONT_SLOT: Final = 1
FIRST_APP: Final = 2
MAX_APPS: Final = 40
APPS_PER_GIB: Final = 2.0
"""Cached apps per GiB of RAM: 15 on an 8 GB phone after fifteen launches in vivo's test, 20 to 30 alive in Lei Liu's
on 12 GB."""
FRONT_ANON_MIB: Final = 280.0
FRONT_FOOTPRINT_MIB: Final = 430.0
"""Of an app in front: WeChat 308 to 372 MB of PSS, Instagram 442 in public dumps; with mapped files for its exit."""
RELAUNCH_FRONT_US: Final = round(sum(COLD_MINUS_HOT_MS) / 2 * k.MS * float(RETURN_PROBABILITY[1]))


@kernel
def size_of(out: Any) -> float:
    """Return the factor on footprints: smaller phones run smaller apps."""
    return np.sqrt(out.device.ram_pages / (8_192 * k.PAGES_PER_MIB))


@kernel
def give_life(out: Any, slot: int) -> None:
    """Give an app that is or was in front what its exit and its loss cost: it is the likeliest asked for again."""
    app = out.apps[slot]
    footprint = size_of(out) * FRONT_FOOTPRINT_MIB
    app.threads = round(exit_size(THREADS, footprint))
    app.mappings = round(exit_size(MAPPINGS, footprint))
    app.files = round(exit_size(FILES, footprint))
    app.relaunch_cost_us = RELAUNCH_FRONT_US


@kernel
def put(out: Any, slot: int, adj: int, anon: int, hot: int, file: int, entries: int) -> None:
    """Put one process of known size into a slot."""
    app = out.apps[slot]
    app.present = 1
    app.oom_score_adj = adj
    app.anon_pages = anon
    app.anon_hot_pages = hot
    app.file_pages = file
    app.swap_entries = entries
    give_life(out, slot)


@kernel
def fill_memory(out: Any, preset: Any, seed: int) -> int:
    """Draw the apps and lay out memory; return the number of cached apps.

    Args:
        out: SCENARIO record; its device and kernel are there, the rest is written.
        preset: PRESET record.
        seed: Scenario seed.
    """
    device = out.device
    rng = stream(seed, MEMORY)
    size = size_of(out)
    wanted_apps = round(APPS_PER_GIB * device.ram_pages / (1_024 * k.PAGES_PER_MIB) * uniform(rng, 0.7, 1.2))
    n = min(MAX_APPS, max(8, wanted_apps))
    compression = lognormal(rng, COMPRESSION_MEDIAN, COMPRESSION_SIGMA, COMPRESSION_LOW, COMPRESSION_HIGH)
    front_anon = pages(size * lognormal(rng, FRONT_ANON_MIB, 0.5, 80.0, 1_200.0))
    front_swapped = SWAPPED_IN_FRONT * uniform(rng, 0.2, 1.0)
    slots_used = uniform(rng, preset.slots_used[0], preset.slots_used[1])
    slack = uniform(rng, preset.slack[0], preset.slack[1])
    above_low = uniform(rng, 0.2, 1.2)
    # what is to be shared out: DeviceProfile sees to it that it is more than the page cache's floor
    free = device.watermark_low + int((device.watermark_high - device.watermark_low) * above_low)
    left = device.ram_pages - device.reserved_pages - free
    wanted_file = int(device.file_workingset_pages * (1.0 + slack))
    file = max(device.file_floor_pages + 1, min(wanted_file, (device.file_floor_pages + left) // 2))
    left -= file
    out.compression = round(compression * k.UNIT)
    # swap: no more than the share of the slots in use, and no more than a third of what is left, compressed
    wanted = min(int(device.swap_slots * slots_used), left // 3 * out.compression // k.UNIT)
    front_swap = min(int(front_anon * front_swapped), wanted // 2)
    front_resident = min(front_anon - front_swap, left // 3)
    apps_rng = stream(seed, APPS)
    drawn_entries = 0
    for position in range(n):
        draw_app(apps_rng, out.apps[FIRST_APP + position], n - position, size)
        drawn_entries += out.apps[FIRST_APP + position].swap_entries
    # the apps' entries are scaled to that; what does not fit is not resident either
    scale = min(1.0, (wanted - front_swap) / max(1, drawn_entries))
    entries = front_swap
    resident = 0
    for position in range(n):
        app = out.apps[FIRST_APP + position]
        app.swap_entries = int(app.swap_entries * scale)
        app.anon_pages = int(app.anon_pages * max(scale, 0.5))
        entries += app.swap_entries
        resident += app.anon_pages
    out.pool_pages = (entries * k.UNIT + out.compression - 1) // out.compression
    room = left - out.pool_pages - front_resident
    if room < resident:  # a small phone: its apps have less of themselves in RAM
        share = room / max(1, resident)
        resident = 0
        for position in range(n):
            app = out.apps[FIRST_APP + position]
            app.anon_pages = int(app.anon_pages * share)
            resident += app.anon_pages
    for position in range(n):
        app = out.apps[FIRST_APP + position]
        # half of what is left resident is in use (judgement); vivo's video app keeps 64 % of its files at the plateau
        app.anon_hot_pages = app.anon_pages // 2
        app.file_pages = min(app.file_pages, file // max(1, n))
        app.file_hot_pages = app.file_pages * 6 // 10
    system = room - resident
    put(out, SYSTEM_SLOT, -900, system, system, 0, 0)
    hot = min(front_resident, int((1.0 - SWAPPED_PLATEAU) * front_anon))
    put(out, FRONT_SLOT, 0, front_resident, hot, min(pages(100.0 * size), file // 4), front_swap)
    out.n_processes = FIRST_APP + n
    out.foreground_process = FRONT_SLOT
    out.file_cache_pages = file
    return n
