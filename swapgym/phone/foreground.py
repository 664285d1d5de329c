"""What the person waits for: frames, and launches with their gate and their allocation burst.

A frame passes the UI thread, then the render thread, which overlap by one frame; its deadline is two vsync periods (a
parameter of the device) after the vsync that started it: double buffering. While the UI thread is still busy a vsync is
skipped. Lateness accrues while a frame is past its deadline, so that it meets the decision that caused it.

A launch works, waits at its gate until its victims have exited (or a time-out), then allocates in a burst while it
works on. Below the min watermark the allocating thread reclaims directly, and that is a stall.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.cpu import charge, elapsed_us, picked_us, want, weight_of
from swapgym.phone.jit import kernel
from swapgym.phone.locks import join
from swapgym.phone.memory import reclaim, swap_in

REFAULTS_PER_MS: int = 4
"""Page-cache pages the foreground would read back per millisecond of its work if its whole working set were gone."""


# --------------------------------------------------------------------------------------------------------------- waking
@kernel
def wake_frames(phone: Any, scenario: Any) -> None:
    """Start the frame of a vsync that falls in this tick, and ask for CPU for both threads of the pipeline."""
    frame = phone.frame
    vsync_us = scenario.device.vsync_us
    while frame.next_vsync_us < phone.now_us + phone.tick_us:
        busy = frame.ui_deadline_us > 0 or frame.ui_pending_deadline_us > 0
        if frame.on != 0 and not busy:
            slot = frame.index % scenario.n_frame_costs
            frame.index += 1
            frame.ui_start_us = frame.next_vsync_us
            frame.ui_deadline_us = frame.next_vsync_us + scenario.device.deadline_vsyncs * vsync_us
            frame.ui_left_ns = scenario.frame_ui_us[slot] * k.NS_PER_US
            frame.render_pending_ns = scenario.frame_render_us[slot] * k.NS_PER_US
            if phone.free_pages < scenario.device.watermark_min:
                frame.alloc_left = scenario.frame_alloc_pages
        frame.next_vsync_us += vsync_us
    weight = weight_of(scenario.device.ui_nice)
    # a thread that starts within the tick wants no more than its rest: nobody goes short of what it cannot use
    tick_ns = phone.tick_us * k.NS_PER_US
    soon = frame.ui_deadline_us > 0 and frame.ui_left_ns < tick_ns
    if frame.ui_deadline_us > 0:
        rest_ns = tick_ns - max(0, frame.ui_start_us - phone.now_us) * k.NS_PER_US
        work = min(frame.ui_left_ns, rest_ns) if frame.alloc_left == 0 else -1
        want(phone, k.TASK_UI, weight, scenario.device.top_app_mask, work)
    if frame.render_deadline_us > 0 or frame.ui_pending_deadline_us > 0:
        work = frame.render_left_ns + frame.ui_pending_work_ns
        want(phone, k.TASK_RENDER, weight, scenario.device.top_app_mask, work)
    elif soon:
        work = min(frame.render_pending_ns, tick_ns - frame.ui_left_ns)
        want(phone, k.TASK_RENDER, weight, scenario.device.top_app_mask, work)


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


@kernel
def wake_launches(phone: Any, scenario: Any) -> None:
    """Move launches through their phases and ask for CPU for their threads."""
    for index in range(scenario.n_launches):
        launch = phone.launches[index]
        if launch.phase == k.LAUNCH_WAITING or launch.phase == k.LAUNCH_DONE:
            continue
        spec = scenario.launches[index]
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
        for thread in range(spec.n_threads):
            work = launch.work_left_ns[thread]
            pages = due_pages(phone, scenario, launch, index) if thread == 0 and launch.phase == k.LAUNCH_BURST else 0
            if pages > 0:
                work = -1
            if work != 0:
                want(phone, k.TASK_LAUNCH + index * k.THREADS_PER_LAUNCH + thread, weight_of(spec.nice), mask, work)


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


# -------------------------------------------------------------------------------------------------------------- running
@kernel
def run_frames(phone: Any, scenario: Any) -> None:
    """Let the UI and render threads use their grants; count what misses its deadline."""
    frame = phone.frame
    end_us = phone.now_us + phone.tick_us
    handed_us = phone.now_us
    if frame.ui_deadline_us > 0:
        handed_us = run_ui(phone, scenario)
    if frame.ui_pending_deadline_us > 0 and frame.render_deadline_us == 0:
        hand_over(frame, handed_us)
    if frame.render_deadline_us > 0 and phone.tasks[k.TASK_RENDER].wanted_us == phone.now_us:
        task = phone.tasks[k.TASK_RENDER]
        capacity = scenario.device.capacity[task.cpu]
        start_us = max(picked_us(phone, k.TASK_RENDER), frame.render_start_us)
        granted = min(task.granted_ns, (end_us - start_us) * k.NS_PER_US)
        needed = (frame.render_left_ns * k.UNIT + capacity - 1) // capacity
        if needed <= granted:
            charge(phone, k.TASK_RENDER, k.CHARGE_FRAMES, needed)
            finish_us = min(end_us, start_us + elapsed_us(phone, k.TASK_RENDER, needed))
            accrue_lateness(phone, frame.render_deadline_us, finish_us)
            finish_frame(phone, scenario, frame.render_deadline_us, finish_us)
            frame.render_deadline_us = 0
            frame.render_left_ns = 0
            if frame.ui_pending_deadline_us > 0:
                hand_over(frame, finish_us)
        else:
            charge(phone, k.TASK_RENDER, k.CHARGE_FRAMES, granted)
            frame.render_left_ns -= granted * capacity // k.UNIT
    for deadline_us in (frame.ui_deadline_us, frame.ui_pending_deadline_us, frame.render_deadline_us):
        if deadline_us > 0:
            accrue_lateness(phone, deadline_us, end_us)


@kernel
def hand_over(frame: Any, time_us: int) -> None:
    """Give the render thread the frame the UI thread has finished."""
    frame.render_deadline_us = frame.ui_pending_deadline_us
    frame.render_left_ns = frame.ui_pending_work_ns
    frame.render_start_us = time_us
    frame.ui_pending_deadline_us = 0
    frame.ui_pending_work_ns = 0


@kernel
def run_ui(phone: Any, scenario: Any) -> int:
    """Run the UI thread: direct reclaim first where its allocations need it, refaults, then the frame's work.

    Returns the time at which it handed its frame over (us), or the end of the tick.
    """
    frame = phone.frame
    task = phone.tasks[k.TASK_UI]
    end_us = phone.now_us + phone.tick_us
    start_us = max(picked_us(phone, k.TASK_UI), frame.ui_start_us)
    granted = min(task.granted_ns, (end_us - start_us) * k.NS_PER_US)
    capacity = scenario.device.capacity[task.cpu]
    if frame.alloc_left > 0:
        if phone.free_pages >= scenario.device.watermark_min:
            frame.alloc_left = 0
        else:
            used = reclaim_directly(phone, scenario, k.TASK_UI, frame.alloc_left, granted, True)
            frame.alloc_left = 0
            granted -= used
    if frame.stall_left_us > 0:
        stalled_us = min(phone.tick_us, frame.stall_left_us)
        frame.stall_left_us -= stalled_us
        phone.total.stall_us += stalled_us
        phone.cpu_stall_ns[task.cpu] += stalled_us * k.NS_PER_US
        granted = granted * (phone.tick_us - stalled_us) // phone.tick_us
    needed = (frame.ui_left_ns * k.UNIT + capacity - 1) // capacity
    used = min(needed, granted)
    charge(phone, k.TASK_UI, k.CHARGE_FRAMES, used)
    frame.stall_left_us += refault(phone, scenario, used // k.NS_PER_US) * scenario.kernel.refault_io_us
    if needed > granted:
        frame.ui_left_ns -= used * capacity // k.UNIT
        return end_us
    frame.ui_pending_deadline_us = frame.ui_deadline_us
    frame.ui_pending_work_ns = frame.render_pending_ns
    frame.ui_deadline_us = 0
    frame.ui_left_ns = 0
    return min(end_us, start_us + elapsed_us(phone, k.TASK_UI, used))


@kernel
def accrue_lateness(phone: Any, deadline_us: int, until_us: int) -> None:
    """Add the part of this tick, up to ``until_us``, in which a frame was past its deadline."""
    phone.total.frame_late_us += max(0, until_us - max(deadline_us, phone.now_us))


@kernel
def finish_frame(phone: Any, scenario: Any, deadline_us: int, finish_us: int) -> None:
    """Count a finished frame."""
    total = phone.total
    late_us = finish_us - deadline_us
    total.frames += 1
    if late_us > 0:
        total.frames_janky += 1
        total.frame_late_max_us = max(total.frame_late_max_us, late_us)
        total.late_histogram[min(k.LATE_BINS - 1, late_us // k.MS)] += 1
        if late_us + scenario.device.deadline_vsyncs * scenario.device.vsync_us >= k.FROZEN_FRAME_US:
            total.frames_frozen += 1


@kernel
def refault(phone: Any, scenario: Any, ran_us: int) -> int:
    """Read back what ``ran_us`` of foreground work misses of its page cache; return the pages (taken from free)."""
    workingset = scenario.device.file_workingset_pages
    missing = workingset - phone.file_pages
    if missing <= 0 or ran_us <= 0:
        return 0
    phone.refault_debt += missing * ran_us * REFAULTS_PER_MS
    pages = phone.refault_debt // (workingset * k.MS)
    phone.refault_debt -= pages * workingset * k.MS
    pages = min(pages, max(0, phone.free_pages - scenario.device.watermark_min))
    phone.file_pages += pages
    phone.free_pages -= pages
    phone.total.refaults += pages
    return pages


@kernel
def reclaim_directly(phone: Any, scenario: Any, task_id: int, pages: int, granted_ns: int, foreground: bool) -> int:
    """Let an allocating task reclaim ``pages`` itself; return the CPU time it used (ns). It is stalled meanwhile."""
    task = phone.tasks[task_id]
    speed = scenario.device.mem_speed[task.cpu]
    left = reclaim(phone, scenario, pages, granted_ns * k.PS_PER_NS, speed, task.lock_factor)
    if left < 0:
        left = -1 - left
    used = max(0, granted_ns - left // k.PS_PER_NS)
    charge(phone, task_id, k.CHARGE_DIRECT_RECLAIM, used)
    stalled_us = elapsed_us(phone, task_id, used)
    note_stall(phone, task.cpu, stalled_us, used, foreground)
    phone.total.direct_reclaim_us += stalled_us
    phone.last_direct_us = phone.now_us
    phone.lmkd.reclaiming_directly = 1
    return used


@kernel
def note_stall(phone: Any, cpu: int, stalled_us: int, used_ns: int, foreground: bool) -> None:
    """Book a memory stall of ``stalled_us``, ``used_ns`` of it on the CPU, for PSI and for the foreground's lag."""
    phone.cpu_stall_ns[cpu] += stalled_us * k.NS_PER_US
    phone.cpu_reclaim_ns[cpu] += used_ns
    if foreground:
        phone.total.stall_us += stalled_us


@kernel
def join_swapin(phone: Any, scenario: Any) -> None:
    """Declare launches that fault pages in or are about to reclaim directly: they take the lock."""
    costs = scenario.kernel
    for index in range(scenario.n_launches):
        launch = phone.launches[index]
        task_id = k.TASK_LAUNCH + index * k.THREADS_PER_LAUNCH
        task = phone.tasks[task_id]
        if launch.phase != k.LAUNCH_BURST or task.wanted_us != phone.now_us:
            continue
        speed = scenario.device.mem_speed[task.cpu]
        if launch.swapin_left > 0:
            join(phone, task_id, speed, costs.swapin_ps, costs.swapin_lock_ps, 0)
        elif phone.free_pages <= scenario.device.watermark_min + k.SWAP_CLUSTER_MAX:
            join(phone, task_id, speed, costs.compress_ps, costs.compress_lock_ps, 0)


@kernel
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
            if task.wanted_us != phone.now_us or task.granted_ns == 0:
                continue
            left = task.granted_ns
            if thread == 0 and launch.phase == k.LAUNCH_BURST:
                left = allocate(phone, scenario, index, left)
            capacity = scenario.device.capacity[task.cpu]
            needed = (launch.work_left_ns[thread] * k.UNIT + capacity - 1) // capacity
            used = min(needed, left)
            charge(phone, task_id, k.CHARGE_LAUNCH, used)
            launch.work_left_ns[thread] = (
                0 if needed <= left else launch.work_left_ns[thread] - used * capacity // k.UNIT
            )
            used += task.granted_ns - left
            end_us = max(end_us, picked_us(phone, task_id) + elapsed_us(phone, task_id, used))
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
    speed = scenario.device.mem_speed[task.cpu]
    due = due_pages(phone, scenario, launch, index)
    alloc_ps = scenario.kernel.alloc_ps * k.UNIT // speed
    bare_ps = scenario.kernel.swapin_ps * k.UNIT // speed
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
    """Fault ``count`` pages of the launched app back in; those reclaim or a kill took meanwhile are allocated anew."""
    process = phone.processes[launch.process]
    count = min(count, launch.swapin_left)
    launch.swapin_left -= count
    present = min(count, process.swap_unclaimed) if process.state == k.PROCESS_ALIVE else 0
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
