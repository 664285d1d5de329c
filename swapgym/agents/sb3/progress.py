"""How far a training is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import Any, Final

from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback

from swapgym.agents.parallel import progress_bar
from swapgym.agents.sb3.evaluation import Evaluation

EVERY_S: Final = 15.0
"""Seconds between two lines."""


class Progress(BaseCallback):
    """Show frames done of those to do, how fast, and the last validation score."""

    def __init__(self, total: int, evaluation: Evaluation, console: Console | None) -> None:
        """Show a bar on ``console``, if it is a terminal; print lines otherwise."""
        super().__init__()
        self.total, self.evaluation = total, evaluation
        self.bar = progress_bar(console) if console is not None and console.is_terminal else None
        self.task: Any = None
        self.began = self.last = (0.0, 0)

    def _on_training_start(self) -> None:
        self.began = self.last = (time.monotonic(), self.num_timesteps)
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task("frames", total=self.total, completed=self.num_timesteps)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=self.num_timesteps)
        elif time.monotonic() - self.last[0] >= EVERY_S:
            print(self.line(), flush=True)
            self.last = (time.monotonic(), self.num_timesteps)

    def line(self) -> str:
        """Return how far it is, how fast since the last line, how long still, and the last score."""
        done = self.num_timesteps
        speed = (done - self.last[1]) / max(1e-9, time.monotonic() - self.last[0])
        left = max(0, self.total - done) / max(1e-9, speed)
        history = self.evaluation.history
        score = f", validation score {history[-1]['score']:.4f}" if history else ""
        return f"{done:,} of {self.total:,} frames, {speed:,.0f} per second, some {left:.0f} s left{score}"

    def end(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
