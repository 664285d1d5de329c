"""The two figures of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from experiments.compare.tables import Table

matplotlib.use("Agg")

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B", "#7F7F7F", "#B2B200")
"""Okabe and Ito's colour-blind-safe palette, and more for longer lists."""
MARKERS = "os^DvPX*<>"


def style(position: int) -> dict[str, Any]:
    """Return colour and marker of the policy at ``position``."""
    return {"color": COLORS[position % len(COLORS)], "marker": MARKERS[position % len(MARKERS)]}


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the names of the points that no other point betters in both coordinates, by the first coordinate."""
    front = []
    lowest = float("inf")
    for name, (_, y) in sorted(points.items(), key=lambda item: item[1]):
        if y < lowest:
            front.append(name)
            lowest = y
    return front


def lag_against_peak(table: Table, title: str) -> Figure:
    """Draw lag against peak, a marker with interval bars per policy, named at the side, and the Pareto front."""
    figure = Figure(figsize=(9.5, 5.6), layout="constrained")
    axes = figure.add_subplot()
    points = {name: (row["peak_mib"].value, row["lag_ms"].value) for name, row in table.items()}
    front = pareto_front(points)
    axes.plot(*zip(*(points[name] for name in front), strict=True), color="0.7", linewidth=6, alpha=0.5, zorder=1)
    for position, (name, row) in enumerate(table.items()):
        x, y = row["peak_mib"], row["lag_ms"]
        axes.errorbar(
            x.value,
            y.value,
            xerr=[[max(0.0, x.value - x.low)], [max(0.0, x.high - x.value)]],
            yerr=[[max(0.0, y.value - y.low)], [max(0.0, y.high - y.value)]],
            **style(position),
            markersize=9,
            elinewidth=0.8,
            alpha=0.9,
            linestyle="none",
            label=f"{name.replace('_', ' ')}{'  (front)' if name in front else ''}",
            zorder=3,
        )
    axes.set_xlabel("peak: growth of the highest memory demand (MiB)")
    axes.set_ylabel("lag: late frames + launch delay + stalls + relaunches (ms)")
    axes.set_title(title, loc="left")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title="interquartile mean, 95 % interval")
    return figure


def scores_per_preset(breakdown: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw each policy's score in each preset, the best of each preset marked; 1 is the baseline."""
    presets = list(dict.fromkeys(row["preset"] for row in breakdown))
    policies = list(dict.fromkeys(row["policy"] for row in breakdown))
    columns = min(3, len(presets))
    lines = -(-len(presets) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for position, preset in enumerate(presets):
        axes = grid[position // columns][position % columns]
        rows = {row["policy"]: row for row in breakdown if row["preset"] == preset}
        for height, policy in enumerate(policies):
            row = rows[policy]
            bars = [[max(0.0, row["score"] - row["score_low"])], [max(0.0, row["score_high"] - row["score"])]]
            axes.errorbar(
                row["score"], height, xerr=bars, **style(height), markersize=6, elinewidth=1, linestyle="none"
            )
            if row["best"]:
                axes.axhspan(height - 0.45, height + 0.45, color="0.88", zorder=0)
        axes.set_title(preset, fontsize=10)
        axes.set_yticks(range(len(policies)), [policy.replace("_", " ") for policy in policies], fontsize=8)
        axes.invert_yaxis() if position == 0 else None
        axes.grid(axis="x", alpha=0.3)
    for axes in grid.flat[len(presets) :]:
        axes.set_visible(False)
    figure.supxlabel(
        "score at equal weights (interquartile mean, 95 % interval; lower is better; grey: best of its preset)"
    )
    return figure
