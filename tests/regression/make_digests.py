"""Write the digests that test_digests.py replays: ``python -m tests.regression.make_digests``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE, phone_digest
from swapgym.workload import KERNELS, PRESETS, draw, empty

STORED = Path(__file__).with_name("digests.json")
PATTERNS = {"inline": [0], "kworker": [1], "child": [2], "turns": [0, 1, 2, 1, 1, 0]}


def digest(preset: str, seed: int, kernel: str, pattern: str) -> str:
    """Play one episode with routes in a repeating pattern; return the SHA-256 of the phone at its end."""
    scenarios, phones = empty(1), np.zeros(1, PHONE)
    draw(preset, seed, kernel=kernel, out=scenarios[0])
    engine.start(phones, scenarios, 0)
    step = 0
    while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
        engine.decide(phones, scenarios, 0, PATTERNS[pattern][step % len(PATTERNS[pattern])])
        step += 1
    return phone_digest(phones)


def cases() -> list[tuple[str, int, str, str]]:
    """Return every stored case: presets and kernels by turns, each with every pattern."""
    kernels = sorted(KERNELS)
    return [
        (preset, seed, kernels[(place + seed) % len(kernels)], pattern)
        for place, preset in enumerate(sorted(PRESETS))
        for seed in (11, 12)
        for pattern in PATTERNS
    ]


def main() -> None:
    """Write all digests."""
    stored = {" ".join(map(str, case)): digest(*case) for case in cases()}
    STORED.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
