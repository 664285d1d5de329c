"""Files that are whole or not there: written beside their place first, and then put into it."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``: into a file beside it first, which then takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    beside, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(beside, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, sort_keys: bool = True) -> None:
    """Write JSON; with sorted keys, or in the order they have."""
    write(path, json.dumps(value, indent=2, sort_keys=sort_keys) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write rows as CSV, floats with nine significant digits; all columns of the first row, or those named."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = list(rows[0]) if columns is None else columns
    writer.writerow(columns)
    for row in rows:
        writer.writerow(f"{row[c]:.9g}" if isinstance(row[c], float) else row[c] for c in columns)
    write(path, text.getvalue())
