"""Draw what else a scenario's phone does: SCHED_FIFO load, frames, periodic threads of the system."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.streams import BACKGROUND, FRAMES, REALTIME, integer, random, stream, uniform
from swapgym.workload.timeline import add, draw_range

FRAME_MEDIAN_US: Final = 2_850.0
FRAME_SIGMA: Final = 0.775
"""CPU time per frame on the device's largest CPU, UI and render together: log-normal. Fitted with the frames' uclamp on
gfxinfo of a public device log: *frame times* of 6 ms in the median, 18, 21 and 28 ms at 90, 95 and 99 %, 1.2 % of
deadlines missed. Apps draw less on smaller phones, so that the figure is every device's own (judgement)."""
FRAME_LOW_US: Final = 500.0
FRAME_HIGH_US: Final = 60_000.0
UI_SHARE: Final = 0.45
"""The UI thread's share of a frame (judgement)."""
SIXTY_HERTZ_US: Final = 16_667
BACKGROUND_NICE: Final = (0, 0, -4, 5)
"""Services at normal priority, one above and one below it, every 8 to 40 ms (judgement)."""
MOST_US: Final = 65_535
NEW_PARTS: Final = np.zeros(k.MAX_BACKGROUND_THREADS)
"""What a frame's record can hold."""


@kernel
def fill_realtime(out: Any, preset: Any, seed: int, throttling_forced: bool) -> None:
    """Draw the SCHED_FIFO load: on the biggest CPUs, for a part of the episode.

    Args:
        out: SCENARIO record.
        preset: PRESET record.
        seed: Scenario seed.
        throttling_forced: An override says whether RT throttling is on: the preset does not.
    """
    rng = stream(seed, REALTIME)
    n = out.device.n_cpus
    permille = round(1_000 * draw_range(rng, preset.rt_share))
    count = min(n, max(1, round(n * draw_range(rng, preset.rt_cpus))))
    start_ms = uniform(rng, 0.0, 600.0)
    length_ms = uniform(rng, 1_000.0, 2_500.0)
    saturated = random(rng) < preset.rt_saturated
    saturated_ms = uniform(rng, 300.0, 900.0)
    saturated_length_ms = uniform(rng, 900.0, 2_200.0)
    if random(rng) < preset.rt_unthrottled and not throttling_forced:
        out.device.rt_throttling = 0
    mask = biggest(out, count)
    after = round(permille * 0.2)
    add(out, start_ms, k.EVENT_RT, mask, permille, 0)
    add(out, start_ms + length_ms, k.EVENT_RT, mask, after, 0)
    if saturated:
        everywhere = (1 << n) - 1
        add(out, saturated_ms, k.EVENT_RT, everywhere, 1_000, 0)
        add(out, saturated_ms + saturated_length_ms, k.EVENT_RT, everywhere, after, 0)


@kernel
def biggest(out: Any, count: int) -> int:
    """Return the mask of the ``count`` biggest CPUs, the lowest numbers among equals."""
    mask = 0
    for _ in range(count):
        best = -1
        for cpu in range(out.device.n_cpus):
            taken = (mask >> cpu) & 1
            if taken == 0 and (best < 0 or out.device.capacity[cpu] > out.device.capacity[best]):
                best = cpu
        mask |= 1 << best
    return mask


@kernel
def fill_frames(out: Any, seed: int) -> None:
    """Draw the cost of each frame."""
    rng = stream(seed, FRAMES)
    # a display of 90 or 120 Hz is met by apps that draw less per frame
    scale = FRAME_MEDIAN_US * min(1.0, out.device.vsync_us / SIXTY_HERTZ_US)
    for pair in range(k.MAX_FRAME_COSTS // 2):
        radius = FRAME_SIGMA * math.sqrt(-2.0 * math.log(1.0 - random(rng)))
        angle = 2.0 * math.pi * random(rng)
        for index, part in ((2 * pair, math.cos(angle)), (2 * pair + 1, math.sin(angle))):
            cost = min(max(scale * math.exp(radius * part), FRAME_LOW_US), FRAME_HIGH_US)
            out.frame_ui_us[index] = min(MOST_US, round(UI_SHARE * cost))
            out.frame_render_us[index] = min(MOST_US, round((1.0 - UI_SHARE) * cost))
    out.n_frame_costs = k.MAX_FRAME_COSTS
    out.frame_alloc_pages = integer(rng, 16, 95)
    out.frames_on = 1


@kernel
def fill_background(out: Any, preset: Any, seed: int) -> None:
    """Draw the periodic threads of the system."""
    rng = stream(seed, BACKGROUND)
    n = out.device.n_cpus
    total = 0
    for cpu in range(n):
        total += out.device.capacity[cpu]
    load = draw_range(rng, preset.system_load) * total / k.UNIT
    parts = NEW_PARTS.copy()
    for index in range(k.MAX_BACKGROUND_THREADS):
        parts[index] = uniform(rng, 0.5, 1.5)
    whole = parts.sum()
    for index in range(k.MAX_BACKGROUND_THREADS):
        spec = out.background_threads[index]
        spec.period_us = integer(rng, 8_000, 39_999)
        spec.phase_us = integer(rng, 0, 19_999)
        spec.work_ns = round(spec.period_us * load * parts[index] / whole * k.NS_PER_US)
        spec.nice = BACKGROUND_NICE[index]
        spec.mask = (1 << n) - 1
