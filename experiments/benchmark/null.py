"""Environments that do nothing: what Gymnasium's own wrappers, a Python loop and all beside the simulation cost."""

from __future__ import annotations

from typing import Any, Final

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from swapgym.envs.vector_env import PhoneVectorEnv
from swapgym.phone.constants import RUN_DECISION, RUN_END

NULL_ID: Final = "swapgym-benchmark/Null-v0"
EPISODE_STEPS: Final = 10
"""About as many as an episode of the default task asks for."""


class NullEnv(gym.Env[npt.NDArray[np.float32], np.int64]):
    """The spaces of ``swapgym/SwapRelease-v1`` and nothing behind them; an episode is :data:`EPISODE_STEPS` steps."""

    def __init__(self) -> None:
        """Take over the spaces."""
        real = gym.make("swapgym:swapgym/SwapRelease-v1")
        self.observation_space: spaces.Space[npt.NDArray[np.float32]] = real.observation_space
        self.action_space: spaces.Space[np.int64] = real.action_space
        self._observation = np.zeros(real.observation_space.shape or (), dtype=np.float32)
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        self._steps = 0
        return self._observation.copy(), {}

    def step(self, action: np.int64) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Count the step."""
        self._steps += 1
        return self._observation.copy(), 0.0, self._steps == EPISODE_STEPS, False, {}


def register_null() -> None:
    """Register the environment, with the wrappers that ``swapgym/SwapRelease-v1`` gets."""
    if NULL_ID not in gym.registry:
        gym.register(id=NULL_ID, entry_point=f"{__name__}:NullEnv", order_enforce=False)


def stand_still(envs: PhoneVectorEnv, steps_per_episode: int = EPISODE_STEPS) -> None:
    """Let a vector environment simulate nothing from now on: what is left is all that a step costs beside it.

    An episode is so many steps, lanes spread over them; its end costs what an end costs. Reset it once before.
    """
    lanes = envs.lanes
    drawn = lanes.draw(0, 0)
    steps = np.arange(envs.num_envs) * min(steps_per_episode, envs.num_envs) // envs.num_envs

    def step(chosen: npt.NDArray[np.int64] | None = None) -> None:
        steps[:] += 1
        lanes.statuses[:] = np.where(steps >= steps_per_episode, RUN_END, RUN_DECISION)

    def begin(chosen: npt.NDArray[np.int64] | None = None) -> None:
        steps[slice(None) if chosen is None else chosen] = 0
        lanes.statuses[slice(None) if chosen is None else chosen] = RUN_DECISION

    for name, instead in (("step", step), ("begin", begin), ("draw", lambda *arguments: drawn)):
        setattr(lanes, name, instead)
