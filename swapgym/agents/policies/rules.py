"""Rules found by search: defer where all, or any, of a few readings lie on one side of a threshold."""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import ClassVar, Literal, NamedTuple

from swapgym.agents.policies.base import FixedPolicy, Mask, Readings, everywhere
from swapgym.envs.observations import INDEX


class Comparison(NamedTuple):
    """One comparison.

    Attributes:
        part: Part of the observation.
        above: Whether the reading must be above the threshold, or at most that.
        threshold: In the part's unit.
    """

    part: str
    above: bool
    threshold: float

    def __str__(self) -> str:
        """Return it as a kernel engineer would write it."""
        return f"{self.part} {'>' if self.above else '<='} {self.threshold:.4g}"


@dataclasses.dataclass(frozen=True)
class Rule(FixedPolicy):
    """Defer where all (or any) of the comparisons hold.

    Attributes:
        literals: The comparisons.
        how: ``all`` or ``any``.
    """

    name: ClassVar[str] = "rule"
    summary: ClassVar[str] = (
        "defer where all, or any, of a few readings lie on one side of a threshold (found by search)"
    )
    literals: tuple[Comparison, ...] = ()
    how: Literal["all", "any"] = "all"

    def __post_init__(self) -> None:
        """Check the comparisons too."""
        super().__post_init__()
        if self.how not in ("all", "any"):
            raise ValueError(f"rule.how: {self.how!r}, must be 'all' or 'any'")
        for literal in self.literals:
            if literal.part not in INDEX:
                raise ValueError(f"rule.literals: part {literal.part!r}, must be one of {', '.join(INDEX)}")

    def defers(self, readings: Readings) -> Mask:
        """Defer where the rule holds."""
        if not self.literals:
            return everywhere(readings, self.how == "all")
        masks = [
            readings[part] > threshold if above else readings[part] <= threshold
            for part, above, threshold in self.literals
        ]
        held: Mask = functools.reduce(operator.and_ if self.how == "all" else operator.or_, masks)
        return held

    def __str__(self) -> str:
        """Return the rule in words."""
        joined = (" and " if self.how == "all" else " or ").join(map(str, self.literals))
        return f"defer where {joined or self.how == 'all'}"
