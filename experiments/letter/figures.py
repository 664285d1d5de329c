"""The two figures of the page: what causes the lag, and what each route costs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.letter.apps import TUNING
from experiments.letter.findings import Runs, difference, level
from experiments.letter.runs import (
    BURSTS_MIB,
    BURSTS_MS,
    FIFO_END_MS,
    FIFO_FROM_MS,
    FIFO_ROUTES,
    HOGS,
    ROUTES,
    SECONDS,
    VICTIMS,
    Row,
    select,
)
from experiments.letter.verdict import Figures
from swapgym.agents.statistics import Estimate

matplotlib.use("Agg")

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"
CLASSES: Final = (("exit", BLUE), ("lmkd_reaper", GREY), ("kworker", ORANGE), ("child", GREEN))
ROUTE_COLORS: Final = dict(
    zip(ROUTES, ("#000000", ORANGE, "#E69F00", BLUE, PINK, "#8C564B", GREEN, "#56B4E9"), strict=True)
)


def bars(axes: Axes, at: float, figure: Estimate, color: str, width: float = 0.8) -> None:
    """Draw a bar with its interval."""
    error = [[figure.value - figure.low], [figure.high - figure.value]]
    axes.bar(at, figure.value, width, color=color, yerr=error, error_kw={"linewidth": 1})


def draw_causes(runs: Runs) -> Figure:
    """Draw swap share over time and by tuning, exits by where they run, and launch delay by number of victims."""
    figure = Figure(figsize=(12.0, 7.5), layout="constrained")
    time, tuning, exits, crowd = (figure.add_subplot(2, 2, place) for place in (1, 2, 3, 4))
    rows = runs["background"]
    shares = [level(select(rows, tuning="as shipped", seconds=s), "swap_share") for s in SECONDS]
    place = range(len(SECONDS))
    time.fill_between(place, [s.low for s in shares], [s.high for s in shares], color=BLUE, alpha=0.2)
    time.plot(place, [s.value for s in shares], "o-", color=BLUE)
    time.axhline(60, color="0.6", linewidth=0.8)
    time.set_xticks(place, ["in front", "5 s", "1 min", "5 min", "15 min"])
    time.set_ylim(0, 80)
    time.set_ylabel("VmSwap / (VmRSS + VmSwap), %")
    time.set_title("5: swap share of an app that leaves the front")
    draw_tuning(tuning, rows)
    for killer, busy, color, label in (
        ("lmkd", 0, BLUE, "by lmkd"),
        ("lmkd, clocks up", 0, GREEN, "the same, clocks up"),
        ("activity manager", 0, ORANGE, "by the activity manager"),
        ("activity manager", 1, PINK, "the same, little cores busy"),
    ):
        own = [row for row in runs["exits"] if (row["killer"], row["busy"]) == (killer, busy) and row["swap_mib"] >= 0]
        sizes = sorted({row["swap_mib"] for row in own})
        means = [fmean(row["exit_ms"] for row in select(own, swap_mib=size)) for size in sizes]
        exits.plot(sizes, means, "o-", color=color, label=label)
    exits.set_yscale("log")
    exits.set_yticks([100, 200, 500, 1_000, 2_000, 5_000], ["100", "200", "500", "1000", "2000", "5000"])
    exits.minorticks_off()
    exits.set_xlabel("MiB in swap")
    exits.set_ylabel("kill to exit, ms")
    exits.set_title("1 to 4: one exit, by who killed it")
    exits.legend()
    draw_crowd(crowd, runs["crowd"])
    return figure


def draw_tuning(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw the swap share with each tuning left out."""
    names = list(TUNING)
    for offset, seconds, color in ((-0.2, 60, BLUE), (0.2, 300, ORANGE)):
        shares = [level(select(rows, tuning=name, seconds=seconds), "swap_share") for name in names]
        error = [[s.value - s.low for s in shares], [s.high - s.value for s in shares]]
        heights = [height + offset for height in range(len(names))]
        label = f"after {seconds // 60} min"
        axes.barh(heights, [s.value for s in shares], 0.38, xerr=error, color=color, label=label)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("swap share, %")
    axes.set_xlim(0, 95)
    axes.set_title("6: which tuning causes it")
    axes.legend(loc="center right", fontsize=8)


def draw_crowd(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw the launch delay that victims add."""
    for killer, color in (("lmkd", BLUE), ("activity manager", ORANGE)):
        for gated, style, how in ((1, "-", "the launch waits"), (0, "--", "it does not")):
            nobody = select(rows, victims=0, killer=killer, gated=gated)
            added = [
                difference(select(rows, victims=n, killer=killer, gated=gated), nobody, "launch_delay_ms")
                for n in VICTIMS
            ]
            error = [[a.value - a.low for a in added], [a.high - a.value for a in added]]
            label = f"{killer}, {how}"
            axes.errorbar(
                VICTIMS, [a.value for a in added], error, fmt=f"o{style}", color=color, capsize=3, label=label
            )
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set_xlabel("victims, all released inline")
    axes.set_ylabel("launch delay above none, ms")
    axes.set_title("9: exits take CPU from the launch")
    axes.legend(fontsize=8)


def draw_costs(runs: Runs, figures: Figures) -> Figure:
    """Draw CPU time by who pays, times until exits and memory are done, peaks by burst, and starvation."""
    figure = Figure(figsize=(12.0, 11.0), layout="constrained")
    cpu, times, peaks, held, fifo, hogs = (figure.add_subplot(3, 2, place) for place in range(1, 7))
    rows = runs["routes"]
    names = list(ROUTES)
    own = {name: select(rows, route=name, victims=8, reapers=2) for name in names}
    bottom = [0.0] * len(names)
    for who, color in CLASSES:
        heights = [fmean(row[f"cpu_{who}_ms"] for row in own[name]) for name in names]
        cpu.bar(names, heights, 0.6, bottom, color=color, label=who.replace("_", " "))
        bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
    spun = [fmean(row["spin_ms"] for row in own[name]) for name in names]
    cpu.plot(names, spun, "k_", markersize=24, markeredgewidth=2, label="of all this, spun on locks")
    cpu.set_ylabel("CPU time, ms")
    cpu.set_ylim(0, 1.45 * max(bottom))
    cpu.set_title("13 to 15, 17, 21: who pays for eight exits")
    cpu.legend(fontsize=8, ncols=3, loc="upper center")
    for offset, column, color, label in (
        (-0.2, "last_exit_ms", BLUE, "last exit"),
        (0.2, "memory_back_ms", ORANGE, "all memory back"),
    ):
        for place, name in enumerate(names):
            bars(times, place + offset, level(own[name], column), color, 0.38)
        times.bar(0, 0, color=color, label=label)
    times.set_xticks(range(len(names)), names)
    times.set_ylabel("ms after the first kill")
    times.set_title("10, 16, 18: exits and memory")
    times.legend(fontsize=8, loc="upper left")
    cells = [(mib, ms) for mib in BURSTS_MIB for ms in BURSTS_MS]
    for name in names[1:]:
        found = [figures[f"bursts.{mib} MiB in {ms} ms, {name} - inline: peak_mib"] for mib, ms in cells]
        error = [[f.value - f.low for f in found], [f.high - f.value for f in found]]
        peaks.errorbar(
            range(len(cells)),
            [f.value for f in found],
            error,
            fmt="o-",
            capsize=2,
            color=ROUTE_COLORS[name],
            label=name,
        )
    peaks.set_xticks(range(len(cells)), [f"{mib}\n{ms}" for mib, ms in cells], fontsize=8)
    peaks.set_xlabel("burst: MiB, in ms")
    peaks.set_ylabel("peak demand above inline's, MiB")
    peaks.set_title("19: peak by size and speed of the burst")
    peaks.legend(fontsize=8)
    for place, name in enumerate(names):
        bars(held, place, figures[f"routes.{name}: held_at_exit_mib"], ROUTE_COLORS[name])
    held.set_xticks(range(len(names)), names)
    held.set_ylabel("victims' memory at the last exit, MiB")
    held.set_title("18: held by processes already gone")
    draw_fifo(fifo, figures)
    draw_hogs(hogs, figures)
    for axes in (cpu, times, held):
        axes.tick_params(axis="x", labelsize=8, rotation=20)
    return figure


def draw_fifo(axes: Axes, figures: Figures) -> None:
    """Draw how long the memory is held under SCHED_FIFO on every CPU, and how often it never came back."""
    routes = dict(zip(FIFO_ROUTES, ("#000000", ORANGE, GREEN), strict=True))
    labels = []
    for group, (how, from_ms) in enumerate((h, m) for h in ("throttled", "unthrottled") for m in FIFO_FROM_MS):
        labels.append(f"{how}\nfrom {from_ms} ms")
        for position, (route, color) in enumerate(routes.items()):
            name = f"fifo.{route}, {how}, from {from_ms} ms: "
            at, height = group + 0.27 * (position - 1), figures[name + "memory_back_ms"]
            bars(axes, at, height, color, 0.25)
            share = figures[name + "back"].value
            if share < 1:
                axes.annotate(f"{100 * (1 - share):.0f} %", (at, height.value), ha="center", va="bottom", fontsize=6)
    for route, color in routes.items():
        axes.bar(0, 0, color=color, label=route)
    axes.set_xticks(range(len(labels)), labels, fontsize=7)
    axes.set_ylabel(f"memory back, ms (the run ends at {FIFO_END_MS / 1_000:g} s)")
    axes.set_title("20: SCHED_FIFO on every CPU (numbers: never back)")
    axes.set_ylim(0, 10_500)
    axes.legend(fontsize=8, ncols=3, loc="upper center")


def draw_hogs(axes: Axes, figures: Figures) -> None:
    """Draw how long the memory is held beside a throttled SCHED_FIFO hog, with borrowed runtime and without."""
    for offset, how, color in ((-0.2, "own runtime", BLUE), (0.2, "borrowed", ORANGE)):
        for place, case in enumerate(HOGS):
            name = f"hog.{case}, {how}: "
            height = figures[name + "memory_back_ms"]
            bars(axes, place + offset, height, color, 0.38)
            share = figures[name + "back"].value
            if share < 1:
                axes.annotate(
                    f"{100 * (1 - share):.0f} %", (place + offset, height.value), ha="center", va="bottom", fontsize=6
                )
        axes.bar(0, 0, color=color, label=how)
    axes.set_xticks(range(len(HOGS)), [case.replace(", ", ",\n", 1).replace(" bound ", "\nbound ") for case in HOGS])
    axes.tick_params(axis="x", labelsize=7)
    axes.set_ylabel("memory back, ms")
    axes.set_ylim(0, 10_500)
    axes.set_title("20: SCHED_FIFO hogs, throttled (numbers: never back)")
    axes.legend(fontsize=8, loc="upper left")
