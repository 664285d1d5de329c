"""Registers the environments with Gymnasium; importing :mod:`swapgym` does it, doing it again changes nothing."""

from __future__ import annotations

from typing import Final

import gymnasium as gym

CLASSES: Final[dict[str, str]] = {
    "swapgym/SwapRelease-v1": "swapgym.envs.release:SwapRelease",
    "swapgym/SwapReleaseGovernor-v0": "swapgym.envs.governor:SwapReleaseGovernor",
    "swapgym/MOSwapRelease-v0": "swapgym.envs.multi_objective:MOSwapRelease",
}
"""Environment ids and the stems of their classes (``Env``, ``VectorEnv``), by name: registering loads none of them."""
VECTOR_REWARDS: Final = ("swapgym/MOSwapRelease-v0",)
"""Ids whose rewards Gymnasium's own checker, which knows only numbers, must be kept from."""


def register_envs() -> None:
    """Register every environment that is not registered yet."""
    for env_id, stem in CLASSES.items():
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point=f"{stem}Env",
                vector_entry_point=f"{stem}VectorEnv",
                order_enforce=False,  # the environments do it themselves
                disable_env_checker=env_id in VECTOR_REWARDS,
            )
