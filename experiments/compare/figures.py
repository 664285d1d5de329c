"""The two figures of the comparison."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.compare.tables import RATE, Table
from swapgym.agents.statistics import Estimate

matplotlib.use("Agg")

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B", "#7F7F7F", "#B2B200")
"""Okabe and Ito's colour-blind-safe palette, and more for longer lists."""
MARKERS = "os^DvPX*<>"
LABEL_GAP: Final = 0.055
"""Distance of two labels, in heights of the axes."""


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


def lag_against_peak(table: Table, differences: Mapping[str, Mapping[str, Estimate]], reference: str) -> Figure:
    """Draw lag against peak as paired differences from ``reference``, with 95 % intervals and the Pareto front.

    Episodes differ far more than policies do, so that intervals of the levels hide what paired differences show.
    """
    figure = Figure(figsize=(9.5, 5.8), layout="constrained")
    axes = figure.add_subplot()
    zero = {"peak_mib": Estimate(0.0, 0.0, 0.0), "lag_ms": Estimate(0.0, 0.0, 0.0)}
    shown = {name: zero if name == reference else differences[name] for name in table}
    points = {name: (row["peak_mib"].value, row["lag_ms"].value) for name, row in shown.items()}
    front = pareto_front(points)
    axes.plot(*zip(*(points[name] for name in front), strict=True), color="0.6", linewidth=7, alpha=0.4, zorder=1)
    for position, row in enumerate(shown.values()):
        x, y = row["peak_mib"], row["lag_ms"]
        look = style(position)
        axes.errorbar(
            x.value,
            y.value,
            xerr=[[max(0.0, x.value - x.low)], [max(0.0, x.high - x.value)]],
            yerr=[[max(0.0, y.value - y.low)], [max(0.0, y.high - y.value)]],
            color=look["color"],
            elinewidth=1.2,
            alpha=0.4,
            linestyle="none",
            zorder=2,
        )
        axes.plot(x.value, y.value, **look, markersize=9, markeredgecolor="white", markeredgewidth=0.6, zorder=4)
    base = table[reference]
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.axvline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("peak: growth of the highest memory demand, difference (MiB)")
    axes.set_ylabel("lag: late frames + launch delay + stalls + relaunches, difference (ms)")
    name = reference.replace("_", " ")
    axes.set_title(
        f"Lag against peak, as mean difference from {name} on the same episodes\n"
        f"({name} itself: {base['lag_ms'].value:.0f} ms, {base['peak_mib'].value:.0f} MiB; bars: 95 % intervals)",
        loc="left",
        fontsize=11,
    )
    axes.grid(alpha=0.25)
    label_beside(axes, points, front)
    return figure


def label_beside(axes: Axes, points: Mapping[str, tuple[float, float]], front: Collection[str]) -> None:
    """Name the points in a column right of the axes, in the order of their heights, each with a line to its marker."""
    low, high = axes.get_ylim()
    order = sorted(points, key=lambda name: points[name][1])
    heights = spread_out([(points[name][1] - low) / (high - low) for name in order], LABEL_GAP)
    positions = {name: position for position, name in enumerate(points)}
    for name, height in zip(order, heights, strict=True):
        look = style(positions[name])
        axes.annotate(
            f"{name.replace('_', ' ')}{' (front)' if name in front else ''}",
            xy=points[name],
            xytext=(1.03, height),
            textcoords="axes fraction",
            va="center",
            color=look["color"],
            fontsize=10,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.5, "zorder": 1, "relpos": (0.0, 0.5)},
        )


def spread_out(heights: Sequence[float], gap: float) -> list[float]:
    """Return ascending ``heights`` moved as little as possible so that they stand ``gap`` apart, within 0 to 1."""
    # least squares under an order: neighbours that come too close form a block around their mean
    blocks: list[list[float]] = []
    for position, height in enumerate(heights):
        blocks.append([height - position * gap])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    ceiling = max(0.0, 1.0 - (len(heights) - 1) * gap)
    moved = [min(max(0.0, fmean(block)), ceiling) for block in blocks for _ in block]
    return [height + position * gap for position, height in enumerate(moved)]


def scores_per_preset(breakdown: Sequence[Mapping[str, Any]], reference: str) -> Figure:
    """Draw each policy's score in each preset as a paired difference from ``reference``; the best is marked."""
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
            middle, low, high = (row[f"difference{end}"] for end in ("", "_low", "_high"))
            bars = [[max(0.0, middle - low)], [max(0.0, high - middle)]]
            axes.errorbar(middle, height, xerr=bars, **style(height), markersize=6, elinewidth=1.2, linestyle="none")
            if row["best"]:
                axes.axhspan(height - 0.45, height + 0.45, color="0.88", zorder=0)
        axes.axvline(0.0, color="0.7", linewidth=0.8, zorder=0)
        axes.set_title(f"{preset}  ({reference.replace('_', ' ')}: {rows[reference]['score']:.2f})", fontsize=10)
        axes.set_yticks(range(len(policies)), [policy.replace("_", " ") for policy in policies], fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(axis="x", labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    grid[0][0].invert_yaxis()
    for axes in grid.flat[len(presets) :]:
        axes.set_visible(False)
    figure.supxlabel(
        f"score (lag + {RATE:g} ms per MiB of peak), mean difference from {reference.replace('_', ' ')} on the same"
        " episodes (95 % interval; left is better; grey: best mean)",
        fontsize=10,
    )
    return figure
