"""Write the answers: one page, tables for people and programs, every run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments import results
from experiments.letter.figures import draw_causes, draw_costs
from experiments.letter.findings import Runs
from experiments.letter.runs import Size
from experiments.letter.sentences import SENTENCES, Sentence
from experiments.letter.verdict import Figures, Verdict
from swapgym.agents.statistics import Estimate

MAIN = (
    "routes.kworker - inline: lag_ms",
    "routes.child - inline: lag_ms",
    "routes.kworker - inline: spin_ms",
    "routes.kworker: unaccounted_cpu_ms",
    "bursts.1200 MiB in 200 ms, kworker - inline: peak_mib",
    "bursts.1200 MiB in 200 ms, child - inline: peak_mib",
    "swap_share.900s",
)


def verdicts(figures: Figures) -> list[Verdict]:
    """Return the verdict of every sentence."""
    return [sentence.rule(figures) for sentence in SENTENCES]


def summarise(figures: Figures, found: Sequence[Verdict]) -> dict[str, float]:
    """Return the numbers of ``summary.json``; ``n_answered`` leaves out what the intervals do not decide."""
    return {
        "n_rows": len(found),
        "n_answered": sum(verdict.label != "open" for verdict in found),
        **{name: figures[name].value for name in MAIN},
    }


def write_all(folder: Path, runs: Runs, figures: Figures, size: Size) -> dict[str, float]:
    """Write page, tables, figures, runs and summary into ``folder``; return the summary."""
    found = verdicts(figures)
    summary = summarise(figures, found)
    for family, rows in runs.items():
        results.write_csv(folder / "runs" / f"{family}.csv", rows)
    results.write_csv(folder / "figures.csv", [{"figure": name, **e._asdict()} for name, e in figures.items()])
    results.write_csv(folder / "letter.csv", [row(s, v, figures) for s, v in zip(SENTENCES, found, strict=True)])
    for name, figure in {"causes.png": draw_causes(runs), "costs.png": draw_costs(runs, figures)}.items():
        results.write_figure(folder / name, lambda buffer, f=figure: f.savefig(buffer, dpi=120))  # type: ignore[misc]
    results.write(folder / "letter.md", page(figures, found, size))
    results.write_json(folder / "provenance.json", results.provenance())
    results.write_json(folder / "summary.json", summary)
    return summary


def row(sentence: Sentence, verdict: Verdict, figures: Figures) -> dict[str, str | int]:
    """Return a sentence's line of ``letter.csv``."""
    return {
        "number": sentence.number,
        "who": sentence.who,
        "sentence": sentence.words,
        "runs": sentence.runs,
        "figures": "; ".join(f"{name} = {figures[name]}" for name in sentence.shown),
        "verdict": verdict.label,
        "why": verdict.why,
    }


def page(figures: Figures, found: Sequence[Verdict], size: Size) -> str:
    """Return the page."""
    lines = [
        [str(s.number), f"{s.who}: “{s.words}”", f"**{v.label}**: {v.why}"]
        for s, v in zip(SENTENCES, found, strict=True)
    ]
    runs = [
        [str(s.number), s.runs, "<br>".join(f"{name}: {short(figures[name])}" for name in s.shown)] for s in SENTENCES
    ]
    answered = sum(verdict.label != "open" for verdict in found)
    return f"""# The letter, answered

{len(found)} sentences of [the reviewer's letter](https://lore.kernel.org/all/20240731133318.527-1-justinjiang@vivo.com/) claim, doubt or
ask something; {answered} are answered. Each verdict follows by a rule (`experiments/letter/rules_*.py`) from figures of the simulated phone,
whose own errors [the calibration](../../calibration/results/calibration.md) states; intervals are 95 %, over {size.seeds} drawn launches
or {size.apps} drawn apps, paired where they compare. "After inline's" and the like are differences from releasing inline on the same
seeds. *kworker* is vivo's single worker at nice -20; *nice 0* has the priority of the 2026 series, *little* is kept to the little cores,
*bounded* has the queue of the 2026 series; *child* is one forked child per process at background weight.

![who causes it](causes.png)

![what each route costs](costs.png)

{left_aligned(["#", "sentence", "verdict"], lines)}
## What was run, and the figures

{left_aligned(["#", "runs", "figures"], runs)}
All figures are in `figures.csv`, all runs in `runs/`. Regenerate with `python -m experiments.letter`.

What these answers rest on, and what would change them:

- Costs per entry and locks are those of kernels before June 2026, but for the two variants without the pool lock.
- Each seed draws a phone's own costs around the kernel's (memory, entries, contention), so that intervals hold phones too.
- Threads, mappings and files of an app follow laws of its size, which are judgements; their costs are fitted with them on public device logs.
- Frames are drawn by threads at nice -10; placement looks for idle CPUs first, as the kernel does.
- What compaction leaves resident is taken from vivo's own table: its plateau is no prediction, its causes are.
"""


def short(figure: Estimate) -> str:
    """Return a figure in few digits."""
    if figure.low == figure.high:
        return f"{figure.value:.4g}"
    return f"{figure.value:.4g} [{figure.low:.3g}, {figure.high:.3g}]"


def left_aligned(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of words."""
    return results.markdown(header, lines).replace("---:", "---")
