"""From episodes to tables: means with intervals, paired differences, the best policy of each preset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from swapgym.agents.play import Row
from swapgym.agents.statistics import Estimate, estimate
from swapgym.agents.task import RATES, SPEC
from swapgym.envs.costs import OBJECTIVES, Rates
from swapgym.workload import Drawn

REFERENCE: Final = "always_inline"
RATE: Final = SPEC.ms_per_mib
"""What a MiB of peak is worth (ms of lag) in ``score``."""
SCORE: Final = (
    f"cost = lag + {RATE:g} ms per MiB of peak, over what mainline's always inline costs on preset and device"
)
SCORE_AT: Final = {rate: "score" if rate == RATE else f"score@{rate:g}" for rate in sorted({RATE, *RATES})}
"""Column of the score at each rate, ascending."""
OTHER_RATES: Final = {column: Rates(rate) for rate, column in SCORE_AT.items() if rate != RATE}
"""Columns of the scores at other rates."""
SCORES: Final = ("score", *OTHER_RATES)
COLUMNS: Final = (
    *SCORES,
    "lag_ms",
    "peak_mib",
    "launch_delay_ms",
    "frame_late_ms",
    "stall_ms",
    "direct_reclaim_ms",
    "kills",
    "collateral_kills",
    "exit_latency_mean_ms",
    "zombie_peak_mib",
    "zombie_mib_s",
    "kworker_starved_ms",
    "unaccounted_cpu_ms",
    "spin_ms",
)
"""Metrics of the main table, the objectives first."""
PAIRED: Final = (
    *SCORES,
    "lag_ms",
    "peak_mib",
    "launch_delay_ms",
    "frame_late_ms",
    "collateral_kills",
    "direct_reclaim_ms",
)
"""Columns of which differences from always inline are reported."""

Table = dict[str, dict[str, Estimate]]


def other_scores(row: Row) -> dict[str, float]:
    """Return what an episode of a suite scores at the other rates."""
    drawn = Drawn(row["preset"], row["seed"], row["device"], row["kernel"])
    costs = [row[name] for name in OBJECTIVES]
    return {name: rates.score(drawn, costs) for name, rates in OTHER_RATES.items()}


def by_policy(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each policy, in the order of their first appearance."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["policy"]].append(row)
    return dict(grouped)


def strata(rows: Iterable[Row], column: str) -> dict[str, list[float]]:
    """Return a column's values by preset."""
    grouped: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        grouped[row["preset"]].append(float(row[column]))
    return dict(grouped)


def overall(rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> Table:
    """Return each policy's figures over the suite: means with stratified bootstrap intervals."""
    return {
        policy: {c: estimate(strata(own, c), mean=True) for c in columns} for policy, own in by_policy(rows).items()
    }


def paired(rows: Sequence[Row], reference: str = REFERENCE) -> dict[str, dict[str, Estimate]]:
    """Return each policy's difference from ``reference`` on the same episodes: mean difference with its interval."""
    grouped = by_policy(rows)
    if reference not in grouped:
        return {}
    base = {(row["preset"], row["seed"]): row for row in grouped[reference]}
    result: dict[str, dict[str, Estimate]] = {}
    for policy, own in grouped.items():
        if policy == reference:
            continue
        result[policy] = {}
        for column in PAIRED:
            differences: dict[str, list[float]] = defaultdict(list)
            for row in own:
                differences[row["preset"]].append(row[column] - base[row["preset"], row["seed"]][column])
            result[policy][column] = estimate(differences, mean=True)
    return result


def per_preset(rows: Sequence[Row], reference: str = REFERENCE) -> list[dict[str, Any]]:
    """Return a row per preset and policy: mean score, its paired difference from ``reference``, metrics, and the best.

    The best has the lowest mean score; random is left out.
    """
    result = []
    for preset in dict.fromkeys(row["preset"] for row in rows):
        own = by_policy(row for row in rows if row["preset"] == preset)
        base = {row["seed"]: row["score"] for row in own.get(reference, next(iter(own.values())))}
        means = {policy: fmean(row["score"] for row in group) for policy, group in own.items()}
        best = min((policy for policy in means if policy != "random"), key=means.__getitem__, default="random")
        for policy, group in own.items():
            difference = estimate({preset: [row["score"] - base[row["seed"]] for row in group]}, mean=True)
            result.append(
                {
                    "preset": preset,
                    "policy": policy,
                    "best": int(policy == best),
                    "score": means[policy],
                    "difference": difference.value,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                    **{column: fmean(row[column] for row in group) for column in COLUMNS if column != "score"},
                }
            )
    return result


def best_at(table: Table, column: str) -> str:
    """Return the policy of the lowest mean in a column; random is left out."""
    return min((name for name in table if name != "random"), key=lambda name: table[name][column].value)


def best_per_preset(breakdown: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the best policy of each preset."""
    return {row["preset"]: row["policy"] for row in breakdown if row["best"]}


def margins(rows: Sequence[Row], breakdown: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Estimate]]:
    """Return the policy with the lowest mean score over all, and what the best of each preset gains on it.

    The gain is the mean paired difference of scores. It flatters the best: it was chosen on the same episodes.
    """
    grouped = by_policy(rows)
    means = {policy: fmean(row["score"] for row in own) for policy, own in grouped.items() if policy != "random"}
    overall_best = min(means, key=means.__getitem__, default="random")
    scores = {(row["policy"], row["preset"], row["seed"]): row["score"] for row in rows}
    result = {}
    for preset, best in best_per_preset(breakdown).items():
        seeds = [row["seed"] for row in grouped[best] if row["preset"] == preset]
        gains = [scores[best, preset, seed] - scores[overall_best, preset, seed] for seed in seeds]
        result[preset] = estimate({preset: gains}, mean=True)
    return overall_best, result


def flat(table: Table) -> dict[str, float]:
    """Return ``<policy>.<metric>`` to value, for ``summary.json``."""
    return {f"{policy}.{column}": figure.value for policy, row in table.items() for column, figure in row.items()}


def flat_rows(table: Table) -> list[dict[str, Any]]:
    """Return a table's rows for CSV: value, low and high of every column."""
    result = []
    for policy, row in table.items():
        cells: dict[str, Any] = {"policy": policy}
        for column, figure in row.items():
            cells |= {column: figure.value, f"{column}_low": figure.low, f"{column}_high": figure.high}
        result.append(cells)
    return result
