"""Command line of the decision epochs: see :mod:`experiments.epochs`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.console import Console

from experiments.epochs.measure import GAMMA, PRESETS, WAYS, Epochs, job
from experiments.results import markdown, provenance, write, write_json
from swapgym.agents.parallel import spread
from swapgym.envs.epochs import EVENTS

RESULTS = Path(__file__).parent / "results"
LARGE: Final = 0.005
"""Share of the reference cost that makes a decision worth thinking about."""
EPISODES: Final = 100
QUICK_EPISODES: Final = 4

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


def numbers(found: Epochs) -> dict[str, float]:
    """Return what is said of one way to ask."""
    low, median, high = np.percentile(found.decisions, [5, 50, 95])
    return {
        "decisions_p5": float(low),
        "decisions_median": float(median),
        "decisions_p95": float(high),
        "discounted_correlation": float(np.corrcoef(found.advantages, found.discounted)[0, 1]),
        "advantage_abs_mean": float(np.abs(found.advantages).mean()),
        "share_large": float((np.abs(found.advantages) > LARGE).mean()),
        "n_advantages": float(len(found.advantages)),
    }


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help=f"Only {QUICK_EPISODES} scenarios.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
) -> None:
    """Play episodes on from their decisions by both routes, asked in several ways."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    tasks = [(preset, way, QUICK_EPISODES if quick else EPISODES) for preset in PRESETS for way in WAYS]
    results = {(task[0], task[1]): numbers(found) for task, found in zip(tasks, spread(job, tasks), strict=True)}
    summary = {f"{preset}.{way}.{name}": value for (preset, way), row in results.items() for name, value in row.items()}
    write_json(folder / "summary.json", summary)
    write_json(folder / "provenance.json", provenance())
    write(folder / "epochs.md", page(results))
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def page(results: dict[tuple[str, str], dict[str, float]]) -> str:
    """Return the results as a page."""
    rows = [
        [
            f"`{preset}`, {way}",
            f"{row['decisions_median']:.0f} ({row['decisions_p5']:.0f} to {row['decisions_p95']:.0f})",
            f"{row['discounted_correlation']:.2f}",
            f"{row['advantage_abs_mean']:.3f}",
            f"{row['share_large']:.0%}",
        ]
        for (preset, way), row in results.items()
    ]
    header = ["preset, asked", "decisions", "correlation", "mean size", f"above {LARGE}"]
    return "\n".join(
        [
            "# Decision epochs",
            "",
            "`python -m experiments.epochs` writes this page. A policy is asked in several ways; at decisions drawn",
            "from episodes of always inline and of always defer both routes are tried, and the policy goes on.",
            "Columns: decisions per episode (median, 5 to 95 %); correlation of an answer's advantage discounted by",
            f"decisions at gamma {GAMMA} with the whole one; mean size of the advantage, in scores; share of decisions",
            f"whose two routes differ by more than {LARGE}.",
            "",
            markdown(header, rows),
            "",
            "Events that ask: " + "; ".join(f"`{event.name}`: {event.meaning}" for event in EVENTS) + ".",
            "",
        ]
    )


if __name__ == "__main__":
    app()
