"""The simulator's predictions beside what was measured, and whether they hold: by rules, not by eye."""

from __future__ import annotations

import itertools
import math
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from statistics import median
from typing import Any, Final, NamedTuple

from experiments.real_kernel.cases import Case
from experiments.real_kernel.foreground import Begin, foreground
from experiments.real_kernel.records import Record
from experiments.real_kernel.scenes import MEASUREMENTS
from experiments.real_kernel.stage import Metrics, at_pace

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
MARGIN: Final = {"MiB": 0.5, "ms": 1.0}
"""By how much predictions must differ before they have an order: less is a tick or a batch of reclaim, by accident."""

Predicted = dict[tuple[str, str], dict[int, float]]
"""By case and metric, and by the boot whose repeat it is."""


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
        predicted: By the simulator, the median likewise.
        error: As :func:`error` has it.
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
        null: How many would hold if 0 were predicted for everything: what is held beyond that is the simulator's.
        alone: How many are within the share itself, where a rule takes the measured spread instead if that is wider.
        higher: How many different cases are the higher one of a pair, in orders: pairs with one of them are not
            independent of each other.
        ties: How many of the broken pairs are broken because 0 is predicted for both.
    """

    rule: str
    held: int
    of: int
    broken: tuple[str, ...]
    worst: float = 0.0
    null: int = 0
    alone: int = 0
    higher: int = 0
    ties: int = 0


def predict(
    cases: Sequence[Case],
    changes: Mapping[str, Any],
    begins: Mapping[str, Mapping[int, Begin | float]],
    progress: Callable[[], None] = lambda: None,
    workers: int = 1,
) -> Predicted:
    """Return the predicted metrics of all cases that the simulator re-enacts.

    Args:
        cases: Which.
        changes: Costs of the kernel.
        begins: What each repeat of a case began from, by boot; of all but measurement 4 it is the pace.
        progress: Called after every case.
        workers: Processes among which the cases are divided; what is predicted does not hang on it.
    """
    acted = [case for case in cases if is_acted(case)]
    own = [begins[case.name] for case in acted]
    found: Predicted = {}
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, mp_context=context) if workers > 1 else nullcontext() as pool:
        acts = (pool.map if pool else map)(enact, acted, itertools.repeat(changes), own)
        for case, repeats in zip(acted, acts, strict=True):
            for boot, metrics in repeats.items():
                for metric, value in metrics.items():
                    found.setdefault((case.name, metric), {})[boot] = value
            progress()
    return found


def is_acted(case: Case) -> bool:
    """Return whether the simulator re-enacts a case."""
    return case.group == "foreground" or case.measurement in MEASUREMENTS


def enact(case: Case, changes: Mapping[str, Any], begins: Mapping[int, Begin | float]) -> dict[int, Metrics]:
    """Return what the simulator says of each repeat of a case, by boot.

    Args:
        case: Which.
        changes: Costs of the kernel.
        begins: What each repeat began from: those that began alike are played once.
    """
    found: dict[Begin | float, Metrics] = {}
    for begin in begins.values():
        if begin in found:
            continue
        if isinstance(begin, Begin):
            found[begin] = foreground(case.settings, changes, begin)
        else:
            found[begin] = MEASUREMENTS[case.measurement](case.settings, at_pace(changes, begin))
    return {boot: found[begin] for boot, begin in begins.items()}


def miss(row: Row) -> str:
    """Return by how much ``row`` is off: a share, or where 0 was measured what is predicted instead."""
    return f"{row.predicted:.3g} for 0" if math.isnan(row.error) else f"{row.error:+.0%}"


def beside(rows: Iterable[Record], predicted: Predicted) -> list[Row]:
    """Return what is both measured and predicted."""
    measured: dict[tuple[str, str, str, str], dict[int, float]] = {}
    for row in rows:
        if (row.case, row.metric) in predicted:
            measured.setdefault((row.measurement, row.case, row.metric, row.unit), {})[row.boot] = row.value
    found = []
    for (measurement, case, metric, unit), values in sorted(measured.items()):
        own = [predicted[case, metric][boot] for boot in values]
        middle, value = median(values.values()), median(own)
        lowest, highest = min(values.values()), max(values.values())
        inside = lowest <= value <= highest
        off = error(list(values.values()), own)
        found.append(Row(measurement, case, metric, unit, middle, lowest, highest, value, off, inside))
    return found


def error(measured: Sequence[float], predicted: Sequence[float]) -> float:
    """Return by what share predictions are off: the median over repeats, each beside its own.

    What one repeat began from, and the machine's pace, is another than the next one's, and does not blur it so. Where 0
    was measured in one of them, medians are compared; not a number where that of what was measured is 0.
    """
    if min(measured) > 0:
        return median(own / value for own, value in zip(predicted, measured, strict=True)) - 1
    return median(predicted) / median(measured) - 1 if median(measured) else math.nan


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
        found[f"near_zero_{metric}"] = near_zero(f"{metric} near zero where the kernel shows near zero", late)
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
        error=(1 + row.error) / (1 + one.error) - 1, within_spread=low <= predicted <= high,
    )  # fmt: skip


def is_near(row: Row, share: float, spread_counts: bool) -> bool:
    """Return whether a prediction is within ``share`` of what was measured, or in its spread where that counts."""
    return abs(row.error) <= share or (spread_counts and row.within_spread)


def near(rule: str, rows: Sequence[Row], share: float, spread_counts: bool) -> Verdict:
    """Judge by relative error, and by the spread where that counts too."""
    broken = [row for row in rows if not is_near(row, share, spread_counts)]
    broken.sort(key=lambda row: -abs(row.error))
    worst = max((abs(row.error) for row in rows if not math.isnan(row.error)), default=0.0)
    nothing = [row._replace(predicted=0.0, error=-1.0, within_spread=row.lowest <= 0) for row in rows]
    return Verdict(
        rule,
        len(rows) - len(broken),
        len(rows),
        tuple(f"{row.case} {miss(row)}" for row in broken),
        worst,
        null=sum(is_near(row, share, spread_counts) for row in nothing),
        alone=sum(is_near(row, share, False) for row in rows),
    )


def near_zero(rule: str, rows: Iterable[Row]) -> Verdict:
    """Judge what was near zero every time it was measured. Who predicts 0 for everything holds all of it."""
    zero = [row for row in rows if row.highest <= NEAR_ZERO_MS]
    broken = tuple(row.case for row in zero if row.predicted > NEAR_ZERO_MS)
    return Verdict(rule, len(zero) - len(broken), len(zero), broken, null=len(zero))


def in_order(rule: str, rows: Sequence[Row]) -> Verdict:
    """Judge all pairs that the measurement tells apart, by predictions that differ by at least :data:`MARGIN`.

    Who predicts 0 for everything holds none.
    """
    held, ties, broken, higher = 0, 0, [], set()
    for low, high in itertools.permutations(rows, 2):
        if low.highest >= high.lowest:
            continue
        higher.add(high.case)
        if high.predicted - low.predicted >= MARGIN[high.unit]:
            held += 1
        else:
            broken.append(f"{low.case} < {high.case}")
            ties += low.predicted == high.predicted == 0
    return Verdict(rule, held, held + len(broken), tuple(broken), higher=len(higher), ties=ties)
