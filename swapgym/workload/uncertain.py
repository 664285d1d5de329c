"""What differs from phone to phone by more than anybody has published of one: drawn per scenario, in its own stream.

Memory: a factor per phone with an sd of log of 0.27 explains what 22 phones' exits have in common in public device
logs; three quarters of an exit wait for memory. Entries: 650 to 970 ns on an idle flagship, 900 and 963 ns on boards,
1.6 us by the logs' median regression. Contention: 0.6 to 0.9 per further freer on one board. A policy sees what a
kernel could measure of them: the nanoseconds that entries took lately.
"""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.streams import PHONE, lognormal, stream

MEMORY, ENTRY, CONTENTION, LAUNCH_HISTORY = 0, 1, 2, 3
LOW, HIGH = 0.5, 2.0
"""Factors are clipped to this range."""
ENTRY_LOW, ENTRY_HIGH = 0.75, 1.9
"""An entry's whole factor, memory included: 650 ns to 1.6 us over the boards' 860."""


@kernel
def draw_phone(out: Any, spread: Any, seed: int) -> None:
    """Draw one phone's own costs around the kernel variant's.

    Args:
        out: SCENARIO record whose kernel is the variant's; its costs are scaled.
        spread: float64, shape ``(4,)``: sd of the logarithm for memory, entries and contention (the last is the
            launches'); 0 draws nothing.
        seed: Scenario seed.
    """
    rng = stream(seed, PHONE)
    costs = out.kernel
    memory = lognormal(rng, 1.0, spread[MEMORY], LOW, HIGH)
    entry = lognormal(rng, 1.0, spread[ENTRY], LOW, HIGH)
    contention = lognormal(rng, 1.0, spread[CONTENTION], LOW, HIGH)
    released = memory * entry
    if spread[MEMORY] + spread[ENTRY] > 0.0:
        released = min(max(released, ENTRY_LOW), ENTRY_HIGH)
    for operation in range(k.N_COSTS):
        is_entry = operation <= k.COST_ENTRY_DRAIN
        costs.memory_ps[operation] = round(costs.memory_ps[operation] * (released if is_entry else memory))
    costs.exit_signal_us = round(costs.exit_signal_us * memory)
    costs.exit_notify_us = round(costs.exit_notify_us * memory)
    costs.lock_handoff = round(costs.lock_handoff * contention)
