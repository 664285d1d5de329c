"""Environments for the tests: made as a user makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest

import swapgym  # noqa: F401 (registers the environments)
from swapgym.envs.release import SwapReleaseEnv


@pytest.fixture
def make() -> Callable[..., SwapReleaseEnv]:
    """Return a maker of bare environments."""

    def maker(**kwargs: Any) -> SwapReleaseEnv:
        env = gym.make("swapgym/SwapRelease-v1", **kwargs).unwrapped
        assert isinstance(env, SwapReleaseEnv)
        return env

    return maker


@pytest.fixture
def env(make: Callable[..., SwapReleaseEnv]) -> SwapReleaseEnv:
    """Return an environment with its defaults, not yet reset."""
    return make()
