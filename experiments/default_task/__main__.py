"""Command line of the default task's choice: see :mod:`experiments.default_task`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.default_task.measure import CANDIDATES, RATES, job, kill_worth
from experiments.results import markdown, provenance, write, write_json
from swapgym.agents.parallel import spread
from swapgym.envs.spec import EnvSpec

RESULTS = Path(__file__).parent / "results"
EPISODES = 400
QUICK_EPISODES = 8

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    quick: Annotated[bool, typer.Option(help=f"Only {QUICK_EPISODES} scenarios.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
) -> None:
    """Play always inline and always defer in every candidate for the default task."""
    began = time.monotonic()
    folder = out or (RESULTS / "quick" if quick else RESULTS)
    tasks = [(*candidate, QUICK_EPISODES if quick else EPISODES) for candidate in CANDIDATES]
    found = spread(job, tasks)
    worth = kill_worth(tasks[0][-1])
    summary: dict[str, float] = {f"collateral_kill.{key}": value for key, value in worth.items()}
    rows = []
    for (kernel, device, preset), row in zip(CANDIDATES, found, strict=True):
        name = f"{kernel}.{device}.{preset}"
        summary |= {f"{name}.{key}": value for key, value in row.items()}
        rows.append(
            [
                f"{kernel}, {device}, {preset}",
                f"{row['inline_lag_ms']:.0f}",
                f"{row['inline_peak_mib']:.0f}",
                f"{row['lag_ms']:+.0f} ± {row['lag_ms_half']:.0f}",
                f"{row['peak_mib']:+.1f} ± {row['peak_mib_half']:.1f}",
                f"{row['break_even']:.1f}" if row["peak_mib"] > row["peak_mib_half"] else "-",
                f"{row['kills']:.2f}",
                *(f"{row[f'r{rate:g}.change']:+.3f}, {row[f'r{rate:g}.hindsight']:.3f}" for rate in RATES),
                f"{row[f'r{EnvSpec().ms_per_mib:g}.inline_better']:.0%}",
            ]
        )
    write_json(folder / "summary.json", summary)
    write_json(folder / "provenance.json", provenance())
    write(folder / "default_task.md", page(rows, worth, tasks[0][-1]))
    console.print(f"{time.monotonic() - began:.0f} s; results in {folder}", highlight=False)


def page(rows: list[list[str]], worth: dict[str, float], episodes: int) -> str:
    """Return the results as a page."""
    spec = EnvSpec()
    header = [
        "candidate",
        "inline: lag ms",
        "peak MiB",
        "defer less inline: lag ms",
        "peak MiB",
        "breaks even",
        "kills",
    ]
    header += [f"at {rate:g} ms/MiB" for rate in RATES] + [f"inline better at {spec.ms_per_mib:g}"]
    return "\n".join(
        [
            "# The default task",
            "",
            f"`python -m experiments.default_task` writes this page: {episodes} train scenarios of each candidate,",
            "every batch inline and every batch deferred. Differences are means with 95 % intervals; the break-even",
            "rate (ms per MiB) stands where the peak differs beyond chance; kills are collateral ones per episode. At",
            "each rate: cost of deferring all less that of releasing all inline, over the latter; and what it would",
            "bring to know the better of the two for each episode. The last column is the share of episodes in which",
            "inline costs less.",
            "",
            f"**The default** is `{spec.kernel}`, `{spec.device}`, `{spec.preset}` at {spec.ms_per_mib:g} ms per MiB.",
            "",
            f"**What a MiB is worth**: the {worth['kills']:.0f} collateral kills of {episodes} episodes on phones that",
            f"the presets draw freed {worth['freed_mib']:.0f} MiB and cost {worth['relaunch_ms']:.0f} ms each to start",
            f"again, weighed by how likely the person returns: {worth['ms_per_mib']:.1f} ms per MiB.",
            "",
            markdown(header, rows),
            "",
        ]
    )


if __name__ == "__main__":
    app()
