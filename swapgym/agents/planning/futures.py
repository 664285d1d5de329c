"""Futures drawn anew: what may become of a phone as it stands, to whoever knows its preset but not its scenario.

A future keeps what is present or past: the phone, its device and kernel, the apps, the periodic threads, and launches
that have started with all they still have to do. Everything else is drawn as the workload draws it, from another seed:
launches, kills, gates and restarts to come, SCHED_FIFO load, the frames' costs, the episode's length. Nothing of the
scenario's own future is read but to be wiped out: scenarios with one past have the same futures, bit for bit.

What is drawn must agree with what has been seen, or nobody could tell a launch that is over from one to come. So the
drawn timeline is moved until its n-th launch begins when the n-th launch did begin, and drawn again until it has by now
what has been seen: as many launches, as many kills for the last of them, and nothing overdue. What it says of the past
is dropped. Rejection from the workload's own distributions needs no second copy of them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.load import fill_frames, fill_realtime
from swapgym.workload.memory import FIRST_APP, FRONT_SLOT, give_life
from swapgym.workload.streams import GOLDEN, mix, stream
from swapgym.workload.timeline import fill_launch_history, fill_timeline, regate, sort_events

ATTEMPTS: Final = 128
"""Draws until one agrees with the past; should the last not either, what is overdue in it happens at once."""
FIRST_SEED: Final = 1 << 62
"""Seeds of futures are no smaller: above those of all suites."""
AFTER_LOAD: Final = 0.2
"""What is left of a SCHED_FIFO load when it is over, as in :func:`swapgym.workload.load.fill_realtime`."""
FUTURES: Final = 1 << 20
"""Number of the first stream of futures: above those that scenarios are drawn from."""


# -------------------------------------------------------------------------------------------------- drawing by the past
@kernel
def seed_of(seed: int, decision: int, number: int, attempt: int) -> Any:
    """Return the seed of an attempt at a future: a hash that is never a scenario's own seed."""
    word = stream(seed, FUTURES + decision)[0]
    word = mix(word + np.uint64(number) * GOLDEN)
    word = mix(word + np.uint64(attempt) * GOLDEN)
    return np.int64(word >> np.uint64(2)) | FIRST_SEED


@kernel
def shift_of(drawn: Any, past: Any) -> int:
    """Return by how much (us) to move a drawn timeline so that it has begun what has begun when that did begin."""
    launched = 0
    first_us = -1
    shift_us: int = 0
    for position in range(drawn.n_events):
        event = drawn.events[position]
        if event.kind == k.EVENT_LAUNCH and drawn.launches[event.a].foreground != 0:
            launched += 1
            if launched == past.launched:
                shift_us = past.anchor_us - event.time_us
        elif event.kind == k.EVENT_KILL and launched == 0 and (first_us < 0 or event.time_us < first_us):
            first_us = event.time_us
    if past.launched == 0 and past.anchor_us >= 0 and first_us >= 0:
        shift_us = past.anchor_us - first_us
    return shift_us


@kernel
def timeline_agrees(drawn: Any, past: Any, shift_us: int, now_us: int) -> bool:
    """Return whether a drawn timeline, moved, has by now what has been seen: launches, kills, apps entering cached."""
    if drawn.duration_us <= now_us:
        return False
    launched = 0
    compacted = 0
    kills = 0
    for position in range(drawn.n_events):
        event = drawn.events[position]
        overdue = event.time_us + shift_us <= now_us
        if event.kind == k.EVENT_LAUNCH and drawn.launches[event.a].foreground != 0:
            launched += 1
            if launched > past.launched and overdue:
                return False
        elif event.kind == k.EVENT_COMPACT:
            compacted += 1
            if past.compacted < compacted <= past.launched and overdue:
                return False
        elif event.kind == k.EVENT_KILL and launched == past.launched and overdue:
            kills += 1
    agrees: bool = launched >= past.launched and kills == past.kills
    return agrees


@kernel
def is_made(drawn: Any, past: Any, position: int) -> bool:
    """Return whether a drawn kill of what is under way is one of those made: the earliest are, as many as were seen."""
    own_us = drawn.events[position].time_us
    launched = 0
    earlier = 0
    for other in range(drawn.n_events):
        event = drawn.events[other]
        if event.kind == k.EVENT_LAUNCH:
            launched += drawn.launches[event.a].foreground
        elif event.kind == k.EVENT_KILL and launched == past.launched:
            earlier += event.time_us < own_us or (event.time_us == own_us and other < position)
    made: bool = earlier < past.kills
    return made


@kernel
def realtime_agrees(drawn: Any, past: Any, now_us: int) -> bool:
    """Return whether drawn SCHED_FIFO load (its two or four events, unsorted) has nothing overdue."""
    start_us = drawn.events[0].time_us
    length_us = drawn.events[1].time_us - start_us
    if past.load_us < 0:
        load = start_us > now_us
    else:
        load = past.load_over != 0 or past.load_us + length_us > now_us
    saturates = drawn.n_events > 2
    if past.saturated_us < 0:
        saturation = not saturates or drawn.events[2].time_us > now_us
    else:
        length_us = drawn.events[3].time_us - drawn.events[2].time_us
        saturation = past.saturated_over != 0 or (saturates and past.saturated_us + length_us > now_us)
    agrees: bool = load and saturation
    return agrees


# ------------------------------------------------------------------------------------------------------------- building
@kernel
def put(future: Any, time_us: int, kind: int, a: int, b: int, c: int) -> None:
    """Add an event, while there is room."""
    if future.n_events < k.MAX_EVENTS:
        event = future.events[future.n_events]
        event.time_us, event.kind, event.a, event.b, event.c = time_us, kind, a, b, c
        future.n_events += 1


@kernel
def spare(phone: Any, future: Any, index: int) -> bool:
    """Return whether process ``index`` lives, is in nobody's way and has nothing coming to it yet."""
    process = phone.processes[index]
    if process.state != k.PROCESS_ALIVE or process.prescribed != 0 or index == phone.foreground:
        return False
    for launch in range(future.n_launches):
        if future.launches[launch].n_threads > 0 and future.launches[launch].process == index:
            return False
    return True


@kernel
def process_for(phone: Any, future: Any, past: Any, wanted: int) -> int:
    """Return the process that a launch to come brings up: the app drawn, or the warmest one left; else a fresh slot.

    A fresh slot comes with what the exit and the loss of its app cost. -1 where the table is full.
    """
    if wanted < FIRST_APP + past.n_apps:
        if spare(phone, future, wanted):
            return wanted
        for index in range(FIRST_APP + past.n_apps - 1, FIRST_APP - 1, -1):
            if spare(phone, future, index):
                return index
    for slot in range(FIRST_APP + past.n_apps, k.MAX_PROCESSES):
        if phone.processes[slot].state == k.PROCESS_UNUSED and future.apps[slot].threads == 0:
            give_life(future, slot)
            process, app = phone.processes[slot], future.apps[slot]
            process.threads_left, process.mappings_left, process.files_left = app.threads, app.mappings, app.files
            future.n_processes = max(future.n_processes, slot + 1)
            return slot
    return -1


@kernel
def take_launch(phone: Any, future: Any, drawn: Any, past: Any, index: int) -> int:
    """Give launch ``index`` of a drawn timeline the next free place in the future's; return it, -1 none is free."""
    for place in range(k.MAX_LAUNCHES):
        if phone.launches[place].phase == k.LAUNCH_WAITING and future.launches[place].n_threads == 0:
            process = process_for(phone, future, past, drawn.launches[index].process)
            if process < 0:
                return -1
            future.launches[place] = drawn.launches[index]
            future.launches[place].process = process
            future.n_launches = max(future.n_launches, place + 1)
            return place
    return -1


@kernel
def take_launches(phone: Any, future: Any, drawn: Any, past: Any, shift_us: int, places: Any) -> None:
    """Write into ``places`` (int64) where each drawn launch is in the future's list; -1 it is not."""
    foreground = 0
    services = -past.services
    for index in range(drawn.n_launches):
        services += 1 - drawn.launches[index].foreground
    for position in range(drawn.n_events):
        event = drawn.events[position]
        if event.kind != k.EVENT_LAUNCH:
            continue
        if drawn.launches[event.a].foreground != 0:
            foreground += 1
            if foreground > past.launched:
                places[event.a] = take_launch(phone, future, drawn, past, event.a)
            elif foreground == past.launched:
                places[event.a] = past.last_launch
            elif foreground == past.launched - 1:
                places[event.a] = past.previous_launch
        elif services > 0 and event.time_us + shift_us > phone.now_us:
            places[event.a] = take_launch(phone, future, drawn, past, event.a)
            services -= 1


@kernel
def append_timeline(phone: Any, future: Any, drawn: Any, past: Any, shift_us: int) -> None:
    """Add what a drawn timeline, moved by ``shift_us``, says of the time to come."""
    places = np.full(k.MAX_LAUNCHES, -1, np.int64)
    take_launches(phone, future, drawn, past, shift_us, places)
    future.duration_us = max(drawn.duration_us, phone.now_us + 1)
    launched = 0  # events stand behind the foreground launch they belong to
    for position in range(drawn.n_events):
        event = drawn.events[position]
        time_us = event.time_us + shift_us
        if event.kind == k.EVENT_LAUNCH:
            foreground = drawn.launches[event.a].foreground
            launched += foreground
            if places[event.a] >= 0 and (foreground == 0 or launched > past.launched):
                put(future, max(time_us, phone.now_us + 1), k.EVENT_LAUNCH, places[event.a], 0, 0)
        elif event.kind == k.EVENT_KILL and launched >= past.launched:
            gate = places[event.c] if event.c >= 0 else -1
            if launched > past.launched or not is_made(drawn, past, position):
                append_kill(phone, future, past, event, time_us, gate, launched > past.launched)
            elif past.launched == 0 and gate >= 0:
                gate_on_past(phone, future, event.a, gate)
        elif event.kind == k.EVENT_COMPACT and launched > past.compacted and launched >= past.launched:
            before = places[event.c] if event.c >= 0 else -1
            if event.c < 0 or before >= 0:
                app = FRONT_SLOT if before < 0 else future.launches[before].process
                put(future, max(time_us, phone.now_us + 1), k.EVENT_COMPACT, app, 0, before)


@kernel
def append_kill(phone: Any, future: Any, past: Any, event: Any, time_us: int, gate: int, to_come: bool) -> None:
    """Add a drawn kill, of a launch to come or of what is under way: of the app drawn, or of the coldest one left."""
    target = event.a if spare(phone, future, event.a) else -1
    if target < 0:
        for index in range(FIRST_APP, FIRST_APP + past.n_apps):
            if target < 0 and spare(phone, future, index):
                target = index
    if not to_come and past.launched > 0 and past.gated == 1:
        gate = past.last_launch
    elif not to_come and past.launched > 0 and past.gated == 0 and gate == past.last_launch:
        gate = -1
    if target >= 0:
        phone.processes[target].prescribed = 1
        put(future, max(time_us, phone.now_us + 1), k.EVENT_KILL, target, event.b, gate)


@kernel
def gate_on_past(phone: Any, future: Any, chance: int, launch: int) -> None:
    """Let ``launch`` wait for one of the apps swept so far, since the app asked for again is as likely any of them."""
    swept = 0
    for position in range(phone.n_killed):
        swept += phone.processes[phone.kill_order[position]].killer == k.KILLER_ACTIVITY_MANAGER
    chosen = chance % max(1, swept)
    for position in range(phone.n_killed):
        process = phone.processes[phone.kill_order[position]]
        if process.killer == k.KILLER_ACTIVITY_MANAGER:
            if chosen == 0:
                process.gate_launch = launch
                regate(future, phone.kill_order[position], launch)
            chosen -= 1


@kernel
def append_realtime(phone: Any, future: Any, drawn: Any, past: Any) -> None:
    """Add what drawn SCHED_FIFO load says of the time to come: of a load that is on, only how long it lasts."""
    soon_us = phone.now_us + 1
    start, end = drawn.events[0], drawn.events[1]
    after = end.b
    if past.load_us < 0:
        put(future, max(start.time_us, soon_us), k.EVENT_RT, start.a, start.b, 0)
        put(future, max(end.time_us, soon_us), k.EVENT_RT, end.a, after, 0)
    else:
        after = round(AFTER_LOAD * past.load_permille)
        if past.load_over == 0:
            length_us = end.time_us - start.time_us
            put(future, max(past.load_us + length_us, soon_us), k.EVENT_RT, past.load_mask, after, 0)
    if drawn.n_events > 2:
        start, end = drawn.events[2], drawn.events[3]
        if past.saturated_us < 0:
            put(future, max(start.time_us, soon_us), k.EVENT_RT, start.a, start.b, 0)
            put(future, max(end.time_us, soon_us), k.EVENT_RT, end.a, after, 0)
        elif past.saturated_over == 0:
            length_us = end.time_us - start.time_us
            put(future, max(past.saturated_us + length_us, soon_us), k.EVENT_RT, end.a, after, 0)


@kernel
def count_gates(phone: Any, future: Any) -> None:
    """Count anew whom each launch has to wait for: exits under way, and kills to come."""
    for launch in range(k.MAX_LAUNCHES):
        phone.launches[launch].gate_pending = 0
    for index in range(k.MAX_PROCESSES):
        process = phone.processes[index]
        if process.state == k.PROCESS_EXITING and process.gate_launch >= 0:
            phone.launches[process.gate_launch].gate_pending += 1
    for position in range(phone.next_event, future.n_events):
        event = future.events[position]
        if event.kind == k.EVENT_KILL and event.c >= 0:
            phone.launches[event.c].gate_pending += 1


# ------------------------------------------------------------------------------------------------------------- sampling
@kernel
def draw_future(
    phone: Any, future: Any, drawn: Any, past: Any, preset: Any, sigma: float, seed: int, decision: int, n: int
) -> None:
    """Draw future ``n`` of a decision into a phone and a scenario without any (see ``past.forget``)."""
    shift_us = 0
    for attempt in range(ATTEMPTS):
        drawn.n_launches, drawn.n_events, drawn.n_processes = 0, 0, FIRST_APP + past.n_apps
        for index in range(k.MAX_LAUNCHES):
            drawn.launches[index].swapin_pages = 0
        attempted = seed_of(seed, decision, n, attempt)
        fill_timeline(drawn, preset, attempted, past.n_apps)
        fill_launch_history(drawn, sigma, attempted)
        shift_us = shift_of(drawn, past)
        if timeline_agrees(drawn, past, shift_us, phone.now_us):
            break
    append_timeline(phone, future, drawn, past, shift_us)
    for attempt in range(ATTEMPTS):
        drawn.n_events = 0
        # RT throttling is a switch that stands where it stands
        fill_realtime(drawn, preset, seed_of(seed, decision, n, attempt), True)
        if realtime_agrees(drawn, past, phone.now_us):
            break
    append_realtime(phone, future, drawn, past)
    sort_events(future)
    count_gates(phone, future)
    alloc_pages, frames_on = future.frame_alloc_pages, future.frames_on
    fill_frames(future, seed_of(seed, decision, n, 0))
    future.frame_alloc_pages, future.frames_on = alloc_pages, frames_on


@kernel
def sample(
    preset: Any, sigma: float, seed: int, decision: int, first: int, drawn: Any, pasts: Any, phones: Any, futures: Any
) -> None:
    """Draw futures of an episode that :func:`swapgym.agents.planning.past.leave` has left without any.

    Args:
        preset: PRESET record that its scenario was drawn from.
        sigma: How far its device's launches lie from what is expected of them (``launch_history_sigma``).
        seed: Scenario seed; the futures' seeds are hashes of it, of ``decision`` and of their number.
        decision: Number of the decision it stands at.
        first: Number of the first future: those of other numbers are others.
        drawn: SCENARIO records; row 0 is worked in.
        pasts: PAST records; row 0 is what has been seen.
        phones: PHONE records, shape ``(n,)``; row 0 is the episode. Written: it, ready to go on in each of its futures.
        futures: SCENARIO records, shape ``(n,)``; row 0 is what it has run so far. Written: that, and a future.
    """
    drawn[0] = futures[0]
    for n in range(len(phones) - 1, -1, -1):  # the first is what the others are copied from
        if n > 0:
            phones[n] = phones[0]
            futures[n] = futures[0]
        draw_future(phones[n], futures[n], drawn[0], pasts[0], preset, sigma, seed, decision, first + n)
