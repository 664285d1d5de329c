"""The past of an episode: what has been seen of its timeline by now, and a phone without anything that is yet to come.

A phone carries marks of what its scenario has in store: who is to be killed, how many exits a launch will wait for,
slots kept for processes. A scenario holds all of it. :func:`leave` takes both away.
"""

from __future__ import annotations

from typing import Any, Final

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.phone.records import integer, record
from swapgym.workload.memory import FIRST_APP

PAST: Final = record(
    integer("n_apps", "1", "cached apps at the start"),
    integer("launched", "1", "foreground launches that have started"),
    integer("last_launch", "index", "the last of them; -1 none"),
    integer("previous_launch", "index", "the one before; -1 none"),
    integer("gated", "0/1", "the last one waits for its victims; -1 it has none yet"),
    integer("anchor_us", "us", "when the last one started, or a sweep before the first; -1 neither"),
    integer("kills", "1", "kills made for the last one, or in the sweep before the first"),
    integer("services", "1", "services that have started again"),
    integer("compacted", "1", "apps in front before that have entered cached"),
    integer("load_us", "us", "when the SCHED_FIFO load came on; -1 not yet"),
    integer("load_mask", "bitmask", "its CPUs"),
    integer("load_permille", "1/1000", "its utilisation"),
    integer("load_over", "0/1", "it is over"),
    integer("saturated_us", "us", "when SCHED_FIFO load took all CPUs; -1 it did not yet"),
    integer("saturated_over", "0/1", "that is over"),
)
"""What has been seen of a scenario's timeline."""


@kernel
def look_back(phone: Any, scenario: Any, past: Any) -> None:
    """Write what has happened so far into ``past`` (PAST)."""
    n_apps = 0
    while FIRST_APP + n_apps < k.MAX_PROCESSES and scenario.apps[FIRST_APP + n_apps].present != 0:
        n_apps += 1
    past.n_apps = n_apps
    past.launched, past.kills, past.services, past.compacted = 0, 0, 0, 0
    past.last_launch, past.previous_launch, past.gated, past.anchor_us = -1, -1, -1, -1
    past.load_us, past.load_mask, past.load_permille, past.load_over = -1, 0, 0, 0
    past.saturated_us, past.saturated_over = -1, 0
    for position in range(phone.next_event):
        event = scenario.events[position]
        if event.kind == k.EVENT_RT:
            look_back_realtime(scenario, past, event)
        elif event.kind == k.EVENT_COMPACT:
            past.compacted += 1
        elif event.kind == k.EVENT_KILL:
            past.kills += 1
            if past.launched > 0:
                past.gated = 1 if event.c == past.last_launch else 0
            elif past.anchor_us < 0:
                past.anchor_us = event.time_us
        elif event.kind == k.EVENT_LAUNCH and scenario.launches[event.a].foreground == 0:
            past.services += 1
        elif event.kind == k.EVENT_LAUNCH:
            past.launched += 1
            past.previous_launch = past.last_launch
            past.last_launch = event.a
            past.anchor_us = event.time_us
            past.gated = -1
            past.kills = 0


@kernel
def look_back_realtime(scenario: Any, past: Any, event: Any) -> None:
    """Tell what a past change of the SCHED_FIFO load was: an end is told from a beginning by what came before."""
    everywhere = (1 << scenario.device.n_cpus) - 1
    if event.a == everywhere and event.b == 1_000:
        past.saturated_us = event.time_us
    elif past.load_us < 0:
        past.load_us, past.load_mask, past.load_permille = event.time_us, event.a, event.b
    elif event.a == past.load_mask and past.load_over == 0:
        past.load_over = 1
    else:
        past.saturated_over = 1


@kernel
def forget(phone: Any, scenario: Any, past: Any) -> None:
    """Wipe out of a phone and its scenario whatever has not happened yet; both are copies, and written."""
    scenario.duration_us = 0
    scenario.n_launches = 0
    scenario.n_processes = FIRST_APP + past.n_apps
    for index in range(k.MAX_LAUNCHES):
        spec = scenario.launches[index]
        if phone.launches[index].phase != k.LAUNCH_WAITING:
            scenario.n_launches = index + 1
            scenario.n_processes = max(scenario.n_processes, spec.process + 1)
            continue
        spec.process, spec.foreground, spec.n_threads, spec.nice = 0, 0, 0, 0
        spec.start_ns, spec.work_ns, spec.gate_timeout_us, spec.burst_us, spec.nominal_us = 0, 0, 0, 0, 0
        spec.burst_anon_pages, spec.burst_buffer_pages, spec.burst_file_pages, spec.swapin_pages = 0, 0, 0, 0
        spec.expected_pages = 0
    for index in range(k.MAX_PROCESSES):
        process = phone.processes[index]
        process.prescribed = 0
        if process.gate_launch >= 0 and phone.launches[process.gate_launch].phase == k.LAUNCH_WAITING:
            process.gate_launch = -1
        if process.state == k.PROCESS_UNUSED:
            process.threads_left, process.mappings_left, process.files_left = 0, 0, 0
            app = scenario.apps[index]
            app.threads, app.mappings, app.files = 0, 0, 0
            scenario.apps[index].relaunch_cost_us = 0
    for position in range(k.MAX_EVENTS):
        event = scenario.events[position]
        if position >= phone.next_event:
            event.time_us, event.kind, event.a, event.b, event.c = 0, 0, 0, 0, 0
        elif event.kind == k.EVENT_KILL:
            phone.processes[event.a].prescribed = 1
            if event.c >= 0 and phone.launches[event.c].phase == k.LAUNCH_WAITING:
                event.c = -1
    scenario.n_events = phone.next_event


@kernel
def leave(episodes: Any, scenarios: Any, phones: Any, futures: Any, pasts: Any) -> None:
    """Copy an episode without what is yet to come.

    Args:
        episodes: PHONE records; row 0 is the episode, between two calls of ``advance``.
        scenarios: SCENARIO records; row 0 is what it runs.
        phones: PHONE records. Row 0 is written.
        futures: SCENARIO records. Row 0 is written: its lists end with the present.
        pasts: PAST records. Row 0 is written.
    """
    look_back(episodes[0], scenarios[0], pasts[0])
    phones[0] = episodes[0]
    futures[0] = scenarios[0]
    forget(phones[0], futures[0], pasts[0])
