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

from swapgym.envs.costs import reference
from swapgym.envs.deciders import Decider, choose, new_scratch
from swapgym.envs.lane import LANE, N_TOLD, begin_lane, step_lane, tell_lane
from swapgym.envs.observations import observe
from swapgym.envs.snapshots import native
from swapgym.envs.spec import EnvSpec
from swapgym.phone.constants import PACE_VARIANT, RUN_DECISION, RUN_END
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE
from swapgym.workload import Drawn

LANES_PER_THREAD: Final = 64
"""With fewer, waking a thread costs more than a step is helped by it; a whole episode always is."""
CHUNKS_PER_THREAD: Final = 8
"""Lanes differ in how far their next decision is: threads take chunks from a common queue, which evens that out."""
ROOM: Final = 64
"""Decisions that :meth:`Lanes.play` has room for at first; twice as many each time an episode asks for more."""


@kernel
def begin_some(
    phones: Any, scenarios: Any, lanes: Any, chosen: Any, epochs: Any, parts: Any, observations: Any, told: Any,
    statuses: Any,
) -> None:  # fmt: skip
    """Begin the episodes of the ``chosen`` lanes (int64 indices)."""
    for position in range(len(chosen)):
        lane = chosen[position]
        statuses[lane] = begin_lane(phones, scenarios, lanes, lane, epochs, parts, observations)
        tell_lane(phones, lanes, lane, told)


@kernel
def step_some(
    phones: Any, scenarios: Any, lanes: Any, chosen: Any, actions: Any, epochs: Any, parts: Any, observations: Any,
    told: Any, statuses: Any,
) -> None:  # fmt: skip
    """Step the ``chosen`` lanes (int64 indices), each by its own row of ``actions``."""
    for position in range(len(chosen)):
        lane = chosen[position]
        statuses[lane] = step_lane(phones, scenarios, lanes, lane, actions[lane], epochs, parts, observations)
        tell_lane(phones, lanes, lane, told)


@kernel
def play_some(
    phones: Any, scenarios: Any, lanes: Any, chosen: Any, decider: Any, codes: Any, epochs: Any, parts: Any,
    observations: Any, told: Any, statuses: Any, taken: Any, counts: Any,
) -> None:  # fmt: skip
    """Play the ``chosen`` lanes to their episodes' ends, each as ``decider`` says, as long as there is room.

    Args:
        phones: PHONE records.
        scenarios: SCENARIO records.
        lanes: LANE records.
        chosen: Lanes, int64; those that await no answer are left as they are.
        decider: See :mod:`swapgym.envs.deciders`.
        codes: What flat actions stand for, int64, shape ``(n, 2)``.
        epochs: When the policy is asked.
        parts: Observed parts, int64.
        observations: float32, one row per lane.
        told: float64, one column per lane.
        statuses: int64, one per lane.
        taken: int64, shape ``(lanes, room)``. Written: flat actions.
        counts: int64, one per lane: actions in its row of ``taken``. Counted up.
    """
    scratch = new_scratch(decider)
    for position in range(len(chosen)):
        lane = chosen[position]
        while statuses[lane] == RUN_DECISION and counts[lane] < taken.shape[1]:
            action = choose(decider, observations[lane], scratch)
            taken[lane, counts[lane]] = action
            counts[lane] += 1
            statuses[lane] = step_lane(phones, scenarios, lanes, lane, codes[action], epochs, parts, observations)
        tell_lane(phones, lanes, lane, told)


class Lanes:
    """The arrays of ``n`` episodes and the three things that can be done to them: begin, step, play to the end.

    Attributes:
        n: Lanes.
        spec: The decision process.
        phones: PHONE records, shape ``(n,)``.
        scenarios: SCENARIO records, shape ``(n,)``; :meth:`draw` fills them.
        lanes: LANE records, shape ``(n,)``: what has been paid and answered; ``lanes["reward"]`` is the last step's.
        observations: float32, shape ``(n, len(spec.parts))``; the last observation of each lane.
        told: float64, shape ``(N_TOLD, n)``; what the last step of each lane cost, gained and lasted to: rows of
            :data:`swapgym.envs.lane.N_TOLD`.
        actions: int64, shape ``(n, 2)``; what :meth:`step` answers with: see :meth:`swapgym.envs.spec.EnvSpec.actions`.
        statuses: int64, shape ``(n,)``; RUN_DECISION while a lane awaits an answer, RUN_END when its scenario is over.
    """

    def __init__(self, n: int, spec: EnvSpec, threads: int = 1) -> None:
        """Make ``n`` empty lanes, stepped by ``threads`` threads.

        Raises:
            ValueError: If there is not at least one lane and one thread.
        """
        self.n = positive("n", n)
        self.threads = positive("threads", threads)
        self.spec = spec
        self.epochs = spec.epoch_record()
        self.parts = spec.places()
        self.phones: npt.NDArray[Any] = np.zeros(n, PHONE)
        self.scenarios: npt.NDArray[Any] = np.zeros(n, SCENARIO)
        self.lanes: npt.NDArray[Any] = np.zeros(n, LANE)
        self.observations = np.zeros((n, len(self.parts)), dtype=np.float32)
        self.told = np.zeros((N_TOLD, n))
        self.actions = np.full((n, 2), -1, dtype=np.int64)
        self.statuses = np.zeros(n, dtype=np.int64)
        self._all = np.arange(n, dtype=np.int64)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_process = 0

    def draw(self, lane: int, scenario_seed: int, preset: str | None = None) -> Drawn:
        """Draw a lane's scenario, of ``preset`` where it is given: its rewards get the scale of what was drawn."""
        drawn = self.spec.draw(scenario_seed, self.scenarios[lane], preset)
        self._scale(lane, drawn)
        return drawn

    def _scale(self, lane: int, drawn: Drawn) -> None:
        self.lanes["weights"][lane] = self.spec.rates.weights(drawn)
        duration_us = int(self.scenarios["duration_us"][lane])
        credit = reference(drawn.preset, drawn.device) / duration_us if self.spec.centered else 0.0
        self.lanes["credit"][lane] = credit

    def begin(self, lanes: npt.NDArray[np.int64] | None = None) -> None:
        """Begin the episodes of ``lanes`` (all by default) and run each to its first decision."""
        chosen = self._all if lanes is None else lanes
        self._share(begin_some, chosen, (self.epochs, self.parts, self.observations, self.told, self.statuses))

    def step(self, lanes: npt.NDArray[np.int64] | None = None) -> None:
        """Answer ``lanes`` (int64 indices, all by default) by their rows of :attr:`actions` and run on.

        Rows of other lanes are not read.
        """
        chosen = self._all if lanes is None else lanes
        after = (self.actions, self.epochs, self.parts, self.observations, self.told, self.statuses)
        self._share(step_some, chosen, after)

    def play(self, decider: Decider) -> list[npt.NDArray[np.int64]]:
        """Play all lanes on to their episodes' ends, each as ``decider`` says, in one call.

        Returns:
            The flat actions taken in each lane, int64, shape ``(decisions,)``.

        Raises:
            ValueError: If the decider reads another number of parts, or has more actions than the spec.
        """
        codes = self.spec.actions()
        decider.check(len(self.parts), len(codes))
        taken, counts = np.zeros((self.n, ROOM), np.int64), np.zeros(self.n, np.int64)
        while len(waiting := self.waiting()):
            if counts.max() == taken.shape[1]:
                taken = np.concatenate([taken, np.zeros_like(taken)], axis=1)
            after = (decider, codes, self.epochs, self.parts, self.observations, self.told, self.statuses)
            self._share(play_some, waiting, (*after, taken, counts), least=1)
        return [row[:count] for row, count in zip(taken, counts.tolist(), strict=True)]

    def look(self, lane: int) -> None:
        """Observe a lane as it stands, as after :meth:`put`."""
        observe(self.phones[lane], self.scenarios[lane], self.parts, self.observations[lane])
        tell_lane(self.phones, self.lanes, lane, self.told)

    def take(self, lane: int) -> tuple[Any, Any, Any]:
        """Return copies of a lane's PHONE, SCENARIO and LANE records, each of shape ``(1,)``."""
        return self.phones[[lane]], self.scenarios[[lane]], self.lanes[[lane]]

    def put(self, lane: int, records: tuple[Any, Any, Any], drawn: Drawn, waits: bool) -> None:
        """Put a lane where :meth:`take` found another, drawn so; rewards have this spec's rates.

        Where actions set no pace, the drain goes on at the kernel variant's own.
        """
        self.phones[lane], self.scenarios[lane], self.lanes[lane] = (rows[0] for rows in records)
        if not self.spec.pace_names:
            self.phones["drain_pace"][lane] = PACE_VARIANT  # nobody here could set another one again
        self._scale(lane, drawn)
        self.statuses[lane] = RUN_DECISION if waits else RUN_END
        self.look(lane)

    def waiting(self) -> npt.NDArray[np.int64]:
        """Return the lanes that await a route."""
        return np.flatnonzero(self.statuses == RUN_DECISION)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None and self._pool_process == os.getpid():
            self._pool.shutdown()
        self._pool = None

    def _share(
        self, work: Any, lanes: npt.NDArray[np.int64], after: Sequence[Any], least: int = LANES_PER_THREAD
    ) -> None:
        before = (self.phones, self.scenarios, self.lanes)
        threads = min(self.threads, len(lanes) // least)
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
        self.lanes = native(self.lanes, LANE)


def positive(name: str, value: Any) -> int:
    """Return ``value`` if it is an integer of at least 1.

    Raises:
        ValueError: If it is not; names the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: {value!r}, must be an integer >= 1")
    return int(value)
