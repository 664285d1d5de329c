"""The simulator's predictions beside what was measured, and whether they hold: by rules, not by eye."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from experiments.real_kernel.cases import Case
from experiments.real_kernel.fit import Costs
from experiments.real_kernel.records import Record
from experiments.real_kernel.scenes import SCENES, Metrics

CONTENTION: Final = 0.20
TIMES: Final = 0.25
"""Or the measured spread, whichever is wider."""
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
        broken: Those that do not.
        worst: Largest relative error among all that the rule looks at; 0 for orders.
        alone: How many are within the share itself, where a rule takes the measured spread instead if that is wider.
    """

    rule: str
    held: int
    of: int
    broken: tuple[str, ...]
    worst: float = 0.0
    alone: int = 0


def is_acted(case: Case) -> bool:
    """Return whether the simulator re-enacts a case."""
    return case.measurement in SCENES and case.exits > 0


def predict(cases: Iterable[Case], costs: Costs, paces: Mapping[str, Mapping[int, float]]) -> Predicted:
    """Return the predicted metrics of all cases that the simulator re-enacts.

    Args:
        cases: Which.
        costs: At the median pace of measurement 1.
        paces: Of each repeat of a case, by boot: repeats at the same pace are played once.
    """
    found: Predicted = {}
    for case in cases:
        if not is_acted(case):
            continue
        played: dict[float, Metrics] = {}
        for boot, pace in paces[case.name].items():
            if pace not in played:
                played[pace] = SCENES[case.measurement](case.settings, costs.kernel(pace))
            for metric, value in played[pace].items():
                found.setdefault((case.name, metric), {})[boot] = value
    return found


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

    The machine's pace is another than the next repeat's, and does not blur it so. Where 0 was measured in one of them,
    medians are compared; not a number where that of what was measured is 0.
    """
    if min(measured) > 0:
        return median(own / value for own, value in zip(predicted, measured, strict=True)) - 1
    return median(predicted) / median(measured) - 1 if median(measured) else math.nan


def judge(rows: Sequence[Row]) -> dict[str, Verdict]:
    """Return the verdict of every rule that has something to look at, by name."""

    def of(measurement: str, metric: str, ending: str = "") -> list[Row]:
        return [
            row
            for row in rows
            if (row.measurement, row.metric) == (measurement, metric) and row.case.endswith(ending)
        ]  # fmt: skip

    throughput = f"throughput of one to four exits at once within {CONTENTION:.0%}"
    within = f"within {TIMES:.0%} or the measured spread"
    found = {
        "contention_swapped": near(
            f"{throughput}, swapped pages", of("contention", "entries_per_ms", "swapped"), CONTENTION, False
        ),
        "contention_resident": near(
            f"{throughput}, resident pages (no contention is predicted)",
            of("contention", "entries_per_ms", "resident"), CONTENTION, False,
        ),
        "foreground_dead_ms": near(
            f"time until all are dead beside a foreground task {within}", of("foreground", "dead_ms"), TIMES, True
        ),
        "starve_exit_ms": near(f"exit under SCHED_FIFO spinners {within}", of("starve", "exit_ms"), TIMES, True),
        "order_lowest_free_mib": in_order("order of the burst's lowest free memory", of("burst", "lowest_free_mib")),
        "order_stall_some_ms": in_order("order of the burst's stalls", of("burst", "stall_some_ms")),
    }  # fmt: skip
    return {name: verdict for name, verdict in found.items() if verdict.of}


def near(rule: str, rows: Sequence[Row], share: float, spread_counts: bool) -> Verdict:
    """Judge by relative error, and by the spread where that counts too."""
    alone = [abs(row.error) <= share for row in rows]
    broken = [
        row for row, held in zip(rows, alone, strict=True) if not (held or (spread_counts and row.within_spread))
    ]  # fmt: skip
    broken.sort(key=lambda row: -abs(row.error))
    return Verdict(
        rule,
        len(rows) - len(broken),
        len(rows),
        tuple(f"{row.case} {row.error:+.0%}" for row in broken),
        max((abs(row.error) for row in rows), default=0.0),
        sum(alone),
    )


def in_order(rule: str, rows: Sequence[Row]) -> Verdict:
    """Judge all pairs that the measurement tells apart, by predictions that differ by at least :data:`MARGIN`."""
    pairs = [(low, high) for low, high in itertools.permutations(rows, 2) if low.highest < high.lowest]
    broken = [
        f"{low.case} < {high.case}" for low, high in pairs if high.predicted - low.predicted < MARGIN[high.unit]
    ]  # fmt: skip
    return Verdict(rule, len(pairs) - len(broken), len(pairs), tuple(broken))
