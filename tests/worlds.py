"""Hypothesis strategies over every setting of a device and a kernel, each in the range that it declares."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from hypothesis import strategies as st

from swapgym.phone.constants import MAX_CPUS, MAX_DOMAINS, UNIT
from swapgym.phone.device import DeviceProfile
from swapgym.phone.kernel_variant import KernelVariant


def in_range(item: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """Return values of one setting: its ends, around its default, and all between."""
    if isinstance(item.default, bool):
        return st.booleans()
    low, high = item.metadata["low"], item.metadata["high"]
    whole = isinstance(item.default, int)
    flat: st.SearchStrategy[Any] = st.integers(int(low), int(high)) if whole else st.floats(low, high)
    ends = st.sampled_from([low, high])

    def near(power: float) -> Any:
        value = min(max(item.default * 2.0**power, low), high)
        return round(value) if whole else value

    return st.one_of(st.floats(-3, 3).map(near), flat, ends)


def numbers(settings: type) -> dict[str, st.SearchStrategy[Any]]:
    """Return values of each number and switch of a class of settings."""
    return {
        item.name: in_range(item)
        for item in dataclasses.fields(settings)
        if isinstance(item.default, bool) or "low" in item.metadata
    }


@st.composite
def some_of(draw: st.DrawFn, choices: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Draw values for none, some or all of the settings: all at once rarely leave an app to kill."""
    share = draw(st.sampled_from([0.05, 0.2, 0.5, 1.0]))
    most = max(1, math.ceil(share * len(choices)))
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True))
    return {name: draw(choices[name]) for name in names}


@st.composite
def cpus(draw: st.DrawFn) -> dict[str, Any]:
    """Draw CPUs, their performance domains and cpusets."""
    n = draw(st.integers(1, MAX_CPUS))
    n_domains = draw(st.integers(1, min(n, MAX_DOMAINS)))
    domain = [*range(n_domains), *draw(st.lists(st.integers(0, n_domains - 1), min_size=n - n_domains, max_size=n))]
    some = st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True)
    sizes = draw(st.lists(st.integers(1, UNIT), min_size=n_domains, max_size=n_domains))
    return {
        "capacity": [sizes[place] for place in domain[:n]],
        "domain": domain[:n],
        "min_clock": draw(st.lists(st.floats(0.001, 1.0), min_size=n_domains, max_size=n_domains)),
        "top_app_cpus": draw(some),
        "foreground_cpus": draw(some),
        "background_cpus": draw(some),
    }


@st.composite
def overrides(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Draw overrides of settings of device and kernel, in range one by one; together they may be refused."""
    device = draw(some_of(numbers(DeviceProfile)))
    if draw(st.booleans()):
        device |= draw(cpus())
    kernel = draw(some_of(numbers(KernelVariant)))
    if draw(st.booleans()):
        kernel["defer_route"] = draw(st.sampled_from(["KWORKER", "USERSPACE"]))
    return {"device": device, "kernel": kernel}
