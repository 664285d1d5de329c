"""Compile everything that the environments call, ahead of time: ``python -m swapgym.warm_up``, for images and tests.

What is compiled is kept (:mod:`swapgym.phone.kernel_cache` says where), so that a second call takes a second.
"""

from __future__ import annotations

import time

import numpy as np

from swapgym.envs.release_env import SwapReleaseEnv
from swapgym.envs.vector_env import SwapReleaseVectorEnv
from swapgym.phone.kernel_cache import FOLDER


def warm_up() -> float:
    """Reset and step a single and a vector environment; return the seconds it took."""
    begun = time.perf_counter()
    env, envs = SwapReleaseEnv(), SwapReleaseVectorEnv()
    env.reset(seed=0)
    env.step(0)
    env.restore(env.snapshot())
    envs.reset(seed=0)
    envs.step(np.zeros(1, np.int64))
    return time.perf_counter() - begun


if __name__ == "__main__":
    print(f"swapgym: ready after {warm_up():.0f} s; kernels are kept in {FOLDER}")
