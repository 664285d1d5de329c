"""Readings of the phone, each in its own unit, under the names of :data:`swapgym.envs.observations.PARTS`.

Only the present and the past are read: the phone, the device and kernel it runs on, and of the scenario nothing that
has not happened yet.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.timeline import PSS_OF_FILES


@kernel
def read(phone: Any, scenario: Any, reading: Any) -> None:
    """Take a reading of the phone, every part in its own unit; the victim's stay 0 where no batch awaits a route."""
    if phone.pending >= 0:
        read_victim(phone, scenario, reading)
    read_exits(phone, reading)
    read_memory(phone, scenario, reading)
    read_deferred(phone, scenario, reading)
    read_cpus(phone, scenario, reading)
    read_foreground(phone, scenario, reading)


@kernel
def read_victim(phone: Any, scenario: Any, reading: Any) -> None:
    """Read the exiting process whose batch awaits a route."""
    process = phone.processes[phone.pending]
    mapped = process.swap_entries + process.anon_pages + process.file_pages
    reading.victim_swap_left = process.swap_entries
    reading.victim_swap_share = process.swap_entries / max(1, mapped)
    reading.victim_anon_left = process.anon_pages
    app = scenario.apps[phone.pending]
    reading.victim_last_pss = app.anon_pages + app.swap_entries + PSS_OF_FILES * app.file_pages
    if process.decisions > 0:
        reading.victim_last_route = -1.0 if process.route == k.INLINE else 1.0
    reading.victim_elapsed = phone.now_us - process.kill_us
    reading.victim_promoted = process.killer != k.KILLER_ACTIVITY_MANAGER
    reading.victim_awaited = awaited(phone, process)
    cpu = phone.tasks[k.TASK_EXIT + phone.pending].cpu
    if cpu >= 0:
        reading.victim_cpu_capacity = scenario.device.capacity[cpu]


@kernel
def awaited(phone: Any, process: Any) -> bool:
    """Return whether a launch waits at its gate for the exit of ``process``.

    The launch's own count is no help: it includes kills that the scenario has yet to make.
    """
    if process.gate_launch < 0:
        return False
    launch = phone.launches[process.gate_launch]
    return bool(launch.phase == k.LAUNCH_GATE)


@kernel
def read_exits(phone: Any, reading: Any) -> None:
    """Read all exits in flight, and the lock they share with reclaim and swap-in."""
    swap = 0
    unmapping = 0
    for position in range(phone.n_exiting):
        process = phone.processes[phone.exiting[position]]
        swap += process.swap_entries
        # vivo's counter falls at the end of exit_mm, long before the parent is notified
        unmapping += process.exit_stage == k.EXIT_UNMAP and process.state == k.PROCESS_EXITING
    reading.exiting = unmapping
    reading.exiting_swap = swap
    load = 0
    for position in range(phone.n_runnable):
        task_id = phone.runnable[position]
        task = phone.tasks[task_id]
        if task.lock_user != 0 and task_id != k.TASK_EXIT + phone.pending:
            load += task.lock_share
    reading.lock_load = load / k.UNIT


@kernel
def read_memory(phone: Any, scenario: Any, reading: Any) -> None:
    """Read free memory, page cache, swap, the pool, and the pressure on them."""
    device = scenario.device
    reading.free_margin = (phone.free_pages - device.watermark_low) / max(1, device.watermark_high)
    reading.file_cache = phone.file_pages / device.ram_pages
    refaulted = phone.total.refaults - phone.lmkd.thrash_refaults
    reading.thrashing = refaulted / max(1, phone.lmkd.thrash_file)
    reading.swap_free = phone.slots_free / max(1, device.swap_slots)
    ideal = phone.pool_objects * k.UNIT / scenario.compression
    reading.pool_fragmented = max(0.0, phone.pool_pages - ideal) / max(1, phone.pool_pages)
    reading.psi_some = phone.psi.some_growth_us
    reading.psi_full = phone.psi.full_growth_us
    reading.kswapd_awake = phone.kswapd_awake
    reading.direct_reclaim = -1.0 if phone.last_direct_us < 0 else phone.now_us - phone.last_direct_us
    reading.lmkd_waiting = phone.lmkd.waiting_for >= 0


@kernel
def read_deferred(phone: Any, scenario: Any, reading: Any) -> None:
    """Read the backlog, what it holds, and whether anybody works on it."""
    reading.backlog = phone.backlog_kworker + phone.backlog_child
    if scenario.kernel.defer_route == k.USERSPACE:
        queued = phone.backlog_child
        capacity = scenario.kernel.child_queue_capacity
    else:
        queued = phone.backlog_kworker
        capacity = scenario.kernel.queue_capacity
    reading.queue_fill = queued / capacity if capacity > 0 else 1.0
    reading.zombie = phone.zombie_entries * (phone.pool_pages / max(1, phone.pool_objects))
    reading.starved = phone.total.starved_now_us
    reading.release_ns = phone.release_ps / k.PS_PER_NS
    reading.drain_ns = phone.drain_ps / k.PS_PER_NS
    reading.drain_pace = phone.drain_pace + 1


@kernel
def read_cpus(phone: Any, scenario: Any, reading: Any) -> None:
    """Read clocks, real-time load and what it leaves."""
    cpus = phone.cpus
    device = scenario.device
    load = 0
    load_big = 0
    n_big = 0
    idle = 0
    for cpu in range(device.n_cpus):
        used = 1000 - 1000 * cpus.fair_ns[cpu] // (phone.tick_us * k.NS_PER_US)
        load += used
        if 2 * device.capacity[cpu] > k.UNIT:
            n_big += 1
            load_big += used
        if cpus.tasks[cpu] == 0 and cpus.fair_ns[cpu] > 0:
            idle += 1
    reading.clock_little = phone.domains[0].clock
    reading.clock_big = phone.domains[device.n_domains - 1].clock
    n_cpus = max(1, device.n_cpus)
    reading.rt_load = load / (1000 * n_cpus)
    reading.rt_load_big = load_big / (1000 * max(1, n_big))
    reading.rt_throttling = device.rt_throttling
    reading.idle_cpus = idle / n_cpus


@kernel
def read_foreground(phone: Any, scenario: Any, reading: Any) -> None:
    """Read the frame in hand and the launches the person waits for."""
    frame = phone.frame
    slack_us = scenario.device.deadline_vsyncs * scenario.device.vsync_us
    if frame.ui_deadline_us > 0:
        slack_us = min(slack_us, frame.ui_deadline_us - phone.now_us)
    if frame.ui_pending_deadline_us > 0:
        slack_us = min(slack_us, frame.ui_pending_deadline_us - phone.now_us)
    if frame.render_deadline_us > 0:
        slack_us = min(slack_us, frame.render_deadline_us - phone.now_us)
    reading.frame_slack = slack_us / max(1, scenario.device.vsync_us)
    for position in range(phone.n_exiting):
        reading.launch_awaits += awaited(phone, phone.processes[phone.exiting[position]])
    for index in range(scenario.n_launches):
        launch = phone.launches[index]
        if k.LAUNCH_WAITING < launch.phase < k.LAUNCH_DONE:
            reading.launch_need += max(0, scenario.launches[index].expected_pages - launch.burst_done)
        if launch.phase == k.LAUNCH_GATE:
            reading.launch_wait = max(reading.launch_wait, phone.now_us - launch.gate_us)
        elif launch.phase == k.LAUNCH_BURST:
            elapsed_us = max(k.MS, phone.now_us - launch.burst_us)
            reading.burst_rate += launch.burst_done * 1e6 / elapsed_us
