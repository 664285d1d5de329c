"""Replayable records of episodes, and the decision processes that they name by a hash."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from swapgym.envs.spec import EnvSpec
from swapgym.files import write_json
from swapgym.workload import config_hash

WORLDS: Final = "worlds.json"
"""Stands beside tables of records."""
COLUMNS: Final = (
    "policy", "run", "preset", "seed", "device", "kernel", "score", "lag_ms", "peak_mib", "launch_delay_ms",
    "collateral_kills", "unaccounted_cpu_ms", "zombie_mib_s", "decisions", "actions", "digest", "world",
)  # fmt: skip
"""What a record has: the actions bring back every other metric."""


def write_worlds(folder: Path, specs: Iterable[EnvSpec]) -> None:
    """Write into ``folder`` the decision processes that records were played in, so that they can be played again."""
    found = {config_hash(spec.as_dict()): spec.as_dict() for spec in specs}
    write_json(folder / WORLDS, found)


def read_worlds(folder: Path) -> dict[str, EnvSpec]:
    """Return the decision processes that :func:`write_worlds` wrote into ``folder``, by hash; none where it did not."""
    path = folder / WORLDS
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: EnvSpec(**fields) for name, fields in found.items()}
