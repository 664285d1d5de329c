"""Write the trade-off: one table, and where the choice does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from experiments import results
from experiments.tradeoff.measure import RATES, RULES, Cell

WIDE: Final = 0.1
"""An interval of the difference, over what inline costs, that tells little."""


def table(cells: Sequence[Cell]) -> str:
    """Return the cells in Markdown."""
    header = [
        "kernel, preset", "inline: lag ms", "peak MiB", "defer: lag ms", "peak MiB", "best rule", "lag ms", "peak MiB",
        "defer - inline", "breaks even at ms/MiB", "inline better", "best of rules per episode",
    ]  # fmt: skip
    lines = []
    for c in cells:
        numbers = [f"{value:.0f}" for pair in zip(c.lag_ms, c.peak_mib, strict=True) for value in pair]
        change = f"{c.change.value:+.3f} [{c.change.low:+.3f}, {c.change.high:+.3f}]"
        rule = c.best.replace("_", " ")
        lines.append(
            [f"{c.kernel}, {c.preset}", *numbers[:4], rule, *numbers[4:], change,
             even(c), f"{100 * c.inline_better:.0f} %",
             f"{c.hindsight:+.3f}"]
        )  # fmt: skip
    return results.markdown(header, lines)


def even(c: Cell) -> str:
    """Return the rate at which deferring breaks even, as far as there is one."""
    if c.break_even == float("inf"):
        return "at none: no peak is paid" if c.lag_ms[1] <= c.lag_ms[0] else "-"
    return f"{c.break_even:.1f}" if c.break_even > 0 else "at none: no lag is saved"


def text(cells: Sequence[Cell]) -> str:
    """Return the page."""
    idle = [f"`{c.kernel}` in `{c.preset}`" for c in cells if not c.matters]
    dearer = [f"`{c.kernel}` in `{c.preset}`" for c in cells if c.change.low > 0]
    return f"""# The trade-off

All scenarios of the test suite, mean over episodes. Cost is lag + {RATES.ms_per_mib:g} ms per MiB of peak; differences are over what
always inline costs in the same cell, with 95 % intervals. The last column is what knowing the best of {len(RULES)} simple rules
for each episode would gain over the best single one.

{table(cells)}
**Where deferring all cannot be told from releasing all inline**: {", ".join(idle) or "nowhere"}.

{reasons(cells)}

**Where deferring all costs more beyond chance**: {", ".join(dearer) or "nowhere"}.
"""


def reasons(cells: Sequence[Cell]) -> str:
    """Return why the choice does not matter in some cells, as far as the numbers tell."""
    alike = [c for c in cells if not c.matters and c.preset != "all"]
    wide = [c for c in alike if c.change.high - c.change.low > WIDE]
    narrow = [c for c in alike if c not in wide]
    lines = [
        f"In {len(wide)} of these {len(alike)} cells the interval is wider than {WIDE:g}: single collateral kills, each worth"
        " about a second, can decide an episode.",
        f"Elsewhere ({len(narrow)}) the difference is small whichever way it goes.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def write_all(folder: Path, cells: Sequence[Cell]) -> dict[str, float]:
    """Write page, table and summary into ``folder``; return the summary."""
    summary: dict[str, float] = {}
    for c in cells:
        name = f"{c.kernel}.{c.preset}"
        summary |= {
            f"{name}.inline_better": c.inline_better, f"{name}.defer_minus_inline": c.change.value,
            f"{name}.defer_minus_inline_ci_low": c.change.low, f"{name}.defer_minus_inline_ci_high": c.change.high,
            f"{name}.best_of_rules_per_episode": c.hindsight,
        }  # fmt: skip
    rows = [
        {
            "kernel": c.kernel, "preset": c.preset, "inline_lag_ms": c.lag_ms[0], "inline_peak_mib": c.peak_mib[0],
            "defer_lag_ms": c.lag_ms[1], "defer_peak_mib": c.peak_mib[1], "best_rule": c.best, "best_lag_ms": c.lag_ms[2],
            "best_peak_mib": c.peak_mib[2], "inline_better": c.inline_better, "change": c.change.value,
            "break_even_ms_per_mib": c.break_even, "change_low": c.change.low, "change_high": c.change.high, "hindsight": c.hindsight,
        }
        for c in cells
    ]  # fmt: skip
    results.write_csv(folder / "tradeoff.csv", rows)
    results.write(folder / "tradeoff.md", text(cells))
    results.write_json(folder / "provenance.json", results.provenance())
    results.write_json(folder / "summary.json", summary)
    return summary
