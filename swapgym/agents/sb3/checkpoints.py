"""Checkpoints while a run learns, and an orderly end when it is asked to stop."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from swapgym.agents.sb3.evaluation import Evaluation
from swapgym.agents.stored.runs import save_checkpoint, save_model


class Checkpoints(BaseCallback):
    """Write checkpoints, and end in order on SIGTERM and Ctrl-C: with a checkpoint and a usable model.

    Off the main thread nobody may handle signals: there it only writes.

    Attributes:
        next: Frames at which the next checkpoint is due.
        asked: Number of the signal that asked the run to stop; 0 none has.
    """

    def __init__(self, folder: Path, every: int, evaluation: Evaluation | None = None, due: int | None = None) -> None:
        """Write into ``folder`` every so many frames, the first time when ``due``."""
        super().__init__()
        self.folder, self.every, self.evaluation = folder, every, evaluation
        self.next = every if due is None else due
        self.asked = 0
        self.previous: dict[int, Any] = {}

    def _on_training_start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.previous[number] = signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        # here nothing is half done: the last rollout has been learned from, the next has not begun
        if self.num_timesteps >= self.next:
            self.next = self.num_timesteps + self.every
            self.keep()
        elif self.asked:
            self.keep()
        if self.asked:
            raise Stopped(self.asked)

    def keep(self) -> None:
        """Write checkpoint and model now."""
        schedules = {
            "checkpoint": self.next,
            "evaluation": self.evaluation.schedule() if self.evaluation is not None else None,
        }
        save_checkpoint(self.folder, self.model, schedules)
        save_model(self.folder, self.model)

    def restore_signals(self) -> None:
        """Give the signals back to who had them."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)


class Stopped(Exception):
    """The run was asked to end by the signal ``number``, and has written its checkpoint."""

    def __init__(self, number: int) -> None:
        """Take the number of the signal."""
        super().__init__(number)
        self.number = number
