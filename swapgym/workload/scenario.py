"""Draw a scenario: everything exogenous of one episode, from one seed, into one SCENARIO record.

Each kind of chance has its own stream (:mod:`swapgym.workload.streams`). Memory, timeline and load are drawn by
kernels, so that a reset costs little beside the episode it begins.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone.device import DeviceProfile
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.jit import kernel as compiled
from swapgym.phone.kernel_variant import KernelVariant
from swapgym.workload import streams
from swapgym.workload.config import frozen, override, unknown
from swapgym.workload.devices import device_profile
from swapgym.workload.kernels import kernel_variant
from swapgym.workload.load import fill_background, fill_frames, fill_realtime
from swapgym.workload.memory import fill_memory
from swapgym.workload.presets import PRESETS, presets_of
from swapgym.workload.timeline import fill_launch_history, fill_timeline, sort_events
from swapgym.workload.uncertain import LAUNCH_HISTORY, draw_phone

DEFAULT_KERNEL: Final = "vivo-async-nice0"
LISTS: Final = ("apps", "launches", "background_threads", "events")


@dataclass(frozen=True)
class Drawn:
    """What :func:`draw` has drawn.

    Attributes:
        preset: Name of the preset (for a mixture, of the one it drew).
        seed: Scenario seed.
        device: Name of the device profile.
        kernel: Name of the kernel variant.
    """

    preset: str
    seed: int
    device: str
    kernel: str


@functools.lru_cache(maxsize=256)
def configured(device: str, kernel: str, overrides: str) -> tuple[DeviceProfile, KernelVariant, Any, Any, Any]:
    """Return a device and a kernel with overrides (JSON), their records, and the spread of phones around them."""
    changes = json.loads(overrides)
    for name in changes:
        if name not in ("device", "kernel"):
            raise unknown("overrides", name, ("device", "kernel"))
    profile = override(device_profile(device), changes.get("device", {}), "overrides.device")
    variant = override(kernel_variant(kernel), changes.get("kernel", {}), "overrides.kernel")
    spread = np.array(
        [variant.phone_sigma, variant.entry_sigma, variant.contention_sigma, profile.launch_history_sigma]
    )
    return profile, variant, profile.to_record(), variant.to_record(profile), spread


def check_configuration(
    preset: str, device: str | None = None, kernel: str = DEFAULT_KERNEL, overrides: Mapping[str, Any] | None = None
) -> None:
    """Check that every phone that a preset may draw can be configured so.

    Raises:
        ValueError: If a name is unknown or a value out of range, alone or together with others.
        TypeError: If a value is of the wrong type.
    """
    text = canonical(overrides)
    for name in presets_of(preset):
        for one in PRESETS[name].devices if device is None else (device,):
            configured(one, kernel, text)


def canonical(overrides: Mapping[str, Any] | None) -> str:
    """Return overrides as JSON with sorted keys.

    Raises:
        TypeError: If they are not a mapping of JSON-able values.
    """
    if overrides is None:
        return "{}"
    if not isinstance(overrides, Mapping):
        raise TypeError(f"overrides: {overrides!r}, must be a mapping with 'device' and 'kernel'")
    try:
        return json.dumps({key: dict(value) for key, value in frozen(overrides).items()}, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(f"overrides: {overrides!r}, must be mappings of field names to JSON-able values") from error


def drawn_preset(preset: str, seed: int) -> str:
    """Return the preset of scenario ``seed``: ``preset`` itself, or the one that a mixture draws.

    Raises:
        ValueError: If there is no such preset.
    """
    choices = presets_of(preset)
    if len(choices) == 1:
        return choices[0]
    return choices[streams.integer(streams.stream(seed, streams.PRESET), 0, len(choices) - 1)]


def draw(
    preset: str,
    seed: int,
    *,
    device: str | None = None,
    kernel: str = DEFAULT_KERNEL,
    overrides: Mapping[str, Any] | None = None,
    tick_us: int = 1_000,
    out: Any = None,
) -> Drawn:
    """Draw scenario ``seed`` of ``preset`` into ``out``.

    Args:
        preset: A preset's name, or a mixture's (``mixed``, ``camera``).
        seed: Scenario seed, an integer from 0 to 2**63 - 1.
        device: Device profile; ``None`` draws one of the preset's.
        kernel: Kernel variant.
        overrides: ``{"device": {...}, "kernel": {...}}``: fields of :class:`DeviceProfile` and of
            :class:`KernelVariant` to replace.
        tick_us: Length of a tick.
        out: SCENARIO record (a row of an array) to be written.

    Returns:
        What was drawn.

    Raises:
        ValueError: If a name is unknown or a value out of range.
        TypeError: If a value is of the wrong type.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: {seed!r}, must be an integer from 0 to 2**63 - 1")
    seed = int(seed)
    preset = drawn_preset(preset, seed)
    if device is None:
        devices = PRESETS[preset].devices
        device = devices[streams.integer(streams.stream(seed, streams.DEVICE), 0, len(devices) - 1)]
    profile, variant, device_record, kernel_record, spread = configured(device, kernel, canonical(overrides))
    if out is None:
        out = empty(1)[0]
    for name in LISTS:
        out[name].view(np.uint8).fill(0)
    out["device"] = device_record
    out["kernel"] = kernel_record
    out["tick_us"] = tick_us
    forced = "rt_throttling" in (overrides or {}).get("device", {})
    fill(out, preset_record(preset), spread, seed, forced)
    return Drawn(preset, seed, profile.name, variant.name)


@functools.cache
def preset_record(name: str) -> Any:
    """Return the PRESET record of a preset."""
    return PRESETS[name].to_record()


@compiled
def fill(out: Any, preset: Any, spread: Any, seed: int, throttling_forced: bool) -> None:
    """Draw all of a scenario into a SCENARIO record whose device and kernel are there and whose lists are empty."""
    out.n_launches = 0
    out.n_events = 0
    out.buffer_pages = 0
    draw_phone(out, spread, seed)
    n_apps = fill_memory(out, preset, seed)
    fill_timeline(out, preset, seed, n_apps)
    fill_launch_history(out, spread[LAUNCH_HISTORY], seed)
    fill_realtime(out, preset, seed, throttling_forced)
    fill_frames(out, seed)
    fill_background(out, preset, seed)
    sort_events(out)


def empty(lanes: int) -> npt.NDArray[Any]:
    """Return an array of ``lanes`` empty SCENARIO records for :func:`draw` to fill."""
    return np.zeros(lanes, SCENARIO)
