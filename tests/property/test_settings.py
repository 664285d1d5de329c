"""Any settings in range give a consistent phone from start to end, or an error that names the fields."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from swapgym.phone import constants as k
from swapgym.phone.device import DeviceProfile
from swapgym.phone.kernel_variant import KernelVariant
from swapgym.phone.state import PHONE
from swapgym.workload import DEVICES, KERNELS, PRESETS, draw, empty
from tests.episodes import Auditor
from tests.worlds import overrides

FIELDS = [item.name for kind in (DeviceProfile, KernelVariant) for item in dataclasses.fields(kind)]
MAY_BE_NEGATIVE = {"oom_score_adj", "nice", "c", "kworker_nice", "child_nice", "ui_nice", "victim_nice", "reaper_nice"}
worlds = {
    "preset": st.sampled_from(sorted(PRESETS)),
    "seed": st.integers(0, 2**31),
    "device": st.one_of(st.none(), st.sampled_from(sorted(DEVICES))),
    "kernel": st.sampled_from(sorted(KERNELS)),
    "tick_us": st.sampled_from([500, 1_000, 2_000]),
    "changes": overrides(),
}


def negative(record: Any) -> list[str]:
    """Return the fields of a scenario below zero that must not be."""
    found = []
    for name in record.dtype.names:
        if record[name].dtype.names is not None:
            found += negative(record[name])
        elif name not in MAY_BE_NEGATIVE and (record[name] < 0).any():
            found.append(name)
    return found


def outcome(
    preset: str, seed: int, device: str | None, kernel: str, tick_us: int, changes: dict[str, Any], every: int = 1
) -> str:
    """Draw a scenario and play it to its end; return what became of it, and raise where something does not hold."""
    phones, scenarios = np.zeros(1, PHONE), empty(1)
    try:
        draw(preset, seed, device=device, kernel=kernel, overrides=changes, tick_us=tick_us, out=scenarios[0])
    except ValueError as error:
        assert any(f".{name}" in str(error) or f" {name} = " in str(error) for name in FIELDS), error
        return "refused"
    before = scenarios.tobytes()
    scenario = scenarios[0]
    assert negative(scenario) == []
    kills = scenario["events"][: scenario["n_events"]]
    kills = kills[kills["kind"] == k.EVENT_KILL]
    assert len(kills) > 0
    assert (scenario["apps"]["present"][kills["a"]] == 1).all()
    auditor = Auditor(phones, scenarios)
    assert auditor.play(seed, every) == []
    assert scenarios.tobytes() == before
    return "played" if auditor.counts[0] > 0 else "played without a decision"


@pytest.mark.parametrize(
    "changes",
    [
        {"reserved_share": 0.8},
        {"watermark_high_share": 0.342, "reserved_share": 0.5, "watermark_min_mib": 300.0},
        {"ram_mib": 512, "zram_share": 0.05},
        {"file_floor_mib": 4_096},
    ],
)
@pytest.mark.parametrize("device", sorted(DEVICES))
def test_settings_that_drew_negative_memory(device: str, changes: dict[str, Any]) -> None:
    for preset in sorted(PRESETS):
        for seed in range(5):
            outcome(preset, seed, device, "vivo-async", 1_000, {"device": changes})


@settings(max_examples=200, deadline=None)
@given(**worlds)
def test_any_settings_in_range(**world: Any) -> None:
    outcome(**world)


@pytest.mark.long
@settings(max_examples=6_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(**worlds)
def test_thousands_of_settings_in_range(**world: Any) -> None:
    event(outcome(**world))
