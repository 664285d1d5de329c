"""An environment that does nothing: what Gymnasium's own wrappers and a Python loop cost."""

from __future__ import annotations

from typing import Any, Final

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

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
