"""What a dashboard needs of an episode so far: samples of the phone, its victims and launches, and the decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k

PERIOD_US: Final = 2_000
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
"""One sample. ``zombie`` is part of ``backlog``, which is part of ``pool``: memory of queued entries, and of those among
them whose process is gone. RAM is free + file + anon + pool + buffers + what is reserved."""
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


class History:
    """An episode so far, sampled by whoever steps the phone.

    Step the phone with ``advance(phones, scenarios, lane, history.due_us)`` and call :meth:`sample` at each pause and
    at the end, :meth:`decide` at each decision. One history is of one episode.

    Attributes:
        period_us: How often the phone should be sampled, in simulated time.
        due_us: When the next sample is due.
        duration_us: The episode's length.
        hardware: What is kept of the device.
    """

    def __init__(self, scenario: Any, period_us: int = PERIOD_US) -> None:
        """Begin the history of a SCENARIO.

        Args:
            scenario: SCENARIO record; what is needed of it is copied.
            period_us: How often the phone should be sampled.

        Raises:
            ValueError: If the period is not above 0.
        """
        if period_us <= 0:
            raise ValueError(f"period_us: {period_us!r}, must be above 0")
        self.period_us = int(period_us)
        self.due_us = 0
        self.duration_us = int(scenario["duration_us"])
        self.hardware = hardware(scenario["device"])
        n = int(scenario["n_launches"])
        self.launches: npt.NDArray[Any] = np.full(n, NONE, LAUNCH)
        self.launches["nominal_us"] = scenario["launches"]["nominal_us"][:n]
        self.launches["foreground"] = scenario["launches"]["foreground"][:n]
        self.launches["phase"] = k.LAUNCH_WAITING
        self._samples = Rows(SAMPLE, 2 + self.duration_us // self.period_us)
        self._late = Rows(LATE_FRAME)
        self._decisions = Rows(DECISION)
        self._victims = Rows(VICTIM, k.MAX_PROCESSES)
        self._charged_ns = np.zeros(k.N_CHARGES, np.int64)
        self._late_histogram = np.zeros(k.LATE_BINS, np.int64)
        self._late_max_us = 0

    @property
    def samples(self) -> npt.NDArray[Any]:
        """Samples so far in order of time, SAMPLE, shape ``(n,)``."""
        return self._samples.view()

    @property
    def late_frames(self) -> npt.NDArray[Any]:
        """Late frames so far, LATE_FRAME, shape ``(n,)``."""
        return self._late.view()

    @property
    def decisions(self) -> npt.NDArray[Any]:
        """Decisions so far, DECISION, shape ``(n,)``."""
        return self._decisions.view()

    @property
    def victims(self) -> npt.NDArray[Any]:
        """Killed processes in the order of their kills, VICTIM, shape ``(n,)``."""
        return self._victims.view()

    @property
    def now_us(self) -> int:
        """Time of the last sample or decision; 0 before the first."""
        last = [int(rows.view()["time_us"][-1]) for rows in (self._samples, self._decisions) if rows.count > 0]
        return max(last, default=0)

    def decide(self, time_us: int, victim: int, route: int, pace: int = NONE) -> None:
        """Note a decision.

        Args:
            time_us: When it was taken.
            victim: Process whose entries it is about; -1 where only a backlog is left.
            route: INLINE, KWORKER or USERSPACE; -1 none.
            pace: Pace of the drain, 0 the slowest; -1 none.
        """
        row = self._decisions.next_row()
        row["time_us"], row["victim"], row["route"], row["pace"] = time_us, victim, route, pace

    def sample(self, phone: Any) -> None:
        """Append one sample of a PHONE record; a second one of the same instant is left out.

        Raises:
            ValueError: If the phone stands before the last sample: it plays another episode.
        """
        now_us = int(phone["now_us"])
        if self._samples.count > 0:
            last_us = int(self.samples["time_us"][-1])
            if now_us < last_us:
                raise ValueError(f"phone: at {now_us} us, before the last sample at {last_us} us: begin a new History")
            if now_us == last_us:
                return
        total = phone["total"]
        row = self._samples.next_row()
        row["time_us"] = now_us
        for name, field in MEMORY.items():
            row[name] = phone[field]
        pool, objects = int(phone["pool_pages"]), max(1, int(phone["pool_objects"]))
        row["zombie"] = int(phone["zombie_entries"]) * pool // objects
        row["backlog"] = (int(row["backlog_kworker"]) + int(row["backlog_child"])) * pool // objects
        for name, field in TOTALS.items():
            row[name] = total[field]
        row["lag_us"] = sum(int(row[part]) for part in LAG)
        row["charged_ns"] = total["charged_ns"] - self._charged_ns
        self._charged_ns[:] = total["charged_ns"]
        self._sample_cpus(phone, row)
        self._note_late_frames(total, now_us)
        self._note_victims(phone, now_us)
        self._note_launches(phone["launches"][: len(self.launches)])
        self.due_us = now_us + self.period_us

    def _sample_cpus(self, phone: Any, row: Any) -> None:
        """Say who got most of each CPU in the tick last begun, SCHED_FIFO included, and what its clock is."""
        n = self.hardware.n_cpus
        row["clock"][:n] = phone["domains"]["clock"][self.hardware.domain]
        tasks = phone["runnable"][: phone["n_runnable"]]
        granted, cpus = phone["tasks"]["granted_ns"][tasks], phone["tasks"]["cpu"][tasks]
        # before the first tick nobody has run
        realtime = phone["tick_us"] * k.NS_PER_US - phone["cpus"]["fair_ns"] if phone["now_us"] > 0 else [0] * n
        most = np.array(realtime[:n], np.int64)
        row["on_cpu"][:n] = np.where(most > 0, k.CHARGE_RT, k.CHARGE_IDLE)
        for task, ns, cpu in zip(tasks.tolist(), granted.tolist(), cpus.tolist(), strict=True):
            if 0 <= cpu < n and ns > most[cpu]:
                most[cpu] = ns
                row["on_cpu"][cpu] = CLASS_OF_TASK[task]

    def _note_late_frames(self, total: Any, now_us: int) -> None:
        """Append the frames that have ended late since the sample before."""
        histogram = total["late_histogram"]
        grown = histogram - self._late_histogram
        for late_ms in np.flatnonzero(grown).tolist():
            for _ in range(int(grown[late_ms])):
                row = self._late.next_row()
                row["time_us"], row["late_us"] = now_us, late_ms * k.MS + k.MS // 2
        most_us = int(total["frame_late_max_us"])
        if most_us > self._late_max_us:
            # the worst of them is known exactly
            self._late.view()["late_us"][-1] = self._late_max_us = most_us
        self._late_histogram[:] = histogram

    def _note_victims(self, phone: Any, now_us: int) -> None:
        """Append those killed since the sample before, and bring the others up to date."""
        processes = phone["processes"]
        for process in phone["kill_order"][self._victims.count : phone["n_killed"]].tolist():
            row = self._victims.next_row()
            row["process"], row["killer"] = process, processes["killer"][process]
            row["kill_us"] = processes["kill_us"][process]
            row["exit_us"] = row["drained_us"] = NONE
        victims = self.victims
        open_rows = np.flatnonzero(victims["drained_us"] == NONE)
        states = processes[victims["process"][open_rows]]
        gone = states["state"] == k.PROCESS_DEAD
        # one whose exit left nothing was drained when it ended
        since_us = np.where(victims["exit_us"][open_rows] == NONE, states["exit_us"], now_us)
        drained = gone & (states["queued_kworker"] + states["queued_child"] == 0)
        victims["exit_us"][open_rows[gone]] = states["exit_us"][gone]
        victims["drained_us"][open_rows[drained]] = since_us[drained]

    def _note_launches(self, launches: Any) -> None:
        """Bring the launches up to date."""
        self.launches["phase"] = launches["phase"]
        for phase, name in enumerate(("start_us", "gate_us", "burst_us", "done_us"), k.LAUNCH_START):
            # a launch that was killed on its way up is done without the phases between
            reached = (launches["phase"] >= phase) & ((launches[name] > 0) | (phase == k.LAUNCH_START))
            self.launches[name] = np.where(reached, launches[name], NONE)
