"""What commands are about: the default task, unless options name another environment, world or rate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import gymnasium as gym
import typer
import yaml

import swapgym
from swapgym.envs.epochs import BATCH, EVENT
from swapgym.envs.phone_env import PhoneEnv
from swapgym.envs.registration import CLASSES
from swapgym.envs.spec import EnvSpec
from swapgym.workload import DEVICES, KERNELS, PRESET_NAMES
from swapgym.workload.config import unknown

ENV_ID: Final = "swapgym/SwapRelease-v1"
SPEC: Final = EnvSpec()
KERNEL: Final = SPEC.kernel
PRESET: Final = SPEC.preset
ANY: Final = "any"
DEVICE: Final = SPEC.device or ANY
ROUTES: Final = SPEC.route_names
RATES: Final = (2.0, 6.0, 20.0)
"""What a MiB of peak is worth (ms of lag): what policies are tuned for."""
WORLD: Final = ("preset", "device", "kernel", "overrides", "tick_us", "ms_per_mib", "ms_per_cpu_ms")
"""Arguments that say where a policy plays and what that costs; the others say how it is asked and answers."""

EnvOption = Annotated[str, typer.Option("--env", help=f"Environment: {', '.join(CLASSES)}.")]
EnvArgOption = Annotated[
    list[str] | None, typer.Option("--env-arg", help="Any other argument of the environment: key=value (repeat).")
]
PresetOption = Annotated[str | None, typer.Option("--preset", help=f"One of {', '.join(PRESET_NAMES)}.")]
KernelOption = Annotated[str | None, typer.Option("--kernel", help=f"Kernel variant: {', '.join(KERNELS)}.")]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help=f"Device: {', '.join(DEVICES)}; {ANY} lets each preset draw its own."),
]
RateOption = Annotated[float | None, typer.Option("--ms-per-mib", help="Lag (ms) that a MiB of peak is worth.")]
EpochsOption = Annotated[str | None, typer.Option("--epochs", help=f"When the policy is asked: {EVENT} or {BATCH}.")]
HoldOption = Annotated[int | None, typer.Option("--hold-ms", help="How long an answer stands at most.")]


def device_of(name: str) -> str | None:
    """Return a device as a spec has it: ``any`` lets each preset draw its own."""
    return None if name == ANY else name


def env_class(env_id: str) -> type[PhoneEnv]:
    """Return the class of an environment.

    Raises:
        ValueError: If it is none of swapgym's; names the nearest.
    """
    swapgym.register_envs()
    name = env_id.rpartition(":")[2]
    if name not in CLASSES:
        stem = name.rpartition("-v")[0]
        raise unknown("env", env_id, [one for one in CLASSES if one.rpartition("-v")[0] == stem] or CLASSES)
    found: type[PhoneEnv] = gym.envs.registration.load_env_creator(str(gym.spec(name).entry_point))  # type: ignore[assignment]
    return found


def spec_of(env_id: str = ENV_ID, arguments: Sequence[str] = (), **named: Any) -> EnvSpec:
    """Return the decision process of an environment with arguments.

    Args:
        env_id: Its id.
        arguments: Further arguments as ``key=value``, values as YAML.
        **named: Arguments by name; those that are None keep the environment's default. ``device`` may be ``any``.

    Raises:
        ValueError: If a name or value is not allowed, or an argument is given twice.
    """
    spec = env_class(env_id).SPEC
    changes = {name: value for name, value in named.items() if value is not None}
    if "device" in changes:
        changes["device"] = device_of(changes["device"])
    for name, value in assignments(arguments, "env-arg").items():
        if name in changes:
            raise ValueError(f"env-arg: {name}={value!r} is given twice, must be given once")
        changes[name] = value
    return changed(spec, changes)


def changed(spec: EnvSpec, changes: Mapping[str, Any]) -> EnvSpec:
    """Return ``spec`` with fields replaced.

    Raises:
        ValueError: If a field is unknown or its value not allowed, whatever is wrong with it.
    """
    for name in changes:
        if name not in spec.names():
            raise unknown("argument", name, spec.names())
    try:
        return spec.but(**changes)
    except TypeError as error:
        raise ValueError(str(error)) from error


def assignments(given: Sequence[str], option: str) -> dict[str, Any]:
    """Return ``key=value`` texts as a mapping; values are read as YAML.

    Raises:
        ValueError: If one is no such text, or names a key again.
    """
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or re.fullmatch(r"\w+", key) is None:
            raise ValueError(f"{option}: {text!r}, must be key=value")
        if key in found:
            raise ValueError(f"{option}: {text!r}, {key} is given twice, must be given once")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"{option}: {text!r}, its value must be YAML: {error}") from error
    return found
