"""What starting costs: imports, making an environment, the first step with a cold and a warm cache of kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from statistics import median
from typing import Final

SCRIPT: Final = """
import json, sys, time
laps = [time.perf_counter()]
import swapgym
laps.append(time.perf_counter())
import gymnasium
env = gymnasium.make("swapgym/SwapRelease-v1")
laps.append(time.perf_counter())
env.reset(seed=0)
env.step(0)
laps.append(time.perf_counter())
assert "torch" not in sys.modules
print(json.dumps([after - before for before, after in zip(laps, laps[1:])]))
"""


def start(cache: str | None = None) -> tuple[float, float, float]:
    """Return the seconds a fresh interpreter takes to import swapgym, to make an environment, to reset and step."""
    environment = dict(os.environ) if cache is None else {**os.environ, "NUMBA_CACHE_DIR": cache}
    printed = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, env=environment
    ).stdout
    imported, made, stepped = json.loads(printed)
    return imported, made, stepped


def run(rounds: int, cold_rounds: int, progress: Callable[[], None] | None = None) -> dict[str, float]:
    """Return medians: ``import_s``, ``make_s``, ``first_step_warm_s``, and if asked for with an empty cache of kernels.

    These are ``first_step_cold_s`` and ``cold_start_s``, which is all from the import to the first step.
    """
    start()
    warm = []
    for _ in range(rounds):
        warm.append(start())
        if progress:
            progress()
    figures = dict(zip(("import_s", "make_s", "first_step_warm_s"), map(median, zip(*warm, strict=True)), strict=True))
    cold = []
    for _ in range(cold_rounds):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(start(cache))
        if progress:
            progress()
    if cold:
        figures |= {"first_step_cold_s": median(lap[2] for lap in cold), "cold_start_s": median(map(sum, cold))}
    return figures
