"""Checks of an environment's arguments: each error names the argument, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from swapgym.phone.constants import PACE_NAMES, ROUTE_NAMES
from swapgym.workload import PRESET_NAMES
from swapgym.workload.config import FrozenDict, frozen, unknown

DEFER: Final = "DEFER"
"""The route that the kernel variant itself defers to."""
DEFER_CODE: Final = -1
DEFAULT_ROUTES: Final = ("INLINE", DEFER)
ROUTE_MEANINGS: Final[dict[str, str]] = {
    "INLINE": "released by the exiting thread, before its parent is told",
    "KWORKER": "left to a kworker, which releases them later",
    "USERSPACE": "left to a forked child, which releases them later",
    DEFER: "the route to which the kernel variant defers: `KWORKER`, or `USERSPACE`",
}
PACE_MEANINGS: Final[dict[str, str]] = {
    "PAUSED": "nobody drains; a bounded queue that is full falls back to inline",
    "BACKGROUND": "nice 19, on the background cpuset",
    "NORMAL": "nice 0, on all CPUs",
    "URGENT": "nice -20, on all CPUs",
}
MIN_TICK_US: Final = 50
MAX_TICK_US: Final = 2000


def is_integer(value: object) -> bool:
    """Return whether ``value`` is an integer proper, not a bool."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_name(field: str, value: Any, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of the names ``allowed``.

    Raises:
        ValueError: If it is not; names the field, the nearest and all there are.
    """
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise unknown(field, value, names)
    return value


def check_names(field: str, values: Any, allowed: Iterable[str]) -> tuple[str, ...]:
    """Return ``values`` as a tuple of names, each ``allowed``, none twice.

    Raises:
        ValueError: If they are not; names the field.
    """
    names = tuple(allowed)
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(f"{field}: {values!r}, must be a list of names of {', '.join(map(repr, names))}")
    found = tuple(check_name(field, value, names) for value in values)
    if len(set(found)) != len(found):
        raise ValueError(f"{field}: {values!r}, must name none twice")
    return found


def check_routes(routes: int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the routes that actions 0, 1, ... stand for.

    Args:
        routes: 2 for inline or defer, 3 for all three routes, or names of routes.
    """
    if is_integer(routes):
        by_number = {2: DEFAULT_ROUTES, 3: ROUTE_NAMES}
        if routes not in by_number:
            raise ValueError(f"routes: {routes!r}, must be 2 ({DEFAULT_ROUTES}), 3 ({ROUTE_NAMES}) or a list of names")
        return by_number[routes]
    found = check_names("routes", routes, (*ROUTE_NAMES, DEFER))
    if not found:
        raise ValueError(f"routes: {routes!r}, must name at least one route, or be 2 or 3")
    return found


def route_code(name: str) -> int:
    """Return the code of a route in an action: DEFER leaves it to the scenario's kernel variant."""
    return DEFER_CODE if name == DEFER else ROUTE_NAMES.index(name)


def route_codes(routes: Sequence[str], scenario: Any) -> tuple[int, ...]:
    """Return the codes of ``routes`` in a scenario: DEFER is its kernel's own."""
    defer = int(scenario["kernel"]["defer_route"])
    return tuple(defer if name == DEFER else ROUTE_NAMES.index(name) for name in routes)


def check_paces(paces: int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the paces that an action may set; none of them leaves the drain to the kernel variant.

    Args:
        paces: 0 for none, 4 for all, or names of paces.
    """
    if is_integer(paces):
        by_number = {0: (), len(PACE_NAMES): PACE_NAMES}
        if paces not in by_number:
            raise ValueError(f"paces: {paces!r}, must be 0 (none), {len(PACE_NAMES)} ({PACE_NAMES}) or a list of names")
        return by_number[paces]
    return check_names("paces", paces, PACE_NAMES)


def check_flag(name: str, value: bool) -> bool:
    """Return ``value`` if it is a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: {value!r} of type {type(value).__name__}, must be True or False")
    return bool(value)


def check_overrides(overrides: Mapping[str, Any] | None) -> FrozenDict:
    """Return a copy of ``overrides`` that cannot change.

    Raises:
        TypeError: If they are not a mapping.
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise TypeError(f"overrides: {overrides!r}, must be a mapping with 'device' and 'kernel'")
    copy: FrozenDict = frozen(overrides or {})
    return copy


def check_tick(tick_us: int) -> int:
    """Return ``tick_us`` if a tick may be so long (us)."""
    if not is_integer(tick_us) or not MIN_TICK_US <= tick_us <= MAX_TICK_US:
        raise ValueError(f"tick_us: {tick_us!r}, must be an integer from {MIN_TICK_US} to {MAX_TICK_US}")
    return int(tick_us)


def check_hold(hold_ms: int) -> int:
    """Return ``hold_ms`` if an answer may stand for it.

    Raises:
        ValueError: If it is no integer from 0 to a minute.
    """
    if not is_integer(hold_ms) or not 0 <= hold_ms <= 60_000:
        raise ValueError(f"hold_ms: {hold_ms!r}, must be an integer from 0 (asked at every batch) to 60000")
    return int(hold_ms)


def check_max_decisions(max_decisions: int | None) -> int | None:
    """Return ``max_decisions`` if it may bound an episode."""
    if max_decisions is None:
        return None
    if not is_integer(max_decisions) or max_decisions < 1:
        raise ValueError(f"max_decisions: {max_decisions!r}, must be None (no bound) or an integer >= 1")
    return int(max_decisions)


def check_render_mode(render_mode: str | None, allowed: Sequence[str]) -> str | None:
    """Return ``render_mode`` if there is such a mode."""
    if render_mode is not None and render_mode not in allowed:
        if render_mode == "human":
            raise ValueError(
                "render_mode: 'human' needs a display, and there is none (DISPLAY, WAYLAND_DISPLAY and"
                f" SDL_VIDEODRIVER are unset), must be one of {', '.join(map(repr, allowed))}"
            )
        raise unknown("render_mode", render_mode, allowed)
    return render_mode


def check_options(options: dict[str, Any] | None) -> dict[str, Any]:
    """Return the options of a reset: ``scenario_seed`` (int >= 0) and ``preset`` (str), each optional."""
    allowed = ("scenario_seed", "preset")
    if options is not None and not isinstance(options, Mapping):
        raise ValueError(f"options: {options!r}, must be None or a mapping with 'scenario_seed' and 'preset'")
    for name in options or {}:
        if name not in allowed:
            raise unknown("options", name, allowed)
    chosen = dict(options or {})
    if "scenario_seed" in chosen:
        seed = chosen["scenario_seed"]
        if not is_integer(seed) or not 0 <= seed < 2**63:
            raise ValueError(f"options['scenario_seed']: {seed!r}, must be an integer >= 0 and < 2**63")
        chosen["scenario_seed"] = int(seed)
    if "preset" in chosen:
        check_name("options['preset']", chosen["preset"], PRESET_NAMES)
    return chosen
