"""The engine: orders a tick and runs a phone to its next decision.

One tick is events, requests, placement, clocks, shares, the lock, then everybody runs: foreground, reclaim, reapers,
workers and last the exiting threads. An exiting thread with a full batch stops the tick in its middle, since somebody
must say where the batch is released; :func:`decide` says so and :func:`advance` goes on from there. Nothing is drawn at
random here: all chance is in the scenario, so that every policy meets the same world.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.android import background_threads, cached_apps, frames, launches, lmkd, stalls
from swapgym.phone.exit import deferred, reaper, stages
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.mm import locks, pages, psi, reclaim
from swapgym.phone.sched import clocks, placement, processor_sharing, request

PHASE_TICK: int = 0
PHASE_EXITS: int = 1
PHASE_OVER: int = 2
FOREVER_US: int = 1 << 60


# ---------------------------------------------------------------------------------------------------------------- start
@kernel
def start(phones: Any, scenarios: Any, lane: int) -> None:
    """Put ``phones[lane]`` (PHONE) at the start of ``scenarios[lane]`` (SCENARIO). The record must hold zeros."""
    phone = phones[lane]
    scenario = scenarios[lane]
    device = scenario.device
    phone.tick_us = scenario.tick_us
    phone.pending = -1
    phone.drain_pace = k.PACE_VARIANT
    phone.foreground = scenario.foreground_process
    phone.last_direct_us = -1
    phone.reclaim_cursor = -1
    phone.compact_target = -1
    phone.rt_period_end_us = k.RT_PERIOD_US
    for task in range(k.N_TASKS):
        phone.tasks[task].cpu = k.MAX_CPUS
        phone.tasks[task].requested = request.NEVER_TICK
    clocks.start_clocks(phone, scenario)
    for index in range(k.MAX_REAPERS):
        phone.reapers[index].victim = -1
    for index in range(k.MAX_PROCESSES):
        start_process(phone, scenario, index)
    for index in range(k.MAX_BACKGROUND_THREADS):
        phone.background_next_us[index] = scenario.background_threads[index].phase_us
    for index in range(scenario.n_events):
        event = scenario.events[index]
        if event.kind == k.EVENT_KILL:
            phone.processes[event.a].prescribed = 1
            if event.c >= 0:
                phone.launches[event.c].gate_pending += 1
    phone.frame.on = scenario.frames_on
    phone.buffer_pages = scenario.buffer_pages
    phone.file_pages = scenario.file_cache_pages
    phone.pool_pages = scenario.pool_pages
    phone.slots_free = device.swap_slots - phone.pool_objects
    held = phone.anon_pages + phone.file_pages + phone.buffer_pages + phone.pool_pages + device.reserved_pages
    phone.free_pages = device.ram_pages - held
    phone.demand_start_pages = pages.demand(phone, scenario)
    phone.total.free_min_pages = phone.free_pages
    phone.total.in_use_peak_pages = pages.in_use(phone, scenario)
    phone.lmkd.waiting_for = -1
    phone.lmkd.thrash_limit_percent = device.thrashing_limit_percent
    phone.lmkd.thrash_file = phone.file_pages
    phone.psi.last_some_event_us = -k.PSI_WINDOW_US
    phone.psi.last_full_event_us = -k.PSI_WINDOW_US


@kernel
def start_process(phone: Any, scenario: Any, index: int) -> None:
    """Put process ``index`` at the start of the scenario."""
    app = scenario.apps[index]
    process = phone.processes[index]
    process.killer = -1
    process.gate_launch = -1
    process.reaper = -1
    process.threads_left = app.threads
    process.mappings_left = app.mappings
    process.files_left = app.files
    if app.present != 0:
        process.state = k.PROCESS_ALIVE
        process.oom_score_adj = app.oom_score_adj
        process.anon_pages = app.anon_pages
        process.anon_unclaimed = app.anon_pages
        process.anon_hot_pages = app.anon_hot_pages
        process.file_pages = app.file_pages
        process.file_hot_pages = app.file_hot_pages
        process.cached_us = request.NEVER_US if app.frozen != 0 else 0
        process.swap_entries = app.swap_entries
        process.swap_unclaimed = app.swap_entries
        phone.anon_pages += app.anon_pages
        phone.pool_objects += app.swap_entries


# --------------------------------------------------------------------------------------------------------------- events
@kernel
def apply_events(phone: Any, scenario: Any) -> None:
    """Apply the scenario's events up to this tick's first instant."""
    while phone.next_event < scenario.n_events and scenario.events[phone.next_event].time_us <= phone.now_us:
        event = scenario.events[phone.next_event]
        phone.next_event += 1
        if event.kind == k.EVENT_KILL:
            prescribed_kill(phone, scenario, event)
        elif event.kind == k.EVENT_LAUNCH:
            launches.start_launch(phone, scenario, event.a)
        elif event.kind == k.EVENT_RT:
            for index in range(k.MAX_CPUS):
                if (event.a >> index) & 1:
                    phone.cpus.rt_permille[index] = event.b
        elif event.kind == k.EVENT_FRAMES:
            phone.frame.on = event.a
        elif event.kind == k.EVENT_COMPACT:
            app = event.a if event.c < 0 else phone.launches[event.c].process
            cached_apps.enter_cached(phone, scenario, app)


@kernel
def prescribed_kill(phone: Any, scenario: Any, event: Any) -> None:
    """Carry out a kill of the scenario; where lmkd came first, the gate waits for that exit, or not at all."""
    process = phone.processes[event.a]
    if process.state == k.PROCESS_ALIVE and event.a != phone.foreground:
        lmkd.kill(phone, scenario, event.a, event.b)
        process.gate_launch = event.c
    elif process.state == k.PROCESS_EXITING and process.gate_launch < 0:
        process.gate_launch = event.c
    elif event.c >= 0:
        phone.launches[event.c].gate_pending -= 1


# ----------------------------------------------------------------------------------------------------------------- tick
@kernel
def request_all(phone: Any, scenario: Any) -> None:
    """Collect everybody who wants CPU in this tick."""
    phone.n_runnable = 0
    phone.n_lock_users = 0
    all_cpus = (1 << scenario.device.n_cpus) - 1
    frames.wake_frames(phone, scenario)
    launches.wake_launches(phone, scenario)
    if phone.kswapd_awake != 0:
        request.request_cpu(phone, k.TASK_KSWAPD, request.weight_of(0), all_cpus, 0, -1)
    cached_apps.wake_cached(phone, scenario)
    if phone.cached_due > 0:
        weight = stages.background_weight(phone)
        request.request_cpu(phone, k.TASK_CACHED, weight, scenario.device.background_mask, 0, -1)
    if phone.compact_target < 0 and phone.compact_queue != 0:
        cached_apps.next_compaction(phone)
    if phone.compact_target >= 0:
        mask = scenario.device.background_mask
        request.request_cpu(phone, k.TASK_COMPACTOR, request.weight_of(0), mask, 0, -1)
    deferred.request_drains(phone, scenario)
    reaper.request_reapers(phone, scenario)
    stages.request_exits(phone, scenario)
    background_threads.wake_background_threads(phone, scenario)


@kernel
def join_all(phone: Any, scenario: Any) -> None:
    """Declare who takes the contended lock in this tick, and work out what it costs them."""
    stages.join_exits(phone, scenario)
    reaper.join_reapers(phone, scenario)
    deferred.join_drains(phone, scenario)
    reclaim.join_reclaim(phone, scenario, k.TASK_KSWAPD)
    reclaim.join_reclaim(phone, scenario, k.TASK_COMPACTOR)
    cached_apps.join_cached(phone, scenario)
    launches.join_launches(phone, scenario)
    locks.contend(phone, scenario)


@kernel
def run(phone: Any, scenario: Any) -> None:
    """Let everybody but the exiting threads use their grants."""
    frames.run_frames(phone, scenario)
    launches.run_launches(phone, scenario)
    background_threads.run_background_threads(phone, scenario)
    if request.is_runnable(phone, k.TASK_KSWAPD):
        used = reclaim.run_kswapd(phone, scenario)
        request.charge(phone, k.TASK_KSWAPD, k.CHARGE_KSWAPD, used)
        stalls.note_stall(phone, phone.tasks[k.TASK_KSWAPD].cpu, used // k.NS_PER_US, used, False)
        phone.lmkd.reclaiming = 1
    if request.is_runnable(phone, k.TASK_COMPACTOR):
        request.charge(phone, k.TASK_COMPACTOR, k.CHARGE_COMPACTOR, cached_apps.run_compactor(phone, scenario))
    if request.is_runnable(phone, k.TASK_CACHED):
        request.charge(phone, k.TASK_CACHED, k.CHARGE_CACHED, cached_apps.run_cached(phone, scenario))
    reaper.run_reapers(phone, scenario)
    deferred.run_kworkers(phone, scenario)
    deferred.run_children(phone, scenario)


@inlined
def begin_tick(phone: Any, scenario: Any) -> None:
    """Run a tick up to the exiting threads."""
    apply_events(phone, scenario)
    request_all(phone, scenario)
    processor_sharing.run_realtime(phone, scenario)
    placement.place(phone, scenario)
    clocks.set_clocks(phone, scenario)
    processor_sharing.share(phone, scenario)
    join_all(phone, scenario)
    run(phone, scenario)
    phone.cursor = 0
    phone.phase = PHASE_EXITS


@kernel
def run_exits(phone: Any, scenario: Any) -> bool:
    """Run the exiting threads from where the tick stands; return True where one awaits a decision."""
    while phone.cursor < phone.n_exiting:
        index = phone.exiting[phone.cursor]
        if request.is_runnable(phone, k.TASK_EXIT + index) and phone.processes[index].state == k.PROCESS_EXITING:
            if phone.resuming != 0:
                budget = phone.budget_ps
                phone.resuming = 0
            else:
                budget = stages.begin_exit(phone, scenario, index)
            budget = stages.run_exit(phone, scenario, index, budget)
            if budget >= 0:
                phone.pending = index
                phone.budget_ps = budget
                return True
        phone.cursor += 1
    return False


@kernel
def end_tick(phone: Any, scenario: Any) -> None:
    """Settle a tick's accounts and let lmkd look."""
    stages.reap_exited(phone)
    request.charge_idle(phone, scenario)
    clocks.account_utilisation(phone, scenario)
    psi.account_stalls(phone, scenario)
    pages.account(phone, scenario)
    phone.tick += 1
    phone.now_us += phone.tick_us
    lmkd.watch(phone, scenario)
    phone.phase = PHASE_TICK if phone.now_us < scenario.duration_us else PHASE_OVER


# ------------------------------------------------------------------------------------------------------------------ API
@kernel
def advance(phones: Any, scenarios: Any, lane: int, until_us: int = FOREVER_US) -> int:
    """Run ``phones[lane]`` on to its next decision, or to the first tick that begins at ``until_us`` or later.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lane: Row.
        until_us: When to pause at the latest. Pausing changes nothing of what happens.

    Returns:
        RUN_DECISION where ``phones[lane].pending`` awaits a route for its batch, RUN_PAUSED at the pause, RUN_END where
        the scenario is over.
    """
    phone = phones[lane]
    scenario = scenarios[lane]
    while phone.phase != PHASE_OVER:
        if phone.phase == PHASE_TICK:
            if phone.now_us >= until_us:
                return k.RUN_PAUSED
            begin_tick(phone, scenario)
        if run_exits(phone, scenario):
            return k.RUN_DECISION
        end_tick(phone, scenario)
    return k.RUN_END


@kernel
def set_pace(phones: Any, scenarios: Any, lane: int, pace: int) -> None:
    """Let kworkers and children of ``phones[lane]`` drain at ``pace`` (PACE_* of constants) from its next tick on."""
    phones[lane].drain_pace = pace


@kernel
def decide(phones: Any, scenarios: Any, lane: int, route: int) -> None:
    """Send the pending batch of ``phones[lane]`` on ``route`` (INLINE, KWORKER or USERSPACE).

    A full queue falls back to inline. Without a pending batch nothing happens.
    """
    phone = phones[lane]
    if phone.pending >= 0:
        stages.route_batch(phone, scenarios[lane], route)
        phone.resuming = 1
