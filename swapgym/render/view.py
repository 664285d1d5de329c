"""An episode as of one instant, on the time axis that all panels share."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.render.history import History
from swapgym.render.tables import NONE

WINDOW_US: Final = 2_500_000
WHOLE_US: Final = 3_200_000
"""An episode no longer than this is shown as a whole."""
MIB: Final = float(k.PAGES_PER_MIB)


class View:
    """What of a history is known at an instant, and where it lies on the time axis.

    Attributes:
        history: The history.
        now_us: The instant.
        from_us: Left end of the axis.
        to_us: Right end of the axis.
        samples: Samples up to now, SAMPLE, shape ``(n,)``.
        late_frames: Late frames up to now.
        decisions: Decisions up to now.
        victims: Processes killed by now, VICTIM; what comes later is -1.
        launches: Launches, LAUNCH; what comes later is -1.
        columns: Place in ``samples`` of the last one by the end of each column of pixels, -1 where there is none or
            the column is yet to come, shape ``(width,)``.
    """

    def __init__(self, history: History, now_us: int | None, width: int) -> None:
        """Look at ``history`` as of ``now_us`` (at most its last instant), on an axis of ``width`` pixels."""
        self.history = history
        self.now_us = history.now_us if now_us is None else max(0, min(int(now_us), history.now_us))
        whole = history.duration_us <= WHOLE_US
        self.from_us = 0 if whole else max(0, self.now_us - WINDOW_US)
        self.to_us = max(1, history.duration_us) if whole else self.from_us + WINDOW_US
        self.samples = up_to(history.samples, self.now_us)
        self.late_frames = up_to(history.late_frames, self.now_us)
        self.decisions = up_to(history.decisions, self.now_us)
        self.victims = history.victims[history.victims["kill_us"] <= self.now_us]
        self.launches = history.launches.copy()
        for table, fields in ((self.victims, ("exit_us", "drained_us")), (self.launches, PHASE_TIMES)):
            for field in fields:
                table[field][table[field] > self.now_us] = NONE
        self.width = width
        ends_us = self.from_us + (np.arange(1, width + 1) * (self.to_us - self.from_us)) / width
        self.columns: npt.NDArray[np.int64] = np.searchsorted(self.samples["time_us"], ends_us, side="right") - 1
        self.columns[np.arange(width) > self.place(self.now_us)] = NONE

    def place(self, time_us: int) -> float:
        """Return how many pixels right of the axis' left end an instant lies."""
        return (time_us - self.from_us) * self.width / (self.to_us - self.from_us)

    def last(self, field: str) -> int:
        """Return a field of the last sample; 0 before the first."""
        return int(self.samples[field][-1]) if len(self.samples) else 0

    def per_column(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what ``values``, one for each sample, are at each column; zeros where there is no sample."""
        if not len(self.samples):
            return np.zeros((self.width, *values.shape[1:]), values.dtype)
        taken: npt.NDArray[Any] = values[self.columns]
        taken[self.columns < 0] = 0
        return taken


PHASE_TIMES: Final = ("start_us", "gate_us", "burst_us", "done_us")


def up_to(rows: npt.NDArray[Any], now_us: int) -> npt.NDArray[Any]:
    """Return the rows whose time is not after ``now_us``."""
    return rows[: int(np.searchsorted(rows["time_us"], now_us, side="right"))]
