"""Registers the environments with Gymnasium; importing :mod:`swapgym` does it, doing it again changes nothing."""

from __future__ import annotations

from typing import Final

import gymnasium as gym

ENTRY_POINTS: Final[dict[str, str]] = {
    "swapgym/SwapRelease-v0": "swapgym.envs.release_env:SwapReleaseEnv",
}
"""Environment ids and their classes, by name, so that registering loads none of them."""
VECTOR_ENTRY_POINTS: Final[dict[str, str]] = {
    "swapgym/SwapRelease-v0": "swapgym.envs.vector_env:SwapReleaseVectorEnv",
}
"""What ``gymnasium.make_vec`` makes of an id."""


def register_envs() -> None:
    """Register every environment that is not registered yet."""
    for env_id, entry_point in ENTRY_POINTS.items():
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point=entry_point,
                vector_entry_point=VECTOR_ENTRY_POINTS.get(env_id),
                order_enforce=False,  # the environments do it themselves
            )
