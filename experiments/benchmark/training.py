"""PPO on the simulator, beside the same PPO on an environment of the same spaces that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from experiments.benchmark.interleave import Lap, Play, flat, measure, rate, ratio, steps_per_s
from experiments.benchmark.null import EPISODE_STEPS, stand_still
from experiments.benchmark.single import Spread
from swapgym.agents.sb3.vec_env import make_sb3


class NullVecEnv(VecEnv):
    """A ``VecEnv`` of given spaces that does nothing; an episode is ``EPISODE_STEPS`` steps, lanes spread over them."""

    def __init__(self, num_envs: int, like: VecEnv) -> None:
        """Take over the spaces of ``like``."""
        super().__init__(num_envs, like.observation_space, like.action_space)
        self.shape = (num_envs, *(like.observation_space.shape or ()))
        self.steps: npt.NDArray[np.int64] = np.arange(num_envs) * EPISODE_STEPS // num_envs

    def reset(self) -> npt.NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(self.shape, dtype=np.float32)

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Count the step."""
        self.steps += 1

    def step_wait(self) -> VecEnvStepReturn:
        """Return zeros, and the infos that an end of an episode must have."""
        done = self.steps == EPISODE_STEPS
        self.steps[done] = 0
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for lane in np.flatnonzero(done).tolist():
            infos[lane] = {"terminal_observation": np.zeros(self.shape[1:], np.float32), "TimeLimit.truncated": False}
        return self.reset(), np.zeros(self.num_envs, dtype=np.float32), done, infos

    def close(self) -> None:
        """Do nothing."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return the render mode, None."""
        if attr_name != "render_mode":
            raise AttributeError(attr_name)
        return [None for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse."""
        raise AttributeError(attr_name)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Refuse."""
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """Return False for all."""
        return [False for _ in self._get_indices(indices)]


@dataclass(frozen=True)
class Setting:
    """How PPO is run.

    Attributes:
        lanes: Environments side by side.
        n_steps: Steps of each per rollout.
        batch_size: Frames per gradient step.
        n_epochs: Passes over a rollout.
        torch_threads: Threads of PyTorch.
    """

    lanes: int
    n_steps: int
    batch_size: int
    n_epochs: int
    torch_threads: int = 1

    def __str__(self) -> str:
        """Return it in words."""
        torch_threads = f"{self.torch_threads} torch thread{'s' * (self.torch_threads > 1)}"
        return f"{self.lanes} lanes, batch {self.batch_size}, {self.n_epochs} epochs, {torch_threads}"


MAIN: Final = Setting(64, 64, 1_024, 10)
"""Stable-Baselines3's default epochs with a batch that does not waste the processor."""
WIDE: Final = Setting(256, 64, 4_096, 4)
SETTINGS: Final = (
    Setting(8, 512, 64, 10),
    MAIN,
    Setting(64, 64, 1_024, 10, torch_threads=2),
    WIDE,
    Setting(256, 64, 4_096, 4, torch_threads=2),
)
QUICK_SETTINGS: Final = (MAIN, WIDE)


def null(setting: Setting) -> str:
    """Return the name of the null contestant of a setting."""
    return f"{setting}, null"


def still(setting: Setting) -> str:
    """Return the name of the contestant of a setting whose phones stand still: what training costs beside them."""
    return f"{setting}, still"


def learner(setting: Setting, env: VecEnv) -> Play:
    """Return the play of one lap: PPO's rollout and update, once; ``env`` is wrapped as in training."""
    torch.set_num_threads(setting.torch_threads)
    model = PPO(
        "MlpPolicy",
        VecMonitor(env),
        n_steps=setting.n_steps,
        batch_size=setting.batch_size,
        n_epochs=setting.n_epochs,
        seed=0,
        device="cpu",
    )
    frames = setting.n_steps * setting.lanes

    def play() -> tuple[int, float]:
        torch.set_num_threads(setting.torch_threads)
        model.learn(frames, reset_num_timesteps=False)
        return frames, 0.0

    return play


def run(rounds: int, quick: bool, progress: Callable[[], None] | None = None) -> list[Lap]:
    """Measure PPO on both environments in turns, for every setting."""
    contestants: dict[str, Play] = {}
    for setting in QUICK_SETTINGS if quick else SETTINGS:
        real = make_sb3(setting.lanes)
        contestants[str(setting)] = learner(setting, real)
        contestants[null(setting)] = learner(setting, NullVecEnv(setting.lanes, real))
        standing = make_sb3(setting.lanes)
        standing.reset()
        stand_still(standing.envs)
        contestants[still(setting)] = learner(setting, standing)
    return measure(contestants, rounds, progress)


def table(laps: Sequence[Lap]) -> dict[str, dict[str, Spread]]:
    """Return frames per second on the simulator and on nothing, and ratios within rounds, per setting.

    ``still_vs_null`` is that of our environment with phones that stand still: without the simulation.
    """
    names = [lap.name for lap in laps if lap.round == 0 and not lap.name.endswith((", null", ", still"))]
    return {
        name: {
            "frames_per_s": rate(laps, name, steps_per_s),
            "null_frames_per_s": rate(laps, f"{name}, null", steps_per_s),
            "vs_null": ratio(laps, name, f"{name}, null", steps_per_s),
            "still_vs_null": ratio(laps, f"{name}, still", f"{name}, null", steps_per_s),
        }
        for name in sorted(names, key=[str(setting) for setting in SETTINGS].index)
    }


def summary(laps: Sequence[Lap]) -> dict[str, float]:
    """Return the main numbers, flat."""
    figures = table(laps)
    return {
        **flat("train_fps_vs_null", figures[str(MAIN)]["vs_null"]),
        **flat("train_fps_vs_null_64", figures[str(MAIN)]["vs_null"]),
        **flat("train_fps_vs_null_256", figures[str(WIDE)]["vs_null"]),
        **flat("train_still_vs_null_256", figures[str(WIDE)]["still_vs_null"]),
        **{f"ppo: {name}.frames_per_s": row["frames_per_s"].median for name, row in figures.items()},
    }
