"""The trade-off's cells follow from episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.tradeoff.__main__ import app
from experiments.tradeoff.measure import KERNELS, RATES, RULES, cell


def episode(preset: str, seed: int, lag: float, peak: float) -> dict[str, object]:
    return {"preset": preset, "seed": seed, "lag_ms": lag, "peak_mib": peak, "unaccounted_cpu_ms": 50.0}


def test_a_cell_by_hand() -> None:
    """Two episodes: inline costs 100 + 6 * 10 and 200; deferring 60 + 6 * 30 and 100; all other rules as inline."""
    inline = [episode("a", 0, 100, 10), episode("a", 1, 200, 0)]
    rows = {rule: inline for rule in RULES} | {"always_defer": [episode("a", 0, 60, 30), episode("a", 1, 100, 0)]}
    found = cell("k", "a", rows)
    assert RATES.vector.tolist() == [1.0, 6.0, 0.0]
    assert found.best == "always_defer"
    assert found.lag_ms == (150, 80, 80)
    assert found.peak_mib == (5, 15, 15)
    assert found.inline_better == 0.5
    assert found.change.value == pytest.approx(((240 - 160) + (100 - 200)) / 2 / 180)
    assert found.hindsight == pytest.approx(((160 + 100) / 2 - (240 + 100) / 2) / 180)


@pytest.mark.xdist_group("tradeoff")
def test_the_command_writes_a_cell_per_kernel_and_preset(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--quick", "--workers", "1", "--out", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    for kernel in KERNELS:
        assert f"{kernel}.camera_target.defer_minus_inline" in summary
    assert "camera_target" in (tmp_path / "tradeoff.md").read_text()
