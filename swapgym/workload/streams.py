"""Named random streams: every kind of chance has its own, so that a draw added to one never shifts another."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the stream called ``name`` of a scenario seed.

    The child's key is a checksum of its name, so that a stream does not depend on which others exist.

    Args:
        seed: Scenario seed, an integer >= 0.
        name: Name of the stream, for example ``"apps"``.
    """
    key = zlib.crc32(name.encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=(key,))))
