"""The stored calibration follows from the code, and would show a wrong cost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from experiments.calibration import report
from experiments.calibration.fit import GROUPS, fit, solve
from experiments.calibration.ranges import overriding
from experiments.calibration.rows import rows
from experiments.calibration.sensitivity import scores_of
from swapgym.workload import suite

RESULTS = Path(report.__file__).parent / "results"
ROWS = rows()


def stored() -> dict[str, dict[str, str]]:
    with (RESULTS / "calibration.csv").open() as file:
        return {row["row"]: row for row in csv.DictReader(file)}


SLOW = {"kill to exit, Samsung 3.8 GB", "kill to exit, custom ROM", "frame time, p90", "frame time, p95"}
"""Rows that take seconds and stand beside others of the same kind."""


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in SLOW], ids=lambda row: row.name)
def test_rows_are_as_stored(row) -> None:
    assert row.simulate({}) == pytest.approx(float(stored()[row.name]["simulated"]), rel=1e-6)


def test_targets_hold() -> None:
    for name, row in stored().items():
        error = abs(float(row["relative_error"]))
        if row["fitted"]:
            assert error <= 0.05, name
        elif row["kind"] == "bench":
            assert error <= 0.2, name
    summary = json.loads((RESULTS / "summary.json").read_text())
    assert summary["exits_median_factor"] <= 1.5
    assert summary["exits_p90_factor"] <= 2.5
    assert 33 <= summary["swap_share_of_exit"] <= 75
    assert 0.7 <= summary["exits_check.within_p10_p90"] <= 0.9
    for size in ("swap", "rss"):
        for third in ("low", "middle", "high"):
            assert 0.67 <= summary[f"exits_check.ratio_{size}_{third}"] <= 1.5
    assert 1.1 <= summary["launch_beside_kills_ratio"] <= 2.0


def test_the_published_entries_hold_together() -> None:
    rows = stored()
    assert 650 <= float(rows["an entry in it, idle"]["simulated"]) <= 970
    assert 1_300 <= float(rows["an entry in it, loaded"]["simulated"]) <= 2_400


def test_at_least_two_thirds_are_held_out() -> None:
    held_out = sum(not row.fitted for row in ROWS)
    assert held_out >= 2 / 3 * len(ROWS)
    summary = json.loads((RESULTS / "summary.json").read_text())
    assert (summary["n_fitted"], summary["n_held_out"]) == (len(ROWS) - held_out, held_out)


def test_the_fit_gives_the_defaults_of_the_code() -> None:
    for item in fit(ROWS):
        assert item.value == pytest.approx(item.default, rel=0.05), item.parameter


def test_a_wrong_cost_shows() -> None:
    row = next(row for row in ROWS if row.name == "no pool lock, 4 x 256 MB")
    wrong = row.simulate({"entry_inline_lock_share": 0.6})
    assert abs(wrong / row.published - 1) > 0.2


def test_a_group_without_its_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be one each"):
        solve(GROUPS[0], ROWS[3:])


def test_a_parameter_at_the_end_of_its_range_moves_the_scores() -> None:
    episodes = list(suite("validation").first(2))
    default = scores_of({}, episodes)
    moved = scores_of(overriding({("kernel", "entry_drain_memory_ns"): 5_000.0}), episodes)
    assert moved["always_inline"] == default["always_inline"]
    assert moved["userspace_reaper"] != default["userspace_reaper"]
