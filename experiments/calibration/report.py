"""Write the calibration: rows, fit, extrapolation of the lock, sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib
from matplotlib.figure import Figure

from experiments import results
from experiments.calibration.bench import cores, unmap
from experiments.calibration.exits import DRAWS
from experiments.calibration.fit import Fitted
from experiments.calibration.logs import swap_share_of_exit
from experiments.calibration.published import Wild, draw_exits, exits_table
from experiments.calibration.ranges import RANGES, plausible_kernels
from experiments.calibration.rows import Row
from experiments.calibration.sensitivity import POLICIES, Variation
from swapgym.workload.devices import A72_BOARD

matplotlib.use("Agg")

PLAUSIBLE: Final = plausible_kernels(16)
"""Kernels that a log's phone may have had."""


@dataclass(frozen=True)
class Result:
    """A row with its simulated figure; ``low`` and ``high`` span its scenes and the plausible kernels (logs only)."""

    row: Row
    simulated: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Relative error."""
        return self.simulated / self.row.published - 1

    @property
    def factor(self) -> float:
        """How many times too large or too small."""
        ratio = self.simulated / self.row.published
        return max(ratio, 1 / ratio)


def simulated(rows: Sequence[Row]) -> list[Result]:
    """Simulate all rows with the defaults of the code."""
    found = []
    for row in rows:
        value = row.simulate({})
        spread = [value, *(scene({}) for scene in row.scenes)]
        if row.varied:
            spread += [row.simulate(changes) for changes in PLAUSIBLE]
        found.append(Result(row, value, min(spread), max(spread)))
    return found


def summarise(
    found: Sequence[Result], fitted: Sequence[Fitted], varied: Sequence[Variation], wild: Wild
) -> dict[str, float]:
    """Return the numbers of ``summary.json``."""
    check = wild.judged("check")
    share = next(result.simulated for result in found if result.row.name == "swap share of exit")
    on = [result for result in found if result.row.fitted]
    held = [result for result in found if not result.row.fitted]
    bench = [result for result in held if result.row.kind == "bench"]
    logs = [result for result in held if result.row.kind == "log"]
    alone, cube = split(varied)
    return {
        "n_fitted": len(on),
        "n_held_out": len(held),
        "n_held_out_bench": len(bench),
        "n_held_out_bench_within_20_percent": sum(abs(result.error) <= 0.2 for result in bench),
        "n_held_out_logs": len(logs),
        "n_held_out_logs_within_factor_2": sum(result.factor <= 2 for result in logs),
        "max_abs_rel_error_fitted": max(abs(result.error) for result in on),
        "max_abs_rel_error_held_out_bench": max(abs(result.error) for result in bench),
        "max_factor_held_out_logs": max(result.factor for result in logs),
        "sensitivity_min_tau": min(variation.tau for variation in alone),
        "sensitivity_hypercube_median_tau": sorted(v.tau for v in cube)[len(cube) // 2],
        "sensitivity_hypercube_same_best": sum(v.best == varied[0].best for v in cube) / len(cube),
        "exits_median_factor": check["median_factor"],
        "exits_p90_factor": check["p90_factor"],
        "swap_share_of_exit": share,
        **{f"exits_{use}.{name}": value for use in ("fit", "check") for name, value in wild.judged(use).items()},
        **wild.numbers,
        **{f"fit.{item.parameter}": item.value for item in fitted},
    }


def split(varied: Sequence[Variation]) -> tuple[list[Variation], list[Variation]]:
    """Return the variations of one parameter, and those of the hypercube."""
    cube = [variation for variation in varied if variation.name.startswith("hypercube")]
    return [variation for variation in varied[1:] if variation not in cube], cube


def lock_table() -> list[list[str]]:
    """Return what the lock predicts for 1 to 8 processes, with and without the pool lock, and who burns CPU for it."""
    lines = []
    for processes in range(1, 9):
        cells = [str(processes)]
        for kernel in ("mainline", "mainline-no-pool-lock"):
            took, phone = unmap(kernel, processes, 64, {}, on=cores(*[1024] * 8, speed=A72_BOARD.core_speed))
            entries = 64 * 256
            spun = float(phone["total"]["spin_ns"]) / 1e6 / (took * processes)
            cells += [f"{took * 1e6 / entries:.0f}", f"{processes * entries / took / 1e3:.2f}", f"{100 * spun:.0f} %"]
        lines.append(cells)
    return lines


def row_table(found: Sequence[Result]) -> str:
    """Return the rows in Markdown."""
    header = ["row", "published", "simulated", "error", "plausible", "kind", "fitted on", "source"]
    lines = [
        [
            result.row.name,
            f"{result.row.published:g} {result.row.unit}",
            f"{result.simulated:.3g}",
            f"{100 * result.error:+.1f} %",
            f"{result.low:.3g} to {result.high:.3g}" if result.low < result.high else "",
            result.row.kind,
            result.row.fitted or "held out",
            result.row.source,
        ]
        for result in found
    ]
    return results.markdown(header, lines)


def draw_rows(found: Sequence[Result]) -> Figure:
    """Draw simulated over published for every row: fitted, held-out benchmarks, held-out logs with their intervals."""
    figure = Figure(figsize=(9.5, 12.0), layout="constrained")
    axes = figure.add_subplot()
    kinds = {"fitted": "#7F7F7F", "held out, bench": "#0072B2", "held out, log": "#D55E00"}
    axes.axvspan(0.8, 1.2, color="0.93")
    axes.axvline(1.0, color="0.6", linewidth=0.8)
    for height, result in enumerate(found):
        kind = "fitted" if result.row.fitted else f"held out, {result.row.kind}"
        published = result.row.published
        axes.plot([result.low / published, result.high / published], [height] * 2, color=kinds[kind], linewidth=1.2)
        axes.plot(result.simulated / published, height, "o", color=kinds[kind], markersize=6)
    for kind, color in kinds.items():
        axes.plot([], [], "o", color=color, label=kind)
    axes.set_yticks(range(len(found)), [result.row.name for result in found], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.set_xticks([0.5, 0.8, 1.0, 1.2, 2.0], ["0.5", "0.8", "1", "1.2", "2"])
    axes.minorticks_off()
    axes.set_xlabel("simulated over published (grey band: within 20 %)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", frameon=True)
    return figure


def draw_sensitivity(varied: Sequence[Variation]) -> Figure:
    """Draw the rank correlation of each single variation with the default's ranking."""
    alone, cube = split(varied)
    figure = Figure(figsize=(9.5, 6.0), layout="constrained")
    axes = figure.add_subplot()
    names = [name for _, name in RANGES]
    for height, _ in enumerate(names):
        low, high = alone[2 * height], alone[2 * height + 1]
        axes.plot(low.tau, height - 0.14, "<", color="#0072B2", label="low end" if height == 0 else None)
        axes.plot(high.tau, height + 0.14, ">", color="#D55E00", label="high end" if height == 0 else None)
    axes.plot([v.tau for v in cube], [len(names)] * len(cube), "|", color="0.3", markersize=14, label="one point each")
    axes.set_yticks(range(len(names) + 1), [*names, "all together (hypercube)"], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel(
        f"Kendall's tau of the ranking of {len(POLICIES)} fixed policies against the default's (1: the same)"
    )
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower left")
    return figure


def write_all(
    folder: Path, found: Sequence[Result], fitted: Sequence[Fitted], varied: Sequence[Variation], wild: Wild
) -> dict[str, float]:
    """Write text, tables, figures and summary into ``folder``; return the summary."""
    summary = summarise(found, fitted, varied, wild)
    table = [
        {
            "row": result.row.name,
            "what": result.row.what,
            "published": result.row.published,
            "unit": result.row.unit,
            "simulated": result.simulated,
            "relative_error": result.error,
            "low": result.low,
            "high": result.high,
            "kind": result.row.kind,
            "fitted": result.row.fitted,
            "source": result.row.source,
        }
        for result in found
    ]
    results.write_csv(folder / "calibration.csv", table)
    columns = [{"name": v.name, "tau": v.tau, "best": v.best, **v.scores} for v in varied]
    results.write_csv(folder / "sensitivity.csv", columns)
    for name, figure in {
        "rows.png": draw_rows(found),
        "sensitivity.png": draw_sensitivity(varied),
        "exits.png": draw_exits(wild),
    }.items():
        results.write_figure(folder / name, lambda buffer, f=figure: f.savefig(buffer, dpi=120))  # type: ignore[misc]
    results.write(folder / "calibration.md", text(found, fitted, varied, summary, wild))
    results.write_json(folder / "provenance.json", results.provenance())
    results.write_json(folder / "summary.json", summary)
    return summary


def text(
    found: Sequence[Result],
    fitted: Sequence[Fitted],
    varied: Sequence[Variation],
    summary: dict[str, float],
    wild: Wild,
) -> str:
    """Return the page."""
    alone, _ = split(varied)
    logs = [r for r in found if r.row.kind == "log" and not r.row.fitted and r.low < r.high]
    inside = sum(r.low <= r.row.published <= r.high for r in logs)
    fits = [[f.parameter, f.variant, f"{f.value:.4g}", f"{f.default:.4g}"] for f in fitted]
    movers = [v for v in alone if v.best != varied[0].best]
    moved = "; ".join(f"{v.name} makes {v.best.replace('_', ' ')} the best" for v in movers) or "none"
    far = [r.row.name for r in found if not r.row.fitted and r.row.kind == "log" and r.factor > 2]
    missed = [r.row.name for r in found if not r.row.fitted and r.row.kind == "bench" and abs(r.error) > 0.2]
    lock_header = [
        "processes",
        *(f"{k} {what}" for k in ("pool lock:", "without:") for what in ("ns/entry", "M/s", "spun")),
    ]
    return f"""# Calibration

{summary["n_fitted"]:.0f} parameters are fitted on {summary["n_fitted"]:.0f} rows, and one on the `fit` rows of public device
logs; {summary["n_held_out"]:.0f} rows, and the `check` rows, are predictions. Fitted rows are within {100 * summary["max_abs_rel_error_fitted"]:.1f} %; of
{summary["n_held_out_bench"]:.0f} held-out microbenchmark rows
{summary["n_held_out_bench_within_20_percent"]:.0f} are within 20 % (worst {100 * summary["max_abs_rel_error_held_out_bench"]:.0f} %; outside:
{", ".join(missed) or "none"}); held-out rows from phones in the wild are within a factor of {summary["max_factor_held_out_logs"]:.2f} (beyond a factor of two: {", ".join(far) or "none"}).

![simulated over published](rows.png)

{row_table(found)}
Where a log leaves open what was on the phone (clocks, other exits, load, which of several launches), its interval spans
other readings of it; where the figure hangs on the kernel's costs, also {len(PLAUSIBLE)} kernels from a Latin hypercube over
the plausible ranges below. {inside} of {len(logs)} published figures of held-out log rows with an interval lie within it. What of vivo's two apps stays resident in the end is taken from
the video app's last row (84 % of anonymous memory swapped), so that its rows after a minute are no news; the game's are.

## Exits in public device logs

`phone_exits.csv` has {len(wild.exits)} kills by lmkd from 13 phones, resident and swapped memory and the time from the kill line
to the exit line. Each is simulated on {DRAWS} drawn phones of its class beside drawn loads of everyday use. Only the cost
of closing a file was fitted on them, on the rows marked `fit`; the rows marked `check` are other phones and predicted.
A factor is the larger of simulated median over published and its inverse. `ratio` rows give the median of simulated over
published in thirds by swapped and by resident memory.

{exits_table(wild)}
![published and simulated exits](exits.png)

What a log does not tell (which app, which threads and contexts, what else ran) leaves a spread that no simulator can
foretell: within one phone, rows of the same size differ by a factor of 1.5.

**Swap share of a large exit.** 200 MB resident and 400 MB swapped on a flagship of 2025: the exit ends
{summary["swap_share_of_exit"]:.0f} % sooner where its swap is released by somebody else. Published are 33 to 50 % (Lei Liu), 55 %
of do_exit (the 2024 profile) and 75 % (median regression of the logs). An entry costs what boards measured (0.8 us, on
every core), while a resident page costs less on a fast core. Beside two other exits and a busy phone the share is
{swap_share_of_exit({}, 2, 0.9):.0f} %: entries wait for a lock, and resident pages do not.

## lmkd, launches, and vivo's claim

Nothing is fitted here.

{results.markdown(["", "published", "simulated"], [[p.name, p.published, p.simulated] for p in wild.android])}
lmkd's cadence comes from its own kills on phones whose cached apps have the sizes of the logs' victims. It waits for an
exit no longer than its time-out (50 ms as Pixel and Xiaomi set it, else 100 ms); the shares hang on that setting.

## What was fitted, and how

Each group by least squares on relative errors, starting far off; the code's defaults are these values, rounded. The cost of
a file makes the median over the `fit` rows of published exits come out. The frames' median cost and uclamp were set by hand
on their two rows.

{results.markdown(["parameter", "variant", "fit", "default in the code"], fits)}
## The lock extrapolates

Hold and hand-off were fitted on two and four processes with the pool lock, the shorter hold on two without it; four
without it were predicted. Below: 1 to 8 processes of 64 MB on eight such cores. Aggregate throughput (million entries per
second) stops growing at two processes with the pool lock, and what more processes burn is spun: the share of their CPU
time that went into waiting is charged to whoever waits.

{results.markdown(lock_header, lock_table())}
Other cores enter by what the clock makes of them: resident pages freed on a Snapdragon 845 follow the clock from the big
core at 2.5 GHz to the little one at 0.3 (rows "resident pages"). Entries hardly do (rows "one entry").

## Sensitivity

Each parameter at both ends of its plausible range, and all together ({len(varied) - 1 - len(alone)} points of a Latin
hypercube): does the ranking of {len(POLICIES)} fixed policies by mean score hold?

![sensitivity](sensitivity.png)

Single parameters that change which policy is best: {moved}. The lowest rank correlation of a single change is
{summary["sensitivity_min_tau"]:.2f}; over the hypercube the median is {summary["sensitivity_hypercube_median_tau"]:.2f}, and
{100 * summary["sensitivity_hypercube_same_best"]:.0f} % of its points have the same best policy.
"""
