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
    """A moment of an episode, from which ``restore`` goes on bit for bit.

    Attributes:
        records: PHONE, SCENARIO and LANE record of the moment, each of shape ``(1,)``.
        steps: Decisions so far.
        running: Whether the episode goes on.
        drawn: What the scenario was drawn from.
    """

    records: tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
    steps: int
    running: bool
    drawn: Drawn
