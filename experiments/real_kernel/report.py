"""Write the comparison: rows, verdicts, figure, and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from experiments import results
from experiments.real_kernel.criteria import in_short
from experiments.real_kernel.doubts import Doubts
from experiments.real_kernel.figure import figure
from experiments.real_kernel.fit import PACE, Costs
from experiments.real_kernel.foreground import FRAME_WORK_MS, HELPER_CALL_US
from experiments.real_kernel.host import STALL_MS
from experiments.real_kernel.judge import MARGIN, Row, Verdict
from experiments.real_kernel.pool import EXITS, PoolRow
from experiments.real_kernel.records import Spread
from experiments.real_kernel.stage import GRACE_PERIOD_NS, GRACE_PERIOD_US

SHOWN: Final = 6
NOTES: Final = {
    "foreground": (
        "Medians over repeats, each predicted from what it began from, as measured: where the task and RCU's thread slept,"
        " where and when victims and helper woke, whether the helper ran at once, what the scheduler expected of them, where"
        " its tick fell, when each CPU last balanced, and the pace; a repeat is the median of draws of how long RCU's grace periods take. Memory that is back is seen by the task when a frame begins, up to a vsync period late; by the simulator at once.\n",
    ),
    "burst": (
        "The simulated phone counts the pages put out, not who did it: direct reclaim and kswapd are predicted to share"
        " them as they share the CPU time of reclaim.\n",
    ),
}


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
        doubts: What speaks against the measurement.
        paces: Beside what pace of the machine each repeat of each case was measured.
    """

    measured: Sequence[Spread]
    rows: Sequence[Row]
    again: Sequence[Row]
    verdicts: Mapping[str, Verdict]
    second: Mapping[str, Verdict]
    pool: Sequence[PoolRow]
    costs: Costs
    handoff: float
    doubts: Doubts
    paces: Mapping[str, Mapping[int, float]]


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
        lambda out: figure(compared.again, compared.measured).savefig(
            out, format="png", dpi=110, metadata={"Software": None}
        ),
    )
    summary = {f"fit.{name}": value for name, value in compared.costs._asdict().items()}
    summary |= {"fit.handoff": compared.handoff, "repeats": float(about["repeats"])}
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
    n_fitted = len({spread.case for spread in compared.measured if spread.metric == "unmap_cpu_ns"})
    parts = [
        "# The simulator beside a real kernel\n",
        in_short(compared.rows, compared.verdicts, compared.second, costs, is_paced(compared)),
        f"{about['kernel']} ({about['kernel_package']}), {about['qemu']}, {about['accelerator']}, {about['cpus']} CPUs,"
        f" {about['memory_mib']} MiB, zram with {about['zram_algorithm']}; {about['repeats']} repeats from"
        f" {about['began']} to {about['ended']} on {about['machine']}; load {about['load_before']} before,"
        f" {about['load_after']} after (two virtual CPUs at work bring it to 2), boots refused because others or the"
        f" hypervisor used the machine: {about['boots_refused']}, cases failed: {len(about['failures'])}.\n",
        *additions_text(about),
        doubts_text(compared),
        *stalls_text(about),
        "Emulation makes absolute times meaningless, and an instruction costs the same whatever it touches: no cache"
        " misses, no memory that is slow. What carries over is what waits for what. Medians; in brackets the extremes"
        f" over the repeats, of which short cases have more than {about['repeats']}: {samples(compared.measured)}.\n",
        "## What was fitted\n",
        f"Measurement 1 alone: {costs.resident_ns:,.0f} ns to unmap a present page, {costs.entry_ns:,.0f} ns a swapped"
        f" one (largest residual of the {n_fitted} cases {costs.error:.0%}), {costs.touch_ns:,.0f} ns to fault one in,"
        f" {costs.put_out_ns:,.0f} ns to put one out; {costs.shares.swap:.0%} of the instructions of a swapped page's"
        " release run under `si->lock`, probes that time them included (of its time 71% in the published profile of a"
        f" phone's kernel), and of a present page's {costs.shares.lru:.0%} under `lru_lock` and {costs.shares.zone:.0%}"
        " under `zone->lock`. Of the rest three numbers are not predicted, but taken from cases of measurement 4 that are"
        f" judged too: a frame takes {FRAME_WORK_MS} ms of CPU, its 6 ms and what waking and sleeping cost, as where nobody"
        " dies; and while swapped pages are released RCU's kthread runs every"
        f" {GRACE_PERIOD_US / 1e3:.1f} ms for {GRACE_PERIOD_NS / 1e6:.2f} ms and ends the turn of whom it interrupts, as"
        " beside a single victim. What a repeat of measurement 4 begins from, up to a few tenths of a millisecond after the"
        " kill, is measured and not predicted: where everybody slept or woke, and when, whether a helper then ran at once,"
        " what the scheduler expects of whom (`util_est`), the phase of its tick, and when each CPU last balanced. And what"
        " the scheduler makes of it was put into the simulator from the kernel's source after misses on measurements of these"
        " same cases, the newest included, had been traced (the traces are not stored), from which two more numbers are: how"
        f" long a helper needs until it has a victim ({HELPER_CALL_US / 1e3:g} ms), and that a grace period takes one to three"
        " ticks. What it holds of lateness is no forecast of a kind of case never seen. "
        "*With the hand-off*: a second set of predictions, in"
        " which the growth of a lock hold per contender is"
        f" {compared.handoff:.2f} instead of the 0.11 of the published board: what makes two swapped processes come out"
        " as measured, and what a thread alone cannot tell.\n",
        *pace_text(compared),
        *instructions(compared),
        "## Verdicts\n",
        "*0 everywhere*: how many the prediction 0 for every case would hold. *Within the share alone*: without those"
        " that hold because they lie within the measured spread. Predictions have an order where they differ by at least"
        f" {' or '.join(f'{margin:g} {unit}' for unit, margin in MARGIN.items())}; *higher cases*: how many different"
        " ones the pairs have, since pairs that share one are not independent; *ties at 0*: pairs that do not hold"
        " because 0 is predicted for both.\n",
        verdict_table(compared),
        "![measured and predicted](comparison.png)\n",
    ]
    for measurement, title in (
        ("contention", "Several unmap at once"),
        ("starve", "Under SCHED_FIFO spinners"),
        ("burst", "A burst after the exits"),
        ("foreground", "Beside a foreground task"),
    ):
        parts += [f"## {title}\n", *NOTES.get(measurement, ()), case_table(compared, measurement)]
    return "\n".join([*parts, *pool_text(compared)])


def additions_text(about: Mapping[str, Any]) -> list[str]:
    """Return what was measured later than the rest."""
    return [
        f"Added from {addition['began']} to {addition['ended']}, {addition['repeats']} repeats:"
        f" {len(addition['cases'])} cases in which instructions are counted, which hang on no clock"
        f" ({addition['cases'][0]} and the like).\n"
        for addition in about.get("additions", ())
    ]


def is_paced(compared: Compared) -> bool:
    """Return whether the machine's pace was looked at."""
    return any(spread.metric in PACE for spread in compared.measured)


def pace_text(compared: Compared) -> list[str]:
    """Return how much the machine's speed changed, where it was looked at."""
    looks = [spread for spread in compared.measured if spread.metric in PACE]
    if not is_paced(compared):
        return []
    paces = [pace for repeats in compared.paces.values() for pace in repeats.values()]
    return [
        "How fast the machine is changes while it is measured. Just before and after the cases of unmapping, of contention,"
        " of the foreground and of starvation a thread alone unmapped present pages, 32 MiB on each CPU:"
        f" {min(look.lowest for look in looks):,.0f} to {max(look.highest for look in looks):,.0f} ns a page. Costs are"
        " fitted at the median pace of measurement 1, each boot at its own, and each repeat is predicted for its own pace,"
        f" from {min(paces):.2f} to {max(paces):.2f} times that long; errors are the medians over repeats, each beside its"
        " own, so that one may be smaller than medians side by side let expect. So"
        " predictions know more than measurement 1: what a single exit took at the time. `contention/1/resident` is such an"
        " exit itself.\n"
    ]


def doubts_text(compared: Compared) -> str:
    """Return what speaks against the measurement, and what hangs on it."""
    found = compared.doubts
    what = [*([f"the {found.start}"] if found.start else []), *found.boots]
    if not what:
        return "By the guard's limits of today nothing of it would be refused.\n"
    text = f"**By the guard's limits of today this would be refused**: {'; '.join(what)}. It is kept as measured."
    if found.costs and found.verdicts:
        several, dead = found.verdicts["contention"], found.verdicts["foreground_dead_ms"]
        text += (
            f" Without those boots a swapped page would be fitted at {found.costs.entry_ns:,.0f} ns and a present one at"
            f" {found.costs.resident_ns:,.0f} ns (largest residual {found.costs.error:.0%}), and the predictions below"
            f" would hold {several.held} of {several.of} throughputs and {dead.held} of {dead.of} times until all are"
            " dead."
        )
    return text + "\n"


def samples(measured: Sequence[Spread]) -> str:
    """Return how often each measurement's cases were measured, where not all were equally often."""
    of = {spread.measurement: spread.repeats for spread in measured}
    return ", ".join(f"{name} {count}" for name, count in of.items())


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


def instructions(compared: Compared) -> list[str]:
    """Return the instruction counts."""
    found = [s for s in compared.measured if s.metric in ("unmap_instructions", "probed_instructions")]
    return [
        "Instructions per page, which noise does not touch; where a function of the kernel is named, those of its calls.\n",
        results.markdown(
            ["case", "median", "lowest", "highest"],
            [[s.case, f"{s.median:.0f}", f"{s.lowest:.0f}", f"{s.highest:.0f}"] for s in found],
        ),
    ]


def pool_text(compared: Compared) -> list[str]:
    """Return measurement 3 beside what the simulator says."""
    rows = compared.pool
    off = [one for row in rows for one in row.off]
    worst = f", at most {max(map(abs, off)) * 100:.0f}" if off else ""
    within = sum(abs(one) <= 0.05 for one in off)

    def points(said: float | None, is_back: float | None) -> list[str]:
        return ["", ""] if said is None or is_back is None else [f"{said:.1%}", f"{(said - is_back) * 100:+.1f}"]

    return [
        "## What comes back of the pool\n",
        f"{EXITS} processes put out in turns; half of them are gone. *Exponent*: of the simulator's law"
        " `pool ~ objects ** g`, from what is back. *Predicted*: by the default exponent, 0.65, and the simulator's"
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


def verdict_table(compared: Compared) -> str:
    """Return what holds, predicted either way."""

    def cells(verdict: Verdict) -> list[str]:
        return [f"{verdict.held} of {verdict.of}", f"{verdict.worst:.0%}" if verdict.worst else ""]

    lines = []
    for name, verdict in compared.verdicts.items():
        more = f"; {len(verdict.broken) - SHOWN} more" if len(verdict.broken) > SHOWN else ""
        broken = "; ".join(verdict.broken[:SHOWN]) + more
        order = name.startswith("order_")
        lines.append(
            [
                verdict.rule,
                *cells(verdict),
                str(verdict.null),
                str(verdict.alone) if "or the measured spread" in verdict.rule else "",
                str(verdict.higher) if order else "",
                str(verdict.ties) if order else "",
                *cells(compared.second[name]),
                broken,
            ]
        )
    header = ["rule", "holds", "worst error", "0 everywhere", "within the share alone", "higher cases", "ties at 0",
              "with the hand-off", "worst error", "does not hold (measurement 1 alone)"]  # fmt: skip
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
