"""What TensorBoard is told beside Stable-Baselines3's own, checkpoints, and an orderly end.

==================== ==========================================================================================
tag                  meaning
==================== ==========================================================================================
``episode/<metric>`` mean over the episodes that ended since the last log: every metric of ``swapgym.envs.metrics``
                     that the reward is made of or the letter asks about (:data:`EPISODE`)
``defer/<regime>``   share of batches deferred, of all and by what was seen when they were (:data:`REGIMES`)
``reward/<term>``    mean of each reward term per decision, in its unit
``eval/score``       mean score on the validation suite, deterministic (lower is better)
``eval/lag_ms``      mean lag there; likewise ``eval/peak_mib``
``eval/best_tuned``  the best tuned fixed policy there: a reference line; likewise ``eval/always_inline``
==================== ==========================================================================================
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat

from agents.policies import FixedPolicy, Policy
from agents.policies.base import Readings
from agents.runner import World, play
from agents.sb3_vec_env import SB3VecEnv
from agents.training.runs import save_checkpoint, save_model
from swapgym.envs.rewards import TERM_NAMES

EPISODE: Final = (
    "lag_ms", "peak_mib", "frame_late_ms", "launch_delay_ms", "stall_ms", "relaunch_ms", "kills", "innocents",
    "direct_reclaim_ms", "zombie_peak_mib", "zombie_mib_s", "unaccounted_cpu_ms", "spin_ms", "exit_latency_mean_ms",
    "kworker_starved_ms", "decisions",
)  # fmt: skip
REGIMES: Final[dict[str, Callable[[Readings], npt.NDArray[np.bool_]]]] = {
    "all": lambda seen: np.ones(len(seen), dtype=bool),
    "memory_short": lambda seen: seen["free_margin"] < 0.0,
    "memory_ample": lambda seen: seen["free_margin"] >= 1.0,
    "contended": lambda seen: seen["lock_load"] >= 1.0,
    "alone": lambda seen: seen["exiting"] < 1.5,
    "realtime": lambda seen: seen["rt_load"] > 0.3,
    "awaited": lambda seen: seen["victim_awaited"] > 0.5,
}
STEPS_PER_LOG: Final = 64
LAYOUT: Final = {
    "swapgym": {
        "score on the validation suite": ["Multiline", ["eval/score", "eval/best_tuned", "eval/always_inline"]],
        "share deferred by regime": ["Multiline", [f"defer/{name}" for name in REGIMES]],
        "lag, in parts": ["Multiline", [f"episode/{name}" for name in EPISODE[2:6]]],
    }
}
"""Custom scalars: what belongs on one chart."""


def lanes_of(venv: Any) -> SB3VecEnv:
    """Return the lanes under Stable-Baselines3's wrappers."""
    while hasattr(venv, "venv"):
        venv = venv.venv
    lanes: SB3VecEnv = venv
    return lanes


class DomainMetrics(BaseCallback):
    """Log episode metrics, reward terms and the share of batches deferred."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.forget()

    def forget(self) -> None:
        """Begin to gather anew."""
        self.episodes: list[dict[str, float]] = []
        self.deferred = {name: [0, 0] for name in REGIMES}
        self.terms = np.zeros(len(TERM_NAMES))
        self.steps = 0

    def _on_training_start(self) -> None:
        for output in self.logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                output.writer.add_custom_scalars(LAYOUT)

    def _on_step(self) -> bool:
        seen = Readings(np.asarray(self.model._last_obs, dtype=np.float64))
        deferred = np.asarray(self.locals["actions"]).reshape(-1) > 0
        for name, regime in REGIMES.items():
            there = regime(seen)
            self.deferred[name][0] += int((deferred & there).sum())
            self.deferred[name][1] += int(there.sum())
        self.terms += lanes_of(self.training_env).reward_terms.mean(axis=0)
        self.steps += 1
        self.episodes += [info["metrics"] for info in self.locals["infos"] if "metrics" in info]
        return True

    def flush(self) -> None:
        """Record what has gathered, and forget it."""
        if self.episodes:
            for name in EPISODE:
                self.logger.record(f"episode/{name}", float(np.mean([episode[name] for episode in self.episodes])))
        for name, (count, of) in self.deferred.items():
            if of:
                self.logger.record(f"defer/{name}", count / of)
        for name, total in zip(TERM_NAMES, self.terms / max(1, self.steps), strict=True):
            self.logger.record(f"reward/{name}", float(total))
        self.forget()

    def _on_rollout_end(self) -> None:
        if self.steps >= STEPS_PER_LOG:
            self.flush()


class Evaluation(BaseCallback):
    """Play the validation suite now and then, beside fixed policies that are played once."""

    def __init__(
        self, world: World, episodes: Sequence[tuple[str, int]], every: int, rivals: dict[str, FixedPolicy]
    ) -> None:
        """Evaluate every so many frames."""
        super().__init__()
        self.world, self.episodes, self.every, self.rivals = world, list(episodes), every, rivals
        self.next = 0
        self.reference: dict[str, float] = {}
        self.best = np.inf

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps >= self.next:
            self.next = self.num_timesteps + self.every
            self.evaluate()

    def evaluate(self) -> float:
        """Evaluate now; return the mean score."""
        if not self.reference:
            self.reference = {name: self.mean(policy)["score"] for name, policy in self.rivals.items()}
        found = self.mean(self.model)
        for name, value in found.items():
            self.logger.record(f"eval/{name}", value)
        for name, value in self.reference.items():
            self.logger.record(f"eval/{name}", value)
        self.best = min(self.best, found["score"])
        return found["score"]

    def mean(self, policy: Policy | Any) -> dict[str, float]:
        """Return a policy's mean score, lag and peak on the episodes."""
        rows = play(self.world, policy, "", self.episodes)
        return {name: float(np.mean([row[name] for row in rows])) for name in ("score", "lag_ms", "peak_mib")}


class Keeper(BaseCallback):
    """Write checkpoints, and end in order on SIGTERM and Ctrl-C: with a checkpoint and a usable model."""

    def __init__(self, folder: Path, every: int) -> None:
        """Write into ``folder`` every so many frames."""
        super().__init__()
        self.folder, self.every = folder, every
        self.next = every
        self.asked = False
        self.previous: dict[int, Any] = {}

    def _on_training_start(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.previous[number] = signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        # here nothing is half done: the last rollout has been learned from, the next has not begun
        if self.num_timesteps >= self.next or self.asked:
            self.next = self.num_timesteps + self.every
            self.keep()
        if self.asked:
            raise Stopped

    def keep(self) -> None:
        """Write checkpoint and model now."""
        save_checkpoint(self.folder, self.model)
        save_model(self.folder, self.model)

    def restore_signals(self) -> None:
        """Give the signals back to who had them."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)


class Stopped(Exception):
    """The run was asked to end, and has written its checkpoint."""
