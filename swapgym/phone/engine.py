"""The engine: orders a tick and runs a phone to its next decision.

One tick is events, wake-ups, scheduling, locks, then everybody runs: foreground, reclaim, reapers, workers and last the
exiting threads. An exiting thread with a full batch stops the tick in its middle, since somebody must say where the
batch is released; :func:`decide` says so and :func:`advance` goes on from there. Nothing is drawn at random here: all
chance is in the scenario, so that every policy meets the same world.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone import cpu, drain, foreground, lmkd, locks, memory, noise, psi, release, slices
from swapgym.phone.jit import kernel

PHASE_TICK: int = 0
PHASE_EXITS: int = 1
PHASE_OVER: int = 2
NEVER_US: int = -(1 << 40)


# ---------------------------------------------------------------------------------------------------------------- start
@kernel
def start(phones: Any, scenarios: Any, lane: int) -> None:
    """Put ``phones[lane]`` (PHONE) at the start of ``scenarios[lane]`` (SCENARIO). The record must hold zeros."""
    phone = phones[lane]
    scenario = scenarios[lane]
    phone.tick_us = scenario.tick_us
    phone.pending = -1
    phone.foreground = scenario.foreground_process
    phone.last_direct_us = -1
    phone.last_kill_us = -1
    phone.reclaim_cursor = -1
    phone.compact_target = -1
    phone.rt_period_end_us = k.RT_PERIOD_US
    for task in range(k.N_TASKS):
        phone.tasks[task].cpu = -1
        phone.tasks[task].wanted_us = NEVER_US
    if scenario.device.sched_latency_us > 0:
        slices.start(phone, scenario)
    for reaper in range(k.MAX_REAPERS):
        phone.reapers[reaper].victim = -1
    for index in range(k.MAX_PROCESSES):
        start_process(phone, scenario, index)
    for index in range(k.MAX_NOISE):
        phone.noise_next_us[index] = scenario.noise[index].phase_us
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
    device = scenario.device
    phone.slots_free = device.swap_slots - phone.pool_objects
    held = phone.anon_pages + phone.file_pages + phone.buffer_pages + phone.pool_pages + device.reserved_pages
    phone.free_pages = device.ram_pages - held
    phone.demand_start_pages = memory.demand(phone, scenario)
    phone.total.free_min_pages = phone.free_pages
    phone.total.in_use_peak_pages = memory.in_use(phone, scenario)
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
    process.exit_other_left_ps = app.exit_other_ns * k.PS_PER_NS
    if app.present != 0:
        process.state = k.PROCESS_ALIVE
        process.oom_score_adj = app.oom_score_adj
        process.anon_pages = app.anon_pages
        process.anon_unclaimed = app.anon_pages
        process.anon_hot_pages = app.anon_hot_pages
        process.file_pages = app.file_pages
        process.file_hot_pages = app.file_hot_pages
        process.cached_us = NEVER_US if app.frozen != 0 else 0
        process.swap_entries = app.swap_entries
        process.swap_unclaimed = app.swap_entries
        phone.anon_pages += app.anon_pages
        phone.pool_objects += app.swap_entries


# --------------------------------------------------------------------------------------------------------------- events
@kernel
def happen(phone: Any, scenario: Any) -> None:
    """Let the scenario's events up to the end of this tick's first instant happen."""
    while phone.next_event < scenario.n_events and scenario.events[phone.next_event].time_us <= phone.now_us:
        event = scenario.events[phone.next_event]
        phone.next_event += 1
        if event.kind == k.EVENT_KILL:
            prescribed_kill(phone, scenario, event)
        elif event.kind == k.EVENT_LAUNCH:
            foreground.start_launch(phone, scenario, event.a)
        elif event.kind == k.EVENT_RT:
            for c in range(k.MAX_CPUS):
                if (event.a >> c) & 1:
                    phone.rt_permille[c] = event.b
        elif event.kind == k.EVENT_FRAMES:
            phone.frame.on = event.a
        elif event.kind == k.EVENT_COMPACT:
            enter_cached(phone, scenario, event.a if event.c < 0 else phone.launches[event.c].process)
        elif event.kind == k.EVENT_FREE_BUFFERS:
            pages = min(event.a, phone.buffer_pages)
            phone.buffer_pages -= pages
            phone.free_pages += pages


@kernel
def enter_cached(phone: Any, scenario: Any, index: int) -> None:
    """Let process ``index`` enter the cached state: it is paged out, where the device does that, and frozen later."""
    process = phone.processes[index]
    if process.state == k.PROCESS_ALIVE and index != phone.foreground:
        process.oom_score_adj = k.CACHED_APP_ADJ
        process.cached_us = phone.now_us
        if scenario.device.compaction != 0:
            phone.compact_queue |= 1 << index


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
def wake(phone: Any, scenario: Any) -> None:
    """Collect everybody who wants CPU in this tick."""
    device = scenario.device
    costs = scenario.kernel
    all_cpus = (1 << device.n_cpus) - 1
    phone.n_runnable = 0
    foreground.wake_frames(phone, scenario)
    foreground.wake_launches(phone, scenario)
    if phone.kswapd_awake != 0:
        cpu.want(phone, k.TASK_KSWAPD, cpu.weight_of(0), all_cpus, -1)
    memory.wake_cached(phone, scenario)
    if phone.cached_due > 0:
        weight = release.background_weight(phone)
        cpu.want(phone, k.TASK_CACHED, weight, device.background_mask, -1)
    if phone.compact_target < 0 and phone.compact_queue != 0:
        memory.next_compaction(phone)
    if phone.compact_target >= 0:
        cpu.want(phone, k.TASK_COMPACTOR, cpu.weight_of(0), device.background_mask, -1)
    if phone.ready_kworker > 0 and phone.now_us >= phone.queue_since_us + costs.kworker_wakeup_us:
        for worker in range(costs.n_kworkers):
            entries = phone.ready_kworker // costs.n_kworkers + 1
            work_ns = entries * costs.entry_drain_ps // k.PS_PER_NS * 2
            if worker == 0 or phone.ready_kworker > worker * costs.work_item_entries:
                cpu.want(
                    phone,
                    k.TASK_KWORKER + worker,
                    cpu.weight_of(costs.kworker_nice),
                    costs.kworker_mask & all_cpus,
                    work_ns,
                )
    phone.children = drain.wake_children(phone)
    for child in range(phone.children):
        weight = max(1, cpu.weight_of(costs.child_nice) // phone.children)
        cpu.want(phone, k.TASK_CHILD + child, weight, device.background_mask, -1)
    for reaper in range(device.n_reapers):
        if drain.reaps(phone, scenario, reaper):
            cpu.want(phone, k.TASK_REAPER + reaper, cpu.weight_of(device.reaper_nice), device.foreground_mask, -1)
    release.start_unmapping(phone, scenario)
    for position in range(phone.n_exiting):
        index = phone.exiting[position]
        if release.runs(phone, index):
            process = phone.processes[index]
            cpu.want(
                phone,
                k.TASK_EXIT + index,
                release.exit_weight(phone, scenario, process),
                release.exit_mask(scenario, process),
                -1,
            )
    noise.wake_noise(phone, scenario)


@kernel
def run(phone: Any, scenario: Any) -> None:
    """Let everybody but the exiting threads use their grants."""
    device = scenario.device
    foreground.run_frames(phone, scenario)
    foreground.run_launches(phone, scenario)
    noise.run_noise(phone, scenario)
    if phone.tasks[k.TASK_KSWAPD].wanted_us == phone.now_us:
        on = phone.tasks[k.TASK_KSWAPD].cpu
        used = memory.run_kswapd(phone, scenario, device.mem_speed[on])
        cpu.charge(phone, k.TASK_KSWAPD, k.CHARGE_KSWAPD, used)
        foreground.note_stall(phone, on, used // k.NS_PER_US, used, False)
        phone.lmkd.reclaiming = 1
    if phone.tasks[k.TASK_COMPACTOR].wanted_us == phone.now_us:
        on = phone.tasks[k.TASK_COMPACTOR].cpu
        cpu.charge(
            phone, k.TASK_COMPACTOR, k.CHARGE_COMPACTOR, memory.run_compactor(phone, scenario, device.mem_speed[on])
        )
    if phone.tasks[k.TASK_CACHED].wanted_us == phone.now_us:
        on = phone.tasks[k.TASK_CACHED].cpu
        cpu.charge(phone, k.TASK_CACHED, k.CHARGE_CACHED, memory.run_cached(phone, scenario, device.mem_speed[on]))
    for reaper in range(device.n_reapers):
        if phone.tasks[k.TASK_REAPER + reaper].wanted_us == phone.now_us:
            drain.run_reaper(phone, scenario, reaper)
    drain.run_kworkers(phone, scenario)
    drain.run_children(phone, scenario)


@kernel
def begin_tick(phone: Any, scenario: Any) -> None:
    """Run a tick up to the exiting threads."""
    happen(phone, scenario)
    wake(phone, scenario)
    cpu.run_realtime(phone, scenario)
    if scenario.device.sched_latency_us > 0:
        slices.schedule(phone, scenario)
    else:
        cpu.place(phone, scenario)
    if scenario.device.sched_latency_us == 0:
        cpu.share(phone, scenario)
    release.join_locks(phone, scenario)
    memory.join_reclaim(phone, scenario)
    foreground.join_swapin(phone, scenario)
    locks.contend(phone, scenario)
    run(phone, scenario)
    phone.cursor = 0
    phone.phase = PHASE_EXITS


@kernel
def run_exits(phone: Any, scenario: Any) -> bool:
    """Run the exiting threads from where the tick stands; return True where one awaits a decision."""
    while phone.cursor < phone.n_exiting:
        index = phone.exiting[phone.cursor]
        if (
            phone.tasks[k.TASK_EXIT + index].wanted_us == phone.now_us
            and phone.processes[index].state == k.PROCESS_EXITING
        ):
            if phone.resuming != 0:
                budget = phone.budget_ps
                phone.resuming = 0
            else:
                budget = release.begin_exit(phone, scenario, index)
            budget = release.run_exit(phone, scenario, index, budget)
            if budget >= 0:
                phone.pending = index
                phone.budget_ps = budget
                return True
        phone.cursor += 1
    return False


@kernel
def end_tick(phone: Any, scenario: Any) -> None:
    """Settle a tick's accounts and let lmkd look."""
    release.bury(phone)
    cpu.charge_idle(phone, scenario)
    psi.account_stalls(phone, scenario)
    memory.account(phone, scenario)
    phone.now_us += phone.tick_us
    lmkd.watch(phone, scenario)
    phone.phase = PHASE_TICK if phone.now_us < scenario.duration_us else PHASE_OVER


# ------------------------------------------------------------------------------------------------------------------ API
@kernel
def advance(phones: Any, scenarios: Any, lane: int) -> int:
    """Run ``phones[lane]`` on to its next decision.

    Returns:
        RUN_DECISION where ``phones[lane].pending`` awaits a route for its batch, RUN_END where the scenario is over.
    """
    phone = phones[lane]
    scenario = scenarios[lane]
    while phone.phase != PHASE_OVER:
        if phone.phase == PHASE_TICK:
            begin_tick(phone, scenario)
        if run_exits(phone, scenario):
            return k.RUN_DECISION
        end_tick(phone, scenario)
    return k.RUN_END


@kernel
def decide(phones: Any, scenarios: Any, lane: int, route: int) -> None:
    """Send the pending batch of ``phones[lane]`` on ``route`` (INLINE, KWORKER or USERSPACE).

    A full queue falls back to inline. Without a pending batch nothing happens.
    """
    phone = phones[lane]
    if phone.pending >= 0:
        release.route_batch(phone, scenarios[lane], route)
        phone.resuming = 1
