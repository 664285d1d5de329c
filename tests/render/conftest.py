"""One episode played in slices, sampled as an environment would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.state import PHONE
from swapgym.render import History
from swapgym.workload import draw, empty

Look = Callable[[History, Any], None]


class Episode:
    """``camera_launch`` 2: eleven kills, eight of them lmkd's own, four late frames, one launch."""

    def __init__(self, route: int, kernel: str = "vivo-async-nice0", period_us: int = 2_000) -> None:
        self.phones, self.scenarios = np.zeros(1, PHONE), empty(1)
        draw("camera_launch", 2, device="phone-8gb", kernel=kernel, out=self.scenarios[0])
        start(self.phones, self.scenarios, 0)
        self.history = History(self.scenarios[0], period_us)
        self.route = route

    def play(self, until_us: int | None = None, look: Look | None = None) -> History:
        """Play on to the first sample at ``until_us`` or later, or to the end; ``look`` is called after each sample."""
        while True:
            status = advance(self.phones, self.scenarios, 0, self.history.due_us)
            phone = self.phones[0]
            if status == k.RUN_DECISION:
                self.history.decide(int(phone["now_us"]), int(phone["pending"]), self.route)
                decide(self.phones, self.scenarios, 0, self.route)
                continue
            self.history.sample(phone)
            if look is not None:
                look(self.history, phone)
            if status == k.RUN_END or (until_us is not None and phone["now_us"] >= until_us):
                return self.history


@pytest.fixture(scope="session")
def deferred() -> History:
    return Episode(k.KWORKER).play()


@pytest.fixture(scope="session")
def inline() -> History:
    return Episode(k.INLINE).play()


@pytest.fixture
def new_episode() -> type[Episode]:
    return Episode
