"""The stored reference costs: means of their episodes, and episodes that still cost the same."""

from __future__ import annotations

import json

import pytest

from experiments.baselines.__main__ import EPISODES, TARGET, compact, main, train_seeds
from experiments.baselines.measure import measure, stored_episodes
from swapgym.envs.costs import stored_reference
<<<<<<<< HEAD:tests/experiments/test_baselines.py
from swapgym.workload import MIXTURES, PRESET_NAMES


def test_every_preset_has_a_reference_cost() -> None:
========
from swapgym.workload import PRESET_NAMES


def test_every_preset_has_a_reference() -> None:
>>>>>>>> main:tests/envs/test_reference_costs.py
    assert set(stored_reference()["presets"]) == set(PRESET_NAMES)


@pytest.mark.parametrize("preset", PRESET_NAMES)
<<<<<<<< HEAD:tests/experiments/test_baselines.py
def test_a_reference_cost_is_the_mean_of_its_episodes(preset: str) -> None:
========
def test_a_reference_is_the_mean_of_its_episodes(preset: str) -> None:
>>>>>>>> main:tests/envs/test_reference_costs.py
    episodes = stored_episodes(preset)
    entry = stored_reference()["presets"][preset]
    assert entry["lag_ms"] == pytest.approx(sum(e.lag_ms for e in episodes) / len(episodes), abs=1e-3)
    assert entry["peak_mib"] == pytest.approx(sum(e.peak_mib for e in episodes) / len(episodes), abs=1e-3)
    assert [episode.scenario_seed for episode in episodes] == train_seeds(preset)


@pytest.mark.parametrize("preset", MIXTURES)
def test_a_mixture_is_measured_on_the_first_train_seeds(preset: str) -> None:
    assert train_seeds(preset) == list(range(EPISODES))


@pytest.mark.parametrize("preset", ["camera_launch", "mixed", "camera"])
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
