"""Named random streams: every kind of chance has its own, so that a draw added to one never shifts another.

A stream is one word of state, stepped by SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, OOPSLA 2014), whose seed is a hash of the scenario's seed and the stream's number. NumPy's generators would
do as well, but nine of them cost four times what all of a scenario does here, and kernels could not start them.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from swapgym.phone.jit import kernel

PRESET: Final = 1
DEVICE: Final = 2
APPS: Final = 3
MEMORY: Final = 4
TIMELINE: Final = 5
LAUNCHES: Final = 6
REALTIME: Final = 7
FRAMES: Final = 8
BACKGROUND: Final = 9
PHONE: Final = 10
LAUNCH_HISTORY: Final = 11

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
THIRTY = np.uint64(30)
TWENTY_SEVEN = np.uint64(27)
THIRTY_ONE = np.uint64(31)
ELEVEN = np.uint64(11)
NEW_STATE = np.zeros(1, np.uint64)


@kernel
def mix(word: Any) -> Any:
    """Return the 64 bits of ``word``, hashed."""
    word = (word ^ (word >> THIRTY)) * FIRST
    word = (word ^ (word >> TWENTY_SEVEN)) * SECOND
    return word ^ (word >> THIRTY_ONE)


@kernel
def stream(seed: int, number: int) -> Any:
    """Return stream ``number`` of a scenario seed (uint64, shape ``(1,)``), whichever other streams exist."""
    state = NEW_STATE.copy()
    state[0] = mix(mix(np.uint64(seed) + GOLDEN) + np.uint64(number) * GOLDEN)
    return state


@kernel
def random(rng: Any) -> float:
    """Draw from ``[0, 1)``, 53 bits."""
    rng[0] += GOLDEN
    return np.float64(mix(rng[0]) >> ELEVEN) * 2.0**-53


@kernel
def uniform(rng: Any, low: float, high: float) -> float:
    """Draw from ``[low, high)``."""
    return low + (high - low) * random(rng)


@kernel
def integer(rng: Any, low: int, high: int) -> int:
    """Draw an integer from ``low`` to ``high``, both included."""
    return low + math.floor(random(rng) * (high - low + 1))


@kernel
def normal(rng: Any) -> float:
    """Draw from the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - random(rng)))
    return radius * math.cos(2.0 * math.pi * random(rng))


@kernel
def lognormal(rng: Any, median: float, sigma: float, low: float, high: float) -> float:
    """Draw from a log-normal distribution, clipped to ``low`` and ``high``."""
    return min(max(median * math.exp(sigma * normal(rng)), low), high)
