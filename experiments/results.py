"""Write results so that nothing is ever half written, and tables that people and programs can read."""

from __future__ import annotations

import io
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Final

from swapgym.envs.spec import EnvSpec
from swapgym.files import write as write
from swapgym.files import write_csv as write_csv
from swapgym.files import write_json as write_json
from swapgym.workload import config_hash

WORLDS: Final = "worlds.json"
"""Stands beside tables of records: the decision processes that their rows name by a hash."""


def write_worlds(folder: Path, specs: Iterable[EnvSpec]) -> None:
    """Write into ``folder`` the decision processes that records were played in, so that they can be played again."""
    found = {config_hash(spec.as_dict()): spec.as_dict() for spec in specs}
    write_json(folder / WORLDS, found)


def read_worlds(folder: Path) -> dict[str, EnvSpec]:
    """Return the decision processes that :func:`write_worlds` wrote into ``folder``, by hash; none where it did not."""
    path = folder / WORLDS
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: EnvSpec(**fields) for name, fields in found.items()}


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
