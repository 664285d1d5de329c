"""The simulator beside the measured kernel: fit, re-enacted cases, rules on small cases, the stored comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.real_kernel import scenes
from experiments.real_kernel.__main__ import RESULTS, app
from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.fit import Costs, fit
from experiments.real_kernel.judge import Row, in_order, judge, near
from experiments.real_kernel.machine import Load
from experiments.real_kernel.pool import pool_rows
from experiments.real_kernel.records import Record, Spread, load, spreads
from swapgym.workload import kernel_variant

IDLE = Load(0.0, 1.0, 0.01, 0.0)
COSTS = Costs(1_000.0, 3_000.0, 2_000.0, 50_000.0, 0.0).kernel_changes()


def unmap_rows(resident: float, entry: float) -> list[Record]:
    rows = []
    for swapped in (0.0, 0.5, 1.0):
        case = f"unmap/64/{swapped:.0%}"
        values = {
            "swapped": swapped,
            "unmap_cpu_ns": (1 - swapped) * resident + swapped * entry,
            "touch_ns": 2_000.0,
            "put_out_ns": 50_000.0,
        }
        rows += [Record("unmap", case, 0, 0, metric, value, "1", *IDLE) for metric, value in values.items()]
    return rows


def test_costs_are_those_of_a_mixture() -> None:
    found = fit(unmap_rows(1_000.0, 3_000.0))
    assert found.resident_ns == pytest.approx(1_000.0)
    assert found.entry_ns == pytest.approx(3_000.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert found.touch_ns == 2_000.0
    with pytest.raises(ValueError, match="none of unmap"):
        fit([])


def test_one_process_takes_what_its_pages_cost() -> None:
    found = scenes.contention({"processes": 1, "percent": 100, "mib": 64}, COSTS)
    assert found["wall_ms"] == pytest.approx(64 * 256 * 3_000 / 1e6, rel=0.01)
    assert found["cpu_ns_per_entry"] == pytest.approx(3_000, rel=0.01)
    present = scenes.contention({"processes": 2, "percent": 0, "mib": 64}, COSTS)
    assert present["entries_per_ms"] == pytest.approx(2_000, rel=0.02)


def test_exits_one_by_one_take_as_long_as_their_sum() -> None:
    settings = {"nice": 0, "victims": 2, "percent": 100, "mib": 64, "way": "one_by_one"}
    found = scenes.foreground(settings, COSTS)
    alone = scenes.foreground({**settings, "victims": 1, "way": "at_once"}, COSTS)
    assert found["dead_ms"] == pytest.approx(2 * alone["dead_ms"], rel=0.1)
    nobody = scenes.foreground({"nice": 0, "victims": 0}, COSTS)
    assert nobody == {
        "late_frames": 0.0, "late_sum_ms": 0.0, "late_worst_ms": 0.0,
        "late_frames_two": 0.0, "late_sum_two_ms": 0.0, "late_worst_two_ms": 0.0,
    }  # fmt: skip


def test_a_helper_at_the_lowest_priority_takes_less_than_one_at_the_highest() -> None:
    settings = {"nice": 0, "victims": 2, "percent": 100, "mib": 64, "way": "mrelease"}
    strong = scenes.foreground({**settings, "helper_nice": -20}, COSTS)
    weak = scenes.foreground({**settings, "helper_nice": 19}, COSTS)
    assert strong["helper_cpu_ms"] > 0.2 * strong["victims_cpu_ms"] > 0
    assert weak["helper_cpu_ms"] < strong["helper_cpu_ms"]
    assert weak["victims_cpu_ms"] > strong["victims_cpu_ms"]


def test_spinners_starve_an_exit_for_as_long_as_they_may() -> None:
    throttled = scenes.starve({"runtime_us": 950_000, "mib": 64}, COSTS)
    assert throttled["ended_before_spinners"] == 1
    assert throttled["exit_ms"] > 900
    never = scenes.starve({"runtime_us": -1, "mib": 64}, COSTS)
    assert never["ended_before_spinners"] == 0


def test_memory_that_comes_late_meets_the_burst() -> None:
    inline = scenes.burst({"way": "at_once"}, COSTS)
    late = scenes.burst({"way": "late", "keeper_nice": 19}, COSTS)
    assert late["dead_ms"] < inline["dead_ms"]
    assert late["lowest_free_mib"] < inline["lowest_free_mib"]
    assert late["stall_some_ms"] > inline["stall_some_ms"]


def row(case: str, measured: float, low: float, high: float, predicted: float, **others: str) -> Row:
    named = {"measurement": "foreground", "metric": "late_sum_ms", "unit": "ms", **others}
    error = predicted / measured - 1 if measured else float("nan")
    return Row(
        named["measurement"],
        case,
        named["metric"],
        named["unit"],
        measured,
        low,
        high,
        predicted,
        error,
        low <= predicted <= high,
    )


def test_rules_by_hand() -> None:
    rows = [row("a", 10, 9, 11, 20), row("b", 100, 50, 150, 140), row("c", 200, 190, 210, 150)]
    judged = near("", rows, 0.25, True)
    # b lies within its spread, c within the share
    assert (judged.held, judged.of, judged.broken, judged.worst) == (2, 3, ("a +100%",), 1.0)
    assert near("", rows, 0.25, False).held == 1
    ordered = in_order("", rows)
    # b and c do not overlap; so do a and both
    assert (ordered.held, ordered.of) == (3, 3)
    assert in_order("", [rows[0], rows[2]._replace(predicted=5.0)]).broken == ("a < c",)
    zero = judge([row("foreground/0/1/x/y", 0.0, 0.0, 1.0, 30.0)])["near_zero_late_sum_ms"]
    assert (zero.held, zero.of, zero.broken) == (0, 1, ("foreground/0/1/x/y",))


def test_speed_up_is_over_one_process() -> None:
    own = {"measurement": "contention", "metric": "entries_per_ms"}
    rows = [
        row("contention/1/swapped", 100, 90, 110, 100, **own),
        row("contention/2/swapped", 150, 140, 160, 130, **own),
    ]
    verdict = judge(rows)["contention_scaling"]
    assert (verdict.held, verdict.of) == (1, 1)
    assert verdict.worst == pytest.approx(1 - 1.3 / 1.5)


def test_exponents_of_the_pool() -> None:
    def spread(metric: str, value: float) -> Spread:
        return Spread("pool", "pool/1/uniform/plain", metric, "1", 1, *([value] * 5))

    (found,) = pool_rows([spread("entries_back_4_of_8", 0.5), spread("pool_back_4_of_8", 0.75)])
    assert found.exponent == pytest.approx(2.0)
    assert found.after is None


def test_the_stored_variant_is_the_fit_of_the_stored_measurement() -> None:
    changes = fit(load(RESULTS / "measurements.csv")).kernel_changes()
    variant = kernel_variant(scenes.KERNEL)
    for name, value in changes.items():
        assert getattr(variant, name) == pytest.approx(value, rel=0.01), name


def test_every_case_was_measured_five_times() -> None:
    found = spreads(load(RESULTS / "measurements.csv"))
    assert {spread.case for spread in found} == {case.name for case in all_cases()}
    assert min(spread.repeats for spread in found) >= 5
    assert json.loads((RESULTS / "provenance.json").read_text())["guarded"] is True


def test_the_comparison_runs(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--quick", "--out", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    stored = json.loads((RESULTS / "summary.json").read_text())
    assert summary["fit.entry_ns"] == pytest.approx(stored["fit.entry_ns"])
    assert {file.name for file in tmp_path.iterdir()} >= {
        "comparison.csv",
        "comparison.md",
        "comparison.png",
        "verdicts.csv",
    }
    outcome = CliRunner().invoke(app, ["--measured", str(tmp_path / "nowhere")])
    assert outcome.exit_code == 2
    assert "real_kernel.measure" in outcome.output
