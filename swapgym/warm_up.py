"""Compile everything that the environments call, ahead of time: ``python -m swapgym.warm_up``, for images and tests.

What is compiled is kept (:mod:`swapgym.phone.kernel_cache` says where), so that a second call takes a second.
"""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym

from swapgym.envs.deciders import LEAF, tree
from swapgym.envs.registration import CLASSES
from swapgym.phone.kernel_cache import FOLDER


def warm_up() -> float:
    """Reset and step a single and a vector environment of every id, and play one to its end; return the seconds."""
    begun = time.perf_counter()
    for env_id in CLASSES:
        env = gym.make(env_id).unwrapped
        envs: Any = gym.make_vec(env_id, num_envs=1)
        env.reset(seed=0)
        envs.reset(seed=0)
        env.step(env.action_space.sample())
        envs.step(envs.action_space.sample())
        envs.lanes.play(tree([LEAF], [0.0], [0], [0], [0]))
    return time.perf_counter() - begun


if __name__ == "__main__":
    print(f"swapgym: ready after {warm_up():.0f} s; kernels are kept in {FOLDER}")
