"""Draw a scenario's timeline: launches, the kills made for them, gates, bursts, restarts of services."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.costs import on_core
from swapgym.phone.jit import kernel
from swapgym.workload.apps import pages
from swapgym.workload.memory import FIRST_APP, FRONT_SLOT, give_life, size_of
from swapgym.workload.streams import LAUNCH_HISTORY, LAUNCHES, TIMELINE, integer, normal, random, stream, uniform

MAX_VICTIMS: Final = 20
BEFORE_GATE: Final = 0.15
"""Share of a launch's work before its gate (judgement). So are what a hot start and a service need of a cold launch."""
PSS_OF_FILES: Final = 0.5
PROCESSES: Final = np.arange(k.MAX_PROCESSES)
"""Share of an app's mapped file pages that its PSS counts: the rest is shared with others (judgement)."""


@kernel
def draw_range(rng: Any, pair: Any) -> float:
    """Draw uniformly from a preset's range."""
    return uniform(rng, pair[0], pair[1])


@kernel
def draw_count(rng: Any, pair: Any) -> int:
    """Draw an integer from a preset's range, both ends included."""
    return integer(rng, int(pair[0]), int(pair[1]))


@kernel
def add(out: Any, time_ms: float, kind: int, a: int, b: int, c: int) -> None:
    """Add an event."""
    event = out.events[out.n_events]
    event.time_us = round(time_ms * k.MS)
    event.kind = kind
    event.a = a
    event.b = b
    event.c = c
    out.n_events += 1


@kernel
def sort_events(out: Any) -> None:
    """Put the events in the order of time; those of one instant stay in the order they were added in."""
    for position in range(1, out.n_events):
        event = out.events[position]
        time_us, kind, a, b, c = event.time_us, event.kind, event.a, event.b, event.c
        place = position
        while place > 0 and out.events[place - 1].time_us > time_us:
            before, here = out.events[place - 1], out.events[place]
            here.time_us, here.kind, here.a, here.b, here.c = before.time_us, before.kind, before.a, before.b, before.c
            place -= 1
        here = out.events[place]
        here.time_us, here.kind, here.a, here.b, here.c = time_us, kind, a, b, c


@kernel
def new_process(out: Any) -> int:
    """Return a fresh slot."""
    slot = out.n_processes
    out.n_processes += 1
    give_life(out, slot)
    return slot


@kernel
def regate(out: Any, process: int, launch: int) -> None:
    """Let ``launch`` wait for the prescribed exit of ``process``."""
    for position in range(out.n_events):
        event = out.events[position]
        if event.kind == k.EVENT_KILL and event.a == process:
            event.c = launch


@kernel
def fill_timeline(out: Any, preset: Any, seed: int, n_apps: int) -> None:
    """Draw launches, kills and restarts. Every scenario holds at least one kill of an app that is there.

    Args:
        out: SCENARIO record with its memory laid out.
        preset: PRESET record.
        seed: Scenario seed.
        n_apps: Cached apps, from FIRST_APP on, coldest first.
    """
    rng = stream(seed, TIMELINE)
    launches = stream(seed, LAUNCHES)
    out.duration_us = draw_count(rng, preset.duration_ms) * k.MS
    time_ms = uniform(rng, 150.0, 500.0)
    n_launches = draw_count(rng, preset.launches)
    mass = min(draw_count(rng, preset.mass_kill), n_apps - 4)
    killable = PROCESSES[FIRST_APP : FIRST_APP + n_apps].copy()
    first = 0  # killable[first:last] are left
    last = n_apps
    swept = -1
    for _ in range(mass):
        chosen = integer(rng, 0, last - 1)
        process = killable[chosen]
        last -= 1
        for place in range(chosen, last):  # assigning a slice compiles the text of its error, two seconds
            killable[place] = killable[place + 1]
        swept = process if swept < 0 else swept
        add(out, time_ms + uniform(rng, 0.0, 60.0), k.EVENT_KILL, process, k.KILLER_ACTIVITY_MANAGER, -1)
    if mass > 0:
        time_ms += uniform(rng, 80.0, 500.0)
    previous = FRONT_SLOT
    for launch in range(n_launches):
        hot = random(launches) < preset.hot_share and last - first > 6
        if hot:
            last -= 1
            process = killable[last]
        else:
            process = new_process(out)
        fill_launch(out, preset, launch, launches, process, hot, True)
        add(out, time_ms, k.EVENT_LAUNCH, launch, 0, 0)
        gate = launch if random(launches) < preset.gated_share else -1
        count = choose_victims(out, preset, launch, rng, killable, first, last)
        spread_ms = draw_range(rng, preset.kill_spread_ms)
        for position in range(count):
            promoted = random(rng) < preset.promoted_share
            killer = k.KILLER_SCENARIO_LMKD if promoted else k.KILLER_ACTIVITY_MANAGER
            at_ms = time_ms + 10.0 + spread_ms * position / max(1, count - 1)
            add(out, at_ms, k.EVENT_KILL, killable[first + position], killer, gate)
        first += count
        if swept >= 0:
            # the person asks for an app just cleared: its start waits for the exit of its predecessor
            regate(out, swept, launch)
        add(out, time_ms + uniform(rng, 250.0, 600.0), k.EVENT_COMPACT, previous, 0, launch - 1)
        previous = process
        time_ms += draw_range(rng, preset.launch_gap_ms)
    fill_services(out, preset, rng, launches, n_launches)


@kernel
def choose_victims(out: Any, preset: Any, launch: int, rng: Any, killable: Any, first: int, last: int) -> int:
    """Return how many of the coldest apps left die for a launch.

    Until what they hold covers enough of its burst; or, where the preset has a memory target, until the PSS last seen
    of them covers the gap to it, as a vendor's camera booster counts: swapped pages at full size, so that the sum
    overstates what the kills free.
    """
    spec = out.launches[launch]
    enough = draw_range(rng, preset.freed_over_burst)
    wanted = enough * (spec.burst_anon_pages + spec.burst_buffer_pages + spec.burst_file_pages)
    target = draw_range(rng, preset.memory_target)
    margin = draw_range(rng, preset.target_margin_mib)
    if target > 0.0:
        device = out.device
        held = out.pool_pages + device.reserved_pages + device.file_floor_pages
        for index in range(out.n_processes):
            held += out.apps[index].anon_pages
        wanted = target * device.ram_pages - (device.ram_pages - held) + margin * k.PAGES_PER_MIB
    low = int(preset.victims[0])
    high = min(int(preset.victims[1]), MAX_VICTIMS)
    count = 0
    freed = 0.0
    while last - first - count > 3 and count < high and (count < low or freed < wanted):
        victim = out.apps[killable[first + count]]
        if target > 0.0:
            freed += victim.anon_pages + victim.swap_entries + PSS_OF_FILES * victim.file_pages
        else:
            freed += victim.anon_pages + victim.swap_entries * k.UNIT / out.compression
        count += 1
    return max(1, count)


@kernel
def capacity_rank(out: Any, rank: int) -> int:
    """Return the capacity of the CPU of this rank, 0 the largest; of the smallest where there are fewer."""
    n = out.device.n_cpus
    capacity = out.device.capacity.copy()
    for position in range(1, n):
        value, place = capacity[position], position
        while place > 0 and capacity[place - 1] > value:
            capacity[place] = capacity[place - 1]
            place -= 1
        capacity[place] = value
    return capacity[max(0, n - 1 - rank)]


@kernel
def fill_launch(out: Any, preset: Any, launch: int, rng: Any, process: int, hot: bool, foreground: bool) -> None:
    """Draw one launch: its work, its gate, its burst, and how long it would take on an idle phone."""
    spec = out.launches[launch]
    burst = draw_range(rng, preset.burst_mib) * min(1.0, size_of(out))
    burst_ms = draw_range(rng, preset.burst_ms)
    buffers = draw_range(rng, preset.buffer_share)
    work_ms = draw_range(rng, preset.work_ms)
    swapin_share = uniform(rng, 0.2, 0.5)
    timeout_ms = draw_range(rng, preset.gate_timeout_ms)
    threads = 3
    if not foreground:
        threads = 1
        burst *= 0.15
        burst_ms *= 0.5
        buffers = 0.0
        work_ms *= 0.2
    if hot:
        burst *= 0.3
        burst_ms *= 0.5
        work_ms *= 0.4
        spec.swapin_pages = int(out.apps[process].swap_entries * swapin_share)
    files = min(0.1, (1.0 - buffers) / 2)
    spec.process = process
    spec.foreground = 1 if foreground else 0
    spec.n_threads = threads
    spec.nice = 0 if foreground else 10
    work_ns = work_ms * 1e6 * k.UNIT / out.device.core_speed
    spec.start_ns = round(BEFORE_GATE * work_ns)
    spec.work_ns = round((1.0 - BEFORE_GATE) * work_ns)
    spec.gate_timeout_us = round(timeout_ms * k.MS)
    spec.burst_buffer_pages = pages(burst * buffers)
    spec.burst_file_pages = pages(burst * files)
    spec.burst_anon_pages = pages(burst * (1.0 - buffers - files))
    spec.burst_us = round(burst_ms * k.MS)
    slowest = capacity_rank(out, threads - 1)
    start_us = spec.start_ns / threads * k.UNIT / slowest / k.NS_PER_US
    work_us = spec.work_ns / threads * k.UNIT / slowest / k.NS_PER_US
    nominal_us = start_us + max(work_us + paging_us(out, spec), burst_ms * k.MS)
    spec.nominal_us = round(min(nominal_us, k.MOST_32))
    out.n_launches = launch + 1


@kernel
def fill_launch_history(out: Any, sigma: float, seed: int) -> None:
    """Draw what the system expects each launch to allocate: a running average of the app's earlier launches.

    Args:
        out: SCENARIO record with its launches drawn.
        sigma: sd of the logarithm of expected over real.
        seed: Scenario seed.
    """
    rng = stream(seed, LAUNCH_HISTORY)
    for launch in range(out.n_launches):
        spec = out.launches[launch]
        real = spec.burst_anon_pages + spec.burst_buffer_pages + spec.burst_file_pages + spec.swapin_pages
        spec.expected_pages = round(min(real * math.exp(sigma * normal(rng)), k.MOST_32))


@kernel
def paging_us(out: Any, spec: Any) -> float:
    """Return the CPU time (us) of a launch's faults on the largest core at full clock."""
    costs = out.kernel
    fresh = spec.burst_buffer_pages + spec.burst_file_pages + spec.burst_anon_pages
    alloc_ps = on_core(costs, k.COST_ALLOC, k.UNIT)
    swapin_ps = on_core(costs, k.COST_SWAPIN, k.UNIT)
    return (fresh * alloc_ps + spec.swapin_pages * swapin_ps) / (k.PS_PER_NS * k.NS_PER_US)


@kernel
def fill_services(out: Any, preset: Any, rng: Any, launches: Any, first: int) -> None:
    """Draw services that start again after the kills, each gated on the exit of its predecessor."""
    count = min(draw_count(rng, preset.services), k.MAX_LAUNCHES - first)
    n_events = out.n_events
    service = 0
    for position in range(n_events):
        event = out.events[position]
        if event.kind == k.EVENT_KILL and service < count:
            launch = first + service
            fill_launch(out, preset, launch, launches, new_process(out), False, False)
            add(out, event.time_us / k.MS + uniform(rng, 20.0, 200.0), k.EVENT_LAUNCH, launch, 0, 0)
            if event.c < 0:
                event.c = launch
            service += 1
