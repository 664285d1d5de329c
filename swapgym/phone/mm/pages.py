"""The books of memory: who holds each page and each swap entry, and every way from one holder to the next.

``ram = free + file + reserved + buffers + pool + anon`` at every instant. The zram pool obeys a power law: freeing a
share of its objects gives back physical pages as ``pool ~ objects ** g``, since a zspage goes back only when all of its
objects are gone. With g = 1 memory comes back in proportion, with g = 0 only at the very end; measured on Linux 6.1:
0.2 (varied data, interleaved page by page: 14 % back for 50 % freed) to 0.95 (grain of 256 pages: 48 %). zs_compact
gives back what the law withholds.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import inlined, kernel


@kernel
def in_use(phone: Any, scenario: Any) -> int:
    """Return memory in use (pages): RAM without free memory and clean page cache."""
    return scenario.device.ram_pages - phone.free_pages - phone.file_pages


@kernel
def demand(phone: Any, scenario: Any) -> int:
    """Return the memory demand (pages): in use, plus what evicting pages since the start has saved."""
    return in_use(phone, scenario) + phone.evicted_pages - phone.evicted_pages * k.UNIT // scenario.compression


@kernel
def free_objects(phone: Any, scenario: Any, count: int) -> None:
    """Free ``count`` compressed objects of the pool; physical pages come back by the zspage law."""
    if count <= 0:
        return
    if count >= phone.pool_objects:
        pages = phone.pool_pages
        phone.pool_remainder = 0
    else:
        owed = phone.pool_remainder + count * phone.pool_pages * scenario.kernel.zspage_return // phone.pool_objects
        pages = owed // k.UNIT
        phone.pool_remainder = owed % k.UNIT
    phone.pool_objects -= count
    phone.pool_pages -= pages
    phone.free_pages += pages


@kernel
def store_objects(phone: Any, scenario: Any, count: int) -> int:
    """Compress ``count`` pages into the pool; return the physical pages it grew by (taken from free memory).

    Holes that partly freed zspages left are filled first.
    """
    needed = (phone.pool_objects + count) * k.UNIT
    grown = max(0, (needed + scenario.compression - 1) // scenario.compression - phone.pool_pages)
    fresh = (count * k.UNIT + phone.swapout_remainder) // scenario.compression
    phone.swapout_remainder = (count * k.UNIT + phone.swapout_remainder) % scenario.compression
    grown = min(grown, fresh)
    phone.pool_objects += count
    phone.pool_pages += grown
    phone.free_pages -= grown
    return grown


@kernel
def forget_evicted(phone: Any, process: Any, count: int) -> None:
    """Take the share evicted since the start off the books as ``count`` entries of ``process`` go."""
    entries = process.swap_entries + process.queued_kworker + process.queued_child
    if entries > 0:
        gone = process.evicted_entries * count // entries
        if count >= entries:
            gone = process.evicted_entries
        process.evicted_entries -= gone
        phone.evicted_pages -= gone


@kernel
def fragmented_pages(phone: Any, scenario: Any) -> int:
    """Return the physical pages of the pool beyond what its objects need: what zs_compact could give back."""
    return max(0, phone.pool_pages - (phone.pool_objects * k.UNIT + scenario.compression - 1) // scenario.compression)


@kernel
def evict(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Swap ``count`` anonymous pages of ``process`` out to zram."""
    process.anon_pages -= count
    process.anon_unclaimed -= count
    process.swap_entries += count
    process.swap_unclaimed += count
    process.evicted_entries += count
    phone.anon_pages -= count
    phone.free_pages += count
    phone.slots_free -= count
    phone.evicted_pages += count
    phone.total.pswpout += count
    store_objects(phone, scenario, count)


@kernel
def swap_in(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Fault ``count`` pages of ``process`` back in from zram."""
    forget_evicted(phone, process, count)
    process.swap_entries -= count
    process.swap_unclaimed -= count
    process.anon_pages += count
    process.anon_unclaimed += count
    phone.anon_pages += count
    phone.free_pages -= count
    phone.slots_free += count
    phone.total.pswpin += count
    free_objects(phone, scenario, count)


@kernel
def free_resident(phone: Any, process: Any, count: int) -> None:
    """Give ``count`` resident anonymous pages of ``process`` back."""
    process.anon_pages -= count
    phone.anon_pages -= count
    phone.free_pages += count


@kernel
def free_entries(phone: Any, scenario: Any, process: Any, count: int) -> None:
    """Free ``count`` swap entries of ``process`` that are in a walker's hand: slot and compressed object."""
    forget_evicted(phone, process, count)
    process.swap_entries -= count
    phone.slots_free += count
    free_objects(phone, scenario, count)


@inlined
def account(phone: Any, scenario: Any) -> None:
    """End of a tick: wake kswapd, follow the peaks of demand, use, zombie memory and backlog."""
    if phone.free_pages < scenario.device.watermark_low:
        phone.kswapd_awake = 1
    total = phone.total
    total.free_min_pages = min(total.free_min_pages, phone.free_pages)
    total.in_use_peak_pages = max(total.in_use_peak_pages, in_use(phone, scenario))
    total.demand_peak_pages = max(total.demand_peak_pages, demand(phone, scenario) - phone.demand_start_pages)
    backlog = phone.backlog_kworker + phone.backlog_child
    if backlog > 0:
        zombie_pages = phone.zombie_entries * phone.pool_pages // max(1, phone.pool_objects)
        total.zombie_peak_pages = max(total.zombie_peak_pages, zombie_pages)
        total.zombie_page_us += zombie_pages * phone.tick_us
        total.backlog_peak = max(total.backlog_peak, backlog)
        total.backlog_entry_us += backlog * phone.tick_us
