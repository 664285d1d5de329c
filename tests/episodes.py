"""Play whole episodes with routes drawn at random, audited as they go, fast enough for thousands of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from swapgym.phone import audit, engine
from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.streams import integer, random

ALL_HELD: int = -1
"""What :func:`play_audited` returns besides a decision's number."""


@kernel
def none_negative(words: Any, places: Any) -> bool:
    """Return whether no counter of one size is below zero."""
    for index in range(len(places)):
        if words[places[index]] < 0:
            return False
    return True


@kernel
def holds(words: Any, places: Any, phone: Any, scenario: Any, rows: Any) -> bool:
    """Return whether the auditor finds nothing wrong with a phone; ``words`` and ``places`` hold one array per size."""
    if not (none_negative(words[0], places[0]) and none_negative(words[1], places[1])):
        return False
    if not (none_negative(words[2], places[2]) and none_negative(words[3], places[3])):
        return False
    audit.take_stock(phone, scenario, rows)
    for row in range(len(rows)):
        if rows[row, 0] < rows[row, 1] or rows[row, 0] > rows[row, 2]:
            return False
    return True


@kernel
def play(
    phones: Any, scenarios: Any, words: Any, places: Any, rows: Any, rng: Any, shares: Any, every: int, counts: Any
) -> int:
    """Play one episode, audited at its start, at every ``every``-th decision and at its end.

    Returns the decision before which something did not hold (the phone stands there), -1 where all did. ``counts``
    grows by decisions and audits.
    """
    phone = phones[0]
    scenario = scenarios[0]
    engine.start(phones, scenarios, 0)
    if not holds(words, places, phone, scenario, rows):
        return 0
    decisions = 0
    counts[1] += 1
    while engine.advance(phones, scenarios, 0, engine.FOREVER_US) == k.RUN_DECISION:
        if decisions % every == 0:
            counts[1] += 1
            if not holds(words, places, phone, scenario, rows):
                return decisions
        drawn = random(rng)
        route = 0 if drawn < shares[0] else (1 if drawn < shares[0] + shares[1] else 2)
        engine.decide(phones, scenarios, 0, route)
        decisions += 1
    counts[0] += decisions
    counts[1] += 1
    if not holds(words, places, phone, scenario, rows):
        return decisions
    return ALL_HELD


class Auditor:
    """Plays episodes on one phone and counts what it has seen."""

    def __init__(self, phones: npt.NDArray[Any], scenarios: npt.NDArray[Any]) -> None:
        """Take the arrays of one phone and one scenario that are played on."""
        self.phones, self.scenarios = phones, scenarios
        self.words = tuple(phones.view(f"i{size}") for size in audit.COUNTERS)
        self.places = tuple(where for _, where in audit.COUNTERS.values())
        self.rows = np.zeros((len(audit.CHECKS), 3), np.int64)
        self.counts = np.zeros(2, np.int64)

    def holds(self) -> bool:
        """Return whether the phone as it stands is found in order."""
        return bool(holds(self.words, self.places, self.phones[0], self.scenarios[0], self.rows))

    def play(self, seed: int, every: int = 1) -> list[str]:
        """Play the scenario, its routes in shares that ``seed`` draws; return what did not hold, in words."""
        rng = np.full(1, seed, np.uint64)
        shares = np.array([integer(rng, 0, 3) for _ in range(2)] + [integer(rng, 1, 3)]) + 0.0
        self.phones.view(np.uint8)[:] = 0
        failed = play(
            self.phones, self.scenarios, self.words, self.places, self.rows, rng, shares / shares.sum(), every,
            self.counts,
        )  # fmt: skip
        if failed == ALL_HELD:
            return []
        now_us = int(self.phones[0]["now_us"])
        return [f"decision {failed}, {now_us} us: {what}" for what in audit.audit(self.phones[0], self.scenarios[0])]
