"""The simulator beside the measured kernel: fit, re-enacted cases, rules on small cases, the stored comparison."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from statistics import median

import pytest
from typer.testing import CliRunner

from experiments.real_kernel import foreground, scenes, stage
from experiments.real_kernel.__main__ import RESULTS, app
from experiments.real_kernel.begins import begin, begins
from experiments.real_kernel.cases import FOREGROUND_NICE, all_cases
from experiments.real_kernel.criteria import in_short
from experiments.real_kernel.doubts import Doubts, doubt
from experiments.real_kernel.fit import Costs, LockShares, fit, paces
from experiments.real_kernel.foreground import Begin
from experiments.real_kernel.judge import Row, beside, error, in_order, is_acted, judge, near, predict
from experiments.real_kernel.machine import Load
from experiments.real_kernel.pool import pool_rows
from experiments.real_kernel.records import Record, Spread, load, spreads
from swapgym.workload import kernel_variant

IDLE = Load(0.0, 1.0, 0.01, 0.0)
COSTS = Costs(1_000.0, 3_000.0, 2_000.0, 50_000.0, LockShares(0.71, 0.0, 0.0), 0.0).kernel_changes()


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
    counted = {
        "0": 1_200.0,
        "100": 1_900.0,
        "0/release_pages": 900.0,
        "0/__mem_cgroup_uncharge_list": 50.0,
        "0/free_unref_page_list": 550.0,
        "0/free_pcppages_bulk": 240.0,
        "100/swapcache_free_entries": 1_425.0,
    }
    for of, value in counted.items():
        metric = "probed_instructions" if "/" in of else "unmap_instructions"
        rows.append(Record("unmap_instructions", f"unmap_instructions/64/{of}", 0, 9, metric, value, "1", *IDLE))
    return rows


def test_costs_are_those_of_a_mixture() -> None:
    found = fit(unmap_rows(1_000.0, 3_000.0))
    assert found.resident_ns == pytest.approx(1_000.0)
    assert found.entry_ns == pytest.approx(3_000.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert found.touch_ns == 2_000.0
    assert found.shares == pytest.approx((0.75, 300 / 1_200, 0.2))
    changes = found.kernel_changes()
    assert changes["entry_inline_lock_a72_ns"] == pytest.approx(0.75 * changes["entry_inline_a72_ns"])
    assert changes["resident_anon_lru_lock_ns"] == pytest.approx(250.0)
    assert changes["resident_anon_zone_lock_ns"] == pytest.approx(200.0)
    missing = "no unmap_instructions/64/100/swapcache_free_entries, which tells what runs under a lock"
    with pytest.raises(ValueError, match=missing):
        fit(unmap_rows(1_000.0, 3_000.0)[:-1])
    with pytest.raises(ValueError, match="none of unmap"):
        fit([])


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
    key = ("contention/1/swapped", "wall_ms")
    found = predict(case, COSTS, {"contention/1/swapped": {0: 1.0, 1: 1.5, 2: 1.0}})[key]
    assert found[1] == pytest.approx(1.5 * found[0], rel=0.001)
    assert found[2] == found[0]


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


def test_one_process_takes_what_its_pages_cost() -> None:
    found = scenes.contention({"processes": 1, "percent": 100, "mib": 64}, COSTS)
    assert found["wall_ms"] == pytest.approx(64 * 256 * 3_000 / 1e6, rel=0.01)
    assert found["cpu_ns_per_entry"] == pytest.approx(3_000, rel=0.01)
    present = scenes.contention({"processes": 2, "percent": 0, "mib": 64}, COSTS)
    assert present["entries_per_ms"] == pytest.approx(2_000, rel=0.02)


def began(*victims: int) -> Begin:
    """Return a beginning with victims that wake on these CPUs and were busy before they slept."""
    return Begin(victims=victims, victims_us=(0,) * len(victims), victims_util=(1.0,) * len(victims))


def test_exits_one_by_one_take_as_long_as_their_sum() -> None:
    settings = {"nice": 0, "victims": 2, "percent": 100, "mib": 64, "way": "one_by_one"}
    found = foreground.foreground(settings, COSTS, began(0, 1))
    alone = foreground.foreground({**settings, "victims": 1, "way": "at_once"}, COSTS, began(0))
    assert found["dead_ms"] == pytest.approx(2 * alone["dead_ms"], rel=0.1)
    nobody = foreground.foreground({"nice": 0, "victims": 0}, COSTS, Begin())
    assert nobody == {
        "late_frames": 0.0, "late_sum_ms": 0.0, "late_worst_ms": 0.0,
        "late_frames_two": 0.0, "late_sum_two_ms": 0.0, "late_worst_two_ms": 0.0,
    }  # fmt: skip


def test_a_helper_at_the_lowest_priority_takes_less_than_one_at_the_highest() -> None:
    # more victims than CPUs: whoever has a CPU at once is past exit_mm before the helper looks
    begin = began(0, 1, 0, 1)
    settings = {"nice": 0, "victims": 4, "percent": 100, "mib": 64, "way": "mrelease"}
    strong = foreground.foreground({**settings, "helper_nice": -20}, COSTS, begin)
    weak = foreground.foreground({**settings, "helper_nice": 19}, COSTS, begin)
    assert strong["helper_cpu_ms"] > 0.2 * strong["victims_cpu_ms"] > 0
    assert weak["helper_cpu_ms"] < strong["helper_cpu_ms"]
    assert weak["victims_cpu_ms"] > strong["victims_cpu_ms"]


def test_what_a_repeat_says_of_what_it_began_from() -> None:
    said = {
        "killed_us_after_tick": 1_234.4, "killed_us_after_vsync": 400.0,
        "killer_on_cpu": 0.0, "task_on_cpu": 1.0, "rcu_on_cpu": 1.0,
        "victims_on_cpu_1": 5.0, "victim_0_util_est": 0.75, "victim_1_util_est": 1.0, "victim_2_util_est": 0.5,
        "victim_3_util_est": 0.25,
        "helper_on_cpu": 1.0, "helper_woke_us": 350.0, "helper_waited_us": 3_000.0, "helper_util_est": 0.5,
        "kills_took_us": 370.0, "victim_0_woke_us": 100.0, "victim_1_woke_us": 150.0, "victim_2_woke_us": 250.0,
        "victim_3_woke_us": 300.0,
    }  # fmt: skip
    settings = {"victims": 4, "way": "mrelease"}
    found = Begin(
        killed_us=1_234, killed_late_us=400, kills_took_us=370, killer=0, task=1, rcu=1,
        victims=(1, 0, 1, 0), victims_us=(100, 150, 250, 300), victims_util=(0.75, 1.0, 0.5, 0.25),
        helper=1, helper_us=350, helper_preempts=False, helper_util=0.5,
    )  # fmt: skip
    assert begin(said, settings) == found
    # nobody says of a CPU that has not balanced for long when it did
    balanced = begin({**said, "cpu_1_balanced_us_before": 8_200.0}, settings)
    assert balanced == found._replace(balanced_us=(foreground.LONG_AGO_US, 8_200))
    in_turn = begin(said, {**settings, "way": "one_by_one"})
    assert (in_turn.kills_took_us, in_turn.victims_us, in_turn.helper) == (0, (0, 0, 0, 0), 0)
    assert begin({**said, "helper_waited_us": 50.0}, settings).helper_preempts
    for metric in said:
        with pytest.raises(KeyError, match=metric):
            begin({name: value for name, value in said.items() if name != metric}, settings)
    with pytest.raises(ValueError, match=r"victims \(0,\), \(0,\), \(1.0,\): must be those of 2"):
        foreground.foreground({"victims": 2}, COSTS, began(0))


def test_a_repeat_is_predicted_from_what_it_began_from() -> None:
    rows = load(RESULTS / "measurements.csv")
    found = begins(rows)
    assert set(found) == {case.name for case in all_cases() if case.group == "foreground"}
    case = next(case for case in all_cases() if case.name == "foreground/0/4/swapped/mrelease-20")
    repeats = found[case.name]
    assert len(repeats) >= 5
    assert {len(each.victims) for each in repeats.values()} == {4}
    assert len({each.victims for each in repeats.values()}) > 1
    ms = {row.boot: row.value for row in rows if (row.case, row.metric) == (case.name, "killed_us_after_tick")}
    assert {boot: each.killed_us for boot, each in repeats.items()} == {boot: round(us) for boot, us in ms.items()}
    lacking = [row for row in rows if row.metric != "helper_on_cpu"]
    with pytest.raises(ValueError, match=r"no helper_on_cpu of foreground/.*, from which it began"):
        begins(lacking)


def test_what_is_predicted_of_a_repeat_is_the_median_over_draws_at_its_pace() -> None:
    settings = {"nice": 0, "victims": 2, "percent": 100, "mib": 64, "way": "at_once"}
    found = foreground.foreground(settings, COSTS, began(0, 0)._replace(pace=2.0))
    own = stage.at_pace(COSTS, 2.0)
    played = [foreground.beside_frames(settings, own, 1, "", began(0, 0), draw) for draw in range(foreground.DRAWS)]
    assert found["dead_ms"] == median(one["dead_ms"] for one in played)
    assert len({one["dead_ms"] for one in played}) > 1
    assert found == foreground.foreground(settings, stage.at_pace(COSTS, 2.0), began(0, 0))
    assert found["dead_ms"] > 1.8 * foreground.foreground(settings, COSTS, began(0, 0))["dead_ms"]


def test_a_cpu_that_has_just_balanced_leaves_the_frame_where_the_victims_woke() -> None:
    """Four victims wake on the task's CPU: the killer's takes some at its first tick, or only 60 ms after its last."""
    settings = {"nice": 0, "victims": 4, "percent": 0, "mib": 256, "way": "mrelease", "helper_nice": -20}
    long_ago = began(0, 0, 0, 0)._replace(killed_us=2_000, helper_us=300)
    late = {
        balanced_us: foreground.foreground(settings, COSTS, long_ago._replace(balanced_us=(8_000, balanced_us)))
        for balanced_us in (foreground.LONG_AGO_US, 10_000)
    }
    assert late[10_000]["late_worst_ms"] > late[foreground.LONG_AGO_US]["late_worst_ms"] + 10


def test_victims_wake_one_after_the_other_and_the_killer_later_than_the_frame_begins() -> None:
    settings = {"nice": 0, "victims": 2, "percent": 100, "mib": 64, "way": "at_once"}
    at_once = foreground.foreground(settings, COSTS, began(0, 1))
    later = foreground.foreground(settings, COSTS, began(0, 1)._replace(victims_us=(5_000, 5_000)))
    assert later["dead_ms"] == pytest.approx(at_once["dead_ms"] + 5, abs=0.5)
    # time is counted from when the kill was meant to be
    for late_ms in (1, 6):
        begin = began(0, 1)._replace(killed_us=3_000, killed_late_us=1_000 * late_ms)
        late = foreground.foreground(settings, COSTS, begin)
        assert late["dead_ms"] == pytest.approx(at_once["dead_ms"] + late_ms, abs=0.5)
        assert late["back_ms"] == pytest.approx(at_once["back_ms"] + late_ms, abs=0.5)


def test_what_was_measured_of_balancing_holds_from_the_kill_on_though_nobody_has_woken_yet() -> None:
    board = stage.machine(COSTS, 1_000)
    watch = foreground.killing(began(0)._replace(balanced_us=(8_200, 70_000)), 204.1, False)
    for now_us, expected in ((204_000, [0, 0]), (204_250, [192_000, 132_000])):
        board.phone["now_us"] = now_us
        assert watch(board)
        assert list(board.phone["run_queues"]["balance_us"][:2]) == expected


NOTHING_MS = foreground.HELPER_CALL_US / 1_000


def test_the_helper_finds_its_victim_unless_that_has_the_cpu_before_it() -> None:
    """process_mrelease finds no address space once the victim has passed exit_mm, and the helper is soon gone."""
    settings = {"nice": 0, "victims": 1, "percent": 100, "mib": 64, "way": "mrelease", "helper_nice": -20}

    def helped(victim: int, preempts: bool, kills_took_us: int = 1_000) -> float:
        begin = began(victim)._replace(killed_us=1_000, helper_preempts=preempts, kills_took_us=kills_took_us)
        return foreground.beside_frames(settings, COSTS, 1, "", begin)["helper_cpu_ms"]

    assert helped(0, True) > 40  # it preempts the victim where that has hardly begun
    assert helped(0, False) == NOTHING_MS  # the victim was picked before it, and it waited for a tick
    assert helped(1, True, 0) == NOTHING_MS  # it has the task's CPU, and the victim the killer's as soon as that sleeps


def test_what_a_frame_takes_is_what_was_measured_where_nobody_dies() -> None:
    measured = [
        spread.median
        for spread in spreads(load(RESULTS / "measurements.csv"))
        if spread.case.endswith("/0/none/none") and spread.metric == "frame_cpu_ms"
    ]
    assert len(measured) == 2
    assert foreground.FRAME_WORK_MS == pytest.approx(sum(measured) / 2, rel=0.03)


def test_the_grace_period_kthread_is_that_of_a_single_swapped_victim() -> None:
    found = {(spread.case, spread.metric): spread.median for spread in spreads(load(RESULTS / "measurements.csv"))}

    def both(kind: str, metric: str) -> float:
        return sum(found[f"foreground/{nice}/1/{kind}/nice0", metric] for nice in FOREGROUND_NICE)

    runs = both("swapped", "rcu_runs") - both("resident", "rcu_runs")
    cpu_ms = both("swapped", "rcu_cpu_ms") - both("resident", "rcu_cpu_ms")
    assert stage.GRACE_PERIOD_US == pytest.approx(both("swapped", "dead_ms") / runs * 1e3, rel=0.01)
    assert stage.GRACE_PERIOD_NS == pytest.approx(cpu_ms / runs * 1e6, rel=0.01)
    # it wakes for swapped pages: beside present ones it hardly runs
    assert both("resident", "rcu_runs") < both("swapped", "rcu_runs") / 5
    swapped, present = (found[f"unmap_instructions/256/{percent}", "rcu_runs"] for percent in (100, 0))
    assert present < swapped / 10


def test_spinners_starve_an_exit_for_as_long_as_they_may() -> None:
    throttled = scenes.starve({"runtime_us": 950_000, "mib": 64}, COSTS)
    assert throttled["ended_before_spinners"] == 1
    # throttled with the spinners: the death is seen when a period begins, and the kill is 550 ms into the first
    assert (throttled["exit_ms"] + 550) % 1_000 == 0
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
    assert (judged.alone, judged.null) == (1, 0)
    assert near("", rows, 0.25, False).held == 1
    # 0 lies within the spread of the first only
    nothing = near("", [row("a", 5, 0, 9, 100), row("b", 5, 1, 9, 5)], 0.25, True)
    assert (nothing.held, nothing.alone, nothing.null) == (1, 1, 1)
    ordered = in_order("", rows)
    # b and c do not overlap; so do a and both
    assert (ordered.held, ordered.of, ordered.higher, ordered.ties) == (3, 3, 2, 0)
    flat = in_order("", [one._replace(predicted=0.0) for one in rows])
    assert (flat.held, flat.of, flat.ties) == (0, 3, 3)
    # a tick or a batch of reclaim is no order
    assert in_order("", [rows[0], rows[2]._replace(predicted=20.9)]).held == 0
    assert in_order("", [rows[0], rows[2]._replace(predicted=21.0)]).held == 1
    assert in_order("", [rows[0], rows[2]._replace(predicted=5.0)]).broken == ("a < c",)
    zero = judge([row("foreground/0/1/x/y", 0.0, 0.0, 1.0, 30.0)])["near_zero_late_sum_ms"]
    assert (zero.held, zero.of, zero.null, zero.broken) == (0, 1, 1, ("foreground/0/1/x/y",))


def test_speed_up_is_over_one_process() -> None:
    own = {"measurement": "contention", "metric": "entries_per_ms"}
    rows = [
        row("contention/1/swapped", 100, 90, 110, 100, **own),
        row("contention/2/swapped", 150, 140, 160, 130, **own),
    ]
    verdict = judge(rows)["contention_scaling"]
    assert (verdict.held, verdict.of) == (1, 1)
    assert verdict.worst == pytest.approx(1 - 1.3 / 1.5)


def test_what_the_simulator_says_of_the_pool() -> None:
    plain = scenes.pool({"mode": "plain"}, {})
    assert plain["entries_back_4_of_8"] == 0.5
    assert plain["pool_back_4_of_8"] == pytest.approx(1 - 0.5**0.65, abs=0.002)
    assert scenes.pool({"mode": "plain"}, {"zspage_return": 1.0})["pool_back_4_of_8"] == pytest.approx(0.5, abs=0.001)
    compacted = scenes.pool({"mode": "compact"}, {})
    assert compacted["pool_back_then_4_of_8"] == pytest.approx(0.5, abs=0.001)
    # what is missing is an eighth of what is left
    pressed = scenes.pool({"mode": "pressure"}, {})
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


def test_boots_that_would_be_refused_are_named() -> None:
    rows = unmap_rows(1_000.0, 3_000.0)
    about = {"load_before": 0.1}
    assert doubt(rows, {}, about) == Doubts("", (), None, None)
    late = [
        one._replace(boot=1, repeat=1, value=2 * one.value, stolen=0.14) for one in rows if one.measurement == "unmap"
    ]
    rows = [one._replace(stolen=0.2) if one.boot == 9 else one for one in rows]  # instructions, on a disturbed machine
    found = doubt([*rows, *late], {}, {"load_before": 0.5})
    assert found.start == "load 0.50 at the start, above 0.30"
    assert found.boots == (
        "boot 1 (unmap, repeat 1: stolen 14% of the CPU time)",
        "boot 9 (unmap_instructions, repeat 0: stolen 20% of the CPU time)",
    )
    assert found.costs is not None
    assert found.costs.entry_ns == pytest.approx(3_000.0)


def test_the_paragraph_says_what_is_met_and_what_is_not() -> None:
    rows = [
        row("foreground/0/1/x/y", 0.0, 0.0, 1.0, 0.0),
        row("foreground/0/2/x/y", 90.0, 80.0, 99.0, 0.0),
        row("burst/late", 100.0, 90.0, 110.0, 25.0, measurement="burst", metric="stall_some_ms"),
    ]
    verdicts = judge(rows)
    text = in_short(rows, verdicts, verdicts, Costs(1.0, 1.0, 1.0, 1.0, 0.7, 0.27))
    assert "1 of 3 criteria set beforehand are met in full; who predicts 0 for everything meets 1 of them" in text
    assert "**Met**: no lateness where there is none, one vsync 1 of 1 (0 everywhere would hold 1)." in text
    assert "order of lateness, one vsync 0 of 1 (1 of the others are ties at a predicted 0)" in text
    assert "is 27%, more than the 20%" in text
    assert "stall 0.2 to 0.2 times" in text


def test_the_stored_variant_is_the_fit_of_the_stored_measurement() -> None:
    changes = fit(load(RESULTS / "measurements.csv")).kernel_changes()
    variant = kernel_variant(stage.KERNEL)
    for name, value in changes.items():
        assert getattr(variant, name) == pytest.approx(value, rel=0.01), name


def test_the_stored_predictions_are_those_of_the_simulator() -> None:
    """A change of the phone that changes them must come with the comparison written anew."""
    with (RESULTS / "comparison.csv").open(encoding="utf-8", newline="") as file:
        stored = {(line["case"], line["metric"]): float(line["predicted"]) for line in csv.DictReader(file)}
    names = {
        "contention/1/swapped", "contention/4/swapped", "contention/4/resident", "starve/950000", "starve/-1",
        "pool/16/uniform/plain", "pool/16/uniform/compact", "pool/16/uniform/pressure", "burst/late",
        "foreground/0/4/swapped/mrelease-20", "foreground/-10/2/swapped/nice19",
    }  # fmt: skip
    cases = [case for case in all_cases() if case.name in names]
    assert len(cases) == len(names)
    rows = load(RESULTS / "measurements.csv")
    predicted = predict(cases, fit(rows).kernel_changes(), {**paces(rows), **begins(rows)})
    compared = {key: median(values.values()) for key, values in predicted.items() if key in stored}
    assert {case for case, _ in compared} == names
    assert compared == {key: pytest.approx(stored[key], rel=1e-6, abs=1e-6) for key in compared}


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
