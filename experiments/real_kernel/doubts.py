"""What speaks against a stored measurement: boots that the guard would refuse now, and what hangs on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.real_kernel.fit import Costs, fit
from experiments.real_kernel.judge import Predicted, Verdict, beside, judge
from experiments.real_kernel.machine import Guard, Load
from experiments.real_kernel.records import Record


class Doubts(NamedTuple):
    """What speaks against a measurement.

    Attributes:
        start: What is wrong with the load at the start; empty if nothing.
        boots: The boots that would be refused now, each with why.
        costs: As fitted without those boots; None where there are none, or too few others.
        verdicts: Of the same predictions, beside what was measured without those boots; None likewise.
    """

    start: str
    boots: tuple[str, ...]
    costs: Costs | None
    verdicts: Mapping[str, Verdict] | None


def doubt(rows: Sequence[Record], predicted: Predicted, about: Mapping[str, Any]) -> Doubts:
    """Look at a measurement with the guard's limits of today.

    Args:
        rows: All that was measured.
        predicted: What is predicted of it, with the costs fitted on all of it.
        about: Its provenance.
    """
    guard = Guard()
    load = float(about["load_before"])
    start = f"load {load:.2f} at the start, above {guard.max_load:.2f}" if load > guard.max_load else ""
    refused = {}
    for row in rows:
        objections = guard.objections(Load(row.load_before, row.load_after, row.others, row.stolen))
        if objections:
            refused[row.boot] = f"boot {row.boot} ({row.measurement}, repeat {row.repeat}: {', '.join(objections)})"
    boots = tuple(text for _, text in sorted(refused.items()))
    # what others do cannot touch counted instructions, and the fit needs them
    rest = [row for row in rows if row.boot not in refused or row.measurement == "unmap_instructions"]
    if not boots or not any(row.measurement == "unmap" for row in rest):
        return Doubts(start, boots, None, None)
    return Doubts(start, boots, fit(rest), judge(beside(rest, predicted)))
