"""Measurement 3: what came back of the pool, which exponent of the simulator's zspage law that is, and what it says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from experiments.real_kernel.judge import Row
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
        foretold: What the simulator says of ``back``.
        foretold_after: What it says of ``after``; None in plain cases.
    """

    case: str
    freed: float
    back: float
    back_low: float
    back_high: float
    after: float | None
    exponent: float
    foretold: float
    foretold_after: float | None

    @property
    def off(self) -> tuple[float, ...]:
        """Predicted less measured shares of the pool: a relative error says little where next to nothing comes back."""
        pairs = ((self.foretold, self.back), (self.foretold_after, self.after))
        return tuple(said - is_back for said, is_back in pairs if said is not None and is_back is not None)


def pool_rows(found: Sequence[Spread], rows: Sequence[Row]) -> list[PoolRow]:
    """Return the cases of measurement 3 that are both measured (``found``) and predicted (``rows``)."""
    table = {(spread.case, spread.metric): spread for spread in found if spread.measurement == "pool"}
    foretold = {(row.case, row.metric): row.predicted for row in rows if row.measurement == "pool"}
    name, name_after = f"pool_back_{HALF}_of_{EXITS}", f"pool_back_then_{HALF}_of_{EXITS}"
    result = []
    for case in dict.fromkeys(case for case, _ in foretold):
        freed, back, after = table[case, f"entries_back_{HALF}_of_{EXITS}"], table[case, name], None
        if (case, name_after) in table:
            after = table[case, name_after].median
        result.append(
            PoolRow(
                case,
                freed.median,
                back.median,
                back.lowest,
                back.highest,
                after,
                math.log(max(1e-9, 1 - back.median)) / math.log(1 - freed.median),
                foretold[case, name],
                foretold.get((case, name_after)),
            )
        )
    return result
