"""Figures for TensorBoard: lag against peak while an agent learns, and one episode over its time.

Matplotlib's object-oriented interface only, with the Agg canvas: training runs have no display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from swapgym.agents.sb3.timeline import MEMORY, Series, Timeline
from swapgym.phone import constants as k

matplotlib.use("Agg")

COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colour-blind-safe palette."""
CHARGE_COLORS: Final = {
    "exit": "#D55E00",
    "lmkd_reaper": "#F4A582",
    "kworker": "#009E73",
    "child": "#CC79A7",
    "direct_reclaim": "#8C564B",
    "kswapd": "#E69F00",
    "compactor": "#F0E442",
    "launch": "#56B4E9",
    "frames": "#0072B2",
    "rt": "#000000",
    "cached": "#8F8F8F",
    "background": "#DADADA",
}
"""By ``CHARGE_NAMES``, from the bottom of the stack: who releases memory, who reclaims it, who serves the person."""
BIN_MS: Final = 25.0
DPI: Final = 80
MARKERS: Final = "sDv^<>"


def pareto(
    agent: Sequence[Mapping[str, float]],
    baselines: Mapping[str, Mapping[str, float]],
    bound: Mapping[str, float] | None,
    episodes: int,
) -> Figure:
    """Draw mean lag against mean peak on the validation episodes.

    Args:
        agent: The agent's evaluations in order, with ``frames``, ``lag_ms`` and ``peak_mib``; at least one.
        baselines: ``lag_ms`` and ``peak_mib`` of fixed policies by name.
        bound: Those of the clairvoyant bound, where it is known.
        episodes: Validation episodes that the means are of.
    """
    figure = Figure(figsize=(8.0, 5.2), dpi=DPI)
    axes = figure.add_subplot()
    axes.plot(*places(agent), color="0.7", linewidth=1.0, zorder=1)
    frames = [one["frames"] / 1_000 for one in agent]
    path = axes.scatter(*places(agent), c=frames, cmap="viridis", s=22, zorder=2, label="agent, all evaluations")
    figure.colorbar(path, ax=axes, label="frames trained (thousands)", fraction=0.04, pad=0.02)
    last = f"agent, {agent[-1]['frames']:,.0f} frames"
    axes.plot(*places(agent[-1:]), "o", color=COLORS[1], markersize=10, markeredgecolor="white", label=last, zorder=4)
    for position, (name, means) in enumerate(baselines.items()):
        look: dict[str, Any] = {"color": COLORS[(0, 2, 3)[position % 3]], "marker": MARKERS[position % len(MARKERS)]}
        axes.plot(*places([means]), **look, linestyle="none", markersize=8, label=name.replace("_", " "), zorder=3)
    if bound is not None:
        axes.plot(*places([bound]), "*", color=COLORS[4], markersize=14, label="clairvoyant bound", zorder=3)
    axes.set_xlabel("peak: growth of the highest memory demand, mean (MiB)")
    axes.set_ylabel("lag: late frames + launch delay + stalls + relaunches, mean (ms)")
    axes.set_title(f"Lag against peak on {episodes} validation episodes (best: lower left)", loc="left", fontsize=11)
    axes.margins(0.12)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, framealpha=0.8)
    figure.subplots_adjust(left=0.1, right=0.93, top=0.93, bottom=0.11)
    return figure


def places(means: Sequence[Mapping[str, float]]) -> tuple[list[float], list[float]]:
    """Return peaks (MiB) and lags (ms): a point's coordinates."""
    return [one["peak_mib"] for one in means], [one["lag_ms"] for one in means]


def timeline(episode: Timeline, frames: int) -> Figure:
    """Draw memory, backlog, lag, CPU time by who paid and decisions of one episode over its time.

    Args:
        episode: The episode.
        frames: What the agent had been trained for.
    """
    figure = Figure(figsize=(9.0, 9.6), dpi=DPI)
    grid = figure.subplots(5, 1, sharex=True, height_ratios=(2.0, 1.0, 1.2, 2.0, 1.2))
    edges = np.append(np.arange(0.0, episode.time_ms[-1], BIN_MS), episode.time_ms[-1])
    draw_memory(grid[0], episode)
    grid[1].fill_between(episode.time_ms, episode.backlog_entries / 1_000, color=COLORS[2], alpha=0.6, linewidth=0)
    grid[1].set_ylim(0, max(1.0, 1.05 * episode.backlog_entries.max() / 1_000))
    grid[1].set_ylabel("backlog\n(1000 entries)")
    grid[2].plot(episode.time_ms, episode.late_ms, color=COLORS[0], label="frames late")
    grid[2].plot(episode.time_ms, episode.delay_ms, color=COLORS[1], label="launch delay")
    grid[2].set_ylabel("lag so far (ms)")
    draw_cpus(grid[3], episode, edges)
    draw_decisions(grid[4], episode, edges)
    for axes in grid:
        axes.grid(alpha=0.25)
        axes.margins(x=0.0)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.03), fontsize=8, frameon=False)
    grid[0].set_title(
        f"{episode.preset}, validation scenario {episode.seed}, after {frames:,} frames",
        loc="left",
        fontsize=11,
    )
    grid[4].set_xlabel("simulated time (ms)")
    figure.align_ylabels(grid)
    figure.subplots_adjust(left=0.11, right=0.8, top=0.96, bottom=0.055, hspace=0.13)
    return figure


def draw_memory(axes: Axes, episode: Timeline) -> None:
    """Draw memory as change since the start: its levels differ far more than they change."""
    for position, name in enumerate(MEMORY):
        level = episode.memory_mib[:, position]
        label = f"{name} ({level[0]:,.0f})"
        axes.plot(episode.time_ms, level - level[0], color=COLORS[position], label=label)
    axes.set_ylabel("memory (MiB), change\nsince start (level there)")


def draw_cpus(axes: Axes, episode: Timeline, edges: Series) -> None:
    """Stack the CPUs that each class keeps busy; classes that never ran are left out."""
    busy = cpus_busy(episode, edges)
    shown = {name: busy[:, k.CHARGE_NAMES.index(name)] for name in CHARGE_COLORS}
    shown = {name: rates for name, rates in shown.items() if rates.max() > 0.0}
    middles = (edges[:-1] + edges[1:]) / 2
    labels = [name.replace("_", " ") for name in shown]
    axes.stackplot(middles, *shown.values(), labels=labels, colors=[CHARGE_COLORS[name] for name in shown])
    axes.set_ylim(0, episode.n_cpus)
    axes.set_ylabel("CPUs busy, by who pays")


def cpus_busy(episode: Timeline, edges: Series) -> Series:
    """Return how many CPUs each class kept busy between ``edges`` (ms), shape ``(len(edges) - 1, N_CHARGES)``."""
    charged = [np.interp(edges, episode.time_ms, column) for column in episode.charged_ms.T]
    rates: Series = np.diff(np.array(charged), axis=1).T / np.diff(edges)[:, None]
    return rates


def draw_decisions(axes: Axes, episode: Timeline, edges: Series) -> None:
    """Draw decisions per bin: to defer upwards, to release inline downwards."""
    ways: tuple[tuple[str, Any, int, str], ...] = (
        ("deferred", episode.deferred, 1, COLORS[2]),
        ("inline", ~episode.deferred, -1, COLORS[1]),
    )
    for name, chosen, sign, color in ways:
        counts, _ = np.histogram(episode.decided_ms[chosen], edges)
        axes.stairs(sign * counts, edges, fill=True, color=color, label=f"{name} ({int(chosen.sum())})")
    axes.axhline(0.0, color="0.4", linewidth=0.6)
    axes.set_ylabel(f"decisions\nper {BIN_MS:g} ms")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
