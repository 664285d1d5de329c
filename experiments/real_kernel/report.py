"""Write the comparison: rows, verdicts, figure, and a page that says what to think of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments import results
from experiments.real_kernel.fit import LOCK_SHARE, Costs
from experiments.real_kernel.judge import Row, Verdict
from experiments.real_kernel.pool import EXITS, PoolRow
from experiments.real_kernel.records import Spread

matplotlib.use("Agg")

COLOURS = {0: "#4477aa", -10: "#ee6677", None: "#228833"}


def write_all(
    folder: Path,
    measured: Sequence[Spread],
    rows: Sequence[Row],
    verdicts: Mapping[str, Verdict],
    pool: Sequence[PoolRow],
    costs: Costs,
    about: Mapping[str, Any],
) -> dict[str, float]:
    """Write all results into ``folder``; return the summary."""
    results.write_csv(folder / "comparison.csv", [row._asdict() for row in rows])
    results.write_csv(
        folder / "verdicts.csv",
        [
            {"name": name, **verdict._asdict(), "broken": "; ".join(verdict.broken)}
            for name, verdict in verdicts.items()
        ],
    )
    results.write_figure(
        folder / "comparison.png",
        lambda out: figure(measured, rows).savefig(out, format="png", dpi=110, metadata={"Software": None}),
    )
    summary = {
        **{f"{name}.held": float(verdict.held) for name, verdict in verdicts.items()},
        **{f"{name}.of": float(verdict.of) for name, verdict in verdicts.items()},
        **{f"{name}.worst": verdict.worst for name, verdict in verdicts.items() if verdict.worst},
        **{f"fit.{name}": value for name, value in costs._asdict().items()},
        "repeats": float(max(spread.repeats for spread in measured)),
    }
    results.write_json(folder / "summary.json", summary)
    results.write(folder / "comparison.md", page(measured, rows, verdicts, pool, costs, about))
    return summary


def page(
    measured: Sequence[Spread],
    rows: Sequence[Row],
    verdicts: Mapping[str, Verdict],
    pool: Sequence[PoolRow],
    costs: Costs,
    about: Mapping[str, Any],
) -> str:
    """Return the page in Markdown."""
    instructions = [spread for spread in measured if spread.metric == "unmap_instructions"]
    parts = [
        "# The simulator beside a real kernel\n",
        f"{about['kernel']} ({about['kernel_package']}), {about['qemu']}, {about['accelerator']}, {about['cpus']} CPUs,"
        f" {about['memory_mib']} MiB, zram with {about['zram_algorithm']}; {about['repeats']} repeats from"
        f" {about['began']} to {about['ended']} on {about['machine']}; load {about['load_before']} before,"
        f" {about['load_after']} after (two virtual CPUs at work bring it to 2), boots refused because others used the"
        f" machine: {about['boots_refused']}, cases failed: {len(about['failures'])}.\n",
        "Emulation makes absolute times meaningless, and an instruction costs the same whatever it touches: no cache"
        " misses, no memory that is slow. What carries over is what waits for what. Medians; in brackets the extremes"
        " over the repeats.\n",
        "## What was fitted\n",
        f"Measurement 1 alone: {costs.resident_ns:,.0f} ns to unmap a present page, {costs.entry_ns:,.0f} ns a swapped one"
        f" (largest residual of the sixteen cases {costs.error:.0%}), {costs.touch_ns:,.0f} ns to fault one in,"
        f" {costs.put_out_ns:,.0f} ns to put one out. The share under the lock, {LOCK_SHARE:.2f}, is that of the"
        " published profile of a kernel with `si->lock`. Everything below is predicted.\n",
        "Instructions per page, which noise does not touch:\n",
        results.markdown(
            ["case", "median", "lowest", "highest"],
            [[s.case, f"{s.median:.0f}", f"{s.lowest:.0f}", f"{s.highest:.0f}"] for s in instructions],
        ),
        "## Verdicts\n",
        results.markdown(
            ["rule", "holds", "worst error", "does not hold"],
            [
                [
                    verdict.rule,
                    f"{verdict.held} of {verdict.of}",
                    f"{verdict.worst:.0%}" if verdict.worst else "",
                    "; ".join(verdict.broken[:6])
                    + (f"; {len(verdict.broken) - 6} more" if len(verdict.broken) > 6 else ""),
                ]
                for verdict in verdicts.values()
            ],
        ),
        "![measured and predicted](comparison.png)\n",
    ]
    for measurement, title in (
        ("contention", "Several unmap at once"),
        ("starve", "Under SCHED_FIFO spinners"),
        ("burst", "A burst after the exits"),
        ("foreground", "Beside a foreground task"),
    ):
        own = [row for row in rows if row.measurement == measurement]
        parts += [f"## {title}\n", results.markdown(
            ["case", "metric", "measured", "predicted", "error"],
            [
                [
                    row.case,
                    f"{row.metric}",
                    f"{row.measured:.4g} [{row.lowest:.4g}, {row.highest:.4g}]",
                    f"{row.predicted:.4g}",
                    "" if math.isnan(row.error) else f"{row.error:+.0%}",
                ]
                for row in own
            ],
        )]  # fmt: skip
    parts += [
        "## What comes back of the pool\n",
        f"{EXITS} processes put out in turns; half of them are gone. *Exponent*: of the simulator's law"
        " `pool ~ objects ** g`; its default is 0.65.\n",
        results.markdown(
            ["case", "entries freed", "pool back", "after compact or reclaim", "exponent"],
            [
                [
                    row.case,
                    f"{row.freed:.1%}",
                    f"{row.back:.1%} [{row.back_low:.1%}, {row.back_high:.1%}]",
                    "" if row.after is None else f"{row.after:.1%}",
                    f"{row.exponent:.2f}",
                ]
                for row in pool
            ],
        ),
    ]
    return "\n".join(parts)


def figure(measured: Sequence[Spread], rows: Sequence[Row]) -> Figure:
    """Return measured against predicted, and the pool's curves."""
    sheet = Figure(figsize=(13, 8), layout="constrained")
    axes = sheet.subplots(2, 3)
    scatter(axes[0][0], [r for r in rows if r.metric == "entries_per_ms"], "pages released per ms, several at once")
    lateness = [r for r in rows if r.metric == "late_sum_ms"]
    scatter(axes[0][1], lateness, "foreground: sum of lateness (ms)", symlog=True)
    scatter(axes[0][2], [r for r in rows if r.metric == "dead_ms"], "until all are dead (ms)", log=True)
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
        title="pool memory back, pages put out in turns of 1, 16, 256",
        xlabel="share of entries freed",
        ylabel="share of the pool back",
    )
    axes.legend(fontsize=7)
