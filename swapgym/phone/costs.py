"""What an operation costs on a CPU: the part that waits for memory, and the part that the core's speed divides."""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel

LONGEST_PS: int = 1 << 35
"""Longest that an operation takes, whatever the settings (34 ms): products with counts stay within 64 bits."""


@kernel
def on_core(costs: Any, operation: int, speed: int) -> int:
    """Return the cost (ps, at least 1) of an operation on a CPU.

    Args:
        costs: KERNEL record.
        operation: COST_* of constants.
        speed: What the clock gives of the device's largest CPU, over 1024.
    """
    return min(LONGEST_PS, max(1, costs.memory_ps[operation] + costs.core_ps[operation] * k.UNIT // speed))


@kernel
def affordable(left: int, budget_ps: int, cost_ps: int) -> int:
    """Return how many of ``left`` operations the budget pays."""
    if left * cost_ps <= budget_ps:
        return left
    return max(0, budget_ps) // cost_ps


@kernel
def average(value: int, newest: int, weight: int) -> int:
    """Return a running average that gives its newest value ``weight`` of 1024; the first value stands as it is."""
    newest = min(newest, k.MOST_32)
    if value == 0:
        return newest
    return value + (newest - value) * weight // k.UNIT
