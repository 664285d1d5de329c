"""The kernel variants that come with swapgym: mainline and the patch series, each as what differs from another."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from swapgym.phone.kernel_variant import UNBOUNDED, KernelVariant
from swapgym.workload.config import unknown

LITTLE_CPUS: Final = 0x0F

MAINLINE: Final = KernelVariant(name="mainline")
"""Up to June 2026: pool lock in zs_free, no deferral."""
MAINLINE_NO_POOL_LOCK: Final = replace(
    MAINLINE, name="mainline-no-pool-lock", entry_inline_memory_ns=758.0, entry_inline_lock_share=0.324,
    entry_drain_memory_ns=758.0, entry_drain_lock_share=0.324, swapin_lock_share=0.031,
)  # fmt: skip
"""mm/zsmalloc: reduce lock contention in zs_free(), v6, 26 Jun 2026: 854 ns on the A72 board."""
VIVO_ASYNC: Final = replace(MAINLINE, name="vivo-async", queue_capacity=UNBOUNDED)
"""mm: tlb swap entries batch async release, v3, 5 Aug 2024: whole entry held, one WQ_HIGHPRI worker, no cap."""
VIVO_ASYNC_NICE0: Final = replace(VIVO_ASYNC, name="vivo-async-nice0", kworker_nice=0)
"""The same with a worker of the normal pool, as the 2026 series have it (WQ_UNBOUND without WQ_HIGHPRI)."""
VIVO_ASYNC_LITTLE: Final = replace(VIVO_ASYNC, name="vivo-async-little", kworker_mask=LITTLE_CPUS)
"""The same with the worker kept to the little cores: a widespread tuning module writes 0f to every workqueue."""
ZSMALLOC_DEFERRED: Final = replace(
    MAINLINE_NO_POOL_LOCK, name="zsmalloc-deferred", batch_entries=512, work_item_entries=512, queue_capacity=32_768,
    hold_slot=False, kworker_nice=0, entry_enqueue_memory_ns=234.0, entry_enqueue_core_ns=7.3,
    entry_drain_memory_ns=524.0, entry_drain_core_ns=17.7, entry_drain_lock_share=0.253,
)  # fmt: skip
"""mm/zsmalloc: per-cpu deferred free, RFC v3, 8 May 2026: pages of 512 handles, bounded, only compressed memory held.
Inline remainder 262 ns on a Cortex-A72 and 283 ns on a Cortex-A55. The lock share of the drain is a judgement: the
class lock is held over runs of a class."""
USERSPACE_REAPER: Final = replace(MAINLINE, name="userspace-reaper", defer_route="USERSPACE")
"""What the letter asks for: a child that shares the address space, or a process_mrelease helper, frees in the
background."""

KERNELS: Final[dict[str, KernelVariant]] = {
    variant.name: variant
    for variant in (
        MAINLINE,
        MAINLINE_NO_POOL_LOCK,
        VIVO_ASYNC,
        VIVO_ASYNC_NICE0,
        VIVO_ASYNC_LITTLE,
        ZSMALLOC_DEFERRED,
        USERSPACE_REAPER,
    )
}


def kernel_variant(name: str) -> KernelVariant:
    """Return the kernel variant called ``name``.

    Raises:
        ValueError: If there is none; names the nearest and all there are.
    """
    if name not in KERNELS:
        raise unknown("kernel", name, KERNELS)
    return KERNELS[name]
