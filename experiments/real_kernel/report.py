"""Write the comparison: rows, verdicts, figure, and a page that says what to think of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments import results
from experiments.real_kernel.fit import LOCK_SHARE, Costs
from experiments.real_kernel.judge import Row, Verdict
from experiments.real_kernel.pool import EXITS, PoolRow
from experiments.real_kernel.records import Spread

matplotlib.use("Agg")

SHOWN: Final = 6
COLOURS: Final = {0: "#4477aa", -10: "#ee6677", None: "#228833"}


class Compared(NamedTuple):
    """What was measured, and what the simulator makes of it.

    Attributes:
        measured: Every metric of every case, over its repeats.
        rows: Measured beside predicted from measurement 1 alone.
        again: The same with this machine's hand-off.
        verdicts: Of ``rows``.
        second: Of ``again``, without the case that the hand-off was taken from.
        pool: Measurement 3.
        costs: Fitted on measurement 1.
        handoff: Growth of a lock hold per contender, from two processes of measurement 2.
    """

    measured: Sequence[Spread]
    rows: Sequence[Row]
    again: Sequence[Row]
    verdicts: Mapping[str, Verdict]
    second: Mapping[str, Verdict]
    pool: Sequence[PoolRow]
    costs: Costs
    handoff: float


def write_all(folder: Path, compared: Compared, about: Mapping[str, Any]) -> dict[str, float]:
    """Write all results into ``folder``; return the summary."""
    second = {(row.case, row.metric): row.predicted for row in compared.again}
    rows = [
        {**row._asdict(), "with_handoff": second.get((row.case, row.metric), float("nan"))} for row in compared.rows
    ]
    results.write_csv(folder / "comparison.csv", rows)
    verdicts = [
        {"name": name, "predicted_from": source, **verdict._asdict(), "broken": "; ".join(verdict.broken)}
        for source, found in (("measurement 1", compared.verdicts), ("and the hand-off", compared.second))
        for name, verdict in found.items()
    ]
    results.write_csv(folder / "verdicts.csv", verdicts)
    results.write_figure(
        folder / "comparison.png",
        lambda out: figure(compared).savefig(out, format="png", dpi=110, metadata={"Software": None}),
    )
    summary = {f"fit.{name}": value for name, value in compared.costs._asdict().items()}
    summary |= {"fit.handoff": compared.handoff, "repeats": float(max(s.repeats for s in compared.measured))}
    for prefix, found in (("", compared.verdicts), ("handoff.", compared.second)):
        for name, verdict in found.items():
            summary[f"{prefix}{name}.held"] = float(verdict.held)
            summary[f"{prefix}{name}.of"] = float(verdict.of)
            if verdict.worst:
                summary[f"{prefix}{name}.worst"] = verdict.worst
    results.write_json(folder / "summary.json", summary)
    results.write(folder / "comparison.md", page(compared, about))
    return summary


def page(compared: Compared, about: Mapping[str, Any]) -> str:
    """Return the page in Markdown."""
    costs = compared.costs
    instructions = [spread for spread in compared.measured if spread.metric == "unmap_instructions"]
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
        f"Measurement 1 alone: {costs.resident_ns:,.0f} ns to unmap a present page, {costs.entry_ns:,.0f} ns a swapped"
        f" one (largest residual of the sixteen cases {costs.error:.0%}), {costs.touch_ns:,.0f} ns to fault one in,"
        f" {costs.put_out_ns:,.0f} ns to put one out. The share under the lock, {LOCK_SHARE:.2f}, is that of the"
        " published profile of a kernel with `si->lock`. Everything else is predicted. *With the hand-off*: a second"
        " set of predictions, in which the growth of a lock hold per contender is"
        f" {compared.handoff:.2f} instead of the 0.11 of the published board: what makes two swapped processes come out"
        " as measured, and what a thread alone cannot tell.\n",
        "Instructions per page, which noise does not touch:\n",
        results.markdown(
            ["case", "median", "lowest", "highest"],
            [[s.case, f"{s.median:.0f}", f"{s.lowest:.0f}", f"{s.highest:.0f}"] for s in instructions],
        ),
        "## Verdicts\n",
        verdict_table(compared),
        "![measured and predicted](comparison.png)\n",
    ]
    for measurement, title in (
        ("contention", "Several unmap at once"),
        ("starve", "Under SCHED_FIFO spinners"),
        ("burst", "A burst after the exits"),
        ("foreground", "Beside a foreground task"),
    ):
        parts += [f"## {title}\n", case_table(compared, measurement)]
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
                for row in compared.pool
            ],
        ),
    ]
    return "\n".join(parts)


def verdict_table(compared: Compared) -> str:
    """Return what holds, predicted either way."""

    def cells(verdict: Verdict) -> list[str]:
        return [f"{verdict.held} of {verdict.of}", f"{verdict.worst:.0%}" if verdict.worst else ""]

    lines = []
    for name, verdict in compared.verdicts.items():
        more = f"; {len(verdict.broken) - SHOWN} more" if len(verdict.broken) > SHOWN else ""
        broken = "; ".join(verdict.broken[:SHOWN]) + more
        lines.append([verdict.rule, *cells(verdict), *cells(compared.second[name]), broken])
    header = ["rule", "holds", "worst error", "with the hand-off", "worst error", "does not hold (measurement 1 alone)"]
    return results.markdown(header, lines)


def case_table(compared: Compared, measurement: str) -> str:
    """Return measured and predicted metrics of a measurement."""
    second = {(row.case, row.metric): row for row in compared.again}
    lines = []
    for row in compared.rows:
        if row.measurement != measurement:
            continue
        other = second[row.case, row.metric]
        measured = f"{row.measured:.4g} [{row.lowest:.4g}, {row.highest:.4g}]"
        cells = [row.case, row.metric, measured]
        for one in (row, other):
            cells += [f"{one.predicted:.4g}", "" if math.isnan(one.error) else f"{one.error:+.0%}"]
        lines.append(cells)
    return results.markdown(["case", "metric", "measured", "predicted", "error", "with the hand-off", "error"], lines)


def figure(compared: Compared) -> Figure:
    """Return measured against predicted, and the pool's curves."""
    rows, measured = compared.again, compared.measured
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
        title="pool memory back, by grain and data",
        xlabel="share of entries freed",
        ylabel="share of the pool back",
    )
    axes.legend(fontsize=7)
