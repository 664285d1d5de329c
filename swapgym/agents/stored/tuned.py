"""Tuned policies: data that ``swapgym tune`` writes, one file per kernel, preset and rate, the best policy first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from swapgym.agents.policies import POLICIES, FixedPolicy, make
from swapgym.agents.policies.rules import Comparison, Rule
from swapgym.agents.policies.trees import IntegerTree
from swapgym.agents.stored import HOME, PACKAGE
from swapgym.agents.task import ANY, DEVICE, KERNEL, PRESET, RATES, ROUTES, SPEC

TUNED: Final[tuple[Path, ...]] = tuple(dict.fromkeys((HOME / "tuned", PACKAGE / "tuned")))
"""Where tuned policies are looked for, in this order; the first is where they are kept."""
UNTUNED: Final = tuple(name for name in POLICIES if name not in ("random", "userspace_reaper"))
"""Measured with their defaults too, and baselines where nothing is tuned; the reaper is a deferral in two routes."""


def build(policy: str, parameters: Mapping[str, Any], routes: Sequence[str] = ROUTES) -> FixedPolicy:
    """Return a policy from its stored form.

    Raises:
        ValueError: If the policy or a parameter is unknown, or a value out of range.
    """
    if policy == IntegerTree.name:
        return IntegerTree(routes=tuple(routes), root=parameters["root"])
    if policy != Rule.name:
        return make(policy, routes, **parameters)
    literals = tuple(Comparison(*literal) for literal in parameters["literals"])
    return Rule(routes=tuple(routes), literals=literals, how=parameters["how"])


def command(kernel: str, preset: str = PRESET, device: str | None = SPEC.device) -> str:
    """Return the command that tunes on a kernel variant, preset and device."""
    told = (("kernel", kernel, KERNEL), ("preset", preset, PRESET), ("device", device or ANY, DEVICE))
    return "swapgym tune" + "".join(f" --{name} {value}" for name, value, usual in told if value != usual)


def folder_of(kernel: str, preset: str = PRESET, base: Path | None = None) -> Path:
    """Return where the policies tuned on a kernel variant and preset are kept, in ``base`` or where ours are."""
    base = TUNED[0] if base is None else base
    return base / kernel if preset == PRESET else base / kernel / preset


def tuned(
    ms_per_mib: float = SPEC.ms_per_mib,
    routes: Sequence[str] = ROUTES,
    folder: Path | None = None,
    *,
    kernel: str = KERNEL,
    preset: str = PRESET,
) -> dict[str, FixedPolicy]:
    """Return the tuned policies by name, the best on the train suite first.

    Args:
        ms_per_mib: Rate they were tuned for: lag (ms) that a MiB of peak is worth.
        routes: The environment's routes.
        folder: Where they are stored; that of kernel and preset by default.
        kernel: Kernel variant they were tuned on.
        preset: What they were tuned on: a preset or a mixture of them.

    Raises:
        FileNotFoundError: If none are stored for that rate; names those there are and the command that tunes.
    """
    folders = [folder_of(kernel, preset, base) for base in TUNED] if folder is None else [folder]
    path = next((one / f"r{ms_per_mib:g}.json" for one in folders if (one / f"r{ms_per_mib:g}.json").exists()), None)
    if path is None:
        rates = {file.stem[1:] for one in folders for file in one.glob("r*.json")}
        there = ", ".join(sorted(rates, key=float)) or "none"
        raise FileNotFoundError(
            f"ms_per_mib: {ms_per_mib!r}, must be one of those tuned on kernel {kernel}, preset {preset}: {there};"
            f" {command(kernel, preset)} tunes for {', '.join(f'{rate:g}' for rate in RATES)}"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {item["policy"]: build(item["policy"], item["parameters"], routes) for item in stored["policies"]}


def nearest(
    ms_per_mib: float, routes: Sequence[str] = ROUTES, *, kernel: str = KERNEL, preset: str = PRESET
) -> dict[str, FixedPolicy]:
    """Return the policies tuned for the nearest rate (by ratio), the best first.

    Those of kernel and preset; or else of the kernel and the default preset, or of the default kernel and either.
    Empty where nothing is tuned on any of them.
    """
    rate = min(RATES, key=lambda one: abs(math.log(one / max(ms_per_mib, 0.01))))
    for where in dict.fromkeys((kernel, KERNEL)):
        for what in dict.fromkeys((preset, PRESET)):
            try:
                return tuned(rate, routes, kernel=where, preset=what)
            except FileNotFoundError:
                continue
    return {}


def baselines(ms_per_mib: float, *, kernel: str = KERNEL, preset: str = PRESET) -> tuple[dict[str, FixedPolicy], str]:
    """Return the fixed policies to beat and what they are: as tuned, or with their defaults where nothing is tuned."""
    try:
        return tuned(ms_per_mib, kernel=kernel, preset=preset), "tuned"
    except FileNotFoundError as missing:
        return {name: make(name, ROUTES) for name in UNTUNED}, f"with their default thresholds ({missing})"
