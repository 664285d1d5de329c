"""Fixed policies: the published rules, and thresholds on what a kernel can see."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Final

from swapgym.agents.policies.base import FixedPolicy, Policy, Readings, ranges
from swapgym.agents.policies.published import AlwaysDefer, AlwaysInline, BoundedPool, Random, UserspaceReaper, Vivo
from swapgym.agents.policies.thresholds import FreeMemory, MemoryPressure, RealtimeAware, SlackAware
from swapgym.envs.arguments import DEFAULT_ROUTES
from swapgym.envs.spec import RELEASE_PARTS

POLICIES: Final[dict[str, type[FixedPolicy]]] = {
    policy.name: policy
    for policy in (
        AlwaysInline,
        AlwaysDefer,
        Vivo,
        BoundedPool,
        UserspaceReaper,
        FreeMemory,
        MemoryPressure,
        RealtimeAware,
        SlackAware,
        Random,
    )
}


def make(
    name: str, routes: Sequence[str] = DEFAULT_ROUTES, parts: Sequence[str] = RELEASE_PARTS, **parameters: Any
) -> FixedPolicy:
    """Return the fixed policy called ``name``.

    Args:
        name: A key of :data:`POLICIES`.
        routes: The environment's routes (``env.unwrapped.env_spec.route_names``).
        parts: The parts it observes (``env.unwrapped.parts``).
        **parameters: The policy's tunable numbers.

    Raises:
        ValueError: If the policy or a parameter is unknown (names the nearest) or a value out of range.
    """
    if name not in POLICIES:
        raise unknown("policy", name, list(POLICIES))
    allowed = list(ranges(POLICIES[name]))
    for key in parameters:
        if key not in allowed:
            raise unknown(f"{name}: parameter", key, allowed)
    return POLICIES[name](routes=tuple(routes), parts=tuple(parts), **parameters)


def unknown(field: str, value: str, allowed: Sequence[str]) -> ValueError:
    """Return the error for an unknown name."""
    near = difflib.get_close_matches(value, allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return ValueError(f"{field} {value!r} is unknown{hint}, must be one of {', '.join(map(repr, allowed)) or 'none'}")


__all__ = ["POLICIES", "FixedPolicy", "Policy", "Readings", "make", "ranges", "unknown"]
