"""The figure of the comparison: measured against predicted, and the pool's curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.real_kernel.emulated import KERNEL
from experiments.real_kernel.judge import Row
from experiments.real_kernel.pool import EXITS
from experiments.real_kernel.records import Spread

matplotlib.use("Agg")

COLOURS: Final = {"swapped": "#4477aa", "resident": "#ee6677"}
LABELS: Final = {"swapped": "swapped pages", "resident": "resident pages"}
PREDICTED: Final = "#ccbb44"


def figure(rows: Sequence[Row], measured: Sequence[Spread]) -> Figure:
    """Return measured against predicted (``rows``), and the pool's curves (``measured``)."""

    def of(measurement: str, metric: str) -> list[Row]:
        return [row for row in rows if (row.measurement, row.metric) == (measurement, metric)]

    sheet = Figure(figsize=(13, 8), layout="constrained")
    sheet.suptitle("bars: extremes over the repeats", fontsize=9)
    axes = sheet.subplots(2, 3)
    scatter(axes[0][0], of("contention", "entries_per_ms"), "several exits at once: pages per ms")
    scatter(axes[0][1], of("foreground", "dead_ms"), "beside a foreground task: all dead (ms)", log=True)
    bars(axes[0][2], of("starve", "exit_ms"), "exit under spinners (ms), by RT runtime (us)")
    bars(axes[1][0], of("burst", "stall_some_ms"), "burst: stall, some (ms)")
    bars(axes[1][1], of("burst", "lowest_free_mib"), "burst: lowest free memory (MiB)")
    curves(axes[1][2], measured)
    return sheet


def scatter(axes: Axes, rows: Sequence[Row], title: str, log: bool = False) -> None:
    """Draw predictions against medians with their extremes, by the kind of pages."""
    for kind, colour in COLOURS.items():
        own = [row for row in rows if kind in row.case.split("/")]
        spread = [[row.measured - row.lowest for row in own], [row.highest - row.measured for row in own]]
        axes.errorbar(
            [row.measured for row in own], [row.predicted for row in own], xerr=spread, fmt="o", ms=4, lw=0.8,
            color=colour, label=LABELS[kind],
        )  # fmt: skip
    top = max([max(row.highest, row.predicted) for row in rows], default=1.0) * 1.1
    low = min([row.lowest for row in rows], default=1.0) / 1.2 if log else 0.0
    axes.plot([low, top], [low, top], color="0.6", lw=0.8)
    if log:
        axes.set(xscale="log", yscale="log")
    axes.set(title=title, xlabel="measured", ylabel="predicted")
    axes.legend(fontsize=8)


def bars(axes: Axes, rows: Sequence[Row], title: str) -> None:
    """Draw measured and predicted side by side."""
    places = range(len(rows))
    spread = [[row.measured - row.lowest for row in rows], [row.highest - row.measured for row in rows]]
    axes.bar(
        [p - 0.2 for p in places], [row.measured for row in rows], 0.4, yerr=spread, label="measured",
        color=COLOURS["swapped"],
    )  # fmt: skip
    axes.bar([p + 0.2 for p in places], [row.predicted for row in rows], 0.4, label="predicted", color=PREDICTED)
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
    shares, exponent = [i / 50 for i in range(51)], KERNEL.zspage_return
    law = [1 - (1 - share) ** exponent for share in shares]
    axes.plot(shares, law, color="0.4", ls="--", label=f"the law, g = {exponent:g}")
    axes.set(
        title="pool memory back, by grain and data", xlabel="share of entries freed", ylabel="share of the pool back"
    )
    axes.legend(fontsize=7)
