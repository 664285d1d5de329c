"""The README's figures: a short table and what follows from it, so that the page says what the last run said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments import results
from experiments.compare.tables import SCORE_AT, Table, best_at
from swapgym.agents.statistics import Estimate
from swapgym.workload import kernel_variant

COLUMNS = (
    "score",
    "lag_ms",
    "peak_mib",
    "launch_delay_ms",
    "zombie_peak_mib",
    "direct_reclaim_ms",
    "unaccounted_cpu_ms",
)

Rows = Mapping[tuple[str, str], Mapping[str, Any]]
Differences = Mapping[str, Mapping[str, Estimate]]


def words(policy: str) -> str:
    """Return a policy's name in words."""
    return policy.replace("_", " ")


def spread(figure: Estimate, digits: int = 1) -> str:
    """Return a difference with its interval."""
    return f"{figure.value:+.{digits}f} [{figure.low:+.{digits}f}, {figure.high:+.{digits}f}]"


def shown(column: str, figure: Estimate) -> str:
    """Return a mean, with its interval where it is one of the objectives or the score."""
    low, value, high = (f"{x:.0f}" if abs(x) >= 100 else f"{x:.3g}" for x in (figure.low, figure.value, figure.high))
    return f"{value} [{low}, {high}]" if column in COLUMNS[:3] else value


def change(rows: Rows, preset: str, policy: str, column: str) -> str:
    """Return how a metric's mean goes from always inline to ``policy`` in ``preset``."""
    return f"{rows[preset, 'always_inline'][column]:.0f} to {rows[preset, policy][column]:.0f}"


def headline(
    kernel: str,
    table: Table,
    differences: Differences,
    breakdown: Sequence[Mapping[str, Any]],
    margins: tuple[str, Mapping[str, Estimate]],
    variants: Differences,
) -> str:
    """Return the short table, best score first, and the findings, in Markdown.

    Args:
        kernel: The kernel variant of all policies.
        table: All policies over the suite.
        differences: Mean differences from always inline on the same episodes.
        breakdown: All policies by preset.
        margins: The best policy over all presets, and by how much each preset's own best beats it there.
        variants: Mean differences of kernel variants with their published rules from mainline.
    """
    order = sorted(table, key=lambda name: table[name]["score"].value)
    lines = [[words(name), *(shown(column, table[name][column]) for column in COLUMNS)] for name in order]
    rows = {(row["preset"], row["policy"]): row for row in breakdown}
    best = {row["preset"]: row for row in breakdown if row["best"]}
    overall, gains = margins
    defer, user = differences["always_defer"], differences["userspace_reaper"]
    starved = rows["rt_recording", "always_defer"]
    unaccounted = table["always_defer"]["unaccounted_cpu_ms"].value
    less_spun = table["always_inline"]["spin_ms"].value - table["always_defer"]["spin_ms"].value
    camera_delay = change(rows, "camera_launch", "always_defer", "launch_delay_ms")
    findings = [
        "**What deferring brings.** Over the suite always deferring changes lag by"
        f" {spread(defer['lag_ms'])} ms against always inline: launch delay by {spread(defer['launch_delay_ms'])} ms"
        f" (in `camera_launch` from {camera_delay} ms), frame lateness by {spread(defer['frame_late_ms'])} ms.",
        f"**What deferring costs, by who drains.** A worker at nice {kernel_variant(kernel).kworker_nice} changes the"
        f" peak by {spread(defer['peak_mib'])} MiB, lmkd's own kills by {spread(defer['collateral_kills'], 3)}"
        f" and direct reclaim by {spread(defer['direct_reclaim_ms'])} ms per episode. A child at background weight"
        f" changes them by {spread(user['peak_mib'])} MiB, {spread(user['collateral_kills'], 3)} and"
        f" {spread(user['direct_reclaim_ms'])} ms.",
        at_other_rates(table, defer),
        "**Kernels with their published rules**, change of the score against mainline: "
        + ", ".join(f"`{name}` {spread(row['score'], 3)}" for name, row in variants.items())
        + ".",
        "**Under SCHED_FIFO load** (`rt_recording`) the worker had work and no CPU for"
        f" {starved['kworker_starved_ms']:.0f} ms of an episode on average, zombie memory reaches"
        f" {starved['zombie_peak_mib']:.0f} MiB, and deferring changes the score by {starved['difference']:+.3f}"
        f" [{starved['difference_low']:+.3f}, {starved['difference_high']:+.3f}] there.",
        by_preset(rows, best, overall, gains),
        f"**Unaccounted work**: with deferral {unaccounted:.0f} ms of CPU per episode go"
        " to the kworker instead of the process that caused them, and exits spin"
        f" {less_spun:.0f} ms less on the lock.",
    ]
    return (
        results.markdown(["policy", *COLUMNS], lines) + "\n" + "\n".join(f"- {finding}" for finding in findings) + "\n"
    )


def at_other_rates(table: Table, defer: Mapping[str, Estimate]) -> str:
    """Return which policy has the lowest mean score at each rate, and what always deferring changes there."""
    told = []
    for rate, column in SCORE_AT.items():
        lowest = best_at(table, column)
        told.append(
            f"at {rate:g} ms per MiB {words(lowest)} ({table[lowest][column].value:.3f}; always deferring"
            f" {spread(defer[column], 3)})"
        )
    return (
        "**By what a MiB is worth**, the lowest mean score, and what always deferring changes: " + ", ".join(told) + "."
    )


def by_preset(rows: Rows, best: Mapping[str, Mapping[str, Any]], overall: str, gains: Mapping[str, Estimate]) -> str:
    """Return the best policy of each preset, where it beats the best of all, and where deferring changes nothing."""
    chosen = ", ".join(f"`{preset}` {words(row['policy'])}" for preset, row in best.items())
    beaten = [f"`{preset}` ({spread(gain, 3)})" for preset, gain in gains.items() if gain.high < 0.0]
    alike = [
        preset
        for preset in best
        if (row := rows[preset, "always_defer"])["difference_low"] <= 0.0 <= row["difference_high"]
    ]
    return (
        f"**The best fixed policy by preset** (lowest mean score): {chosen}. The best over all presets,"
        f" {words(overall)}, is beaten beyond chance in {len(beaten)} of {len(gains)} presets"
        f"{': ' + ', '.join(beaten) if beaten else ''}. Always deferring cannot be told from always inline in"
        f" {', '.join(f'`{preset}`' for preset in alike) or 'none'}."
        " [By preset](experiments/compare/results/per_preset.md) has the intervals, and"
        " [the trade-off](experiments/tradeoff/results/tradeoff.md) all kernel variants."
    )
