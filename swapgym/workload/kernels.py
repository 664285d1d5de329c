"""Kernel variants: which locks are held for how long, batches, queues and workers, as data.

Costs of swap entries are stated in nanoseconds on the Cortex-A72 of a Raspberry Pi 4B, where they were measured
(Wenchao Hao and Xueyuan Chen, linux-mm, 26 to 30 Apr 2026: 256 MB in zram, lzo-rle), and converted to a CPU of
capacity 1024 here; all others on a CPU of capacity 1024.

The lock hold is a fit: with 564 of 900 ns under the lock and a hand-off cost of 11 % per contender, two and four
processes come out at 1.44 and 3.1 us per entry as measured; without the pool lock 277 of 854 ns fits two processes
and predicts four. See ``experiments/calibration``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.state import KERNEL
from swapgym.workload.config import bounded, check, unknown
from swapgym.workload.devices import A72_BOARD

UNBOUNDED: Final = 1 << 40
ALL_CPUS: Final = (1 << k.MAX_CPUS) - 1
A72_SPEED: Final = A72_BOARD.mem_speed()[0]


@dataclass(frozen=True)
class KernelVariant:
    """One kernel, in nanoseconds per page; ``_a72`` on the Raspberry Pi 4B's core, others on a CPU of capacity 1024."""

    name: str = ""
    batch_entries: int = bounded(510, 1, 65_536, "entries", "a page of vivo's gather: (4096 - 16) / 8 entries")
    work_item_entries: int = bounded(9_680, 1, UNBOUNDED, "entries", "19 such pages: a work item of v3 (5 Aug 2024)")
    defer_route: str = "KWORKER"
    queue_capacity: int = bounded(0, 0, UNBOUNDED, "entries", "bound of the kworker queue; 0: there is none")
    hold_slot: bool = True
    n_kworkers: int = bounded(1, 1, k.MAX_KWORKERS, "1", "concurrent drain workers")
    kworker_nice: int = bounded(-20, -20, 19, "nice", "-20 for WQ_HIGHPRI")
    kworker_mask: int = bounded(ALL_CPUS, 1, ALL_CPUS, "bitmask", "CPUs of the unbound worker")
    kworker_wakeup_us: int = bounded(
        50, 0, 100_000, "us", "queue_work to running on an idle CPU (judgement: 20 us to 10 ms)"
    )
    child_nice: int = bounded(13, -20, 19, "nice", "weight 56: about the background group's 52 of 1024")
    child_queue_capacity: int = bounded(UNBOUNDED, 0, UNBOUNDED, "entries", "bound of what is left to the child")
    child_fork_us: int = bounded(300, 0, 100_000, "us", "cloning a child that shares the address space (judgement)")
    resident_anon_ns: float = bounded(
        267.0, 1.0, 10_000.0, "ns", "present page, big core at full clock: 14,656 MB/s (Baghdasaryan, Apr 2019)"
    )
    resident_anon_lru_lock_ns: float = bounded(
        0.0, 0.0, 10_000.0, "ns", "of which under lru_lock; 0: nobody has published it for a phone"
    )
    resident_anon_zone_lock_ns: float = bounded(0.0, 0.0, 10_000.0, "ns", "of which under zone->lock; likewise")
    resident_file_ns: float = bounded(
        150.0, 1.0, 10_000.0, "ns", "file page, unmapped only: scaled from the anonymous page"
    )
    entry_inline_a72_ns: float = bounded(900.0, 10.0, 100_000.0, "ns", "swap entry alone, pool lock in place")
    entry_inline_lock_a72_ns: float = bounded(564.0, 0.0, 100_000.0, "ns", "of which under the lock (fit)")
    entry_enqueue_a72_ns: float = bounded(20.0, 1.0, 100_000.0, "ns", "one array store per deferred entry (judgement)")
    entry_drain_a72_ns: float = bounded(900.0, 10.0, 100_000.0, "ns", "release of a deferred entry: the same work")
    entry_drain_lock_a72_ns: float = bounded(564.0, 0.0, 100_000.0, "ns", "of which under the lock")
    entry_child_enqueue_a72_ns: float = bounded(5.0, 1.0, 100_000.0, "ns", "page tables handed on whole (judgement)")
    compress_ns: float = bounded(
        5_000.0, 100.0, 100_000.0, "ns", "reclaim of an anonymous page, lz4, big core: 3 to 10 us"
    )
    compress_lock_ns: float = bounded(300.0, 0.0, 100_000.0, "ns", "of which under the lock (zs_malloc; judgement)")
    swapin_ns: float = bounded(6_000.0, 100.0, 100_000.0, "ns", "fault back in, big core: 4 to 10 us")
    swapin_lock_ns: float = bounded(376.0, 0.0, 100_000.0, "ns", "of which under the lock (zs_free)")
    file_reclaim_ns: float = bounded(800.0, 10.0, 100_000.0, "ns", "reclaim of a clean page (judgement)")
    compaction_ns: float = bounded(
        2_400.0, 10.0, 100_000.0, "ns", "zs_compact per page given back: 14 to 30 ms for 128 MB"
    )
    alloc_ns: float = bounded(500.0, 10.0, 100_000.0, "ns", "fault in and zero a page (judgement)")
    lock_handoff: float = bounded(0.11, 0.0, 4.0, "1", "growth of a hold per further contender (fit)")
    zspage_return: float = bounded(0.65, 0.0, 1.0, "1", "exponent of the zspage law: measured 0.2 to 0.95")
    pte_waste: float = bounded(
        0.20, 0.0, 1.0, "1", "reaper and victim on one address space: 167 against 133 (arm64, Sep 2025)"
    )
    exit_signal_ms: float = bounded(
        75.0,
        0.0,
        1_000.0,
        "ms",
        "SIGKILL until the last of a hundred threads is gone (half of what is off-CPU: judgement)",
    )
    exit_wait_ms: float = bounded(
        75.0,
        0.0,
        1_000.0,
        "ms",
        "off-CPU part of do_exit after it: fit on 250 ms for 400 MB swapped (Lei Liu, Sep 2025)",
    )
    refault_io_us: int = bounded(100, 0, 100_000, "us", "one refault from UFS storage, read-ahead included (judgement)")

    def __post_init__(self) -> None:
        """Check every field."""
        check(self)
        if self.defer_route not in ("KWORKER", "USERSPACE"):
            raise unknown("KernelVariant.defer_route", self.defer_route, ("KWORKER", "USERSPACE"))
        for whole in ("entry_inline", "entry_drain", "compress", "swapin"):
            suffix = "_a72_ns" if whole.startswith("entry") else "_ns"
            lock, cost = getattr(self, f"{whole}_lock{suffix}"), getattr(self, f"{whole}{suffix}")
            if lock > cost:
                raise ValueError(
                    f"KernelVariant.{whole}_lock{suffix}: {lock!r}, must be at most {whole}{suffix} ({cost!r})"
                )

        pages_ns = self.resident_anon_lru_lock_ns + self.resident_anon_zone_lock_ns
        if pages_ns > self.resident_anon_ns:
            raise ValueError(
                f"KernelVariant.resident_anon_lru_lock_ns, resident_anon_zone_lock_ns: together {pages_ns!r},"
                f" must be at most resident_anon_ns ({self.resident_anon_ns!r})"
            )

    def to_record(self, out: Any = None) -> Any:
        """Return the variant as a KERNEL record (written into ``out`` where given)."""
        record = np.zeros(1, KERNEL)[0] if out is None else out
        for name in (
            "batch_entries", "work_item_entries", "queue_capacity", "hold_slot", "n_kworkers", "kworker_nice",
            "kworker_mask", "kworker_wakeup_us", "child_nice", "child_queue_capacity", "refault_io_us",
        ):  # fmt: skip
            record[name] = int(getattr(self, name))
        record["defer_route"] = k.ROUTE_NAMES.index(self.defer_route)
        record["child_fork_ns"] = self.child_fork_us * k.NS_PER_US
        record["exit_signal_us"] = round(self.exit_signal_ms * k.MS)
        record["exit_wait_us"] = round(self.exit_wait_ms * k.MS)
        for name in ("lock_handoff", "zspage_return", "pte_waste"):
            record[name] = round(getattr(self, name) * k.UNIT)
        for name in (
            "resident_anon", "resident_anon_lru_lock", "resident_anon_zone_lock", "resident_file", "compress",
            "compress_lock", "swapin", "swapin_lock", "file_reclaim", "compaction", "alloc",
        ):  # fmt: skip
            record[f"{name}_ps"] = round(getattr(self, f"{name}_ns") * k.PS_PER_NS)
        for name in ("inline", "inline_lock", "enqueue", "drain", "drain_lock", "child_enqueue"):
            cost = getattr(self, f"entry_{name}_a72_ns") * A72_SPEED / k.UNIT
            record[f"entry_{name}_ps"] = round(cost * k.PS_PER_NS)
        return record


MAINLINE: Final = KernelVariant(name="mainline")
"""Up to June 2026: pool lock in zs_free, no deferral. All other variants say only what differs."""
MAINLINE_NO_POOL_LOCK: Final = replace(
    MAINLINE, name="mainline-no-pool-lock", entry_inline_a72_ns=854.0, entry_inline_lock_a72_ns=277.0,
    entry_drain_a72_ns=854.0, entry_drain_lock_a72_ns=277.0, swapin_lock_ns=185.0,
)  # fmt: skip
"""mm/zsmalloc: reduce lock contention in zs_free(), v6, 26 Jun 2026."""
VIVO_ASYNC: Final = replace(MAINLINE, name="vivo-async", queue_capacity=UNBOUNDED)
"""mm: tlb swap entries batch async release, v3, 5 Aug 2024: whole entry held, one WQ_HIGHPRI worker, no cap."""
ZSMALLOC_DEFERRED: Final = replace(
    MAINLINE_NO_POOL_LOCK, name="zsmalloc-deferred", batch_entries=512, work_item_entries=512, queue_capacity=32_768,
    hold_slot=False, kworker_nice=0, entry_enqueue_a72_ns=262.0, entry_drain_a72_ns=592.0,
    entry_drain_lock_a72_ns=150.0,
)  # fmt: skip
"""mm/zsmalloc: per-cpu deferred free, RFC v3, 8 May 2026: pages of 512 handles, bounded, only compressed memory held.
The lock hold of the drain is a judgement: the class lock is held over runs of a class."""
USERSPACE_REAPER: Final = replace(MAINLINE, name="userspace-reaper", defer_route="USERSPACE")
"""What the letter asks for: a child that shares the address space, or a process_mrelease helper, frees in the
background."""

EMULATED: Final = replace(
    MAINLINE, name="linux-6.1-emulated", resident_anon_ns=1474.0, resident_anon_lru_lock_ns=349.0,
    resident_anon_zone_lock_ns=341.0, entry_inline_a72_ns=7468.0, entry_inline_lock_a72_ns=6235.0,
    entry_drain_a72_ns=7468.0, entry_drain_lock_a72_ns=6235.0, alloc_ns=6854.0, compress_ns=22250.0,
)  # fmt: skip
"""Linux 6.1 under QEMU without hardware support: costs fitted on measurement 1 of ``experiments/real_kernel``. An
emulated instruction costs the same whatever it touches: a kernel to hold the simulator against, not a phone's."""

KERNELS: Final[dict[str, KernelVariant]] = {
    variant.name: variant
    for variant in (MAINLINE, MAINLINE_NO_POOL_LOCK, VIVO_ASYNC, ZSMALLOC_DEFERRED, USERSPACE_REAPER, EMULATED)
}


def kernel_variant(name: str) -> KernelVariant:
    """Return the kernel variant called ``name``.

    Raises:
        ValueError: If there is none; names the nearest and all there are.
    """
    if name not in KERNELS:
        raise unknown("kernel", name, KERNELS)
    return KERNELS[name]
