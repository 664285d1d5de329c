"""Write the page, records and figure of the stored agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments import results
from experiments.agents.discounting import Agreement, Spacing
from experiments.agents.importance import Leaf
from experiments.agents.measure import Measured
from swapgym.agents.records import COLUMNS
from swapgym.agents.stored.agents import Group
from swapgym.agents.tables import BOUND, LEARNED, ONLINE, PLANNERS, breakdown
from swapgym.agents.task import ENV_ID, KERNEL, SPEC

matplotlib.use("Agg")

MAIN: Final = Group(KERNEL, SPEC.ms_per_mib)
SHOWN: Final = 10


class Behaviour(NamedTuple):
    """What one agent does, and what it reads.

    Attributes:
        policy: Which agent.
        importance: Share of decisions that turn when a part is shuffled, by part, largest first.
        leaves: Of a small tree that imitates it.
        agreement: Of the tree with the agent, on episodes that did not fit it.
        deferred: Share of decisions that the agent defers, by preset.
    """

    policy: str
    importance: Mapping[str, float]
    leaves: Sequence[Leaf]
    agreement: float
    deferred: Mapping[str, float]


def write_all(
    folder: Path,
    found: Sequence[Measured],
    behaviours: Mapping[Group, Behaviour],
    discounts: Mapping[str, tuple[Sequence[Agreement], Spacing]],
) -> dict[str, float]:
    """Write everything into ``folder``; return the summary.

    Args:
        folder: Where to.
        found: What was measured, by group.
        behaviours: What the best agent of each group does.
        discounts: By kernel, how discounted differences agree with whole ones.
    """
    for measured in found:
        name = f"episodes-{measured.group.kernel}-r{measured.group.ms_per_mib:g}.csv"
        results.write_csv(folder / name, [{column: row[column] for column in COLUMNS} for row in measured.rows])
    summary = summarise(found)
    for kernel, (agreements, _) in discounts.items():
        summary |= {f"{kernel}.discount.{one.name}": one.correlation for one in agreements}
    results.write_json(folder / "summary.json", summary)
    results.write_json(folder / "provenance.json", results.provenance())
    results.write_figure(
        folder / "agents.png",
        lambda out: figure(found).savefig(out, format="png", dpi=110, metadata={"Software": None}),
    )
    results.write(
        folder / "agents.md", page(found, behaviours) + "".join(discount_text(*one) for one in discounts.items())
    )
    return summary


def summarise(found: Sequence[Measured]) -> dict[str, float]:
    """Return the numbers of ``summary.json``: the main group's under plain names, all under their group's."""
    summary: dict[str, float] = {}
    for measured in found:
        own = numbers(measured)
        prefix = f"{ENV_ID.rpartition('/')[2]}.{measured.group.kernel}.r{measured.group.ms_per_mib:g}."
        summary |= {prefix + name: value for name, value in own.items()}
        if measured.group == MAIN:
            summary |= own
    return summary


def numbers(measured: Measured) -> dict[str, float]:
    """Return the numbers of one group."""
    best = measured.learned()[0]
    over, over_low, over_high = measured.over_best(best)
    closed, low, high = measured.gap_closed(best)
    online, online_low, online_high = measured.over_best(ONLINE)
    to_planner, to_planner_low, to_planner_high = measured.gap_closed(best, ONLINE)
    found = {
        "best_tuned_fixed.score": float(measured.scores[measured.best_fixed()].mean()),
        "bound.score": float(measured.scores[BOUND].mean()),
        "learned.score": float(measured.scores[best].mean()),
        "learned_over_best": over,
        "learned_over_best_low": over_low,
        "learned_over_best_high": over_high,
        "gap_closed": closed,
        "gap_closed_ci_low": low,
        "gap_closed_ci_high": high,
        "gap_to_planner_closed": to_planner,
        "gap_to_planner_closed_ci_low": to_planner_low,
        "gap_to_planner_closed_ci_high": to_planner_high,
        "planner.score": float(measured.scores[ONLINE].mean()),
        "planner_over_best": online,
        "planner_over_best_low": online_low,
        "planner_over_best_high": online_high,
        "planner_gap_closed": measured.gap_closed(ONLINE)[0],
        "seeds": float(len(measured.scores[best])),
    }
    return found | {f"{name}.score": float(measured.scores[name].mean()) for name in measured.learned()}


def page(found: Sequence[Measured], behaviours: Mapping[Group, Behaviour]) -> str:
    """Return the page in Markdown."""
    parts = [
        "# What learned agents are worth\n",
        "All on the same scenarios; scores are means over scenarios (lower is better), of learned agents over their"
        " training seeds too. *Over best fixed*: mean paired difference from the best tuned fixed policy with its 95 %"
        " interval, in which training seeds and scenarios are resampled. *Gap closed*: of what lies between that policy"
        " and the clairvoyant bound, which knows the episode beforehand. `mpc` knows the present whole and samples"
        " futures: what can be had online is at least what it gets.\n",
        "![scores](agents.png)\n",
    ]
    for measured in found:
        group = measured.group
        parts.append(
            f"## Kernel `{group.kernel}`, {group.ms_per_mib:g} ms per MiB\n\n{len(measured.episodes)} scenarios; best"
            f" tuned fixed policy: {measured.best_fixed()}.\n"
        )
        parts.append(results.markdown(["policy", "seeds", "score", "over best fixed", "gap closed"], table(measured)))
        parts.append(where(measured))
        seen = behaviours.get(group)
        if seen is not None:
            parts.append(words(seen))
    return "\n".join(parts)


def table(measured: Measured) -> list[list[str]]:
    """Return a row per policy, best first."""
    rows = []
    for name in sorted(measured.scores, key=lambda name: float(measured.scores[name].mean())):
        own = measured.scores[name]
        value, low, high = measured.over_best(name)
        closed = ""
        if name in LEARNED or name == ONLINE:
            share, share_low, share_high = measured.gap_closed(name)
            closed = f"{share:.0%} [{share_low:.0%}, {share_high:.0%}]"
        seeds = str(len(own)) if name in LEARNED else ""
        rows.append([name, seeds, f"{own.mean():.4f}", f"{value:+.4f} [{low:+.4f}, {high:+.4f}]", closed])
    return rows


def where(measured: Measured) -> str:
    """Return differences from the best fixed policy by preset and device, in Markdown."""
    names = [*measured.learned(), *(name for name in PLANNERS)]
    found = {(row["value"], row["policy"]): row for row in breakdown(measured.rows, measured.episodes)}
    values = list(dict.fromkeys(value for value, _ in found))
    lines = [
        [
            f"`{value}`",
            str(found[value, BOUND]["episodes"]),
            *(
                f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
                for row in (found[value, name] for name in names)
            ),
        ]
        for value in values
    ]
    return "\nOver the best fixed policy, by preset and by device:\n\n" + results.markdown(
        ["where", "scenarios", *names], lines
    )


def discount_text(kernel: str, measured: tuple[Sequence[Agreement], Spacing]) -> str:
    """Return in Markdown whether it matters how decisions are discounted."""
    agreements, spacing = measured
    return (
        f"\n## Discounting, kernel `{kernel}`\n\n"
        "Decision states of train episodes continued by either route for half a second: the difference of all that accrues"
        " afterwards, beside the same difference discounted. Decisions come in bunches: half of them within"
        f" {spacing.median:g} ms of the one before, nine in ten within {spacing.ninety:g} ms, and"
        f" {spacing.in_longest:.0%} of the time lies in the longest hundredth of the gaps. So a `gamma` per decision"
        " forgets a launch delay because many batches were decided meanwhile.\n\n"
        + results.markdown(
            ["discounted", "correlation with the whole difference", "right sign"],
            [[one.name, f"{one.correlation:+.2f}", f"{one.sign:.0%}"] for one in agreements],
        )
    )


def words(seen: Behaviour) -> str:
    """Return what an agent does and reads, in Markdown."""
    order = list(seen.importance.items())[:SHOWN]
    defers = ", ".join(f"`{preset}` {share:.0%}" for preset, share in seen.deferred.items())
    return "\n".join(
        [
            f"\nWhat {seen.policy} does: it defers {defers} of the time. Decisions that turn when a part of the"
            " observation is shuffled among them: "
            + ", ".join(f"`{name}` {share:.1%}" for name, share in order)
            + f".\n\nA tree of {len(seen.leaves)} leaves agrees with it in {seen.agreement:.1%} of unseen decisions:\n",
            results.markdown(
                ["where", "share of decisions", "deferred"],
                [[leaf.path, f"{leaf.share:.1%}", f"{leaf.deferred:.0%}"] for leaf in seen.leaves],
            ),
        ]
    )


def figure(found: Sequence[Measured]) -> Figure:
    """Return a panel per group: scores of bound, learned agents and fixed policies, over the best fixed policy."""
    sheet = Figure(figsize=(4.6 * len(found), 4.2), layout="constrained")
    axes = np.atleast_1d(sheet.subplots(1, len(found)))
    for place, measured in zip(axes, found, strict=True):
        panel(place, measured)
    return sheet


def panel(axes: Axes, measured: Measured) -> None:
    """Draw differences from the best fixed policy with their intervals."""
    fixed = sorted(name for name in measured.scores if name not in LEARNED and name not in PLANNERS)
    names = [*PLANNERS, *measured.learned(), *fixed]
    for position, name in enumerate(reversed(names)):
        value, low, high = measured.over_best(name)
        colour = "#D55E00" if name in LEARNED else "#0072B2" if name in PLANNERS else "0.45"
        axes.errorbar(value, position, xerr=[[value - low], [high - value]], fmt="o", color=colour, ms=4)
        if name in LEARNED:
            each = (measured.scores[name] - measured.scores[measured.best_fixed()]).mean(axis=1)
            axes.plot(each, [position] * len(each), "|", color=colour, ms=8, alpha=0.6)
    axes.axvline(0, color="0.7", lw=0.8)
    axes.set_yticks(range(len(names)), list(reversed(names)), fontsize=8)
    axes.set(
        title=f"{measured.group.kernel}, {measured.group.ms_per_mib:g} ms per MiB",
        xlabel="score over the best tuned fixed policy",
    )
