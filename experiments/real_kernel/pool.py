"""Measurement 3: what came back of the pool, and which exponent of the simulator's zspage law that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from experiments.real_kernel.records import Spread

EXITS: Final = 8
HALF: Final = 4


class PoolRow(NamedTuple):
    """One case of measurement 3, when half of the processes are gone.

    Attributes:
        case: Which case.
        freed: Share of the entries that are freed.
        back: Share of the pool that is back before anybody compacts it, with its extremes.
        back_low: Of it.
        back_high: Of it.
        after: Share that is back after a manual ``compact``, or after reclaim went over the pool; None in plain cases.
        exponent: Of ``pool ~ objects ** g``, from ``back``.
    """

    case: str
    freed: float
    back: float
    back_low: float
    back_high: float
    after: float | None
    exponent: float


def pool_rows(found: Sequence[Spread]) -> list[PoolRow]:
    """Return the cases of measurement 3."""
    table = {(spread.case, spread.metric): spread for spread in found if spread.measurement == "pool"}
    rows = []
    for case in dict.fromkeys(case for case, _ in table):
        freed = table[case, f"entries_back_{HALF}_of_{EXITS}"]
        back = table[case, f"pool_back_{HALF}_of_{EXITS}"]
        after = table.get((case, f"pool_back_then_{HALF}_of_{EXITS}"))
        exponent = math.log(max(1e-9, 1 - back.median)) / math.log(1 - freed.median)
        rows.append(
            PoolRow(case, freed.median, back.median, back.lowest, back.highest, after and after.median, exponent)
        )
    return rows
