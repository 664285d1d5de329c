"""The tables a history keeps: samples of the phone, late frames, decisions, victims and launches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k

NONE: Final = -1
"""A time that has not come, a victim, route or pace that there is none of."""

SAMPLE: Final = np.dtype(
    [
        ("time_us", "i8"),
        # pages
        ("free", "i8"),
        ("file", "i8"),
        ("anon", "i8"),
        ("pool", "i8"),
        ("zombie", "i8"),
        ("backlog", "i8"),
        ("buffers", "i8"),
        # entries
        ("backlog_kworker", "i8"),
        ("backlog_child", "i8"),
        # CPU time since the sample before (ns), by CHARGE_*
        ("charged_ns", "i8", (k.N_CHARGES,)),
        # who runs on each CPU (CHARGE_*), and its clock (1/1024)
        ("on_cpu", "i1", (k.MAX_CPUS,)),
        ("clock", "i2", (k.MAX_CPUS,)),
        # counts so far
        ("kills", "i8"),
        ("exits", "i8"),
        ("frames", "i8"),
        ("frames_late", "i8"),
        # lag so far (us) and its parts, and the peak so far (pages)
        ("lag_us", "i8"),
        ("frame_late_us", "i8"),
        ("launch_delay_us", "i8"),
        ("stall_us", "i8"),
        ("relaunch_cost_us", "i8"),
        ("peak", "i8"),
    ]
)
"""One sample. RAM is free + file + anon + pool + buffers + what is reserved.

``backlog`` is the part of ``pool`` that queued entries hold, ``zombie`` the part of that whose process is gone.
"""
LATE_FRAME: Final = np.dtype([("time_us", "i8"), ("late_us", "i8")])
"""A frame that missed its deadline: when it was seen to be done, and by how much it was late (to 1 ms)."""
DECISION: Final = np.dtype([("time_us", "i8"), ("victim", "i8"), ("route", "i8"), ("pace", "i8")])
"""A decision; -1 for a victim, route or pace that it was not about."""
VICTIM: Final = np.dtype(
    [("process", "i8"), ("killer", "i8"), ("kill_us", "i8"), ("exit_us", "i8"), ("drained_us", "i8")]
)
"""A killed process: when it was killed, when its exit ended, when its backlog was seen to be gone; -1 not yet."""
LAUNCH: Final = np.dtype(
    [
        ("start_us", "i8"),
        ("gate_us", "i8"),
        ("burst_us", "i8"),
        ("done_us", "i8"),
        ("phase", "i8"),
        ("nominal_us", "i8"),
        ("foreground", "i8"),
    ]
)
"""A launch: when each of its phases began; -1 not yet, or never."""

TOTALS: Final = {
    "kills": "kills",
    "exits": "exits",
    "frames": "frames",
    "frames_late": "frames_janky",
    "frame_late_us": "frame_late_us",
    "launch_delay_us": "launch_delay_us",
    "stall_us": "stall_us",
    "relaunch_cost_us": "relaunch_cost_us",
    "peak": "demand_peak_pages",
}
"""Fields of a sample that are totals of the phone."""
MEMORY: Final = {
    "free": "free_pages",
    "file": "file_pages",
    "anon": "anon_pages",
    "pool": "pool_pages",
    "buffers": "buffer_pages",
    "backlog_kworker": "backlog_kworker",
    "backlog_child": "backlog_child",
}
"""Fields of a sample that are fields of the phone."""
LAG: Final = ("frame_late_us", "launch_delay_us", "stall_us", "relaunch_cost_us")
"""Parts of lag."""


def class_of_tasks() -> npt.NDArray[np.int8]:
    """Return who pays for each task (CHARGE_*), shape ``(N_TASKS,)``."""
    classes = np.zeros(k.N_TASKS, np.int8)
    firsts = (
        (k.TASK_UI, k.CHARGE_FRAMES),
        (k.TASK_RENDER, k.CHARGE_FRAMES),
        (k.TASK_KSWAPD, k.CHARGE_KSWAPD),
        (k.TASK_COMPACTOR, k.CHARGE_COMPACTOR),
        (k.TASK_CACHED, k.CHARGE_CACHED),
        (k.TASK_CHILD, k.CHARGE_CHILD),
        (k.TASK_KWORKER, k.CHARGE_KWORKER),
        (k.TASK_REAPER, k.CHARGE_LMKD_REAPER),
        (k.TASK_BACKGROUND, k.CHARGE_BACKGROUND),
        (k.TASK_LAUNCH, k.CHARGE_LAUNCH),
        (k.TASK_EXIT, k.CHARGE_EXIT),
    )
    for first, charge in firsts:
        classes[first:] = charge
    return classes


CLASS_OF_TASK: Final = class_of_tasks()


class Rows:
    """An array of records that grows by appending."""

    def __init__(self, dtype: np.dtype[Any], room: int = 256) -> None:
        """Make room for ``room`` rows of ``dtype``."""
        self._rows: npt.NDArray[Any] = np.zeros(room, dtype)
        self.count = 0

    def next_row(self) -> Any:
        """Append a row of zeros and return it."""
        if self.count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self.count += 1
        return self._rows[self.count - 1]

    def view(self) -> npt.NDArray[Any]:
        """Return the rows so far, shape ``(count,)``; not a copy."""
        return self._rows[: self.count]


@dataclass(frozen=True)
class Hardware:
    """What a history keeps of the device.

    Attributes:
        n_cpus: CPUs.
        capacity: Capacity of each CPU at full clock (1/1024), shape ``(n_cpus,)``.
        domain: Performance domain of each CPU, shape ``(n_cpus,)``.
        ram: RAM (pages).
        reserved: Of it, what nobody reclaims (pages).
        watermarks: Minimum, low, high (pages).
    """

    n_cpus: int
    capacity: npt.NDArray[np.int64]
    domain: npt.NDArray[np.int64]
    ram: int
    reserved: int
    watermarks: tuple[int, int, int]


def hardware(device: Any) -> Hardware:
    """Return what a history keeps of a DEVICE record."""
    n = int(device["n_cpus"])
    marks = [int(device[f"watermark_{name}"]) for name in ("min", "low", "high")]
    return Hardware(
        n_cpus=n,
        capacity=device["capacity"][:n].astype(np.int64),
        domain=device["domain"][:n].astype(np.int64),
        ram=int(device["ram_pages"]),
        reserved=int(device["reserved_pages"]),
        watermarks=(marks[0], marks[1], marks[2]),
    )
