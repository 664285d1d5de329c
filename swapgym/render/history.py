"""What a dashboard needs of an episode so far: samples of the phone, its victims and launches, and the decisions."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.render.tables import (
    CLASS_OF_TASK,
    DECISION,
    LAG,
    LATE_FRAME,
    LAUNCH,
    MEMORY,
    NONE,
    SAMPLE,
    TOTALS,
    VICTIM,
    Rows,
    hardware,
)

PERIOD_US: Final = 2_000


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
