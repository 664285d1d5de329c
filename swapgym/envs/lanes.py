"""Many episodes side by side: the kernels of one lane, over the lanes of an array.

Lanes are asynchronous in simulated time: a step advances each lane to its own next decision. Every lane owns its rows
of every array, so that lanes can be shared out among threads without changing a bit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.envs.lane import begin_lane, step_lane
from swapgym.envs.observations import N_PARTS
from swapgym.envs.rewards import N_TERMS
from swapgym.envs.snapshots import native
from swapgym.phone.constants import RUN_DECISION
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE

LANES_PER_THREAD: Final = 64
"""With fewer, waking a thread costs more than it helps."""
CHUNKS_PER_THREAD: Final = 8
"""Lanes differ in how far their next decision is: threads take chunks from a common queue, which evens that out."""


@kernel
def begin_some(phones: Any, scenarios: Any, lanes: Any, observations: Any, paid: Any, statuses: Any) -> None:
    """Begin the episodes of ``lanes`` (int64 indices)."""
    for position in range(len(lanes)):
        lane = lanes[position]
        statuses[lane] = begin_lane(phones, scenarios, lane, observations, paid)


@kernel
def step_some(
    phones: Any, scenarios: Any, lanes: Any, routes: Any, hold_us: int, observations: Any, paid: Any, terms: Any,
    statuses: Any,
) -> None:  # fmt: skip
    """Step ``lanes`` (int64 indices), each on its own route of ``routes`` (one per lane of the array)."""
    for position in range(len(lanes)):
        lane = lanes[position]
        statuses[lane] = step_lane(phones, scenarios, lane, routes[lane], hold_us, observations, paid, terms)


class Lanes:
    """The arrays of ``n`` episodes and the two things that can be done to them.

    Attributes:
        phones: PHONE records, shape ``(n,)``.
        scenarios: SCENARIO records, shape ``(n,)``; fill them with :func:`swapgym.workload.draw` before :meth:`begin`.
        observations: float32, shape ``(n, N_PARTS)``; the last observation of each lane.
        paid: int64, shape ``(n, N_TERMS)``; reward counters already paid out.
        terms: float64, shape ``(n, N_TERMS)``; reward terms of the last step of each lane.
        statuses: int64, shape ``(n,)``; RUN_DECISION while a lane awaits a route, RUN_END when its scenario is over.
    """

    def __init__(self, n: int, threads: int = 1, hold_us: int = 0) -> None:
        """Make ``n`` empty lanes, stepped by ``threads`` threads; a step's route stands for ``hold_us``.

        Raises:
            ValueError: If there is not at least one lane and one thread.
        """
        self.n = positive("n", n)
        self.threads = positive("threads", threads)
        self.hold_us = hold_us
        self.phones: npt.NDArray[Any] = np.zeros(n, PHONE)
        self.scenarios: npt.NDArray[Any] = np.zeros(n, SCENARIO)
        self.observations = np.zeros((n, N_PARTS), dtype=np.float32)
        self.paid = np.zeros((n, N_TERMS), dtype=np.int64)
        self.terms = np.zeros((n, N_TERMS), dtype=np.float64)
        self.statuses = np.zeros(n, dtype=np.int64)
        self._all = np.arange(n, dtype=np.int64)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_process = 0

    def begin(self, lanes: npt.NDArray[np.int64] | None = None) -> None:
        """Begin the episodes of ``lanes`` (all by default) and run each to its first decision."""
        lanes = self._all if lanes is None else lanes
        self._share(begin_some, lanes, (self.phones, self.scenarios), (self.observations, self.paid, self.statuses))

    def step(self, routes: npt.NDArray[np.int64], lanes: npt.NDArray[np.int64] | None = None) -> None:
        """Send the pending batch of each lane (all by default) on its route and run on to its next decision.

        Args:
            routes: int64, shape ``(n,)``: one route per lane of the array; those not stepped are not read.
            lanes: int64 indices.
        """
        lanes = self._all if lanes is None else lanes
        rest = (routes, self.hold_us, self.observations, self.paid, self.terms, self.statuses)
        self._share(step_some, lanes, (self.phones, self.scenarios), rest)

    def waiting(self) -> npt.NDArray[np.int64]:
        """Return the lanes that await a route."""
        return np.flatnonzero(self.statuses == RUN_DECISION)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None and self._pool_process == os.getpid():
            self._pool.shutdown()
        self._pool = None

    def _share(self, work: Any, lanes: npt.NDArray[np.int64], before: Sequence[Any], after: Sequence[Any]) -> None:
        threads = min(self.threads, len(lanes) // LANES_PER_THREAD)
        if threads < 2:
            work(*before, lanes, *after)
            return
        if self._pool is None or self._pool_process != os.getpid():  # a forked child has none of the threads
            self._pool, self._pool_process = ThreadPoolExecutor(self.threads - 1), os.getpid()
        chunks = deque(np.array_split(lanes, CHUNKS_PER_THREAD * threads))

        def drain() -> None:
            while True:
                try:
                    chunk = chunks.popleft()
                except IndexError:
                    return
                work(*before, chunk, *after)

        helpers = [self._pool.submit(drain) for _ in range(threads - 1)]
        drain()
        for helper in helpers:
            helper.result()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the threads behind: they are started again when they are needed."""
        return {**self.__dict__, "_pool": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over pickled or copied lanes."""
        self.__dict__.update(state)
        self.phones = native(self.phones, PHONE)
        self.scenarios = native(self.scenarios, SCENARIO)


def positive(name: str, value: Any) -> int:
    """Return ``value`` if it is an integer of at least 1.

    Raises:
        ValueError: If it is not; names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: {value!r}, must be an integer >= 1")
    return int(value)
