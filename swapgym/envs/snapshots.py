"""Moments of an episode, kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from swapgym.workload import Drawn


def native(records: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return ``records`` with this very ``dtype`` object.

    Unpickled records carry an equal one, which Numba's dispatch compares field by field at every call.
    """
    if records.dtype is dtype:
        return records
    return np.frombuffer(bytearray(records.tobytes()), dtype=dtype)


@dataclass(frozen=True)
class Snapshot:
    """A moment of an episode, from which ``SwapReleaseEnv.restore`` goes on bit for bit.

    Attributes:
        phones: PHONE record of the moment, shape ``(1,)``.
        scenarios: SCENARIO record of the episode, shape ``(1,)``; shared, never written.
        paid: Reward counters already paid out.
        steps: Decisions so far.
        running: Whether the episode goes on.
        drawn: What the scenario was drawn from.
    """

    phones: npt.NDArray[Any]
    scenarios: npt.NDArray[Any]
    paid: npt.NDArray[np.int64]
    steps: int
    running: bool
    drawn: Drawn
