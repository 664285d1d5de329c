"""The figure of the comparison: measured against predicted, and the pool's curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.real_kernel.judge import Row
from experiments.real_kernel.pool import EXITS
from experiments.real_kernel.records import Spread

matplotlib.use("Agg")

COLOURS: Final = {0: "#4477aa", -10: "#ee6677", None: "#228833"}


def figure(rows: Sequence[Row], measured: Sequence[Spread]) -> Figure:
    """Return measured against predicted (``rows``), and the pool's curves (``measured``)."""
    sheet = Figure(figsize=(13, 8), layout="constrained")
    sheet.suptitle("predicted with the hand-off; bars: extremes over the repeats", fontsize=9)
    axes = sheet.subplots(2, 3)
    scatter(axes[0][0], [r for r in rows if r.metric == "entries_per_ms"], "pages released per ms, several at once")
    lateness = [r for r in rows if r.metric == "late_sum_ms"]
    scatter(axes[0][1], lateness, "foreground: sum of lateness (ms)", symlog=True)
    scatter(
        axes[0][2],
        [r for r in rows if r.measurement == "foreground" and r.metric == "dead_ms"],
        "foreground: until all are dead (ms)",
        log=True,
    )
    bars(
        axes[1][0],
        [r for r in rows if r.measurement == "burst" and r.metric == "stall_some_ms"],
        "burst: stall, some (ms)",
    )
    bars(
        axes[1][1],
        [r for r in rows if r.measurement == "burst" and r.metric == "lowest_free_mib"],
        "burst: lowest free memory (MiB)",
    )
    curves(axes[1][2], measured)
    return sheet


def scatter(axes: Axes, rows: Sequence[Row], title: str, log: bool = False, symlog: bool = False) -> None:
    """Draw predictions against medians with their extremes."""
    for nice in (0, -10, None):
        own = [row for row in rows if nice_of(row) == nice]
        if not own:
            continue
        spread = [[row.measured - row.lowest for row in own], [row.highest - row.measured for row in own]]
        label = None if nice is None else f"foreground task at nice {nice}"
        axes.errorbar(
            [row.measured for row in own], [row.predicted for row in own], xerr=spread, fmt="o", ms=4, lw=0.8,
            color=COLOURS[nice], label=label,
        )  # fmt: skip
    top = max([max(row.highest, row.predicted) for row in rows], default=1.0) * 1.1
    low = min([row.lowest for row in rows if row.lowest > 0], default=1.0) / 1.5 if log else 0.0
    axes.plot([low, top], [low, top], color="0.6", lw=0.8)
    if log:
        axes.set(xscale="log", yscale="log")
    elif symlog:
        axes.set_xscale("symlog", linthresh=10)
        axes.set_yscale("symlog", linthresh=10)
    axes.set(title=title, xlabel="measured", ylabel="predicted")
    if any(nice_of(row) is not None for row in rows):
        axes.legend(fontsize=8)


def nice_of(row: Row) -> int | None:
    """Return the nice value of the foreground task of a case."""
    return int(row.case.split("/")[1]) if row.measurement == "foreground" else None


def bars(axes: Axes, rows: Sequence[Row], title: str) -> None:
    """Draw measured and predicted side by side."""
    places = range(len(rows))
    spread = [[row.measured - row.lowest for row in rows], [row.highest - row.measured for row in rows]]
    axes.bar(
        [p - 0.2 for p in places], [row.measured for row in rows], 0.4, yerr=spread, label="measured", color="#4477aa"
    )
    axes.bar([p + 0.2 for p in places], [row.predicted for row in rows], 0.4, label="predicted", color="#ccbb44")
    axes.set_xticks(list(places), [row.case.partition("/")[2] for row in rows], rotation=20)
    axes.set_title(title)
    axes.legend(fontsize=8)


def curves(axes: Axes, measured: Sequence[Spread]) -> None:
    """Draw the share of the pool that is back against the share of the entries, before anybody compacts."""
    table = {(spread.case, spread.metric): spread.median for spread in measured if spread.measurement == "pool"}
    for case in sorted({case for case, _ in table if case.endswith("plain")}):
        freed = [0.0] + [table[case, f"entries_back_{i}_of_{EXITS}"] for i in range(1, EXITS + 1)]
        back = [0.0] + [table[case, f"pool_back_{i}_of_{EXITS}"] for i in range(1, EXITS + 1)]
        axes.plot(freed, back, marker=".", label=" ".join(case.split("/")[1:3]))
    shares = [i / 50 for i in range(51)]
    axes.plot(shares, [1 - (1 - share) ** 0.65 for share in shares], color="0.4", ls="--", label="the law, g = 0.65")
    axes.set(
        title="pool memory back, by grain and data",
        xlabel="share of entries freed",
        ylabel="share of the pool back",
    )
    axes.legend(fontsize=7)
