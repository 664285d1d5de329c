"""Cases that the full results lack: measured later, with the same kernel and limits, and added to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.real_kernel.cases import Case, all_cases
from experiments.real_kernel.records import Record, load

ABOUT_AN_ADDITION = (
    "began", "ended", "repeats", "boots", "boots_refused", "load_before", "load_after", "machine", "qemu", "command",
)  # fmt: skip
"""What provenance.json keeps of one; all else is as for the rest, or of no weight where instructions are counted."""
COUNTED = "unmap_instructions"
SAME = ("kernel_package", "kernel_command_line", "qemu", "qemu_options", "memory_mib", "zram_algorithm")
"""What must be as it was: counts hang on the kernel's code, and that on what CPU it finds."""


def lacking(folder: Path) -> list[Case]:
    """Return the cases that the results in ``folder`` have no numbers of.

    Raises:
        ValueError: There are no results, or no such cases, or some in which time counts: what a machine does at another
            time is not comparable.
    """
    if not all((folder / name).exists() for name in ("measurements.csv", "provenance.json")):
        raise ValueError(f"--missing: {folder} has no results to add to")
    measured = {row.case for row in load(folder / "measurements.csv")}
    cases = [case for case in all_cases() if case.name not in measured]
    timed = [case.name for case in cases if not case.icount]
    if not cases:
        raise ValueError(f"--missing: {folder} lacks no case")
    if timed:
        raise ValueError(f"--missing: {', '.join(timed)} are not counted instructions: measure all, beside each other")
    return cases


def check(folder: Path, about: Mapping[str, Any]) -> None:
    """Check that what is about to be measured may be added to the results in ``folder``.

    Raises:
        ValueError: Another kernel, compressor, command line or emulated CPU; names field and values.
    """
    whole = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    for field in SAME:
        if whole.get(field) != about[field]:
            hint = "; --kernel names it" if field == "kernel_package" else ""
            raise ValueError(f"--missing: {field} is {about[field]!r}, of the full results {whole.get(field)!r}{hint}")


def add(
    folder: Path, rows: Sequence[Record], about: Mapping[str, Any], cases: Sequence[Case]
) -> tuple[list[Record], dict[str, Any]]:
    """Return the results of ``folder`` with ``rows`` added, and where all of it comes from.

    Counted instructions of cases that are measured no longer are left out, and named.

    Args:
        folder: Of the full results.
        rows: Of the addition; its boots are numbered on from those in ``folder``.
        about: Where they come from.
        cases: What was added.

    Raises:
        ValueError: They cannot be added, see :func:`check`.
    """
    check(folder, about)
    stored = load(folder / "measurements.csv")
    whole = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    names = {case.name for case in all_cases()}
    dropped = {row.case for row in stored if row.measurement == COUNTED and row.case not in names}
    first = 1 + max(row.boot for row in stored)
    merged = [row for row in stored if row.case not in dropped]
    merged += [row._replace(boot=first + row.boot) for row in rows]
    addition = {"cases": [case.name for case in cases], "dropped": sorted(dropped)}
    addition |= {key: about[key] for key in ABOUT_AN_ADDITION}
    return merged, {**whole, "additions": [*whole.get("additions", ()), addition]}
