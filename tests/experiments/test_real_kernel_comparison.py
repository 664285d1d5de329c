"""The simulator beside the measured kernel: fit, re-enacted cases, rules on small cases, the stored comparison."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from typer.testing import CliRunner

from experiments.real_kernel import scenes
from experiments.real_kernel.__main__ import RESULTS, app
from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.emulated import DEVICE
from experiments.real_kernel.fit import Costs, fit, paces
from experiments.real_kernel.judge import Row, beside, error, in_order, is_acted, judge, near, predict
from experiments.real_kernel.machine import Load
from experiments.real_kernel.pool import pool_rows
from experiments.real_kernel.records import Record, Spread, load, spreads
from experiments.real_kernel.report import Compared, in_short
from swapgym.phone import constants as k

IDLE = Load(0.0, 1.0, 0.01, 0.0)
COSTS = Costs(1_000.0, 3_000.0, 2_000.0, 50_000.0, 0.71, 0.0)
KERNEL = COSTS.kernel()


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
    for of, value in {"100": 1_900.0, "100/swapcache_free_entries": 1_425.0}.items():
        metric = "probed_instructions" if "/" in of else "unmap_instructions"
        rows.append(Record("unmap_instructions", f"unmap_instructions/64/{of}", 0, 9, metric, value, "1", *IDLE))
    return rows


def test_costs_are_those_of_a_mixture() -> None:
    found = fit(unmap_rows(1_000.0, 3_000.0))
    assert found.resident_ns == pytest.approx(1_000.0)
    assert found.entry_ns == pytest.approx(3_000.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert found.touch_ns == 2_000.0
    assert found.lock_share == pytest.approx(0.75)
    missing = "no unmap_instructions/64/100/swapcache_free_entries, which tells what runs under a lock"
    with pytest.raises(ValueError, match=missing):
        fit(unmap_rows(1_000.0, 3_000.0)[:-1])
    with pytest.raises(ValueError, match="none of unmap"):
        fit([])


def test_a_fitted_cost_is_what_the_machine_pays() -> None:
    record = COSTS.kernel(pace=2.0).to_record(DEVICE)
    assert record["core_ps"][k.COST_RESIDENT_ANON] + record["memory_ps"][k.COST_RESIDENT_ANON] == 2_000_000
    assert record["core_ps"][k.COST_ENTRY_INLINE] + record["memory_ps"][k.COST_ENTRY_INLINE] == 6_000_000
    assert record["core_ps"][k.COST_ENTRY_DRAIN] + record["memory_ps"][k.COST_ENTRY_DRAIN] == 6_000_000
    # the pace is one of releasing pages
    assert record["core_ps"][k.COST_COMPRESS] + record["memory_ps"][k.COST_COMPRESS] == 50_000_000
    assert record["core_ps"][k.COST_ALLOC] + record["memory_ps"][k.COST_ALLOC] == 2_000_000


def pace_rows(case: str, before: float, after: float) -> list[Record]:
    values = {"pace_before_ns": before, "pace_after_ns": after}
    return [Record(case.split("/")[0], case, 0, 0, name, value, "ns/page", *IDLE) for name, value in values.items()]


def test_a_case_is_held_against_the_pace_at_which_it_was_measured() -> None:
    # one case was measured while everything took twice as long, and says so
    rows = [
        row._replace(value=row.value * 2) if (row.case, row.metric) == ("unmap/64/50%", "unmap_cpu_ns") else row
        for row in unmap_rows(1_000.0, 3_000.0)
    ]
    rows += [*pace_rows("unmap/64/0%", 500, 500), *pace_rows("unmap/64/50%", 900, 1_100)]
    rows += [*pace_rows("unmap/64/100%", 500, 500), *pace_rows("contention/1/swapped", 700, 800)]
    found = fit(rows)
    assert (found.resident_ns, found.entry_ns) == pytest.approx((1_000.0, 3_000.0))
    assert fit(unmap_rows(1_000.0, 3_000.0)) == found._replace(error=pytest.approx(0.0, abs=1e-9))
    pace = paces(rows)
    assert pace["contention/1/swapped"] == {0: 1.5}
    assert {one for repeats in paces(unmap_rows(1_000.0, 3_000.0)).values() for one in repeats.values()} == {1.0}
    case = [case for case in all_cases() if case.name == "contention/1/swapped"]
    key = ("contention/1/swapped", "cpu_ns_per_entry")
    ns = predict(case, COSTS, {"contention/1/swapped": {0: 1.0, 1: 1.5, 2: 1.0}})[key]
    assert ns[1] == pytest.approx(1.5 * ns[0], rel=0.001)
    assert ns[2] == ns[0]


def test_each_repeat_is_held_against_its_own_prediction() -> None:
    def rows(*values: float) -> list[Record]:
        return [Record("starve", "x", 0, boot, "exit_ms", value, "ms", *IDLE) for boot, value in enumerate(values)]

    # one repeat was measured while everything took thrice as long, and one is off by half
    (found,) = beside(rows(100, 300, 50), {("x", "exit_ms"): {0: 110.0, 1: 330.0, 2: 75.0}})
    assert (found.measured, found.predicted) == (100, 110)
    assert found.error == pytest.approx(0.1)
    assert (found.lowest, found.highest, found.within_spread) == (50, 300, True)
    assert error([1.0, 2.0, 10.0], [2.0, 1.0, 12.0]) == pytest.approx(0.2)
    # nobody can be off by a share of nothing: medians are compared
    assert error([0.0, 2.0, 4.0], [1.0, 3.0, 3.0]) == pytest.approx(0.5)
    assert math.isnan(error([0.0, 0.0, 4.0], [1.0, 3.0, 3.0]))


def test_swapped_pages_contend_and_present_ones_do_not() -> None:
    def ns(processes: int, percent: int) -> float:
        settings = {"processes": processes, "percent": percent, "mib": 64}
        return scenes.contention(settings, KERNEL)["cpu_ns_per_entry"]

    assert ns(1, 100) == pytest.approx(3_000, rel=0.01)
    assert ns(1, 0) == pytest.approx(1_000, rel=0.01)
    assert ns(2, 0) == ns(1, 0)
    # each waits for the other's hold at most, and the hand-off makes both longer
    assert 1.3 * 3_000 < ns(2, 100) < 3_000 * (1 - 0.71 + 2 * 0.71 * 1.11)


def test_exits_beside_a_foreground_task_share_its_cpus() -> None:
    def dead_ms(victims: int, percent: int = 0, **told: int | str) -> float:
        settings = {"nice": 0, "victims": victims, "percent": percent, "mib": 64, "way": "at_once", **told}
        return scenes.foreground(settings, KERNEL)["dead_ms"]

    alone = dead_ms(1)
    assert alone == pytest.approx(64 * 256 * 1_000 / 1e6, rel=0.01)
    assert dead_ms(2, way="one_by_one") == pytest.approx(2 * alone, rel=0.03)
    # two have two CPUs, but for what the frames take of them
    assert 1.05 * alone < dead_ms(2) < 1.6 * alone
    assert dead_ms(4) > 1.05 * 2 * alone
    # a frame that goes before them takes more
    assert dead_ms(4, nice=-10) > dead_ms(4)
    assert dead_ms(4, way="mrelease", helper_nice=-20) == dead_ms(4)


def test_spinners_starve_an_exit_for_as_long_as_they_may() -> None:
    throttled = scenes.starve({"runtime_us": 950_000, "mib": 64}, KERNEL)
    assert throttled["ended_before_spinners"] == 1
    # throttled with the spinners: the death is seen when a period begins, and the kill is 550 ms into the first
    assert (throttled["exit_ms"] + 550) % 1_000 == 0
    assert throttled["exit_ms"] > 900
    never = scenes.starve({"runtime_us": -1, "mib": 64}, KERNEL)
    assert never["ended_before_spinners"] == 0


def test_memory_that_comes_late_meets_the_burst() -> None:
    inline = scenes.burst({"way": "at_once"}, KERNEL)
    late = scenes.burst({"way": "late", "keeper_nice": 19}, KERNEL)
    assert late["dead_ms"] < inline["dead_ms"]
    assert late["lowest_free_mib"] < inline["lowest_free_mib"]
    assert late["stall_some_ms"] > inline["stall_some_ms"]


def test_a_frame_takes_what_was_measured_where_nobody_dies() -> None:
    measured = [
        spread.median
        for spread in spreads(load(RESULTS / "measurements.csv"))
        if spread.case.endswith("/0/none/none") and spread.metric == "frame_cpu_ms"
    ]
    assert len(measured) == 2
    assert scenes.FRAME_WORK_MS == pytest.approx(sum(measured) / 2, rel=0.03)


def row(case: str, measured: float, low: float, high: float, predicted: float, **others: str) -> Row:
    named = {"measurement": "foreground", "metric": "dead_ms", "unit": "ms", **others}
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
    assert judged.alone == 1
    assert near("", rows, 0.25, False).held == 1
    ordered = in_order("", rows)
    assert (ordered.held, ordered.of) == (3, 3)
    flat = in_order("", [one._replace(predicted=0.0) for one in rows])
    assert (flat.held, flat.of) == (0, 3)
    # what overlaps has none
    assert in_order("", [rows[0], rows[1]._replace(lowest=11)]).of == 0
    # a tick or a batch of reclaim is no order
    assert in_order("", [rows[0], rows[2]._replace(predicted=20.9)]).held == 0
    assert in_order("", [rows[0], rows[2]._replace(predicted=21.0)]).held == 1
    assert in_order("", [rows[0], rows[2]._replace(predicted=5.0)]).broken == ("a < c",)


def test_each_rule_looks_at_its_own_cases() -> None:
    own = {"measurement": "contention", "metric": "entries_per_ms", "unit": "1/ms"}
    rows = [
        row("contention/2/swapped", 100, 90, 110, 85, **own),
        row("contention/2/resident", 100, 50, 150, 140, **own),
        row("foreground/0/2/swapped/nice0", 100, 50, 150, 140),
        row("burst/late", 10, 9, 11, 3, measurement="burst", metric="stall_some_ms"),
        row("burst/late19", 20, 19, 21, 2, measurement="burst", metric="stall_some_ms"),
    ]
    found = {name: (verdict.held, verdict.of) for name, verdict in judge(rows).items()}
    # of throughput the spread does not count; who has nothing to look at is left out
    assert found == {
        "contention_swapped": (1, 1),
        "contention_resident": (0, 1),
        "foreground_dead_ms": (1, 1),
        "order_stall_some_ms": (0, 1),
    }
    text = in_short(Compared([], rows, judge(rows), [], COSTS._replace(error=0.08), {}))
    assert "2 of 4 rules hold in full" in text
    assert "residual of the fit itself is 8%" in text
    assert "order of the burst's stalls 0 of 1" in text.partition("**Do not hold in full**")[2]
    assert "stall 0.1 to 0.3 times what was measured" in text


def test_what_the_simulator_says_of_the_pool() -> None:
    plain = scenes.pool({"processes": 8, "mode": "plain"}, KERNEL)
    assert plain["entries_back_4_of_8"] == 0.5
    assert plain["pool_back_4_of_8"] == pytest.approx(1 - 0.5**0.65, abs=0.002)
    assert scenes.pool({"processes": 8, "mode": "plain"}, replace(KERNEL, zspage_return=1.0))[
        "pool_back_4_of_8"
    ] == pytest.approx(0.5, abs=0.001)
    compacted = scenes.pool({"processes": 8, "mode": "compact"}, KERNEL)
    assert compacted["pool_back_then_4_of_8"] == pytest.approx(0.5, abs=0.001)
    # what is missing is an eighth of what is left
    pressed = scenes.pool({"processes": 8, "mode": "pressure"}, KERNEL)
    assert "pool_back_then_3_of_8" not in pressed
    assert 1 - pressed["pool_back_then_4_of_8"] == pytest.approx(0.5 * 8 / 7, abs=0.005)


def test_exponents_of_the_pool() -> None:
    def spread(metric: str, value: float) -> Spread:
        return Spread("pool", "pool/1/uniform/plain", metric, "1", 1, *([value] * 5))

    measured = [spread("entries_back_4_of_8", 0.5), spread("pool_back_4_of_8", 0.75)]
    own = {"measurement": "pool", "metric": "pool_back_4_of_8"}
    (found,) = pool_rows(measured, [row("pool/1/uniform/plain", 0.75, 0.75, 0.75, 0.5, **own)])
    assert found.exponent == pytest.approx(2.0)
    assert (found.foretold, found.after, found.foretold_after) == (0.5, None, None)
    assert found.off == (-0.25,)


def test_the_stored_predictions_are_those_of_the_simulator() -> None:
    """A change of the phone that changes them must come with the comparison written anew."""
    with (RESULTS / "comparison.csv").open(encoding="utf-8", newline="") as file:
        stored = {(line["case"], line["metric"]): float(line["predicted"]) for line in csv.DictReader(file)}
    rows = load(RESULTS / "measurements.csv")
    predicted = predict(all_cases(), fit(rows), paces(rows))
    compared = {key: median(values.values()) for key, values in predicted.items() if key in stored}
    assert set(compared) == set(stored)
    assert compared == {key: pytest.approx(stored[key], rel=1e-6, abs=1e-6) for key in compared}


def test_the_page_says_what_cannot_be_foretold_and_where_it_was() -> None:
    page = (RESULTS / "comparison.md").read_text(encoding="utf-8")
    (said,) = (line for line in page.splitlines() if line.startswith("**What it cannot foretell**"))
    assert "time slices" in said and "process_mrelease" in said and "lru_lock" in said
    assert "git show e9ce258:experiments/real_kernel/results/comparison.md" in page


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
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        names = {line["case"] for line in csv.DictReader(file)}
    assert names == {case.name for case in all_cases() if case.exits == 1 and is_acted(case)}
    assert {file.name for file in tmp_path.iterdir()} >= {
        "comparison.csv",
        "comparison.md",
        "comparison.png",
        "verdicts.csv",
    }
    outcome = CliRunner().invoke(app, ["--measured", str(tmp_path / "nowhere")])
    assert outcome.exit_code == 2
    assert "real_kernel.measure" in outcome.output
