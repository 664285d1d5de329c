"""What a kernel is: the cost of every operation, its locks, batches, queues and workers, each with range and source.

A cost has two parts. The memory part waits for memory and takes as long on every core of a device. The core part is
stated on a Cortex-X1 at 2.8 GHz and takes longer on smaller cores and at lower clocks. Swap entries: 900 ns on a
Cortex-A72 at 1.5 GHz (Raspberry Pi 4B) and 963 ns on a Cortex-A55 at 1.8 GHz (RK3588) leave 25 ns per entry to the core
and 804 to memory. Resident pages are the opposite: on a Snapdragon 845 they follow the clock from 267 to 4,563 ns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.device import DeviceProfile
from swapgym.phone.records import integer, record, wide
from swapgym.phone.settings import CORE, MEMORY, check, fields_of, fill, setting, switch, unknown

UNBOUNDED: Final = 1 << 30
ALL_CPUS: Final = (1 << k.MAX_CPUS) - 1


def memory_ns(default: float, operation: str, meaning: str) -> Any:
    """Declare the memory part of an operation's cost (ns, the same on every core)."""
    at = k.COST_NAMES.index(operation)
    return setting(default, 0.0, 10_000_000.0, "ns", meaning, into="memory_ps", at=at, per=k.PS_PER_NS, kind=MEMORY)


def core_ns(default: float, operation: str, meaning: str) -> Any:
    """Declare the core part of an operation's cost (ns on a Cortex-X1 at 2.8 GHz)."""
    at = k.COST_NAMES.index(operation)
    return setting(default, 0.0, 10_000_000.0, "ns", meaning, into="core_ps", at=at, per=k.PS_PER_NS, kind=CORE)


def share(default: float, into: str, meaning: str, high: float = 1.0) -> Any:
    """Declare a share or an exponent, over 1024 in the record."""
    return setting(default, 0.0, high, "1", meaning, into=into, per=k.UNIT)


@dataclass(frozen=True)
class KernelVariant:
    """One kernel.

    Raises:
        ValueError: If a value is out of its range; names field, value and range.
        TypeError: If a value is of the wrong type.
    """

    name: str = ""
    # --- deferral
    batch_entries: int = setting(
        510, 1, 65_536, "entries", "a page of vivo's gather: (4096 - 16) / 8 entries", into="batch_entries"
    )
    work_item_entries: int = setting(
        9_680, 1, UNBOUNDED, "entries", "19 such pages: a work item of v3 (5 Aug 2024)", into="work_item_entries"
    )
    defer_route: str = "KWORKER"
    queue_capacity: int = setting(
        0,
        0,
        UNBOUNDED,
        "entries",
        "bound of the kworker queue, a full one falls back to inline; 0: there is none",
        into="queue_capacity",
    )
    hold_slot: bool = switch(True, "a deferred entry keeps its swap slot until drained", into="hold_slot")
    n_kworkers: int = setting(1, 1, k.MAX_KWORKERS, "1", "concurrent drain workers", into="n_kworkers")
    kworker_nice: int = setting(-20, -20, 19, "nice", "-20 for WQ_HIGHPRI, 0 for the normal pool", into="kworker_nice")
    kworker_mask: int = setting(
        ALL_CPUS,
        1,
        ALL_CPUS,
        "bitmask",
        "CPUs of the unbound worker (a tuning module writes 0f: the little ones)",
        into="kworker_mask",
    )
    kworker_wakeup_us: int = setting(
        50,
        0,
        100_000,
        "us",
        "queue_work to running on an idle CPU (judgement: 20 us to 10 ms)",
        into="kworker_wakeup_us",
    )
    child_nice: int = setting(
        13, -20, 19, "nice", "weight 56: about the background group's 52 of 1024", into="child_nice"
    )
    child_queue_capacity: int = setting(
        UNBOUNDED, 0, UNBOUNDED, "entries", "bound of what is left to the child", into="child_queue_capacity"
    )
    child_fork_us: int = setting(
        300,
        0,
        100_000,
        "us",
        "cloning a child that shares the address space (judgement)",
        into="child_fork_ns",
        per=k.NS_PER_US,
    )
    # --- swap entries
    entry_inline_memory_ns: float = memory_ns(
        804.0, "entry_inline", "one entry freed, pool lock in place: fit on 900 ns (A72) and 963 ns (A55)"
    )
    entry_inline_core_ns: float = core_ns(25.0, "entry_inline", "likewise")
    entry_inline_lock_share: float = share(
        0.627, "entry_inline_lock", "of it under the contended lock: fit on two processes at once (A72)"
    )
    entry_enqueue_memory_ns: float = memory_ns(
        18.0, "entry_enqueue", "inline remainder of a deferred entry: one array store (judgement)"
    )
    entry_enqueue_core_ns: float = core_ns(1.0, "entry_enqueue", "likewise")
    entry_drain_memory_ns: float = memory_ns(804.0, "entry_drain", "release of a deferred entry: the same work")
    entry_drain_core_ns: float = core_ns(25.0, "entry_drain", "likewise")
    entry_drain_lock_share: float = share(0.627, "entry_drain_lock", "of it under the contended lock")
    entry_child_enqueue_memory_ns: float = memory_ns(
        4.0, "entry_child_enqueue", "page tables handed on whole to the child (judgement)"
    )
    entry_child_enqueue_core_ns: float = core_ns(0.5, "entry_child_enqueue", "likewise")
    lock_handoff: float = share(0.11, "lock_handoff", "growth of a hold per further contender (fit)", high=4.0)
    zspage_return: float = share(0.65, "zspage_return", "exponent of the zspage law: measured 0.2 to 0.95")
    # --- resident pages
    resident_anon_memory_ns: float = memory_ns(
        0.0, "resident_anon", "anonymous page unmapped and freed: it follows the clock (Baghdasaryan, Apr 2019)"
    )
    resident_anon_core_ns: float = core_ns(
        100.0, "resident_anon", "14,656 MB/s on a big core at full clock (Snapdragon 845)"
    )
    resident_file_memory_ns: float = memory_ns(
        300.0, "resident_file", "mapped file page unmapped: rmap and LRU marks of scattered struct pages (judgement)"
    )
    resident_file_core_ns: float = core_ns(10.0, "resident_file", "likewise")
    pte_waste: float = share(
        0.20, "pte_waste", "reaper and victim on one address space: 167 against 133 (arm64, Sep 2025)"
    )
    # --- the rest of an exit
    exit_signal_us: int = setting(
        1_500,
        0,
        1_000_000,
        "us",
        "SIGKILL until the victim's threads run: thaw, wake-ups (judgement: 1 to 5 ms)",
        into="exit_signal_us",
    )
    exit_notify_us: int = setting(
        5_000, 0, 1_000_000, "us", "exit_notify until the parent has run (judgement: 1 to 5 ms)", into="exit_notify_us"
    )
    thread_exit_memory_ns: float = memory_ns(60_000.0, "thread_exit", "one thread woken, thawed and gone (judgement)")
    thread_exit_core_ns: float = core_ns(2_000.0, "thread_exit", "likewise")
    mapping_free_memory_ns: float = memory_ns(1_500.0, "mapping_free", "one mapping: page tables, vma (judgement)")
    mapping_free_core_ns: float = core_ns(50.0, "mapping_free", "likewise")
    file_close_memory_ns: float = memory_ns(
        80_000.0, "file_close", "one open file, socket or buffer, binder and GPU contexts included (judgement)"
    )
    file_close_core_ns: float = core_ns(2_500.0, "file_close", "likewise")
    # --- reclaim and allocation
    compress_memory_ns: float = memory_ns(
        1_000.0, "compress", "anonymous page reclaimed: unmapped, stored (judgement of the split: compressing computes)"
    )
    compress_core_ns: float = core_ns(4_000.0, "compress", "lz4 on a big core: 3 to 10 us in all")
    compress_lock_share: float = share(0.06, "compress_lock", "of it under the contended lock (zs_malloc; judgement)")
    swapin_memory_ns: float = memory_ns(
        2_500.0, "swapin", "page faulted back in: scattered objects (judgement of the split)"
    )
    swapin_core_ns: float = core_ns(2_850.0, "swapin", "fit on 20.7 us on a Cortex-A55 (RK3588)")
    swapin_lock_share: float = share(0.063, "swapin_lock", "of it under the contended lock (zs_free)")
    file_reclaim_memory_ns: float = memory_ns(400.0, "file_reclaim", "clean page reclaimed (judgement)")
    file_reclaim_core_ns: float = core_ns(400.0, "file_reclaim", "likewise")
    compaction_memory_ns: float = memory_ns(
        1_200.0, "compaction", "zs_compact per page given back: 14 to 30 ms for 128 MB (split: judgement)"
    )
    compaction_core_ns: float = core_ns(1_200.0, "compaction", "likewise")
    alloc_memory_ns: float = memory_ns(250.0, "alloc", "new page faulted in and zeroed (judgement)")
    alloc_core_ns: float = core_ns(250.0, "alloc", "likewise")
    refault_io_us: int = setting(
        100, 0, 100_000, "us", "one refault from UFS storage, read-ahead included (judgement)", into="refault_io_us"
    )
    # --- where published phones differ by more than a factor of 1.5, each phone is drawn (log-normal)
    phone_sigma: float = setting(
        0.35,
        0.0,
        1.0,
        "1",
        "all that waits for memory or is waited for in an exit, over phones: whole exits differ by 0.27 per phone in"
        " public device logs, and three quarters of one wait for memory; 0: not drawn",
    )
    entry_sigma: float = setting(
        0.25, 0.0, 1.0, "1", "cost of an entry beyond that: 650 to 970 ns idle, 1.6 us by the logs; 0: not drawn"
    )
    contention_sigma: float = setting(
        0.25, 0.0, 1.0, "1", "hand-off of the lock: a of 0.6 to 0.9 per further freer (A72); 0: not drawn"
    )

    def __post_init__(self) -> None:
        """Check every field."""
        check(self)
        if self.defer_route not in ("KWORKER", "USERSPACE"):
            raise unknown("KernelVariant.defer_route", self.defer_route, ("KWORKER", "USERSPACE"))

    def to_record(self, device: DeviceProfile, out: Any = None) -> Any:
        """Return the variant as a KERNEL record on ``device`` (written into ``out`` where given)."""
        record = np.zeros(1, KERNEL)[0] if out is None else out
        fill(self, record, {MEMORY: device.memory_factor, CORE: 1 / device.core_speed})
        record["defer_route"] = k.ROUTE_NAMES.index(self.defer_route)
        return record


KERNEL: Final[np.dtype[Any]] = record(
    wide("memory_ps", "ps", "memory part of each operation's cost, on this device (COST_*)", k.N_COSTS),
    wide("core_ps", "ps", "core part of it, on this device's largest CPU at full clock", k.N_COSTS),
    integer("defer_route", "code", "route of the binary action 'defer': KWORKER or USERSPACE"),
    *fields_of(KernelVariant),
)
"""A kernel as kernels see it: picoseconds on the device's memory, and on its largest CPU at full clock."""
