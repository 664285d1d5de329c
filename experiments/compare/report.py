"""Write everything the comparison has found."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from experiments import results
from experiments.compare import figures, tables
from experiments.compare.headline import headline
from experiments.tensorboard import RunWriter
from swapgym.agents.play import Row
from swapgym.agents.policies import POLICIES
from swapgym.agents.statistics import Estimate

DPI: Final = 130
MAINLINE: Final = "mainline"
"""What kernel variants are compared with."""
RECORD: Final = (
    "policy", "preset", "seed", "device", "kernel",
    *(column for column in tables.COLUMNS if column not in tables.OTHER_RATES),
    "decisions", "actions", "digest", "world",
)  # fmt: skip
"""Columns of the episodes' records; the actions bring back every other metric."""


def cell(figure: Estimate) -> str:
    """Return a figure and its interval for a table."""
    return f"{figure.value:.3g} [{figure.low:.3g}, {figure.high:.3g}]"


def table_text(table: tables.Table, first: str) -> str:
    """Return a table of estimates in Markdown."""
    columns = list(next(iter(table.values())))
    return results.markdown(
        [first, *columns], [[name, *(cell(row[c]) for c in columns)] for name, row in table.items()]
    )


def preset_text(breakdown: Sequence[dict[str, Any]]) -> str:
    """Return the breakdown by preset in Markdown: mean scores, paired differences, the best of each in bold."""
    presets = list(dict.fromkeys(row["preset"] for row in breakdown))
    policies = list(dict.fromkeys(row["policy"] for row in breakdown))
    cells = {(row["policy"], row["preset"]): row for row in breakdown}

    def score(policy: str, preset: str) -> str:
        row = cells[policy, preset]
        interval = f"[{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
        text = f"{row['score']:.3f} ({row['difference']:+.3f} {interval})"
        return f"**{text}**" if row["best"] else text

    text = results.markdown(
        ["mean score (difference)", *presets], [[p, *(score(p, preset) for preset in presets)] for p in policies]
    )
    columns = [c for c in breakdown[0] if c not in ("preset", "policy", "best") and not c.startswith("difference")]
    for preset in presets:
        lines = [[p, *(f"{cells[p, preset][c]:.3g}" for c in columns)] for p in policies]
        text += f"\n## {preset}\n\n" + results.markdown(["policy", *columns], lines)
    return text


def margin_text(best: dict[str, str], overall_best: str, gains: dict[str, Estimate]) -> str:
    """Return in Markdown what the best of each preset gains on the policy that is best over all."""
    lines = [
        [preset, best[preset], f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"]
        for preset, gain in gains.items()
    ]
    return (
        f"\n## The best of each preset against {overall_best}, the best over all\n\nMean difference of scores on the"
        " same episodes, on which the best was also chosen; an interval that holds zero says that they cannot be told"
        " apart.\n\n" + results.markdown(["preset", "best", "difference"], lines)
    )


def write_all(
    folder: Path,
    kernel: str,
    rows: Sequence[Row],
    variants: Sequence[Row],
    others: Sequence[Row],
    about: str,
    where: str = "",
) -> dict[str, float]:
    """Write tables, figures, records, logs and the summary into ``folder``; return the summary.

    Args:
        folder: Where to.
        kernel: The kernel of ``rows`` and ``others``.
        rows: All policies in one kernel.
        variants: Each kernel with its published rule.
        others: Tuned policies, stored agents and planners; may be none.
        about: What was played, for the pages.
        where: What these played.
    """
    table = tables.overall(rows)
    variant_table = tables.overall(variants)
    differences = tables.paired(rows)
    breakdown = tables.per_preset(rows)
    best = tables.best_per_preset(breakdown)
    overall_best, gains = tables.margins(rows, breakdown)
    summary = tables.flat(table)
    summary |= {f"variant.{name}": value for name, value in tables.flat(variant_table).items()}
    summary["best_fixed_per_preset_differs"] = float(len(set(best.values())) > 1)
    # by more than chance: intervals wholly below zero
    summary["presets_where_best_beats_overall_best"] = float(sum(gain.high < 0.0 for gain in gains.values()))
    results.write_csv(
        folder / "episodes.csv", [{name: row[name] for name in RECORD} for row in (*rows, *variants, *others)]
    )
    results.write_csv(folder / "table.csv", tables.flat_rows(table))
    results.write_csv(folder / "variants.csv", tables.flat_rows(variant_table))
    results.write_csv(folder / "per_preset.csv", breakdown)
    names = "\n".join(f"- `{name}`: {POLICIES[name].summary}" for name in table if name in POLICIES)
    text = f"# All policies in one kernel\n\n{about}\n\n{names}\n\n{table_text(table, 'policy')}"
    if differences:
        text += (
            f"\n## Mean difference from {tables.REFERENCE} on the same episodes\n\n{table_text(differences, 'policy')}"
        )
    results.write(folder / "table.md", text)
    variant_differences = tables.paired(variants, MAINLINE)
    results.write(
        folder / "variants.md",
        f"# Each kernel with its published rule\n\n{about.split(';')[0]}, each in its own kernel, asked for every batch. Score: {tables.SCORE}."
        f"\n\n{table_text(variant_table, 'kernel')}"
        f"\n## Mean difference from {MAINLINE} on the same episodes\n\n{table_text(variant_differences, 'kernel')}",
    )
    for name in ("others.md", "others.csv"):
        (folder / name).unlink(missing_ok=True)  # of a run that had some
    if others:
        summary |= write_others(folder, others, f"{where}, all in kernel `{kernel}`.")
    results.write(
        folder / "per_preset.md",
        f"# By preset\n\n{about}\n\n{preset_text(breakdown)}{margin_text(best, overall_best, gains)}",
    )
    drawings = {
        "lag_peak.png": figures.lag_against_peak(table, differences, tables.REFERENCE),
        "per_preset.png": figures.scores_per_preset(breakdown, tables.REFERENCE),
    }
    for name, figure in drawings.items():
        results.write_figure(folder / name, lambda buffer, f=figure: f.savefig(buffer, dpi=DPI))  # type: ignore[misc]
    write_logs(
        folder,
        rows,
        table,
        breakdown,
        text,
        {name: figure.get_size_inches() * DPI for name, figure in drawings.items()},
    )
    told = {tables.REFERENCE, "always_defer", "userspace_reaper"} <= table.keys()
    if told and {"camera_launch", "rt_recording"} <= best.keys():
        margins = (overall_best, gains)
        findings = headline(kernel, table, differences, breakdown, margins, variant_differences)
        results.write(folder / "headline.md", findings)
    results.write_json(folder / "provenance.json", results.provenance())
    results.write_json(folder / "summary.json", summary)
    return summary


def write_others(folder: Path, rows: Sequence[Row], about: str) -> dict[str, float]:
    """Write what tuned policies, stored agents and planners come to; return their numbers."""
    table = tables.overall(rows)
    table = dict(sorted(table.items(), key=lambda item: item[1]["score"].value))
    results.write_csv(folder / "others.csv", tables.flat_rows(table))
    text = (
        "# Tuned policies, stored agents and planners\n\n"
        f"{about} Score: {tables.SCORE}. `clairvoyant` knows each episode"
        " beforehand, `mpc` the present whole and futures by odds. Agents' figures are over all their training seeds;"
        " intervals over seeds and scenarios, and what agents do, are in `experiments/agents`.\n\n"
        f"{table_text(table, 'policy')}"
        f"\n## Mean difference from {tables.REFERENCE} on the same episodes\n\n"
        f"{table_text(tables.paired(rows), 'policy')}"
    )
    results.write(folder / "others.md", text)
    return {f"others.{name}": value for name, value in tables.flat(table).items()}


def write_logs(
    folder: Path,
    rows: Sequence[Row],
    table: tables.Table,
    breakdown: Sequence[dict[str, Any]],
    text: str,
    drawings: dict[str, Any],
) -> None:
    """Write a TensorBoard run per policy and one for the whole.

    Tags: ``suite/<metric>`` (step 0), ``preset/<preset>/score`` (step 0), ``episode/<metric>`` (step = position in the
    suite), and the text ``policy`` with its parameters; in the run ``compare`` the text ``table`` and the images of the
    figures.
    """
    logs = folder / "tensorboard"
    shutil.rmtree(logs, ignore_errors=True)
    for policy, own in tables.by_policy(rows).items():
        with RunWriter(logs / policy) as run:
            if policy in POLICIES:
                numbers = [[name, f"{value:g}"] for name, value in POLICIES[policy]().parameters().items()]
                run.text("policy", f"{POLICIES[policy].summary}\n\n{results.markdown(['parameter', 'value'], numbers)}")
            for column, figure in table[policy].items():
                run.scalar(f"suite/{column}", figure.value)
            for row in breakdown:
                if row["policy"] == policy:
                    run.scalar(f"preset/{row['preset']}/score", row["score"])
            for step, episode in enumerate(own):
                for column in ("score", "lag_ms", "peak_mib", "launch_delay_ms", "zombie_peak_mib"):
                    run.scalar(f"episode/{column}", episode[column], step)
    with RunWriter(logs / "compare") as run:
        run.text("table", text)
        for name, (width, height) in drawings.items():
            run.png(name.removesuffix(".png"), folder / name, int(width), int(height))
