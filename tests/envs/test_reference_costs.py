"""The stored reference costs: there for every preset and device, and what the phone costs now."""

from __future__ import annotations

import pytest

from experiments.baselines.__main__ import main
from experiments.baselines.measure import measure, stored_episodes
from swapgym.envs.costs import stored_reference
from swapgym.workload import DEVICES, PRESETS


def test_every_preset_and_device_has_a_reference() -> None:
    presets = stored_reference()["presets"]
    assert {name: set(devices) for name, devices in presets.items()} == {name: set(DEVICES) for name in PRESETS}
    for devices in presets.values():
        assert all(entry["lag_ms"] > 0.0 and entry["peak_mib"] > 0.0 for entry in devices.values())


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_stored_episodes_cost_the_same_again(preset: str) -> None:
    stored = stored_episodes(preset, "phone-12gb")
    assert list(measure(preset, "phone-12gb", [episode.scenario_seed for episode in stored])) == stored, (
        "the phone or the workload has changed: run python -m experiments.baselines"
    )


def test_the_reduced_run_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0
    assert capsys.readouterr().out.count("as stored") == len(PRESETS) * len(DEVICES)
