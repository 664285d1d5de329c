"""Write the comparison: rows, verdicts, figure, and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from experiments import results
from experiments.real_kernel.emulated import KERNEL
from experiments.real_kernel.figure import figure
from experiments.real_kernel.fit import PACE, Costs
from experiments.real_kernel.host import STALL_MS
from experiments.real_kernel.judge import MARGIN, Row, Verdict
from experiments.real_kernel.pool import EXITS, PoolRow
from experiments.real_kernel.records import Spread
from experiments.real_kernel.scenes import FRAME_WORK_MS

SHOWN: Final = 6
OLD: Final = "e9ce258"
CANNOT: Final = (
    "**What it cannot foretell**: Which frames of a foreground task come late on two CPUs, and in which order of cases, hangs"
    " on who wakes where and whose time slice ends when, and the simulated phone has no time slices: in each tick whoever"
    " wants a CPU gets a share of it. Nor can it say whether a helper of process_mrelease finds an address space before its"
    " victim is past exit_mm, which is decided within one slice: those cases are predicted without the helper. And several"
    " that release resident pages slow each other down at `lru_lock` and `zone->lock`, which it does not have: for them no"
    " contention is predicted.\n"
)
AMOUNTS: Final = {"stall_some_ms": "stall", "put_out_pages": "pages put out"}


class Compared(NamedTuple):
    """What was measured, and what the simulator makes of it.

    Attributes:
        measured: Every metric of every case, over its repeats.
        rows: Measured beside predicted.
        verdicts: Of ``rows``.
        pool: Measurement 3.
        costs: Fitted on measurement 1.
        paces: Beside what pace of the machine each repeat of each case was measured.
    """

    measured: Sequence[Spread]
    rows: Sequence[Row]
    verdicts: Mapping[str, Verdict]
    pool: Sequence[PoolRow]
    costs: Costs
    paces: Mapping[str, Mapping[int, float]]


def write_all(folder: Path, compared: Compared, about: Mapping[str, Any]) -> None:
    """Write all results into ``folder``."""
    results.write_csv(folder / "comparison.csv", [row._asdict() for row in compared.rows])
    results.write_csv(
        folder / "verdicts.csv",
        [
            {"name": name, **verdict._asdict(), "broken": "; ".join(verdict.broken)}
            for name, verdict in compared.verdicts.items()
        ],
    )
    results.write_figure(
        folder / "comparison.png",
        lambda out: figure(compared.rows, compared.measured).savefig(
            out, format="png", dpi=110, metadata={"Software": None}
        ),
    )
    summary = {f"fit.{name}": float(value) for name, value in compared.costs._asdict().items()}
    summary["repeats"] = float(about["repeats"])
    for name, verdict in compared.verdicts.items():
        summary |= {f"{name}.held": float(verdict.held), f"{name}.of": float(verdict.of)}
        if verdict.worst:
            summary[f"{name}.worst"] = verdict.worst
    results.write_json(folder / "summary.json", summary)
    results.write(folder / "comparison.md", page(compared, about))


def page(compared: Compared, about: Mapping[str, Any]) -> str:
    """Return the page in Markdown."""
    parts = [
        "# The simulator beside a real kernel\n",
        in_short(compared),
        CANNOT,
        "An earlier simulator, which had time slices, these locks and what each repeat began from, was held against the same"
        f" measurement: `git show {OLD}:experiments/real_kernel/results/comparison.md`.\n",
        "## Verdicts\n",
        "*Within the share alone*: without those that hold because they lie within the measured spread. Orders are those of"
        " any two cases whose spreads do not overlap; predictions have one where they differ by at least"
        f" {' or '.join(f'{margin:g} {unit}' for unit, margin in MARGIN.items())}.\n",
        verdict_table(compared.verdicts),
        "![measured and predicted](comparison.png)\n",
        "## What was measured, and what was fitted\n",
        provenance_text(about),
        *stalls_text(about),
        "Emulation makes absolute times meaningless, and an instruction costs the same whatever it touches: no cache"
        " misses, no memory that is slow. What carries over is what waits for what.\n",
        fit_text(compared),
        *pace_text(compared),
        *instructions(compared.measured),
    ]
    for measurement, title in (
        ("contention", "Several unmap at once"),
        ("foreground", "Beside a foreground task"),
        ("starve", "Under SCHED_FIFO spinners"),
        ("burst", "A burst after the exits"),
    ):
        rows = [row for row in compared.rows if row.measurement == measurement]
        parts += [f"## {title}\n", case_table(rows)] if rows else []
    return "\n".join([*parts, *pool_text(compared.pool)])


def in_short(compared: Compared) -> str:
    """Return how many rules hold, which do, and which do not."""
    verdicts, costs = compared.verdicts.values(), compared.costs
    met = [said(verdict) for verdict in verdicts if verdict.held == verdict.of]
    missed = [said(verdict) for verdict in verdicts if verdict.held < verdict.of]
    parts = [
        "**In short**: predicted from single exits (also at the time of each repeat) and a frame alone,"
        f" {len(met)} of {len(met) + len(missed)} rules hold in full. The largest residual of the fit itself is"
        f" {costs.error:.0%}.",
        *([f"**Hold**: {'; '.join(met)}."] if met else []),
        *([f"**Do not hold in full**: {'; '.join(missed)}."] if missed else []),
    ]
    ranges = [
        f"{name} {least:.1f} to {most:.1f} times what was measured" for name, least, most in factors(compared.rows)
    ]
    if ranges:
        parts.append(f"Of the burst only orders are judged; its amounts are off by factors: {', '.join(ranges)}.")
    return "\n\n".join(parts) + "\n"


def said(verdict: Verdict) -> str:
    """Return a rule with its count and its worst error."""
    worst = f" (worst {verdict.worst:.0%})" if verdict.worst else ""
    return f"{verdict.rule} {verdict.held} of {verdict.of}{worst}"


def factors(rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """Return of the burst's amounts the least and the largest factor between predicted and measured."""
    found = []
    for metric, name in AMOUNTS.items():
        ratios = [row.predicted / row.measured for row in rows if row.metric == metric and row.measured]
        if ratios:
            found.append((name, min(ratios), max(ratios)))
    return found


def verdict_table(verdicts: Mapping[str, Verdict]) -> str:
    """Return what holds."""
    lines = []
    for verdict in verdicts.values():
        more = f"; {len(verdict.broken) - SHOWN} more" if len(verdict.broken) > SHOWN else ""
        lines.append(
            [
                verdict.rule,
                f"{verdict.held} of {verdict.of}",
                f"{verdict.worst:.0%}" if verdict.worst else "",
                str(verdict.alone) if verdict.worst else "",
                "; ".join(verdict.broken[:SHOWN]) + more,
            ]
        )
    return results.markdown(["rule", "holds", "worst error", "within the share alone", "does not hold"], lines)


def provenance_text(about: Mapping[str, Any]) -> str:
    """Return where the measurement comes from."""
    return (
        f"{about['kernel']} ({about['kernel_package']}), {about['qemu']}, {about['accelerator']}, {about['cpus']} CPUs,"
        f" {about['memory_mib']} MiB, zram with {about['zram_algorithm']}; {about['repeats']} repeats from"
        f" {about['began']} to {about['ended']} on {about['machine']}; load {about['load_before']} before,"
        f" {about['load_after']} after (two virtual CPUs at work bring it to 2), boots refused because others or the"
        f" hypervisor used the machine: {about['boots_refused']}, cases failed: {len(about['failures'])}.\n"
    )


def stalls_text(about: Mapping[str, Any]) -> list[str]:
    """Return what the hypervisor below does to whoever runs here, where it was looked for."""
    found = about.get("stalls")
    if not found:
        return []
    return [
        "Before the first boot a program that only looks at the clock, one on each CPU for 20 s, stood still for at"
        f" least {STALL_MS:g} ms {found['per_cpu_second']:.1f} times a second, once for {found['longest_ms']:.0f} ms, and"
        f" for {found['share']:.1%} of the time. QEMU's threads: {about['threads']} (each virtual CPU on a CPU of its own,"
        " the main thread, which delivers timers, before them).\n"
    ]


def fit_text(compared: Compared) -> str:
    """Return the fitted costs."""
    costs = compared.costs
    n_fitted = len({spread.case for spread in compared.measured if spread.metric == "unmap_cpu_ns"})
    return (
        f"Fitted on measurement 1 alone: {costs.resident_ns:,.0f} ns to unmap a resident page, {costs.entry_ns:,.0f} ns a"
        f" swapped one (largest residual of the {n_fitted} cases {costs.error:.0%}), {costs.touch_ns:,.0f} ns to fault one"
        f" in, {costs.put_out_ns:,.0f} ns to put one out; {costs.lock_share:.0%} of the instructions of a swapped page's"
        " release run under `si->lock`, probes that time them included. A hold grows per further contender by the"
        f" {KERNEL.lock_handoff:g} of the published board. A frame takes {FRAME_WORK_MS} ms of CPU, as where nobody dies.\n"
    )


def pace_text(compared: Compared) -> list[str]:
    """Return how much the machine's speed changed, where it was looked at."""
    looks = [spread for spread in compared.measured if spread.metric in PACE]
    if not looks:
        return []
    paces = [pace for repeats in compared.paces.values() for pace in repeats.values()]
    return [
        "How fast the machine is changes while it is measured. Just before and after the cases of unmapping, of contention,"
        " of the foreground and of starvation a thread alone unmapped resident pages, 32 MiB on each CPU:"
        f" {min(look.lowest for look in looks):,.0f} to {max(look.highest for look in looks):,.0f} ns a page. Costs are"
        " fitted at the median pace of measurement 1, and each repeat is predicted for its own pace, from"
        f" {min(paces):.2f} to {max(paces):.2f} times that long; errors are the medians over repeats, each beside its own,"
        " so that one may be smaller than medians side by side let expect. `contention/1/resident` is such a look itself.\n"
    ]


def instructions(measured: Sequence[Spread]) -> list[str]:
    """Return the instruction counts."""
    found = [s for s in measured if s.metric in ("unmap_instructions", "probed_instructions")]
    return [
        "Instructions per page, which noise does not touch; where a function of the kernel is named, those of its calls.\n",
        results.markdown(
            ["case", "median", "lowest", "highest"],
            [[s.case, f"{s.median:.0f}", f"{s.lowest:.0f}", f"{s.highest:.0f}"] for s in found],
        ),
    ]


def case_table(rows: Sequence[Row]) -> str:
    """Return measured (medians, and in brackets extremes over the repeats) and predicted metrics."""
    lines = []
    for row in rows:
        measured = f"{row.measured:.4g} [{row.lowest:.4g}, {row.highest:.4g}]"
        error = "" if math.isnan(row.error) else f"{row.error:+.0%}"
        lines.append([row.case, row.metric, measured, f"{row.predicted:.4g}", error])
    return results.markdown(["case", "metric", "measured", "predicted", "error"], lines)


def pool_text(rows: Sequence[PoolRow]) -> list[str]:
    """Return measurement 3 beside what the simulator says."""
    off = [one for row in rows for one in row.off]
    worst = f", at most {max(map(abs, off)) * 100:.0f}" if off else ""
    within = sum(abs(one) <= 0.05 for one in off)

    def points(said: float | None, is_back: float | None) -> list[str]:
        return ["", ""] if said is None or is_back is None else [f"{said:.1%}", f"{(said - is_back) * 100:+.1f}"]

    return [
        "## What comes back of the pool\n",
        f"{EXITS} processes put out in turns; half of them are gone. *Exponent*: of the simulator's law"
        " `pool ~ objects ** g`, from what is back. *Predicted*: by the default exponent,"
        f" {KERNEL.zspage_return:g}, and the simulator's"
        " rule of compaction, the same whatever the grain and the data, of which it knows nothing; *off* in percentage"
        f" points. {within} of {len(off)} shares are within 5 points{worst}: one exponent cannot foretell a grain.\n",
        results.markdown(
            ["case", "entries freed", "pool back", "predicted", "off", "after compact or reclaim", "predicted", "off",
             "exponent"],
            [
                [
                    row.case,
                    f"{row.freed:.1%}",
                    f"{row.back:.1%} [{row.back_low:.1%}, {row.back_high:.1%}]",
                    *points(row.foretold, row.back),
                    "" if row.after is None else f"{row.after:.1%}",
                    *points(row.foretold_after, row.after),
                    f"{row.exponent:.2f}",
                ]
                for row in rows
            ],
        ),
    ]  # fmt: skip
