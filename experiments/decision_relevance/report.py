"""Write the page, its tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments import results
from experiments.decision_relevance.bound import Bound
from experiments.decision_relevance.online import Visible
from experiments.decision_relevance.regimes import FACTORS, MAPS, Sorted
from swapgym.agents.statistics import Estimate
from swapgym.envs.spec import EnvSpec

matplotlib.use("Agg")


def signed(figure: Estimate) -> str:
    """Return a difference with its interval."""
    return f"{figure.value:+.4f} [{figure.low:+.4f}, {figure.high:+.4f}]"


def summarise(bound: Bound, sorted_: Sorted, visible: Visible) -> dict[str, float]:
    """Return the numbers of ``summary.json``."""
    best = bound.best_fixed()
    gap = bound.gap()
    planned = bound.gap(scores=bound.planner)
    differs = any(bound.best_fixed(preset) != best and bound.margin(preset).high < 0 for preset in bound.presets())
    return {
        "bound.score": float(bound.scores.mean()),
        "planner.score": float(bound.planner.mean()),
        "planner_over_best": planned.value,
        "planner_over_best_low": planned.low,
        "planner_over_best_high": planned.high,
        "best_fixed.score": float(bound.fixed[best].mean()),
        **({"best_tuned_fixed.score": float(bound.fixed[best].mean())} if bound.about == "tuned" else {}),
        "gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "best_fixed_per_preset_differs": int(differs),
        "defer_minus_inline": float(sorted_.gain.mean()),
        "online.gain_per_decision": visible.online.value,
        "online.gain_per_decision_low": visible.online.low,
        "online.gain_per_decision_high": visible.online.high,
        "online.hindsight_gain_per_decision": visible.hindsight,
        "online.r2": visible.r2,
    }


def bound_rows(bound: Bound) -> list[dict[str, Any]]:
    """Return a row per preset and one of all."""
    rows: list[dict[str, Any]] = []
    for preset in (*bound.presets(), None):
        mask = bound.of(preset)
        own = bound.best_fixed(preset)
        rows.append(
            {
                "preset": preset or "all",
                "always inline": f"{bound.fixed['always_inline'][mask].mean():.4f}",
                "best of all presets": f"{bound.fixed[bound.best_fixed()][mask].mean():.4f}",
                "best fixed here": f"{own} {bound.fixed[own][mask].mean():.4f}",
                "its margin": signed(bound.margin(preset)) if preset else "",
                "bound": f"{bound.scores[mask].mean():.4f}",
                "bound - best of all": signed(bound.gap(preset)),
                "planner": f"{bound.planner[mask].mean():.4f}",
                "planner - best of all": signed(bound.gap(preset, bound.planner)),
            }
        )
    return rows


def draw_maps(sorted_: Sorted) -> Figure:
    """Draw the effect of deferring over pairs of factors; cells whose interval holds zero are hatched."""
    figure = Figure(figsize=(12.0, 5.0), layout="constrained")
    for place, (across, down) in enumerate(MAPS):
        axes = figure.add_subplot(1, 2, place + 1)
        columns, lines = FACTORS[across], FACTORS[down]
        grid = np.full((len(lines) - 1, len(columns) - 1), np.nan)
        for line in range(len(lines) - 1):
            for column in range(len(columns) - 1):
                ranges = {across: columns[column : column + 2], down: lines[line : line + 2]}
                mask = sorted_.cell(ranges)
                effect = sorted_.effect(mask)
                if effect is None:
                    axes.text(column, line, f"n={int(mask.sum())}", ha="center", va="center", color="0.5", fontsize=8)
                    continue
                grid[line, column] = effect.value
                sure = effect.low > 0 or effect.high < 0
                text = f"{effect.value:+.3f}{'' if sure else ' ?'}\nn={int(mask.sum())}"
                axes.text(column, line, text, ha="center", va="center", fontsize=8)
        image = axes.imshow(grid, cmap="RdYlGn_r", vmin=-0.25, vmax=0.25, aspect="auto", origin="lower")
        axes.set_xticks(np.arange(len(columns)) - 0.5, [edge(value) for value in columns])
        axes.set_yticks(np.arange(len(lines)) - 0.5, [edge(value) for value in lines])
        axes.set_xlabel(across)
        axes.set_ylabel(down)
    figure.colorbar(image, ax=figure.axes, label="score, deferred less inline (below 0: deferring helps; ?: chance)")
    return figure


def edge(value: float) -> str:
    """Return an edge of a cell; the outermost are open."""
    return "" if value in (-9.0, 99.0, 1.01, -0.01) else f"{value:g}"


def draw_curves(bound: Bound) -> Figure:
    """Draw how the search converges: mean score of the best plan so far, by plans played."""
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    most = min(found.evaluations for found in bound.found)
    at = np.arange(8, most + 1, 8)
    curves = []
    for found in bound.found:
        evaluations, scores = np.array(found.curve).T
        curves.append(scores[np.searchsorted(evaluations, at, side="right") - 1])
    axes.plot(at, np.mean(curves, axis=0), color="#0072B2", label="bound, by plans played per episode")
    axes.axhline(float(bound.fixed[bound.best_fixed()].mean()), color="#D55E00", label="best fixed policy")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("plans played")
    axes.set_ylabel("mean score (lower is better)")
    axes.legend()
    return figure


def write_all(
    folder: Path, bound: Bound, sorted_: Sorted, visible: Visible, spec: EnvSpec, evaluations: int
) -> dict[str, float]:
    """Write everything into ``folder``; return the summary."""
    summary = summarise(bound, sorted_, visible)
    rows = bound_rows(bound)
    results.write_csv(folder / "bound.csv", rows)
    scores = [
        {
            "preset": preset,
            "seed": seed,
            "bound": found.score,
            "planner": planned.score,
            "evaluations": found.evaluations,
            **each,
        }
        for position, ((preset, seed), found, planned) in enumerate(
            zip(bound.episodes, bound.found, bound.planned, strict=True)
        )
        for each in [{name: float(own[position]) for name, own in bound.fixed.items()}]
    ]
    results.write_csv(folder / "episodes.csv", scores)
    factors = [
        {**{name: float(values[i]) for name, values in sorted_.factors.items()}, "deferred_less_inline": float(gain)}
        for i, gain in enumerate(sorted_.gain.tolist())
    ]
    results.write_csv(folder / "regimes.csv", factors)
    for name, figure in {"regimes.png": draw_maps(sorted_), "convergence.png": draw_curves(bound)}.items():
        results.write_figure(folder / name, lambda buffer, f=figure: f.savefig(buffer, dpi=120))  # type: ignore[misc]
    results.write(folder / "decision_relevance.md", page(bound, rows, sorted_, visible, spec, evaluations))
    results.write_json(folder / "provenance.json", results.provenance())
    results.write_json(folder / "summary.json", summary)
    return summary


def page(
    bound: Bound,
    rows: list[dict[str, Any]],
    sorted_: Sorted,
    visible: Visible,
    spec: EnvSpec,
    evaluations: int,
) -> str:
    """Return the page."""
    table = results.markdown(list(rows[0]), [[str(value) for value in row.values()] for row in rows])
    presets = results.markdown(["preset", "gain per decision"], [[n, signed(e)] for n, e in visible.per_preset.items()])
    seen = "is visible" if visible.online.high < 0 else "cannot be told from chance"
    part = 100 * visible.online.value / visible.hindsight if visible.hindsight else 0.0
    return f"""# Does the choice matter?

Kernel `{spec.kernel}`. Score: lag + {spec.ms_per_mib:g} ms per MiB of peak, over what mainline's always inline costs (lower is better).

## The bound and the planner against fixed policies

{len(bound.episodes)} test scenarios; {evaluations} plans played per episode. The bound knows the episode beforehand; a gap to it is
what nobody online can hope to close fully. The planner knows the present whole and samples futures: what it gets can be had online. Fixed policies: {bound.about}. Best of all presets: {bound.best_fixed()}.

{table}
![convergence](convergence.png)

## Where deferring helps

{len(sorted_.gain)} train scenarios, each played all inline and all deferred; cells are mean differences in score, those with ? hold zero in their
95 % interval. Over all: {sorted_.gain.mean():+.4f}.

![regimes](regimes.png)

## Can it be seen in time?

{visible.decisions} decisions of unseen episodes, from always deferring: in {100 * visible.inline_better:.0f} % of them releasing this victim's rest inline would have
been better in that very future, worth {visible.hindsight:.5f} per decision to whoever knows. A regression on the observation (R² {visible.r2:.2f})
that chooses inline where it predicts a gain ({100 * visible.chosen:.0f} % of decisions) changes the score by {signed(visible.online)} per decision: {part:.0f} % of what
hindsight gains. One step of improvement over always deferring {seen}.

{presets}"""
