"""Phones on which what must happen can be worked out on paper, and runs that are audited at every decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from swapgym.phone import constants as k
from swapgym.phone.audit import audit
from swapgym.phone.device import DeviceProfile
from swapgym.phone.kernel_variant import UNBOUNDED, KernelVariant
from swapgym.workload.builder import MIB, PhoneBuilder, Route

RAM_MIB: Final = 4_096
PLAIN_KERNEL: Final = KernelVariant(
    name="plain",
    queue_capacity=UNBOUNDED,
    kworker_wakeup_us=0,
    child_nice=10,
    child_fork_us=0,
    entry_inline_memory_ns=900,
    entry_inline_core_ns=0,
    entry_enqueue_memory_ns=20,
    entry_enqueue_core_ns=0,
    entry_drain_memory_ns=900,
    entry_drain_core_ns=0,
    entry_child_enqueue_memory_ns=5,
    entry_child_enqueue_core_ns=0,
    entry_inline_lock_share=564 / 900,
    entry_drain_lock_share=564 / 900,
    lock_handoff=0.11,
    zspage_return=1,
    resident_anon_memory_ns=400,
    resident_anon_core_ns=0,
    resident_file_memory_ns=200,
    resident_file_core_ns=0,
    pte_waste=0.2,
    exit_signal_us=0,
    exit_notify_us=0,
    thread_exit_memory_ns=0,
    thread_exit_core_ns=0,
    mapping_free_memory_ns=0,
    mapping_free_core_ns=0,
    file_close_memory_ns=0,
    file_close_core_ns=0,
    compress_memory_ns=5_000,
    compress_core_ns=0,
    swapin_memory_ns=6_000,
    swapin_core_ns=0,
    file_reclaim_memory_ns=1_000,
    file_reclaim_core_ns=0,
    compaction_memory_ns=2_000,
    compaction_core_ns=0,
    alloc_memory_ns=500,
    alloc_core_ns=0,
)
"""Round costs that wait for memory only, so that no core and no clock changes them."""


def plain_device(capacity: tuple[int, ...]) -> DeviceProfile:
    """Return a device of these CPUs at full clock: 4 GiB, watermarks of 20, 40 and 60 MiB, no reapers, no freezer."""
    cpus = tuple(range(len(capacity)))
    kinds = sorted(set(capacity))
    return DeviceProfile(
        name="plain",
        capacity=capacity,
        domain=tuple(kinds.index(size) for size in capacity),
        min_clock=(1.0,) * len(kinds),
        schedutil=False,
        top_app_cpus=cpus,
        foreground_cpus=cpus,
        background_cpus=cpus,
        ram_mib=RAM_MIB,
        reserved_share=100 / RAM_MIB,
        zram_share=0.5,
        watermark_min_mib=20,
        watermark_low_share=20 / RAM_MIB,
        watermark_high_share=40 / RAM_MIB,
        file_floor_mib=50,
        file_workingset_mib=100,
        filecache_min_mib=0,
        n_reapers=0,
        compaction=False,
        freezer=False,
    )


def plain(
    cpus: int | tuple[int, ...] = 4,
    *,
    ms: float = 2_000,
    tick_us: int = 1_000,
    device: Mapping[str, Any] | None = None,
    kernel: Mapping[str, Any] | None = None,
) -> PhoneBuilder:
    """Return a phone under construction.

    Args:
        cpus: How many CPUs of capacity 1024 it has, or the capacity of each.
        ms: Length of the scenario.
        tick_us: Length of a tick.
        device: Fields of the device profile to replace.
        kernel: Fields of the kernel variant to replace.
    """
    capacity = (k.UNIT,) * cpus if isinstance(cpus, int) else cpus
    return PhoneBuilder(
        plain_device(capacity), PLAIN_KERNEL, device_changes=device, kernel_changes=kernel, ms=ms, tick_us=tick_us,
        compression=3,
    )  # fmt: skip


def entries(count: int) -> float:
    """Return swap entries in MiB, as the builder counts them."""
    return count / MIB


def run_audited(board: PhoneBuilder, route: Route = k.INLINE) -> Any:
    """Run from the start to the end, audited there and at every decision; return the PHONE record."""
    board.start()
    assert audit(board.phone, board.scenario) == []
    for phone in board.decisions():
        assert audit(phone, board.scenario) == []
        board.decide(route(phone) if callable(route) else route)
    assert audit(board.phone, board.scenario) == []
    return board.phone


def pressed(adjs: list[int], **device: Any) -> PhoneBuilder:
    """Return a phone on which nothing but killing helps: a burst, no page cache to spare, no free swap."""
    board = plain(2, ms=1_500, device=device)
    board.scenario["file_cache_pages"] = 50 * MIB
    for adj in adjs:
        board.app(swap_mib=10, anon_mib=60, adj=adj, anon_hot_pages=60 * MIB)
    board.device["swap_slots"] = 10 * MIB * len(adjs)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=200 * MIB)
    return board


HOG_NS: Final = 10_000
HOG_MAPPINGS: Final = 1_000_000


def hog(board: PhoneBuilder, killer: int = k.KILLER_SCENARIO_LMKD) -> int:
    """Kill a process that computes for ten seconds, freeing its mappings; return its index."""
    board.kernel["core_ps"][k.COST_MAPPING_FREE] = HOG_NS * k.PS_PER_NS
    process = board.app(mappings=HOG_MAPPINGS)
    board.kill(process, killer=killer)
    return process


def got_ms(board: PhoneBuilder, process: int) -> float:
    """Return how far a hog has come, in ms of a CPU of capacity 1024 at full clock."""
    return float(HOG_MAPPINGS - board.phone["processes"]["mappings_left"][process]) * HOG_NS / 1e6
