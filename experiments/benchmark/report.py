"""Tables for people and programs, one page, one plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib
from matplotlib.figure import Figure

from experiments import results
from experiments.benchmark.lanes import LANES, bytes_per_lane
from experiments.benchmark.single import Spread

matplotlib.use("Agg")

GOALS: Final[dict[str, tuple[str, float, str]]] = {
    "ns_per_tick_64": ("ns per tick, 64 lanes, one core", 400.0, "at most"),
    "ns_per_tick_1024": ("ns per tick, 1,024 lanes, one core", 450.0, "at most"),
    "most_over_64_lanes": ("most time per tick of more lanes over that of 64", 1.1, "at most"),
    "lane_kib": ("KiB per lane", 24.0, "at most"),
    "two_threads_1024": ("two threads over one, 1,024 lanes", 1.6, "at least"),
    "vs_simpy": ("the simulator's simulated seconds per CPU-second over the SimPy model's", 100.0, "at least"),
    "step_us_within_episodes": ("a step beside the simulation, within an episode (us)", 1.5, "at most"),
    "vector_step_ns_beside_simulation": (
        "a vector step beside the simulation (ns per lane), 1,024 lanes",
        60.0,
        "at most",
    ),
    "train_still_vs_null_256": (
        "PPO frames/s over those on a null environment, 256 lanes of phones that stand still",
        0.85,
        "at least",
    ),
    "rule_episodes_vs_asked": ("episodes/s of a tuned rule, asked by kernels over asked by Python", 3.0, "at least"),
    "network_episodes_vs_asked": ("the same, a network of Stable-Baselines3", 10.0, "at least"),
    "import_s": ("import time (s)", 1.5, "at most"),
    "cold_start_s": ("from the import to the first step, with nothing compiled (s)", 40.0, "at most"),
}
"""Name in the summary: what it is, the goal, and on which side of it to be."""


def cell(figure: Any) -> str:
    """Return a figure for a table: median and quartiles of a spread, anything else as it is."""
    if isinstance(figure, Spread):
        return f"{digits(figure.median)} [{digits(figure.low)}, {digits(figure.high)}]"
    return digits(figure) if isinstance(figure, float) else str(figure)


def digits(value: float) -> str:
    """Return a number with three digits, thousands whole."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of the same columns in Markdown; missing cells stay empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return results.markdown(columns, [[cell(row.get(column, "")) for column in columns] for row in rows])


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, spreads as three columns."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = []
    for row in rows:
        line: dict[str, Any] = {}
        for column in columns:
            value = row.get(column, "")
            if any(isinstance(other.get(column), Spread) for other in rows):
                figures = value if isinstance(value, Spread) else ("", "", "")
                line |= dict(zip((column, f"{column}_low", f"{column}_high"), figures, strict=True))
            else:
                line[column] = value
        lines.append(line)
    results.write_csv(path, lines)


def named(figures: Mapping[str, Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return a dict of rows as rows, their key in column ``name``."""
    return [{name: key, **row} for key, row in figures.items()]


def goals(summary: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a row per goal measured: what, goal, measured, and whether it is reached."""
    rows = []
    for name, (what, goal, side) in GOALS.items():
        if name in summary:
            reached = summary[name] >= goal if side == "at least" else summary[name] <= goal
            spread = [summary.get(f"{name}{suffix}", summary[name]) for suffix in ("_low", "_high")]
            measured = Spread(summary[name], *spread) if f"{name}_low" in summary else summary[name]
            rows.append(
                {"": what, "goal": f"{side} {goal:g}", "measured": measured, "reached": "yes" if reached else "no"}
            )
    return rows


def draw(single: Mapping[str, Mapping[str, Spread]], lanes: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw steps per second of single environments, and by lanes and threads."""
    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    names = list(single)
    rates = [row["steps_per_s"] for row in single.values()]
    error = [[r.median - r.low for r in rates], [r.high - r.median for r in rates]]
    left.barh(names, [r.median for r in rates], xerr=error, color=["#7F7F7F"] * (len(names) - 1) + ["#D55E00"])
    left.invert_yaxis()
    left.set_xlabel("steps/s through gym.make, resets included")
    for threads, color in ((1, "#0072B2"), (2, "#D55E00")):
        own = [row for row in lanes if row["what"] == "native" and row["threads"] == threads]
        rates = [row["steps_per_s"] for row in own]
        error = [[r.median - r.low for r in rates], [r.high - r.median for r in rates]]
        label = f"native, {threads} thread{'s' * (threads > 1)}"
        right.errorbar(
            [row["lanes"] for row in own],
            [r.median for r in rates],
            error,
            fmt="o-",
            color=color,
            capsize=3,
            label=label,
        )
    sync = next(row for row in lanes if row["what"] == "SyncVectorEnv")
    right.plot(sync["lanes"], sync["steps_per_s"].median, "ks", label="SyncVectorEnv")
    right.set_xscale("log", base=2)
    right.set_yscale("log")
    right.set_xticks(LANES, [f"{n:,}" for n in LANES])
    right.set_xlabel("lanes")
    right.set_ylabel("steps/s")
    right.grid(alpha=0.3)
    right.legend()
    return figure


INTRODUCTIONS: Final[dict[str, str]] = {
    "single": "## One environment\n\nThrough `gym.make`, uniformly random actions. `steps_per_s` counts resets, which draw a"
    " scenario and run the phone to its first decision; `vs_cartpole` is a ratio within the round.",
    "lanes": "## Many lanes\n\n`steps_per_s` is `gym.make_vec` as a user has it, resets included; `ns_per_tick` and"
    " `phone_s_per_cpu_s` are the simulator alone, over whole episodes.",
    "peers": "## What else one would run\n\nThe SimPy model is the same decision problem on the same scenarios at the same"
    " resolution (`simpy_model.py` says what it leaves out); it is driven without Gymnasium, as the simulator alone is. highway-env simulates other things, more coarsely.",
    "training": "## Training\n\nPPO's rollout and update, beside the same on a vector environment of the same spaces that does"
    " nothing.",
    "episodes": "## Whole episodes\n\nRows of `swapgym.agents.play.play` per second, as many episodes at once as a job of the runner"
    " has: `asked` calls `predict` for all that wait, `kernels` asks within the kernels. `vs_asked` is a ratio within the round.",
    "growth": "## How cost grows\n\nSixteen lanes of camera launches on a 12 GB phone.",
    "cores": "## More cores, on paper\n\nNot measured: what a step of the vector environment would take if simulating were divided"
    " by the cores and what needs Python's lock were not. `of so many cores` is how many the step keeps busy.",
    "tick": "## Where a tick's time goes\n\nCycles counted inside the compiled engine, less what the counter itself costs.",
    "step": "## Where a step's time goes",
}
DONE: Final = """What was done about the largest parts: scenarios are drawn by kernels; a lane shrank from 39 to 24 KB; what runs
once per tick is compiled into the tick, since some forty calls took a tenth of it; indices are unsigned, so that no negative one is
looked for; the lock's fixed point has four rounds. What did not help, tried side by side: shifts instead of divisions by 1024, skipping
the search for the best CPU where the largest is idle, fetching the next lane's records ahead. What was left out: reusing the last
tick's placement. Half of all ticks place alike, but finding that out (who is runnable, who has outgrown a CPU, what SCHED_FIFO leaves)
is most of placing. A step is hundreds of ticks, so that the engine, not Python, bounds what many lanes gain over as many single
environments."""


def page(
    parts: Mapping[str, Sequence[Mapping[str, Any]]], summary: Mapping[str, float], where: Mapping[str, str]
) -> str:
    """Return the page."""
    text = [
        "# Speed, beside peers",
        f"Median [quartiles] over rounds in which all take turns, on {where['machine']}, Python {where['python']}, Gymnasium"
        f" {where['gymnasium']}, NumPy {where['numpy']}, Numba {where['numba']}, {where['date']}. The machine is a shared virtual one whose speed"
        " varies twofold within minutes: trust ratios, not levels.",
        table(goals(summary)),
        "![steps per second](speed.png)",
    ]
    for name, introduction in INTRODUCTIONS.items():
        if name in parts:
            text += [introduction, table(parts[name])]
        if name == "lanes" and name in parts:
            text.append(f"One lane takes {bytes_per_lane() / 1024:.0f} KiB.")
        if name == "step" and name in parts:
            text.append(DONE)
    return "\n\n".join(part.strip() for part in text) + "\n"
