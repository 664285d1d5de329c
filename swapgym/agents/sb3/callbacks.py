"""What TensorBoard is told beside Stable-Baselines3's own.

============================ ==================================================================================
tag                          meaning
============================ ==================================================================================
``episode/<metric>``         mean over the episodes that ended since the last log: every metric of
                             ``swapgym.envs.metrics`` that the reward is made of or the letter asks about
                             (:data:`EPISODE`)
``defer/<regime>``           share of decisions to defer, of all and by what was seen when they were made
                             (:data:`REGIMES`)
``policy/entropy``           entropy of the distribution that actions are drawn from, mean over the observations
                             visited since the last log, in nats: 0 is certain, 0.693 a coin. Of dqn and qrdqn,
                             which draw by epsilon-greedy, it is the exploration's alone
``eval/score``               mean score on the validation suite, deterministic (lower is better)
``eval/lag_ms``              mean lag there
``eval/peak_mib``            mean peak there
``eval/best_tuned``          score of the best tuned fixed policy there: a reference line, where some are
                             stored (``swapgym tune``)
``eval/always_inline``       likewise mainline's rule
``eval/always_defer``        likewise a worker for everything
``eval/bound``               likewise the clairvoyant bound: with ``--bound``, or where ``swapgym bound``
                             has stored it for these episodes
``figures/pareto``           image: lag against peak there, of all evaluations so far, fixed policies and bound
``figures/timeline``         image: memory, backlog, lag, CPU time by who pays and decisions over one episode
``custom_scalars__config__`` layout of the tab CUSTOM SCALARS: what belongs on one chart (:data:`LAYOUT`)
``_hparams_/<part>``         hyperparameters and what was trained on, for the tab HPARAMS, with the last value of
                             each of :data:`OUTCOMES`
============================ ==================================================================================

Images and evaluations are written at evaluations only, layout and hyperparameters once per start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import entr
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import HParam, TensorBoardOutputFormat

from swapgym.agents.policies.base import Readings
from swapgym.agents.sb3.evaluation import IMAGES_ONLY
from swapgym.agents.sb3.vec_env import SB3VecEnv
from swapgym.agents.stored.runs import spec_of
from swapgym.envs.spec import EnvSpec
from swapgym.phone.constants import INLINE

EPISODE: Final = (
    "lag_ms", "peak_mib", "frame_late_ms", "launch_delay_ms", "stall_ms", "relaunch_ms", "kills", "collateral_kills",
    "direct_reclaim_ms", "zombie_peak_mib", "zombie_mib_s", "unaccounted_cpu_ms", "spin_ms", "exit_latency_mean_ms",
    "kworker_starved_ms", "batches",
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
READ: Final[dict[str, tuple[str, ...]]] = {
    "all": (), "memory_short": ("free_margin",), "memory_ample": ("free_margin",), "contended": ("lock_load",),
    "alone": ("exiting",), "realtime": ("rt_load",), "awaited": ("victim_awaited",),
}  # fmt: skip
"""Parts of the observation that a regime is told by: without them it is left out."""
STEPS_PER_LOG: Final = 64
SCORES: Final = ("score", "best_tuned", "always_inline", "bound")
OUTCOMES: Final = ("eval/score", "eval/lag_ms", "eval/peak_mib", "eval/best_tuned", "rollout/ep_rew_mean")
TRAINED: Final = ("algo", "env_id", "seed")
TRAINED_IN: Final = ("preset", "kernel", "device", "ms_per_mib", "epochs", "hold_ms")
LAYOUT: Final = {
    "swapgym": {
        "score on the validation suite": ["Multiline", [f"eval/{name}" for name in SCORES]],
        "entropy of the actions (nats)": ["Multiline", ["policy/entropy"]],
        "share deferred by regime": ["Multiline", [f"defer/{name}" for name in REGIMES]],
        "lag, in parts": ["Multiline", [f"episode/{name}" for name in EPISODE[2:6]]],
    }
}
"""Custom scalars: what belongs on one chart."""


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, bool | str | float | None]:
    """Return nested values with dotted names, lists and the like as text."""
    found: dict[str, bool | str | float | None] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, bool | str | int | float | None) else str(value)
    return found


def entropy(probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the entropy of choices, in nats, from the probabilities of all but the last alternative.

    Args:
        probabilities: Shape ``(..., alternatives - 1)``.
    """
    told = np.clip(np.asarray(probabilities, dtype=np.float64), 0.0, 1.0)
    last = np.clip(1.0 - told.sum(axis=-1), 0.0, 1.0)
    found: npt.NDArray[np.float64] = entr(told).sum(axis=-1) + entr(last)
    return found


def lanes_of(venv: Any) -> SB3VecEnv:
    """Return the lanes under Stable-Baselines3's wrappers."""
    while hasattr(venv, "venv"):
        venv = venv.venv
    lanes: SB3VecEnv = venv
    return lanes


class DomainMetrics(BaseCallback):
    """Log episode metrics and the share of decisions to defer."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.forget()

    def forget(self) -> None:
        """Begin to gather anew."""
        self.episodes: list[dict[str, float]] = []
        self.deferred = {name: [0, 0] for name in REGIMES}
        self.entropies: list[float] = []
        self.steps = 0

    def _on_training_start(self) -> None:
        for output in self.logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                output.writer.add_custom_scalars(LAYOUT)

    def _on_step(self) -> bool:
        spec = lanes_of(self.training_env).envs.env_spec
        seen = Readings(np.asarray(self.model._last_obs, dtype=np.float64), spec.parts)
        deferred = self._deferred(spec)
        for name, regime in REGIMES.items():
            if any(part not in spec.parts for part in READ[name]):
                continue
            there = regime(seen)
            self.deferred[name][0] += int((deferred & there).sum())
            self.deferred[name][1] += int(there.sum())
        self.steps += 1
        n = len(spec.actions())
        self.entropies += [float(entropy(np.full(n - 1, explored / n))) for explored in self._explored()]
        self.episodes += [info["metrics"] for info in self.locals["infos"] if "metrics" in info]
        return True

    def _deferred(self, spec: EnvSpec) -> npt.NDArray[np.bool_]:
        """Return which of the actions just taken defer."""
        actions = np.asarray(self.locals["actions"])
        flat = spec.flat_actions(
            actions.reshape(len(actions), -1) if (bool(spec.pace_names) and not spec.flat) else actions.reshape(-1)
        )
        deferring: npt.NDArray[np.bool_] = spec.actions()[flat, 0] != INLINE
        return deferring

    def _explored(self) -> list[float]:
        """Return the probability with which epsilon-greedy has just drawn from both alike; empty of other learners."""
        model: Any = self.model
        if not hasattr(model, "exploration_rate"):
            return []
        warming_up = self.num_timesteps - self.training_env.num_envs < model.learning_starts
        return [1.0 if warming_up else model.exploration_rate]

    def flush(self) -> None:
        """Record what has gathered, and forget it."""
        if self.episodes:
            for name in EPISODE:
                self.logger.record(f"episode/{name}", float(np.mean([episode[name] for episode in self.episodes])))
        for name, (count, of) in self.deferred.items():
            if of:
                self.logger.record(f"defer/{name}", count / of)
        if self.entropies:
            self.logger.record("policy/entropy", float(np.mean(self.entropies)))
        self.forget()

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        if hasattr(model, "rollout_buffer"):
            told = model.rollout_buffer.log_probs
            if len(lanes_of(self.training_env).envs.env_spec.actions()) == 2:
                # an action's probability tells that of the other: no need to ask the network again
                self.entropies.append(float(entropy(np.exp(told)[..., None]).mean()))
            else:
                self.entropies.append(-float(told.mean()))
        if self.steps >= STEPS_PER_LOG:
            self.flush()


class Hyperparameters(BaseCallback):
    """Tell TensorBoard what is trained, so that its HPARAMS tab can compare runs."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take a run's configuration."""
        super().__init__()
        spec = spec_of(config).as_dict()
        told = {name: config[name] for name in TRAINED} | {name: spec[name] for name in TRAINED_IN}
        self.values = flat(told | dict(config["hyperparameters"]))

    def _on_training_start(self) -> None:
        # values are not known yet: TensorBoard reads them off the scalars of these tags
        outcomes = dict.fromkeys(OUTCOMES, 0.0)
        self.logger.record("hparams", HParam(self.values, outcomes), exclude=IMAGES_ONLY)

    def _on_step(self) -> bool:
        return True
