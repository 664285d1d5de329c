"""Published exits and other sayings of logs beside what is predicted of them: tables and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FormatStrFormatter

from experiments import results
from experiments.calibration.android import Prediction
from experiments.calibration.exits import Exit, judge, of_use

matplotlib.use("Agg")


@dataclass(frozen=True)
class Wild:
    """What phones' logs say, beside what is predicted of it.

    Attributes:
        exits: Published kills.
        quantiles: Of their simulated exits (ms): 10, 50 and 90 %, shape ``(n, 3)``.
        android: lmkd's cadence, launches beside kills, vivo's claim.
        numbers: The same as numbers of the summary.
    """

    exits: Sequence[Exit]
    quantiles: npt.NDArray[np.float64]
    android: Sequence[Prediction]
    numbers: Mapping[str, float]

    def judged(self, use: str) -> dict[str, float]:
        """Return how the rows of one use compare."""
        chosen = [index for index, one in enumerate(self.exits) if one in of_use(self.exits, use)]
        return judge([self.exits[index] for index in chosen], self.quantiles[chosen])


def draw_exits(wild: Wild) -> Figure:
    """Draw published against simulated exits: the rows fitted on, and those predicted with their 10 to 90 %."""
    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    axes = figure.add_subplot()
    for use, color in (("fit", "0.6"), ("check", "#D55E00")):
        chosen = [i for i, one in enumerate(wild.exits) if one.row.get("use") == use]
        published = [wild.exits[i].took_ms for i in chosen]
        low, median, high = wild.quantiles[chosen].T
        spread = (median - low, high - median)
        axes.errorbar(published, median, yerr=spread, fmt="o", color=color, markersize=4, elinewidth=0.5, label=use)
    ends = (12, 400)
    axes.plot(ends, ends, color="0.3", linewidth=0.8)
    axes.fill_between(ends, [e / 1.5 for e in ends], [e * 1.5 for e in ends], color="0.93", zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([10, 20, 50, 100, 200, 400]))
        axis.set_major_formatter(FormatStrFormatter("%g"))
    axes.minorticks_off()
    axes.set_xlabel("published kill to exit (ms)")
    axes.set_ylabel("simulated: median, 10 to 90 % of drawn phones (ms); grey: within 1.5")
    axes.legend(loc="upper left")
    return figure


def exits_table(wild: Wild) -> str:
    """Return how exits compare, in Markdown."""
    fit, check = wild.judged("fit"), wild.judged("check")
    lines = [[name.replace("_", " "), f"{fit[name]:.2f}", f"{check[name]:.2f}"] for name in fit]
    return results.markdown(["", "fit", "check (predicted)"], lines)
