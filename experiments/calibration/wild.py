"""Exits on drawn phones: an app of known size, killed on a phone and beside a load that nobody has told us.

A scenario of everyday use is drawn (launches, frames, background threads, SCHED_FIFO load, memory under pressure); its
own kills are left out. One of its cached apps is given the size that a log tells, and is killed as lmkd kills; so are
as many others as were in flight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE
from swapgym.workload import draw
from swapgym.workload.apps import draw_exit_size
from swapgym.workload.memory import FIRST_APP, SYSTEM_SLOT

CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "low": ("phone-4gb", "phone-6gb"),
    "mid": ("phone-6gb", "phone-8gb"),
    "high": ("phone-12gb", "phone-16gb"),
}
"""Devices that a class of phones is drawn from (judgement)."""
PRESETS: Final = ("app_switching", "low_ram", "service_restart")
ANON_SHARE: Final = (0.2, 0.5)
"""Anonymous share of a cached app's resident memory: 34 and 28 % in vivo's tables."""
KILL_MS: Final = (300.0, 1_500.0)
EARLIER_MS: Final = (5.0, 40.0)
"""How long before it those in flight were killed (judgement)."""
FIRST_SEED: Final = 5 << 40
"""Seeds of these phones: above those of all suites."""
LIMIT_US: Final = 60_000_000


@dataclass(frozen=True)
class Victim:
    """One kill, as a log tells it.

    Attributes:
        device_class: ``low``, ``mid`` or ``high``.
        rss_mib: Resident memory.
        swap_mib: Swapped memory.
        in_flight: Earlier kills that had not exited yet.
    """

    device_class: str
    rss_mib: float
    swap_mib: float
    in_flight: int


def exit_times(
    victim: Victim, draws: int, kernel_name: str = "mainline", changes: Any = None
) -> npt.NDArray[np.float64]:
    """Return kill to exit (ms) of ``victim`` on ``draws`` drawn phones of its class."""
    scenarios, phones = np.zeros(1, SCENARIO), np.zeros(1, PHONE)
    devices = CLASSES[victim.device_class]
    took = []
    for number in range(draws):
        seed = FIRST_SEED + number
        rng = np.random.default_rng([seed, victim.in_flight])
        device = devices[number % len(devices)]
        preset = PRESETS[number // len(devices) % len(PRESETS)]
        draw(preset, seed, device=device, kernel=kernel_name, overrides=changes, out=scenarios[0])
        slot = place(scenarios[0], victim, rng)
        took.append(exit_us(phones, scenarios, slot) / k.MS)
    return np.array(took)


def resize(scenario: Any, slot: int, rss_mib: float, swap_mib: float, rng: np.random.Generator) -> None:
    """Give a cached app of a drawn scenario a size; the system's own memory takes up the difference."""
    app = scenario["apps"][slot]
    anon = round(rss_mib * rng.uniform(*ANON_SHARE) * k.PAGES_PER_MIB)
    file = round(rss_mib * k.PAGES_PER_MIB) - anon
    entries = round(swap_mib * k.PAGES_PER_MIB)
    more = anon - int(app["anon_pages"])
    app["anon_pages"], app["anon_hot_pages"], app["file_pages"], app["swap_entries"] = anon, anon // 2, file, entries
    state = np.array([rng.integers(2**63)], dtype=np.uint64)
    draw_exit_size(state, app, rss_mib + swap_mib)
    swapped = int(scenario["apps"]["swap_entries"].sum())
    pool = -(-swapped * k.UNIT // int(scenario["compression"]))
    cache = max(0, file - int(scenario["file_cache_pages"]) // 2)
    more += pool - int(scenario["pool_pages"]) + cache
    scenario["pool_pages"] = pool
    scenario["file_cache_pages"] += cache
    system = scenario["apps"][SYSTEM_SLOT]
    given = min(more, int(system["anon_pages"]))
    system["anon_pages"] -= given
    system["anon_hot_pages"] = system["anon_pages"]
    # what does not fit was on a phone with more memory
    scenario["device"]["ram_pages"] += more - given
    scenario["device"]["swap_slots"] = max(int(scenario["device"]["swap_slots"]), swapped)


def place(scenario: Any, victim: Victim, rng: np.random.Generator) -> int:
    """Put ``victim`` and its kill into a drawn scenario, in place of its coldest app; return its slot."""
    slot = FIRST_APP
    resize(scenario, slot, victim.rss_mib, victim.swap_mib, rng)
    at_ms = rng.uniform(*KILL_MS)
    events = [tuple(e) for e in scenario["events"][: scenario["n_events"]].tolist() if e[1] != k.EVENT_KILL]
    others = int(scenario["n_processes"]) - slot - 1
    for number in range(min(victim.in_flight, others)):
        earlier = at_ms - rng.uniform(*EARLIER_MS)
        events.append((round(earlier * k.MS), k.EVENT_KILL, slot + 1 + number, k.KILLER_SCENARIO_LMKD, -1))
    events.append((round(at_ms * k.MS), k.EVENT_KILL, slot, k.KILLER_SCENARIO_LMKD, -1))
    events.sort(key=lambda event: event[0])
    scenario["events"][: len(events)] = events
    scenario["n_events"] = len(events)
    scenario["duration_us"] = LIMIT_US
    return slot


@kernel
def exit_us(phones: Any, scenarios: Any, slot: int) -> int:
    """Return kill to exit (us) of the process in ``slot``; all batches are released inline."""
    phones.view(np.uint8)[:] = 0
    engine.start(phones, scenarios, 0)
    until_us = 0
    while phones[0].processes[slot].state != k.PROCESS_DEAD and phones[0].now_us < scenarios[0].duration_us:
        until_us += 20 * k.MS
        while engine.advance(phones, scenarios, 0, until_us) == k.RUN_DECISION:
            engine.decide(phones, scenarios, 0, k.INLINE)
    process = phones[0].processes[slot]
    end_us = process.exit_us if process.state == k.PROCESS_DEAD else phones[0].now_us
    took_us: int = end_us - process.kill_us
    return took_us
