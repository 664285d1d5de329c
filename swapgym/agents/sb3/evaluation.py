"""The validation suite now and then: means beside fixed policies and the bound, and two figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Figure

from swapgym.agents.play import play
from swapgym.agents.policies import FixedPolicy, Policy
from swapgym.agents.sb3.networks import lighter
from swapgym.envs.spec import EnvSpec
from swapgym.files import write

MEANS: Final = ("score", "lag_ms", "peak_mib")
IMAGES_ONLY: Final = ("stdout", "log", "json", "csv")
"""Outputs that have no use for figures and hyperparameters."""


class Evaluation(BaseCallback):
    """Play the validation suite now and then, beside fixed policies that are played once.

    Attributes:
        reference: Means of the fixed policies by name, once they were played.
        history: The agent's evaluations in order: ``frames`` and means.
        best: Its lowest mean score.
    """

    def __init__(
        self,
        spec: EnvSpec,
        episodes: Sequence[tuple[str, int]],
        every: int,
        baselines: Mapping[str, FixedPolicy],
        *,
        asked: EnvSpec | None = None,
        bound: Mapping[str, float] | None = None,
        watched: tuple[str, int] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Evaluate every so many frames.

        Args:
            spec: The decision process that the model is trained in.
            episodes: Pairs of preset and seed.
            every: Frames between evaluations.
            baselines: Fixed policies by the names of their reference lines.
            asked: The decision process that the baselines are played in; ``spec`` by default.
            bound: Means of the clairvoyant bound on the same episodes, where they are known.
            watched: Episode of the timeline; no figures are drawn without.
            folder: Run folder, where ``curve.json`` keeps the history; it is not kept without.
        """
        super().__init__()
        self.asked = asked or spec
        self.spec, self.episodes, self.every, self.baselines = spec, list(episodes), every, dict(baselines)
        self.bound, self.watched, self.folder = bound, watched, folder
        self.next = 0
        self.reference: dict[str, dict[str, float]] = {}
        self.history: list[dict[str, float]] = []
        self.best = np.inf

    def schedule(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: when the next evaluation is due, and those so far."""
        return {"next": self.next, "history": self.history}

    def go_on(self, schedule: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's :meth:`schedule`; what followed the checkpoint is done again."""
        self.next, self.history = schedule["next"], list(schedule["history"])
        self.best = min((one["score"] for one in self.history), default=np.inf)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps >= self.next:
            self.next = self.num_timesteps + self.every
            self.evaluate()

    def evaluate(self) -> float:
        """Evaluate now; return the mean score."""
        if not self.reference:
            self.reference = {name: self.mean(policy, self.asked) for name, policy in self.baselines.items()}
        found = self.mean(self.model)
        for name, value in found.items():
            self.logger.record(f"eval/{name}", value)
        for name, means in self.reference.items():
            self.logger.record(f"eval/{name}", means["score"])
        if self.bound is not None:
            self.logger.record("eval/bound", self.bound["score"])
        self.best = min(self.best, found["score"])
        self.remember(found)
        if self.watched is not None:
            self.draw(self.watched)
        return found["score"]

    def mean(self, policy: Policy | Any, spec: EnvSpec | None = None) -> dict[str, float]:
        """Return a policy's mean score, lag and peak on the episodes, in ``spec`` or what the model is trained in."""
        spec = spec or self.spec
        rows = play(spec, lighter(policy, spec), "", self.episodes)
        return {name: float(np.mean([row[name] for row in rows])) for name in MEANS}

    def remember(self, found: Mapping[str, float]) -> None:
        """Add an evaluation to the history, in place of one after as many frames."""
        frames = self.model.num_timesteps
        self.history = [*(one for one in self.history if one["frames"] != frames), {"frames": frames, **found}]
        if self.folder is not None:
            write(self.folder / "curve.json", json.dumps(self.history, indent=1) + "\n")

    def draw(self, watched: tuple[str, int]) -> None:
        """Record both figures."""
        from swapgym.agents.sb3 import figures
        from swapgym.agents.sb3.timeline import trace

        model: Any = self.model
        drawn = {
            "pareto": figures.pareto(self.history, self.reference, self.bound, len(self.episodes)),
            "timeline": figures.timeline(trace(self.spec, model, *watched), model.num_timesteps),
        }
        for name, figure in drawn.items():
            self.logger.record(f"figures/{name}", Figure(figure, close=True), exclude=IMAGES_ONLY)
