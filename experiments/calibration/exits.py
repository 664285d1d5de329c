"""Published exits beside simulated ones: ``python -m experiments.calibration.exits FILE.csv --out OUT.csv``.

The file has a row per kill with at least the columns ``device_class`` (low, mid, high), ``rss_kb``, ``swap_kb`` (empty:
none told, taken as 0) and ``in_flight`` (earlier kills that had not exited; empty: none). Written are its columns and
``ms_p10``, ``ms_median`` and ``ms_p90`` of kill to exit over drawn phones of that class beside drawn loads.

``phone_exits.csv`` beside this module holds 180 such rows of 13 phones, from full-device logs that application authors
published. Its further columns: ``source`` (one phone), ``device``, ``soc`` (some guessed), ``exit_ms`` (lmkd's
kill line to "exited due to signal 9"), ``oom_score_adj``, ``killed_during_exit``, ``kills_before_500ms``, ``app``,
``reason``, and ``use``: the phone's parameters were fitted on the phones of ``fit`` rows alone; those of ``check`` rows
are predictions.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

from experiments import results
from experiments.calibration.wild import CLASSES, Victim, exit_times

DATA: Final = Path(__file__).parent / "phone_exits.csv"
COLUMNS: Final = ("device_class", "rss_kb", "swap_kb", "in_flight")
PREDICTED: Final = ("ms_p10", "ms_median", "ms_p90")
DRAWS: Final = 64
MOST_KB: Final = 8 * 1024 * 1024
MOST_IN_FLIGHT: Final = 60

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@dataclass(frozen=True)
class Exit:
    """One published kill: its row as read, what is known of it, and how long it took (ms; 0 not told)."""

    row: Mapping[str, str]
    victim: Victim
    took_ms: float


def read(path: Path) -> list[Exit]:
    """Read published kills.

    Raises:
        ValueError: If the file cannot be read, a column is missing or a value is none; names file, line and field.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise ValueError(f"{path}: no column {', '.join(missing)}; must have at least {', '.join(COLUMNS)}")
            found = [parse(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read as CSV ({error})") from error
    if not found:
        raise ValueError(f"{path}: no rows, must have at least one")
    return found


def parse(path: Path, line: int, row: Mapping[str, str]) -> Exit:
    """Return one row as a kill."""
    if None in row:
        raise ValueError(f"{path}:{line}: {len(row) - 1} columns, and more values than that")
    device_class = row["device_class"]
    if device_class not in CLASSES:
        raise ValueError(f"{path}:{line}: device_class: {device_class!r}, must be one of {', '.join(CLASSES)}")
    rss_kb = number(path, line, "rss_kb", row["rss_kb"], MOST_KB)
    swap_kb = number(path, line, "swap_kb", "0" if row["swap_kb"] == "" else row["swap_kb"], MOST_KB)
    in_flight = number(path, line, "in_flight", "0" if row["in_flight"] == "" else row["in_flight"], MOST_IN_FLIGHT)
    try:
        took = float(row.get("exit_ms") or 0)
    except ValueError:
        took = 0.0  # not told: it is only compared with
    return Exit(row, Victim(device_class, rss_kb / 1024, swap_kb / 1024, round(in_flight)), max(0.0, took))


def number(path: Path, line: int, field: str, text: str | None, most: float) -> float:
    """Return ``text`` as a number from 0 to ``most``."""
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not 0 <= value <= most:
        raise ValueError(f"{path}:{line}: {field}: {text!r}, must be a number from 0 to {most:g}")
    return value


def predict(exits: Sequence[Exit], draws: int = DRAWS) -> npt.NDArray[np.float64]:
    """Return the 10, 50 and 90 % quantiles (ms) of each kill's exit over ``draws`` phones, shape ``(n, 3)``."""
    return np.array([np.percentile(exit_times(one.victim, draws), (10, 50, 90)) for one in exits])


def judge(exits: Sequence[Exit], predicted: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return how predictions compare: factors, coverage, and the drift with size in thirds.

    A factor is the larger of simulated median over published and its inverse; a drift the median of simulated over
    published within a third of the rows.
    """
    published = np.array([one.took_ms for one in exits])
    ratio = predicted[:, 1] / published
    factor = np.maximum(ratio, 1 / ratio)
    found = {
        "rows": float(len(exits)),
        "median_factor": float(np.median(factor)),
        "p90_factor": float(np.percentile(factor, 90)),
        "median_ratio": float(np.median(ratio)),
        "within_p10_p90": float(np.mean((predicted[:, 0] <= published) & (published <= predicted[:, 2]))),
    }
    for name, size in (("swap", [e.victim.swap_mib for e in exits]), ("rss", [e.victim.rss_mib for e in exits])):
        order = np.argsort(size, kind="stable")
        for third, members in zip(("low", "middle", "high"), np.array_split(order, 3), strict=True):
            found[f"ratio_{name}_{third}"] = float(np.median(ratio[members]))
    return found


def of_use(exits: Sequence[Exit], use: str) -> list[Exit]:
    """Return the rows of one use: ``fit`` or ``check``."""
    return [one for one in exits if one.row.get("use") == use]


@app.command(help=__doc__)
def main(
    file: Annotated[Path, typer.Argument(help="CSV of published kills.")] = DATA,
    out: Annotated[Path | None, typer.Option(help="CSV to write; without it only the comparison is printed.")] = None,
    draws: Annotated[int, typer.Option(min=8, max=4096, help="Phones drawn per row.")] = DRAWS,
) -> None:
    """Predict each row's exit."""
    try:
        exits = read(file)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if out is not None and out.resolve() == file.resolve():
        raise typer.BadParameter(f"--out: {out}, must not be the file that is read")
    if out is not None and not out.parent.is_dir():
        raise typer.BadParameter(f"--out: {out.parent} is no folder")
    predicted = predict(exits, draws)
    if out is not None:
        table = [
            {**one.row, **dict(zip(PREDICTED, (round(ms, 1) for ms in row), strict=True))}
            for one, row in zip(exits, predicted.tolist(), strict=True)
        ]
        results.write_csv(out, table)
        console.print(f"{len(exits)} rows written to {out}", highlight=False)
    for use in ("fit", "check", None):
        rows = [i for i, one in enumerate(exits) if one.took_ms > 0 and (use is None or one.row.get("use") == use)]
        if rows:
            said = judge([exits[i] for i in rows], predicted[rows])
            text = ", ".join(f"{name} {value:.3g}" for name, value in said.items())
            console.print(f"{use or 'all'}: {text}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    app()
