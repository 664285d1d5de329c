"""Frames: a pipeline of UI and render thread against vsync.

A frame passes the UI thread, then the render thread, which overlap by one frame; its deadline is two vsync periods (a
parameter of the device) after the vsync that started it: double buffering. While the UI thread is still busy a vsync is
skipped. Lateness accrues while a frame is past its deadline, so that it meets the decision that caused it.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.android.stalls import reclaim_directly
from swapgym.phone.jit import inlined, kernel
from swapgym.phone.sched.request import charge, elapsed_us, is_runnable, request_cpu, speed_of, weight_of

REFAULTS_PER_MS: int = 4
"""Page-cache pages that the foreground reads back per ms of work if its whole working set is gone (judgement)."""


@inlined
def wake_frames(phone: Any, scenario: Any) -> None:
    """Start the frame of a vsync that falls in this tick, and ask for CPU for both threads of the pipeline."""
    frame = phone.frame
    device = scenario.device
    vsync_us = device.vsync_us
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
    weight = weight_of(device.ui_nice)
    # a thread that starts within the tick wants no more than its rest: nobody goes short of what it cannot use
    tick_ns = phone.tick_us * k.NS_PER_US
    soon = frame.ui_deadline_us > 0 and frame.ui_left_ns < tick_ns
    if frame.ui_deadline_us > 0:
        rest_ns = tick_ns - max(0, frame.ui_start_us - phone.now_us) * k.NS_PER_US
        work = min(frame.ui_left_ns, rest_ns) if frame.alloc_left == 0 else -1
        request_cpu(phone, k.TASK_UI, weight, device.top_app_mask, device.uclamp_frames, work)
    if frame.render_deadline_us > 0 or frame.ui_pending_deadline_us > 0:
        work = frame.render_left_ns + frame.ui_pending_work_ns
        request_cpu(phone, k.TASK_RENDER, weight, device.top_app_mask, device.uclamp_frames, work)
    elif soon:
        work = min(frame.render_pending_ns, tick_ns - frame.ui_left_ns)
        request_cpu(phone, k.TASK_RENDER, weight, device.top_app_mask, device.uclamp_frames, work)


@inlined
def run_frames(phone: Any, scenario: Any) -> None:
    """Let the UI and render threads use their grants; count what misses its deadline."""
    frame = phone.frame
    end_us = phone.now_us + phone.tick_us
    handed_us = phone.now_us
    if frame.ui_deadline_us > 0:
        handed_us = run_ui(phone, scenario)
    if frame.ui_pending_deadline_us > 0 and frame.render_deadline_us == 0:
        hand_over(frame, handed_us)
    if frame.render_deadline_us > 0 and is_runnable(phone, k.TASK_RENDER):
        task = phone.tasks[k.TASK_RENDER]
        speed = speed_of(phone, k.TASK_RENDER)
        start_us = max(phone.now_us, frame.render_start_us)
        granted = min(task.granted_ns, (end_us - start_us) * k.NS_PER_US)
        needed = (frame.render_left_ns * k.UNIT + speed - 1) // speed
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
            frame.render_left_ns -= granted * speed // k.UNIT
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
    start_us = max(phone.now_us, frame.ui_start_us)
    granted = min(task.granted_ns, (end_us - start_us) * k.NS_PER_US)
    speed = speed_of(phone, k.TASK_UI)
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
        phone.cpus.stall_ns[task.cpu] += stalled_us * k.NS_PER_US
        granted = granted * (phone.tick_us - stalled_us) // phone.tick_us
    needed = (frame.ui_left_ns * k.UNIT + speed - 1) // speed
    used = min(needed, granted)
    charge(phone, k.TASK_UI, k.CHARGE_FRAMES, used)
    frame.stall_left_us += refault(phone, scenario, used // k.NS_PER_US) * scenario.kernel.refault_io_us
    if needed > granted:
        frame.ui_left_ns -= used * speed // k.UNIT
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
