"""Kernels as plain Python do what compiled ones do, so that a debugger sees what happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.phone.state import PHONE
from swapgym.phone.uncompiled import uncompiled

STEPS = 6


def short_episode() -> dict[str, Any]:
    """Return what comes of the first decisions of an environment."""
    env: Any = gym.make("swapgym:swapgym/SwapReleaseGovernor-v0", flat=True).unwrapped
    observation, _ = env.reset(seed=3)
    rewards = []
    for step in range(STEPS):
        observation, reward, *_ = env.step(step % env.action_space.n)
        rewards.append(reward)
    return {"digest": env.digest(), "rewards": rewards, "observation": observation.tolist(), "metrics": env.metrics()}


def test_an_uncompiled_episode_has_the_same_bits() -> None:
    program = "import json; from tests.phone.test_uncompiled import short_episode; print(json.dumps(short_episode()))"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(json.dumps(short_episode()))


def test_records_are_read_and_written_in_place() -> None:
    @uncompiled
    def work(phones: Any, lane: int, phone: Any) -> Any:
        row = phones[lane]
        row.cpus.util[2] += 70_000 * row.tasks[3].weight
        phone.now_us = 5
        return row.tasks[3].weight * row.tasks[3].weight, type(row.free_pages), row.total.late_histogram[0]

    phones = np.zeros(2, PHONE)
    phones["tasks"]["weight"][1, 3] = 88_761
    phones["cpus"]["util"][1, 2] = -1
    with pytest.raises(OverflowError):
        work(phones, 1, phones[0])
    phones["tasks"]["weight"][1, 3] = 3
    assert work(phones, 1, phones[0]) == (9, int, 0)
    assert phones["cpus"]["util"][1, 2] == 209_999
    assert phones["now_us"].tolist() == [5, 0]


def test_products_do_not_wrap_round_at_32_bits() -> None:
    @uncompiled
    def square(phones: Any) -> Any:
        return phones[0].tasks[k.TASK_UI].weight ** 2

    phones = np.zeros(1, PHONE)
    phones["tasks"]["weight"][0, k.TASK_UI] = 88_761
    assert square(phones) == 88_761**2
