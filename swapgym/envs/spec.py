"""What a decision process is made of: :class:`EnvSpec`, one typed object that every environment id is an instance of.

The arguments of an environment are the fields of its spec; an id is a set of defaults. Runner, planners and trainers
take the same object, so that they cannot play another game than ``gymnasium.make``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import InvalidAction

from swapgym.envs import arguments
from swapgym.envs.costs import N_OBJECTIVES, Rates
from swapgym.envs.epochs import EVENT, check_epochs, epoch_record
from swapgym.envs.observations import PART_NAMES, places, space
from swapgym.phone.constants import PACE_NAMES
from swapgym.workload import (
    CAMERA,
    DEFAULT_KERNEL,
    DEVICES,
    KERNELS,
    PRESET_NAMES,
    Drawn,
    check_configuration,
    draw,
)
from swapgym.workload.config import unknown

RELEASE_PARTS: Final = tuple(name for name in PART_NAMES if name != "drain_pace")
"""What is observed where nobody sets the drain's pace."""


def argument(default: Any, meaning: str) -> Any:
    """Declare an argument: its default and what it means, in one sentence."""
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class EnvSpec:
    """A decision process: the phone it happens on, what is asked when, what is seen and what it costs.

    Every field is an argument of the environments; see their docstrings.

    Raises:
        ValueError: If a value is unknown or out of range; the message names the field and what is allowed.
        TypeError: If a value is of the wrong type.
    """

    preset: str = argument(CAMERA, "what happens: a scenario preset of `swapgym.workload`, or a mixture of them")
    device: str | None = argument("phone-12gb", "device profile; `None` lets the preset choose")
    kernel: str = argument(DEFAULT_KERNEL, "kernel variant: costs, locks, queue and workers")
    overrides: Mapping[str, Any] | None = argument(
        None, '`{"device": {...}, "kernel": {...}}`: fields of the profile or variant to replace'
    )
    tick_us: int = argument(1_000, f"length of a simulated tick, {arguments.MIN_TICK_US} to {arguments.MAX_TICK_US} us")
    routes: int | Sequence[str] = argument(
        arguments.DEFAULT_ROUTES,
        "what actions route to: names; 2 is short for inline and defer, 3 for all three routes",
    )
    paces: int | Sequence[str] = argument((), "paces of the drain that actions set too: names; 0 none, 4 all")
    flat: bool = argument(False, "route and pace as one `Discrete` action instead of a `MultiDiscrete` one")
    parts: Sequence[str] = argument(RELEASE_PARTS, "names of the observation's parts")
    epochs: str | Sequence[str] = argument(
        EVENT, 'when the policy is asked: `"event"` (the usual events), `"batch"` (every batch), or names of events'
    )
    hold_ms: int = argument(100, "how long an answer stands at most (simulated time)")
    max_decisions: int | None = argument(None, "truncates longer episodes")
    ms_per_mib: float = argument(6.0, "lag (ms) that a MiB of peak is worth")
    ms_per_cpu_ms: float = argument(0.0, "lag (ms) that a millisecond of unaccounted CPU is worth")
    centered: bool = argument(
        True, "a step is paid what the reference costs per time less its own cost; `False` pays minus the cost"
    )
    vector_reward: bool = argument(False, "the reward is a vector of the objectives, each still to be weighed")

    def __post_init__(self) -> None:
        """Check every field and keep copies that cannot change."""
        arguments.check_name("preset", self.preset, PRESET_NAMES)
        arguments.check_name("kernel", self.kernel, KERNELS)
        if self.device is not None:
            arguments.check_name("device", self.device, DEVICES)
        rates = Rates(self.ms_per_mib, self.ms_per_cpu_ms)
        checked = {
            "overrides": arguments.check_overrides(self.overrides),
            "tick_us": arguments.check_tick(self.tick_us),
            "routes": arguments.check_routes(self.routes),
            "paces": arguments.check_paces(self.paces),
            "flat": arguments.check_flag("flat", self.flat),
            "parts": tuple(PART_NAMES[place] for place in places(self.parts)),
            "epochs": check_epochs(self.epochs),
            "hold_ms": arguments.check_hold(self.hold_ms),
            "max_decisions": arguments.check_max_decisions(self.max_decisions),
            "ms_per_mib": rates.ms_per_mib,
            "ms_per_cpu_ms": rates.ms_per_cpu_ms,
            "centered": arguments.check_flag("centered", self.centered),
            "vector_reward": arguments.check_flag("vector_reward", self.vector_reward),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        check_configuration(self.preset, self.device, self.kernel, self.overrides)

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields."""
        return tuple(field.name for field in dataclasses.fields(self))

    def but(self, **changes: Any) -> EnvSpec:
        """Return the spec with fields replaced.

        Raises:
            TypeError: If there is no such field; names the nearest.
        """
        for name in changes:
            if name not in self.names():
                raise TypeError(str(unknown("keyword argument", name, [*self.names(), "render_mode"])))
        return dataclasses.replace(self, **changes)

    # ------------------------------------------------------------------------------------------------------- world
    def draw(self, scenario_seed: int, out: Any, preset: str | None = None) -> Drawn:
        """Draw a scenario into a SCENARIO record, of ``preset`` where it is given."""
        return draw(
            self.preset if preset is None else preset, scenario_seed, device=self.device, kernel=self.kernel,
            overrides=self.overrides, tick_us=self.tick_us, out=out,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as plain data, JSON-able."""

        def plain(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {key: plain(inner) for key, inner in value.items()}
            return list(map(plain, value)) if isinstance(value, tuple) else value

        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    # --------------------------------------------------------------------------------------------------- decisions
    @property
    def route_names(self) -> tuple[str, ...]:
        """The routes that actions stand for, by number."""
        return cast(tuple[str, ...], self.routes)  # as checked

    @property
    def pace_names(self) -> tuple[str, ...]:
        """The paces that actions set, by number; none where the drain is left to the kernel variant."""
        return cast(tuple[str, ...], self.paces)

    @property
    def rates(self) -> Rates:
        """What the objectives are worth."""
        return Rates(self.ms_per_mib, self.ms_per_cpu_ms)

    def actions(self) -> npt.NDArray[np.int64]:
        """Return what the actions stand for, as :func:`swapgym.envs.lane.answer_lane` takes it.

        Returns:
            int64, shape ``(n, 2)``: route's code and pace of each flat action, routes outermost. A ``MultiDiscrete``
            action ``(route, pace)`` is flat action ``route * len(pace_names) + pace``.
        """
        codes = [arguments.route_code(name) for name in self.route_names]
        paces = [PACE_NAMES.index(name) for name in self.pace_names] or [-1]
        return np.array([(code, pace) for code in codes for pace in paces], dtype=np.int64)

    def flat_actions(self, actions: npt.ArrayLike, read: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
        """Return actions of ``n`` lanes as flat ones.

        Args:
            actions: Integers of shape ``(n,)``, or ``(n, 2)`` where they are pairs of route and pace.
            read: Lanes whose actions are looked at, shape ``(n,)``; all by default.

        Returns:
            int64, shape ``(n,)``.

        Raises:
            InvalidAction: If they have another shape or type, or one that is read is not in the action space.
        """
        pairs = bool(self.pace_names) and not self.flat
        try:
            array = np.asarray(actions)
        except ValueError as error:
            raise InvalidAction(f"step: actions {actions!r}, must be an array of integers") from error
        lanes = (len(array) if array.ndim else -1) if read is None else len(read)
        if array.shape != ((lanes, 2) if pairs else (lanes,)) or array.dtype.kind not in "iu":
            count = "lanes" if read is None else lanes
            wanted = f"({count}, 2)" if pairs else f"({count},)"
            found = f"shape {array.shape}, dtype {array.dtype}"
            raise InvalidAction(f"step: actions of {found}, must be integers of shape {wanted}")
        n_paces = max(1, len(self.pace_names))
        limits = [len(self.route_names), n_paces] if pairs else [len(self.route_names) * n_paces]
        outside: npt.NDArray[np.bool_] = (array < 0) | (array >= np.array(limits, dtype=array.dtype))
        if pairs:
            outside = np.logical_or(outside[:, 0], outside[:, 1])
        if read is not None:
            outside &= read
        if outside.any():
            lane = int(np.flatnonzero(outside)[0])
            raise InvalidAction(f"lane {lane}: {self.invalid(array[lane])}")
        whole = array.astype(np.int64, copy=False)
        return whole[:, 0] * n_paces + whole[:, 1] if pairs else whole

    def invalid(self, action: Any) -> InvalidAction:
        """Return the error for an action outside the action space."""
        names = [f"{number} ({name})" for number, name in enumerate(self.route_names)]
        allowed = f"one of {', '.join(names)}"
        if self.pace_names:
            paces = ", ".join(f"{number} ({name})" for number, name in enumerate(self.pace_names))
            allowed = f"a pair: a route {', '.join(names)}; and a pace {paces}"
            if self.flat:
                allowed = ", ".join(f"{number} ({self.action_name(number)})" for number in range(len(self.actions())))
        return InvalidAction(f"step: action {action!r} of type {type(action).__name__}, must be {allowed}")

    def action_name(self, action: int) -> str:
        """Return what a flat action is called."""
        route, pace = divmod(action, max(1, len(self.pace_names)))
        return self.route_names[route] + (f" {self.pace_names[pace]}" if self.pace_names else "")

    def epoch_record(self) -> Any:
        """Return what kernels are told of epochs: see :func:`swapgym.envs.epochs.epoch_record`."""
        return epoch_record(self.epochs, self.hold_ms, bool(self.pace_names))

    def places(self) -> npt.NDArray[np.int64]:
        """Return the observed parts' places."""
        return places(self.parts)

    # ------------------------------------------------------------------------------------------------------ spaces
    @property
    def action_space(self) -> spaces.Discrete | spaces.MultiDiscrete:
        """``Discrete`` over the routes; with paces ``MultiDiscrete``, or ``Discrete`` over pairs where ``flat``."""
        routes, paces = len(self.route_names), len(self.pace_names)
        if paces and not self.flat:
            return spaces.MultiDiscrete([routes, paces])
        return spaces.Discrete(routes * max(1, paces))

    @property
    def observation_space(self) -> spaces.Box:
        """``Box`` of float32, one number per part."""
        low, high = space(self.parts)
        return spaces.Box(low, high)

    @property
    def reward_space(self) -> spaces.Box:
        """Where rewards come from; one number, or one per objective."""
        return spaces.Box(-np.inf, np.inf, (N_OBJECTIVES if self.vector_reward else 1,), np.float64)
