"""Launches: what the person waits for.

A launch works, waits at its gate until its victims have exited (or a time-out), then allocates in a burst while it
works on. Below the min watermark the allocating thread reclaims directly, and that is a stall.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.android.stalls import note_stall, reclaim_directly
from swapgym.phone.costs import on_core
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.mm.locks import join
from swapgym.phone.mm.pages import swap_in
from swapgym.phone.sched.request import charge, elapsed_us, is_runnable, request_cpu, speed_of, weight_of


@kernel
def start_launch(phone: Any, scenario: Any, index: int) -> None:
    """Start launch ``index`` of the scenario."""
    spec = scenario.launches[index]
    launch = phone.launches[index]
    launch.phase = k.LAUNCH_START
    launch.start_us = phone.now_us
    launch.process = spec.process
    process = phone.processes[spec.process]
    launch.swapin_left = min(spec.swapin_pages, process.swap_entries)
    if process.state != k.PROCESS_ALIVE:
        # it was killed before it was asked for again: a cold start, in a slot of its own
        if process.state != k.PROCESS_UNUSED:
            launch.process = unused_process(phone)
            process = phone.processes[launch.process]
        launch.swapin_left = 0
        process.state = k.PROCESS_ALIVE
        process.killer = -1
        process.gate_launch = -1
        process.reaper = -1
    missing = spec.swapin_pages - launch.swapin_left
    launch.anon_left = spec.burst_anon_pages + missing
    launch.buffer_left = spec.burst_buffer_pages
    launch.file_left = spec.burst_file_pages
    launch.burst_total = launch.anon_left + launch.buffer_left + launch.file_left + launch.swapin_left
    for thread in range(spec.n_threads):
        launch.work_left_ns[thread] = spec.start_ns // spec.n_threads
    if spec.foreground != 0:
        for other in range(k.MAX_PROCESSES):
            if phone.processes[other].state == k.PROCESS_ALIVE:
                if phone.processes[other].oom_score_adj == k.PREVIOUS_APP_ADJ:
                    phone.processes[other].oom_score_adj = k.CACHED_APP_ADJ
        if phone.foreground != launch.process:
            phone.processes[phone.foreground].oom_score_adj = k.PREVIOUS_APP_ADJ
        phone.foreground = launch.process
        process.oom_score_adj = 0
    else:
        process.oom_score_adj = k.SERVICE_ADJ


@kernel
def unused_process(phone: Any) -> int:
    """Return a free slot for a process; the last one of the table where none is (scenarios leave slots free)."""
    for index in range(k.MAX_PROCESSES - 1, 0, -1):
        if phone.processes[index].state == k.PROCESS_UNUSED:
            return index
    return k.MAX_PROCESSES - 1


@inlined
def wake_launches(phone: Any, scenario: Any) -> None:
    """Move launches through their phases and ask for CPU for their threads."""
    for index in range(scenario.n_launches):
        launch = phone.launches[index]
        if launch.phase == k.LAUNCH_WAITING or launch.phase == k.LAUNCH_DONE:
            continue
        spec = scenario.launches[index]
        if phone.processes[launch.process].state != k.PROCESS_ALIVE:
            # killed on its way up, behind another app or as a service: what it still wanted nobody waits for
            launch.phase = k.LAUNCH_DONE
            launch.done_us = phone.now_us
            continue
        if launch.phase == k.LAUNCH_START and work_done(launch, spec):
            launch.phase = k.LAUNCH_GATE
            launch.gate_us = phone.now_us
        if launch.phase == k.LAUNCH_GATE:
            timed_out = phone.now_us >= launch.gate_us + spec.gate_timeout_us
            if launch.gate_pending > 0 and not timed_out:
                phone.total.gate_wait_us += phone.tick_us
                continue
            launch.gate_timed_out = 1 if launch.gate_pending > 0 else 0
            launch.phase = k.LAUNCH_BURST
            launch.burst_us = phone.now_us
            for thread in range(spec.n_threads):
                launch.work_left_ns[thread] = spec.work_ns // spec.n_threads
        mask = scenario.device.top_app_mask if spec.foreground else scenario.device.background_mask
        boost = scenario.device.uclamp_launch if spec.foreground else 0
        for thread in range(spec.n_threads):
            work = launch.work_left_ns[thread]
            pages = due_pages(phone, scenario, launch, index) if thread == 0 and launch.phase == k.LAUNCH_BURST else 0
            if pages > 0:
                work = -1
            if work != 0:
                task_id = k.TASK_LAUNCH + index * k.THREADS_PER_LAUNCH + thread
                request_cpu(phone, task_id, weight_of(spec.nice), mask, boost, work)


@kernel
def work_done(launch: Any, spec: Any) -> bool:
    """Return whether all threads of a launch have done their work of this phase."""
    for thread in range(spec.n_threads):
        if launch.work_left_ns[thread] > 0:
            return False
    return True


@kernel
def due_pages(phone: Any, scenario: Any, launch: Any, index: int) -> int:
    """Return the pages the burst wants by the end of this tick and has not got.

    Buffers are wanted at once (a camera HAL allocates its dma-bufs when the session is configured), the rest linearly
    over the burst's length.
    """
    spec = scenario.launches[index]
    burst_us = max(1, spec.burst_us)
    elapsed = min(burst_us, phone.now_us + phone.tick_us - launch.burst_us)
    gradual = launch.burst_total - spec.burst_buffer_pages
    return spec.burst_buffer_pages + gradual * elapsed // burst_us - launch.burst_done


@inlined
def join_launches(phone: Any, scenario: Any) -> None:
    """Declare launches that fault pages in or are about to reclaim directly: they take the contended lock."""
    costs = scenario.kernel
    for index in range(scenario.n_launches):
        launch = phone.launches[index]
        task_id = k.TASK_LAUNCH + index * k.THREADS_PER_LAUNCH
        if launch.phase != k.LAUNCH_BURST or not is_runnable(phone, task_id):
            continue
        speed = speed_of(phone, task_id)
        if launch.swapin_left > 0:
            join(phone, task_id, on_core(costs, k.COST_SWAPIN, speed), costs.swapin_lock, 0)
        elif phone.free_pages <= scenario.device.watermark_min + k.SWAP_CLUSTER_MAX:
            join(phone, task_id, on_core(costs, k.COST_COMPRESS, speed), costs.compress_lock, 0)


@inlined
def run_launches(phone: Any, scenario: Any) -> None:
    """Let the launches' threads use their grants; the first thread allocates before it works."""
    for index in range(scenario.n_launches):
        launch = phone.launches[index]
        if launch.phase == k.LAUNCH_WAITING or launch.phase == k.LAUNCH_DONE:
            continue
        spec = scenario.launches[index]
        end_us = phone.now_us
        for thread in range(spec.n_threads):
            task_id = k.TASK_LAUNCH + index * k.THREADS_PER_LAUNCH + thread
            task = phone.tasks[task_id]
            if not is_runnable(phone, task_id) or task.granted_ns == 0:
                continue
            left = task.granted_ns
            if thread == 0 and launch.phase == k.LAUNCH_BURST:
                left = allocate(phone, scenario, index, left)
            speed = speed_of(phone, task_id)
            needed = (launch.work_left_ns[thread] * k.UNIT + speed - 1) // speed
            used = min(needed, left)
            charge(phone, task_id, k.CHARGE_LAUNCH, used)
            launch.work_left_ns[thread] = 0 if needed <= left else launch.work_left_ns[thread] - used * speed // k.UNIT
            used += task.granted_ns - left
            end_us = max(end_us, phone.now_us + elapsed_us(phone, task_id, used))
        finished = (
            launch.phase == k.LAUNCH_BURST and launch.burst_done == launch.burst_total and work_done(launch, spec)
        )
        if spec.foreground != 0:
            until_us = end_us if finished else phone.now_us + phone.tick_us
            nominal_us = launch.start_us + spec.nominal_us
            phone.total.launch_delay_us += max(0, until_us - max(nominal_us, phone.now_us))
            phone.total.launch_us += max(0, until_us - max(launch.start_us, phone.now_us))
            if finished:
                phone.total.launches_done += 1
        if finished:
            launch.phase = k.LAUNCH_DONE
            launch.done_us = end_us


@kernel
def allocate(phone: Any, scenario: Any, index: int, granted_ns: int) -> int:
    """Let launch ``index`` get the pages that are due, by fault and direct reclaim; return the CPU time left (ns)."""
    spec = scenario.launches[index]
    launch = phone.launches[index]
    task_id = k.TASK_LAUNCH + index * k.THREADS_PER_LAUNCH
    task = phone.tasks[task_id]
    costs = scenario.kernel
    speed = speed_of(phone, task_id)
    due = due_pages(phone, scenario, launch, index)
    alloc_ps = on_core(costs, k.COST_ALLOC, speed)
    bare_ps = on_core(costs, k.COST_SWAPIN, speed)
    swapin_ps = bare_ps * task.lock_factor // k.UNIT
    paid_ns = 0
    left_ns = granted_ns
    while due > 0:
        room = phone.free_pages - scenario.device.watermark_min
        if room <= 0:
            free_before = phone.free_pages
            used = reclaim_directly(phone, scenario, task_id, k.SWAP_CLUSTER_MAX, left_ns, spec.foreground != 0)
            left_ns -= used
            if phone.free_pages == free_before:
                # nothing more to get in this tick: it waits, asleep, for somebody to free memory
                stalled_us = elapsed_us(phone, task_id, left_ns)
                note_stall(phone, task.cpu, stalled_us, 0, spec.foreground != 0)
                phone.total.direct_reclaim_us += stalled_us
                left_ns = 0
                break
            continue
        gradual = launch.swapin_left + launch.file_left + launch.anon_left
        faults = (launch.swapin_left * due + gradual - 1) // max(1, gradual)
        take_swapin = launch.buffer_left == 0 and faults > 0
        cost = swapin_ps if take_swapin else alloc_ps
        count = faults if take_swapin else due
        budget = left_ns * k.PS_PER_NS + launch.credit_ps
        count = min(count, room, due, budget // cost)
        if count <= 0:
            launch.credit_ps = budget
            paid_ns += left_ns
            left_ns = 0
            break
        launch.credit_ps = 0
        if take_swapin:
            count = fault_in(phone, scenario, launch, count)
            phone.total.spin_ns += count * (swapin_ps - bare_ps) // k.PS_PER_NS
            used = count * cost // k.PS_PER_NS
            note_stall(phone, task.cpu, elapsed_us(phone, task_id, used), used, spec.foreground != 0)
        else:
            count = take_fresh(phone, launch, count)
        launch.burst_done += count
        due -= count
        budget -= count * cost
        paid_ns += max(0, left_ns - max(0, budget) // k.PS_PER_NS)
        left_ns = min(left_ns, max(0, budget) // k.PS_PER_NS)
    charge(phone, task_id, k.CHARGE_LAUNCH, paid_ns)
    return left_ns


@kernel
def fault_in(phone: Any, scenario: Any, launch: Any, count: int) -> int:
    """Fault ``count`` pages of the launched app back in; those it has not swapped any more are allocated anew."""
    process = phone.processes[launch.process]
    count = min(count, launch.swapin_left)
    launch.swapin_left -= count
    present = min(count, process.swap_unclaimed)
    swap_in(phone, scenario, process, present)
    launch.anon_left += count - present
    return present


@kernel
def take_fresh(phone: Any, launch: Any, count: int) -> int:
    """Give a launch ``count`` fresh pages: buffers first, then page cache and anonymous memory side by side."""
    buffers = min(launch.buffer_left, count)
    rest = min(count - buffers, launch.file_left + launch.anon_left)
    files = launch.file_left * rest // max(1, launch.file_left + launch.anon_left)
    anon = rest - files
    launch.buffer_left -= buffers
    launch.file_left -= files
    launch.anon_left -= anon
    phone.buffer_pages += buffers
    phone.file_pages += files
    process = phone.processes[launch.process]
    process.anon_pages += anon
    process.anon_unclaimed += anon
    phone.anon_pages += anon
    phone.free_pages -= buffers + files + anon
    return buffers + files + anon
