"""The simulator's predictions beside what was measured, and whether they hold: by rules, not by eye."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from experiments.real_kernel.cases import Case
from experiments.real_kernel.records import Spread
from experiments.real_kernel.scenes import MEASUREMENTS

NEAR_ZERO_MS: Final = 8.0
"""Half a vsync, over a whole case: what counts as no lateness."""
CONTENTION: Final = 0.20
TIMES: Final = 0.25
TIMES_OF: Final = {
    "foreground": ("dead_ms", "late_sum_ms", "late_sum_two_ms"),
    "starve": ("exit_ms",),
}
"""What must be within :data:`TIMES` or the measured spread, whichever is wider."""
LATENESS: Final = ("late_sum_ms", "late_sum_two_ms")
ORDERED: Final = ("lowest_free_mib", "stall_some_ms")
"""Of the burst: what must come in the measured order. The peak is RAM less the lowest free memory."""


class Row(NamedTuple):
    """One metric of one case, measured and predicted.

    Attributes:
        measurement: Which of the measurements.
        case: Which case of it.
        metric: Which metric.
        unit: Of it.
        measured: Median over the repeats.
        lowest: Over the repeats.
        highest: Over the repeats.
        predicted: By the simulator.
        error: Relative to the median; not a number where that is 0.
        within_spread: Whether the prediction lies between the extremes.
    """

    measurement: str
    case: str
    metric: str
    unit: str
    measured: float
    lowest: float
    highest: float
    predicted: float
    error: float
    within_spread: bool


class Verdict(NamedTuple):
    """What a rule says.

    Attributes:
        rule: In words.
        held: How many cases or pairs hold.
        of: Of how many.
        broken: Those that do not, at most a handful.
        worst: Largest relative error among all that the rule looks at; 0 for orders.
    """

    rule: str
    held: int
    of: int
    broken: tuple[str, ...]
    worst: float


def predict(
    cases: Sequence[Case], changes: Mapping[str, Any], progress: Callable[[], None] = lambda: None
) -> dict[tuple[str, str], float]:
    """Return the predicted metrics of all cases that the simulator re-enacts, by case and metric."""
    found = {}
    for case in cases:
        if case.measurement in MEASUREMENTS:
            for metric, value in MEASUREMENTS[case.measurement](case.settings, changes).items():
                found[case.name, metric] = value
        progress()
    return found


def beside(measured: Sequence[Spread], predicted: Mapping[tuple[str, str], float]) -> list[Row]:
    """Return what is both measured and predicted."""
    rows = []
    for spread in measured:
        value = predicted.get((spread.case, spread.metric))
        if value is None:
            continue
        error = value / spread.median - 1 if spread.median else float("nan")
        inside = spread.lowest <= value <= spread.highest
        rows.append(
            Row(
                spread.measurement, spread.case, spread.metric, spread.unit, spread.median, spread.lowest,
                spread.highest, value, error, inside,
            )
        )  # fmt: skip
    return rows


def judge(rows: Sequence[Row]) -> dict[str, Verdict]:
    """Return the verdict of every rule, by name."""
    table = {(row.case, row.metric): row for row in rows}
    contention = [row for row in rows if row.measurement == "contention" and row.metric == "entries_per_ms"]
    ratios = [scaling for row in contention if (scaling := speed_up(row, table)) is not None]
    found = {
        "contention": near(f"entries per ms within {CONTENTION:.0%}", contention, CONTENTION, False),
        "contention_scaling": near(
            f"throughput over that of one process, within {CONTENTION:.0%}", ratios, CONTENTION, False
        ),
    }  # fmt: skip
    for measurement, metrics in TIMES_OF.items():
        for metric in metrics:
            own = [row for row in rows if row.measurement == measurement and row.metric == metric]
            if metric in LATENESS:
                # nobody can be within a share of nothing: these have a rule of their own
                own = [row for row in own if max(row.highest, row.predicted) > NEAR_ZERO_MS]
            rule = f"{metric} within {TIMES:.0%} or the measured spread"
            found[f"{measurement}_{metric}"] = near(rule, own, TIMES, True)
    for metric in LATENESS:
        late = [row for row in rows if row.measurement == "foreground" and row.metric == metric]
        zero = [row for row in late if row.highest <= NEAR_ZERO_MS]
        broken = [row for row in zero if row.predicted > NEAR_ZERO_MS]
        found[f"near_zero_{metric}"] = Verdict(
            f"{metric} near zero where the kernel shows near zero", len(zero) - len(broken), len(zero),
            tuple(row.case for row in broken), 0.0,
        )  # fmt: skip
        found[f"order_{metric}"] = in_order(f"{metric}: order of any two cases whose spreads do not overlap", late)
    for metric in ORDERED:
        own = [row for row in rows if row.measurement == "burst" and row.metric == metric]
        found[f"order_{metric}"] = in_order(f"burst, {metric}: order of cases whose spreads do not overlap", own)
    return found


def speed_up(row: Row, table: Mapping[tuple[str, str], Row]) -> Row | None:
    """Return the throughput of several processes over that of one, measured and predicted; None for one itself."""
    _, n, kind = row.case.split("/")
    one = table.get((f"contention/1/{kind}", row.metric))
    if n == "1" or one is None:
        return None
    measured, predicted = row.measured / one.measured, row.predicted / one.predicted
    low, high = row.lowest / one.highest, row.highest / one.lowest
    return row._replace(
        metric="speed_up", unit="1", measured=measured, lowest=low, highest=high, predicted=predicted,
        error=predicted / measured - 1, within_spread=low <= predicted <= high,
    )  # fmt: skip


def near(rule: str, rows: Sequence[Row], share: float, spread_counts: bool) -> Verdict:
    """Judge by relative error, and by the spread where that counts too."""
    broken = [row for row in rows if not (abs(row.error) <= share or (spread_counts and row.within_spread))]
    broken.sort(key=lambda row: -abs(row.error))
    worst = max((abs(row.error) for row in rows if not math.isnan(row.error)), default=0.0)
    return Verdict(
        rule, len(rows) - len(broken), len(rows), tuple(f"{row.case} {row.error:+.0%}" for row in broken), worst
    )


def in_order(rule: str, rows: Sequence[Row]) -> Verdict:
    """Judge all pairs that the measurement tells apart."""
    held, broken = 0, []
    for one, other in itertools.combinations(rows, 2):
        if one.highest < other.lowest:
            low, high = one, other
        elif other.highest < one.lowest:
            low, high = other, one
        else:
            continue
        if low.predicted < high.predicted:
            held += 1
        else:
            broken.append(f"{low.case} < {high.case}")
    return Verdict(rule, held, held + len(broken), tuple(broken), 0.0)
