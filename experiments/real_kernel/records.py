"""What the payload reports: parsed strictly, stored, and summed up."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from experiments.real_kernel.machine import Load
from experiments.results import write_csv

PREFIX = "@swapgym,"


class MalformedLineError(ValueError):
    """A line of the payload is not as its protocol says, or does not come when it may."""


class Value(NamedTuple):
    """One number that the payload reports."""

    case: str
    metric: str
    value: float
    unit: str


class Report(NamedTuple):
    """What one boot reports.

    Attributes:
        info: What it says of itself: ``kernel``, ``cpus``.
        values: All numbers of the cases that ended well.
        failures: Why each of the others did not, by case.
    """

    info: dict[str, str]
    values: list[Value]
    failures: dict[str, str]


class Record(NamedTuple):
    """A row of ``measurements.csv``.

    Attributes:
        measurement: Which of the measurements.
        case: Which case of it.
        repeat: Of the case, from 0.
        boot: Which boot of the whole run, from 0: those of a boot share their load.
        metric: What was measured.
        value: Of it.
        unit: Of it; ``1`` for counts and shares.
        load_before: Load average of one minute before the boot.
        load_after: After it.
        others: Share of CPU time that others used during the boot.
        stolen: Share of CPU time that the hypervisor took.
    """

    measurement: str
    case: str
    repeat: int
    boot: int
    metric: str
    value: float
    unit: str
    load_before: float
    load_after: float
    others: float
    stolen: float


class _Parser:
    """Holds where in the protocol a console is."""

    def __init__(self) -> None:
        self.report = Report({}, [], {})
        self.open: str | None = None
        self.values: list[Value] = []
        self.seen = 0
        self.done = False

    def take(self, fields: list[str]) -> None:
        """Take one line's fields; a ValueError says what is wrong with them."""
        if self.done:
            raise ValueError("comes after the last line")
        match fields:
            case ["info", key, value]:
                self.report.info[key] = value
            case ["begin", case]:
                self.begin(case)
            case ["value", case, metric, number, unit]:
                self.within(case)
                if not metric or not unit or not math.isfinite(float(number)):
                    raise ValueError("names no metric, no unit or no finite number")
                self.values.append(Value(case, metric, float(number), unit))
            case ["end", case, count]:
                self.end(case, int(count))
            case ["fail", case, *message]:
                self.fail(case, ",".join(message))
            case ["done", count]:
                if self.open is not None or int(count) != self.seen:
                    raise ValueError(f"counts {count} cases, {self.seen} began, open is {self.open}")
                self.done = True
            case _:
                raise ValueError("is none of info, begin, value, end, fail, done with their fields")

    def begin(self, case: str) -> None:
        if self.open is not None:
            raise ValueError(f"begins while {self.open} is open")
        self.open, self.values = case, []
        self.seen += 1

    def within(self, case: str) -> None:
        if self.open != case:
            raise ValueError(f"belongs to {case} while {self.open or 'nothing'} is open")

    def end(self, case: str, count: int) -> None:
        self.within(case)
        if count != len(self.values):
            raise ValueError(f"counts {count} values, {len(self.values)} came")
        # a process of the case may have failed while the case itself went on: then it does not count
        if case not in self.report.failures:
            self.report.values.extend(self.values)
        self.open = None

    def fail(self, case: str, message: str) -> None:
        # "start": before any case. A failed child is named first, then the case that missed it
        self.report.failures.setdefault(case, message)


def parse(console: str) -> Report:
    """Return what the payload reports on ``console``; lines of the kernel and the firmware are passed over.

    Raises:
        MalformedLineError: A line is not as it must be (it names the line), or the last line is missing.
    """
    parser = _Parser()
    lines = console.splitlines()
    for number, line in enumerate(lines, start=1):
        if PREFIX.rstrip(",") not in line:
            continue
        try:
            if not line.startswith(PREFIX):
                raise ValueError(f"has {PREFIX} elsewhere than at its beginning")
            fields = line.removeprefix(PREFIX).split(",")
            if fields[0] in ("begin", "done") and parser.open in parser.report.failures:
                parser.open = None
            parser.take(fields)
        except ValueError as error:
            raise MalformedLineError(f"line {number} of the console: {line!r} {error}") from error
    if not parser.done:
        said = "; ".join(f"{case}: {message}" for case, message in parser.report.failures.items())
        raise MalformedLineError(f"the console ends without {PREFIX}done after {len(lines)} lines. {said}".rstrip())
    return parser.report


def records(report: Report, measurement: str, repeat: int, boot: int, load: Load) -> list[Record]:
    """Return the rows of a boot."""
    return [
        Record(measurement, value.case, repeat, boot, value.metric, value.value, value.unit, *load)
        for value in report.values
    ]


def store(path: Path, rows: Sequence[Record]) -> None:
    """Write ``measurements.csv``, sorted by case, metric and repeat, whatever the order in which they were measured."""
    ordered = sorted(rows, key=lambda row: (row.measurement, row.case, row.metric, row.repeat))
    write_csv(path, [row._asdict() for row in ordered])


def load(path: Path) -> list[Record]:
    """Read what :func:`store` wrote."""
    kinds = {"repeat": int, "boot": int} | dict.fromkeys(
        ("value", "load_before", "load_after", "others", "stolen"), float
    )
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != Record._fields:
            raise ValueError(f"{path}: columns are {reader.fieldnames}, must be {list(Record._fields)}")
        typed: list[dict[str, Any]] = [{key: kinds.get(key, str)(text) for key, text in row.items()} for row in reader]
        return [Record(**row) for row in typed]


class Spread(NamedTuple):
    """A metric of a case over its repeats."""

    measurement: str
    case: str
    metric: str
    unit: str
    repeats: int
    median: float
    low: float
    high: float
    lowest: float
    highest: float


def spreads(rows: Iterable[Record]) -> list[Spread]:
    """Return median, quartiles (``low``, ``high``) and extremes of every metric of every case."""
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row.measurement, row.case, row.metric, row.unit), []).append(row.value)
    result = []
    for key, values in sorted(groups.items()):
        low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        result.append(Spread(*key, len(values), median(values), low, high, min(values), max(values)))
    return result
