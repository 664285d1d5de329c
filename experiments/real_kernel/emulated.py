"""The simulated machine on which measured cases are re-enacted: two emulated x86 CPUs, 4 GiB, no Android."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from swapgym.phone import constants as k
from swapgym.phone.device import DeviceProfile
from swapgym.phone.kernel_variant import KernelVariant
from swapgym.workload.builder import PhoneBuilder

N_CPUS: Final = 2
TICK_US: Final = 250
NEVER_KILLED: Final = -1
"""oom_score_adj of processes that lmkd must leave alone: the measured machine has none."""

DEVICE: Final = DeviceProfile(
    name="emulated-x86",
    capacity=(1024,) * N_CPUS,
    domain=(0,) * N_CPUS,
    min_clock=(1.0,),
    top_app_cpus=(0, 1),
    foreground_cpus=(0, 1),
    background_cpus=(0, 1),
    core_speed=1.0,  # costs are fitted on this very core
    schedutil=False,
    ram_mib=4096,
    reserved_share=0.05,
    zram_share=0.75,
    watermark_min_mib=23.0,  # min_free_kbytes, 8 MiB, and the DMA zone's 15 that lowmem_reserve keeps from user pages
    watermark_low_share=0.001,  # watermark_scale_factor 10
    watermark_high_share=0.002,
    file_floor_mib=20,
    file_workingset_mib=20,
    swappiness=60,
    psi_partial_stall_ms=1_000,
    psi_complete_stall_ms=1_000,
    stall_limit_critical_percent=100,
    filecache_min_mib=0,
    n_reapers=0,
    compaction=False,
    freezer=False,
)
"""QEMU without hardware support. lmkd is as quiet as it can be set."""
KERNEL: Final = KernelVariant(
    name="linux-6.1-emulated",
    exit_signal_us=0,
    exit_notify_us=0,
    thread_exit_memory_ns=0.0,
    thread_exit_core_ns=0.0,
    kworker_wakeup_us=0,
    resident_anon_memory_ns=0.0,
    entry_inline_memory_ns=0.0,
    entry_drain_memory_ns=0.0,
    alloc_memory_ns=0.0,
    compress_memory_ns=0.0,
)
"""Linux 6.1 there, but for the costs that are fitted (:mod:`experiments.real_kernel.fit`). They are all core: an
emulated instruction takes as long whatever it touches. The measured programs have one thread and next to no files."""


def machine(kernel: KernelVariant, ms: float, **device: bool | int) -> PhoneBuilder:
    """Return the measured machine, idle. ``device`` replaces fields of its profile."""
    return PhoneBuilder(DEVICE, kernel, device_changes=device, ms=ms, tick_us=TICK_US)


def victims(phone: PhoneBuilder, n: int, mib: float, percent: float) -> list[int]:
    """Put ``n`` victims on the machine, so many per cent of each swapped."""
    swapped = mib * percent / 100
    return [phone.app(swap_mib=swapped, anon_mib=mib - swapped) for _ in range(n)]


def kill(phone: PhoneBuilder, dying: Sequence[int], in_turn: bool = False, route: int = k.INLINE) -> None:
    """Kill ``dying`` now, all at once or each once the one before is gone; run on until all are.

    Raises:
        RuntimeError: Somebody still lives at the scenario's end.
    """
    for group in [[one] for one in dying] if in_turn else [list(dying)]:
        for one in group:
            phone.kill(one, now_ms(phone))
        run_until(phone, partial(is_dead, phone, group), route)


def run_until(phone: PhoneBuilder, over: Callable[[], bool], route: int = k.INLINE) -> None:
    """Run on, tick by tick, until ``over`` says so.

    Raises:
        RuntimeError: It did not before the scenario's end.
    """
    while not over():
        if now_ms(phone) >= float(phone.scenario["duration_us"]) / k.MS:
            raise RuntimeError(f"not over after {now_ms(phone):.0f} ms")
        phone.go_on(route, until_ms=now_ms(phone) + TICK_US / k.MS)


def now_ms(phone: PhoneBuilder) -> float:
    """Return the time (ms from the start)."""
    return float(phone.phone["now_us"]) / k.MS


def is_dead(phone: PhoneBuilder, dying: Sequence[int]) -> bool:
    """Return whether all of ``dying`` are gone."""
    return all(phone.phone["processes"]["state"][list(dying)] == k.PROCESS_DEAD)


def last_exit_ms(phone: PhoneBuilder, dying: Sequence[int]) -> float:
    """Return when the last of ``dying`` was gone (ms from the start)."""
    return float(phone.phone["processes"]["exit_us"][list(dying)].max()) / k.MS
