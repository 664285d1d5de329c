"""Discounting by simulated time, for decisions that lie at different distances.

A decision process whose steps take unlike times is semi-Markov: what a step of ``t`` ms is discounted by should be
``exp(-t / discount_ms)``, not one ``gamma`` per decision. Decisions here come in bunches (kills and exits follow within
milliseconds while many die, and hundreds of milliseconds pass after the last one), so that a discount per decision
would make the same delay weigh less the more happens meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.common.buffers import RolloutBuffer


class SemiMarkovRolloutBuffer(RolloutBuffer):
    """A rollout buffer whose every step has its own discount, by the simulated time it took.

    Generalised advantage estimation (Schulman et al., 2016) with ``gamma`` replaced by ``exp(-t / discount_ms)``. So is
    the ``gamma`` by which Stable-Baselines3 adds the value of what follows to the last reward of an episode that was
    truncated.
    """

    def __init__(self, *args: Any, clock: Any, discount_ms: float, **kwargs: Any) -> None:
        """Take ``elapsed_us`` of ``clock`` (an :class:`swapgym.agents.sb3.vec_env.SB3VecEnv`) after every step.

        Raises:
            ValueError: If ``discount_ms`` is not positive.
        """
        if not discount_ms > 0:
            raise ValueError(f"discount_ms: {discount_ms!r}, must be greater than 0")
        self.clock = clock
        self.discount_ms = discount_ms
        self.discounts: npt.NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        super().__init__(*args, **kwargs)

    def reset(self) -> None:
        """Forget the rollout."""
        super().reset()
        self.discounts = np.ones((self.buffer_size, self.n_envs), dtype=np.float32)

    def add(self, obs: Any, action: Any, reward: npt.NDArray[Any], *args: Any, **kwargs: Any) -> None:
        """Add a step, with the time it took.

        Args:
            obs: See Stable-Baselines3.
            action: Likewise.
            reward: As the collector has it: what was paid, and where the episode was truncated ``gamma`` times the
                value of what follows.
            *args: See Stable-Baselines3.
            **kwargs: Likewise.
        """
        discount = np.exp(-self.clock.elapsed_us / (1_000 * self.discount_ms)).astype(np.float32)
        self.discounts[self.pos] = discount
        paid = self.clock.rewards
        follows = (reward - paid) / self.gamma if self.gamma > 0.0 else np.zeros_like(paid)
        super().add(obs, action, paid + discount * follows, *args, **kwargs)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: npt.NDArray[np.bool_]) -> None:
        """Compute advantages and returns, each step discounted by its own time."""
        values = last_values.clone().cpu().numpy().flatten()
        advantage = np.zeros(self.n_envs, dtype=np.float32)
        goes_on = 1.0 - dones.astype(np.float32)
        for step in reversed(range(self.buffer_size)):
            discount = self.discounts[step] * goes_on
            delta = self.rewards[step] + discount * values - self.values[step]
            advantage = delta + discount * self.gae_lambda * advantage
            self.advantages[step] = advantage
            values = self.values[step]
            goes_on = 1.0 - self.episode_starts[step]
        self.returns = self.advantages + self.values
