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
def holds(words_4: Any, words_8: Any, places_4: Any, places_8: Any, phone: Any, scenario: Any, rows: Any) -> bool:
    """Return whether the auditor finds nothing wrong with a phone."""
    for index in range(len(places_4)):
        if words_4[places_4[index]] < 0:
            return False
    for index in range(len(places_8)):
        if words_8[places_8[index]] < 0:
            return False
    audit.take_stock(phone, scenario, rows)
    for row in range(len(rows)):
        if rows[row, 0] < rows[row, 1] or rows[row, 0] > rows[row, 2]:
            return False
    return True


@kernel
def play(
    phones: Any, scenarios: Any, words_4: Any, words_8: Any, places_4: Any, places_8: Any, rows: Any, rng: Any,
    shares: Any, every: int, counts: Any,
) -> int:  # fmt: skip
    """Play one episode, audited at its start, at every ``every``-th decision and at its end.

    Returns the decision before which something did not hold (the phone stands there), -1 where all did. ``counts``
    grows by decisions and audits.
    """
    phone = phones[0]
    scenario = scenarios[0]
    engine.start(phones, scenarios, 0)
    if not holds(words_4, words_8, places_4, places_8, phone, scenario, rows):
        return 0
    decisions = 0
    counts[1] += 1
    while engine.advance(phones, scenarios, 0, engine.FOREVER_US) == k.RUN_DECISION:
        if decisions % every == 0:
            counts[1] += 1
            if not holds(words_4, words_8, places_4, places_8, phone, scenario, rows):
                return decisions
        drawn = random(rng)
        route = 0 if drawn < shares[0] else (1 if drawn < shares[0] + shares[1] else 2)
        engine.decide(phones, scenarios, 0, route)
        decisions += 1
    counts[0] += decisions
    counts[1] += 1
    if not holds(words_4, words_8, places_4, places_8, phone, scenario, rows):
        return decisions
    return ALL_HELD


class Auditor:
    """Plays episodes on one phone and counts what it has seen."""

    def __init__(self, phones: npt.NDArray[Any], scenarios: npt.NDArray[Any]) -> None:
        """Take the arrays of one phone and one scenario that are played on."""
        self.phones, self.scenarios = phones, scenarios
        self.words_4, self.words_8 = phones.view(np.int32), phones.view(np.int64)
        self.rows = np.zeros((len(audit.CHECKS), 3), np.int64)
        self.counts = np.zeros(2, np.int64)

    def holds(self) -> bool:
        """Return whether the phone as it stands is found in order."""
        words = (self.words_4, self.words_8, audit.PLACES_4, audit.PLACES_8)
        return bool(holds(*words, self.phones[0], self.scenarios[0], self.rows))

    def play(self, seed: int, every: int = 1) -> list[str]:
        """Play the scenario, its routes in shares that ``seed`` draws; return what did not hold, in words."""
        rng = np.full(1, seed, np.uint64)
        shares = np.array([integer(rng, 0, 3) for _ in range(2)] + [integer(rng, 1, 3)]) + 0.0
        self.phones.view(np.uint8)[:] = 0
        failed = play(
            self.phones, self.scenarios, self.words_4, self.words_8, audit.PLACES_4, audit.PLACES_8, self.rows, rng,
            shares / shares.sum(), every, self.counts,
        )  # fmt: skip
        if failed == ALL_HELD:
            return []
        now_us = int(self.phones[0]["now_us"])
        return [f"decision {failed}, {now_us} us: {what}" for what in audit.audit(self.phones[0], self.scenarios[0])]
