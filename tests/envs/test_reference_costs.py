"""The stored baselines: means of their episodes, and episodes that still cost the same."""

from __future__ import annotations

import json

import pytest

from experiments.baselines.__main__ import TARGET, compact, main
from experiments.baselines.measure import measure, stored_episodes
from swapgym.envs.costs import stored_reference
from swapgym.workload import PRESET_NAMES


def test_every_preset_has_a_reference() -> None:
    assert set(stored_reference()["presets"]) == set(PRESET_NAMES)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_a_reference_is_the_mean_of_its_episodes(preset: str) -> None:
    episodes = stored_episodes(preset)
    entry = stored_reference()["presets"][preset]
    assert entry["lag_ms"] == pytest.approx(sum(e.lag_ms for e in episodes) / len(episodes), abs=1e-3)
    assert entry["peak_mib"] == pytest.approx(sum(e.peak_mib for e in episodes) / len(episodes), abs=1e-3)


@pytest.mark.parametrize("preset", ["camera_launch", "mixed"])
def test_stored_episodes_cost_the_same_again(preset: str) -> None:
    stored = stored_episodes(preset)[-2:]
    assert list(measure(preset, [episode.scenario_seed for episode in stored])) == stored, (
        "the phone or the workload has changed: run python -m experiments.baselines"
    )


def test_the_reduced_run_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0
    assert capsys.readouterr().out.count("as stored") == len(PRESET_NAMES)


def test_the_file_is_as_the_experiment_writes_it() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert compact(json.loads(text)) == text
