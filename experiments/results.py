"""Write results so that nothing is ever half written, and tables that people and programs can read."""

from __future__ import annotations

import io
import os
import platform
from collections.abc import Callable, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path

from swapgym.agents.records import WORLDS as WORLDS
from swapgym.agents.records import read_worlds as read_worlds
from swapgym.agents.records import write_worlds as write_worlds
from swapgym.files import write as write
from swapgym.files import write_csv as write_csv
from swapgym.files import write_json as write_json


def write_figure(path: Path, save: Callable[[io.BytesIO], None]) -> None:
    """Write what ``save`` puts into a buffer."""
    buffer = io.BytesIO()
    save(buffer)
    write(path, buffer.getvalue())


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are right-aligned."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Return the processor's model name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or "processor unknown"


def provenance() -> dict[str, str]:
    """Return machine, versions and date, to be kept beside results."""
    packages = ("numpy", "numba", "gymnasium")
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {processor()}, {os.cpu_count()} CPUs",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }
