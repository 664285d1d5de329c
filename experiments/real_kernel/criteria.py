"""What the comparison comes to, in a paragraph made of its numbers: which criteria are met, and which are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from experiments.real_kernel.fit import Costs
from experiments.real_kernel.judge import CONTENTION, Row, Verdict

CRITERIA: Final = {
    "contention": "throughput of several exits at once within 20%",
    "order_late_sum_ms": "order of lateness, one vsync",
    "order_late_sum_two_ms": "order of lateness, two vsyncs",
    "near_zero_late_sum_ms": "no lateness where there is none, one vsync",
    "near_zero_late_sum_two_ms": "no lateness where there is none, two vsyncs",
    "foreground_dead_ms": "time until all are dead within 25% or the spread",
    "starve_exit_ms": "exit under SCHED_FIFO spinners within 25% or the spread",
    "foreground_late_sum_ms": "sum of lateness within 25% or the spread, one vsync",
    "foreground_late_sum_two_ms": "sum of lateness within 25% or the spread, two vsyncs",
    "order_lowest_free_mib": "order of the burst's peaks",
    "order_stall_some_ms": "order of the burst's stalls",
}
"""What the comparison was to be judged by before anything was measured, by verdict."""
AMOUNTS: Final = {"stall_some_ms": "stall", "put_out_pages": "pages put out"}


def in_short(
    rows: Sequence[Row],
    verdicts: Mapping[str, Verdict],
    second: Mapping[str, Verdict],
    costs: Costs,
    paced: bool = False,
) -> str:
    """Return the paragraph.

    Args:
        rows: Measured beside predicted from measurement 1 alone.
        verdicts: Of them.
        second: With the hand-off.
        costs: As fitted.
        paced: Whether cases are predicted for the pace of the machine beside them.
    """
    judged = {name: verdicts[name] for name in CRITERIA if verdicts[name].of}
    texts = {name: said(name, verdict, second[name]) for name, verdict in judged.items()}
    growth = verdicts["contention_scaling"]
    if growth.held < growth.of and "contention" in texts:
        texts["contention"] += f", and that over the throughput of one {growth.held} of {growth.of}"
    met = [texts[name] for name, verdict in judged.items() if verdict.held == verdict.of]
    missed = [texts[name] for name, verdict in judged.items() if verdict.held < verdict.of]
    idle = sum(verdict.null == verdict.of for verdict in judged.values())
    parts = [
        f"**In short**: predicted from single exits{' (also at the time of each repeat)' if paced else ''}, a frame"
        " alone, how often RCU's thread runs beside a single exit, and where everybody woke at the kill,"
        f" {len(met)} of {len(judged)} criteria set beforehand are met in full; who predicts 0 for everything"
        f" meets {idle} of them."
    ]
    if met:
        parts.append(f"**Met**: {'; '.join(met)}.")
    if missed:
        parts.append(f"**Not met**: {'; '.join(missed)}.")
    more = f"The largest residual of the fit itself is {costs.error:.0%}"
    more += f", more than the {CONTENTION:.0%} that throughput is judged by." if costs.error > CONTENTION else "."
    ranges = [f"{name} {least:.1f} to {most:.1f} times what was measured" for name, least, most in factors(rows)]
    if ranges:
        more += f" Of the burst only orders are judged; its amounts are off by factors: {', '.join(ranges)}."
    return "\n\n".join([*parts, more]) + "\n"


def said(name: str, verdict: Verdict, second: Verdict) -> str:
    """Return a criterion with its count, with what that is worth, and with the hand-off's where it is another."""
    notes = []
    if verdict.null:
        notes.append(f"0 everywhere would hold {verdict.null}")
    if verdict.higher and verdict.of > 2 * verdict.higher:
        notes.append(f"{verdict.higher} different higher cases")
    if verdict.ties:
        notes.append(f"{verdict.ties} of the others are ties at a predicted 0")
    if (second.held, second.of) != (verdict.held, verdict.of):
        notes.append(f"with the hand-off {second.held} of {second.of}")
    return f"{CRITERIA[name]} {verdict.held} of {verdict.of}" + (f" ({', '.join(notes)})" if notes else "")


def factors(rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """Return of the burst's amounts the least and the largest factor between predicted and measured."""
    found = []
    for metric, name in AMOUNTS.items():
        own = [row for row in rows if row.measurement == "burst" and row.metric == metric and row.measured]
        if own:
            ratios = [row.predicted / row.measured for row in own]
            found.append((name, min(ratios), max(ratios)))
    return found
