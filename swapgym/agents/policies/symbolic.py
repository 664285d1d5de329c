"""What a rule asks of its readings, as a tree that kernels can ask: found by asking the rule itself.

:meth:`swapgym.agents.policies.base.FixedPolicy.defers` is called with readings that have no values, and says what it
compares and how it combines that. A reading rises or falls with what is observed, so that a comparison of readings is
one of observations; where it turns is found among the float32 numbers by asking the reading itself. So there is no
second formula, and a tree decides as ``predict`` does to the last bit.
"""

from __future__ import annotations

import bisect
import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

import numpy as np

from swapgym.agents.policies.base import Readings
from swapgym.envs.deciders import LEAF, Decider, tree

LARGEST: Final = int(np.float32(np.finfo(np.float32).max).view(np.uint32))
"""How many float32 numbers there are above 0."""


class Untraceable(TypeError):
    """What a rule does with its readings is more than comparing them."""


class Symbol:
    """Something without a value: whoever wants one is told so."""

    __array_ufunc__ = None  # NumPy's functions refuse it, and its operators leave it to the methods here
    __hash__ = None  # type: ignore[assignment]

    def _refuse(self, *args: Any) -> NoReturn:
        raise Untraceable(f"{type(self).__name__}: has no value, only comparisons of readings and & | ~ of them")

    __bool__ = __float__ = __int__ = __eq__ = __ne__ = _refuse


class Condition(Symbol):
    """Something that holds or not."""

    def nodes(self, found: list[Node], yes: int, no: int) -> int:
        """Append the nodes that decide it to ``found``, going on at ``yes`` or ``no``; return where they begin."""
        raise NotImplementedError

    def __and__(self, other: Any) -> Condition:
        """Return whether both hold."""
        return Both(self, other) if isinstance(other, Condition) else NotImplemented

    def __invert__(self) -> Condition:
        """Return whether it does not hold."""
        return Not(self)

    def __or__(self, other: Any) -> Condition:
        """Return whether one of them holds."""
        return ~(~self & ~other) if isinstance(other, Condition) else NotImplemented


@dataclass(frozen=True)
class Node:
    """A comparison of an observed part: up to the threshold it goes on at ``low``, above it at ``high``."""

    part: str
    threshold: float
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Comparison(Condition):
    """A reading on one side of a number."""

    part: str
    compare: Callable[[Any, Any], Any]
    number: float

    def nodes(self, found: list[Node], yes: int, no: int) -> int:
        """Append one node."""
        threshold, low = turn(self.part, self.compare, self.number)
        found.append(Node(self.part, threshold, yes if low else no, no if low else yes))
        return len(found) - 1


@dataclass(frozen=True, eq=False)
class Both(Condition):
    """Two conditions; the second is asked where the first holds."""

    first: Condition
    second: Condition

    def nodes(self, found: list[Node], yes: int, no: int) -> int:
        """Append those of the second, then those of the first."""
        return self.first.nodes(found, self.second.nodes(found, yes, no), no)


@dataclass(frozen=True, eq=False)
class Not(Condition):
    """A condition turned round."""

    condition: Condition

    def nodes(self, found: list[Node], yes: int, no: int) -> int:
        """Append the condition's nodes."""
        return self.condition.nodes(found, no, yes)


@dataclass(frozen=True, eq=False)
class Reading(Symbol):
    """A part of the observation in its unit."""

    part: str

    def _compared(self, compare: Callable[[Any, Any], Any], number: Any) -> Condition:
        if isinstance(number, bool) or not isinstance(number, int | float | np.integer | np.floating):
            raise Untraceable(f"{self.part}: compared with {number!r}, must be a number")
        return Comparison(self.part, compare, float(number))

    def __gt__(self, number: Any) -> Condition:
        """Return whether it is above ``number``."""
        return self._compared(operator.gt, number)

    def __ge__(self, number: Any) -> Condition:
        """Return whether it is ``number`` or above."""
        return self._compared(operator.ge, number)

    def __lt__(self, number: Any) -> Condition:
        """Return whether it is below ``number``."""
        return self._compared(operator.lt, number)

    def __le__(self, number: Any) -> Condition:
        """Return whether it is ``number`` or below."""
        return self._compared(operator.le, number)


class Symbols:
    """Stands for :class:`swapgym.agents.policies.base.Readings` of one observation."""

    def __init__(self, parts: Sequence[str]) -> None:
        """Stand for readings of ``parts``."""
        self._known = Readings(np.zeros((1, len(parts))), parts)

    def __getitem__(self, name: str) -> Reading:
        """Return part ``name``; the error where it is not observed is that of the readings."""
        self._known[name]
        return Reading(name)

    def __len__(self) -> int:
        """Return the number of observations."""
        return 1


class Rule(Protocol):
    """What can be traced."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that it reads, in the order of the observation."""
        ...

    def defers(self, readings: Any) -> Any:
        """Return which batches are deferred."""


def number_of(place: int) -> np.float32:
    """Return the float32 number at ``place`` of all in their order, 0 at 0."""
    size = np.uint32(abs(place)).view(np.float32)
    return size if place >= 0 else -size


@functools.lru_cache(maxsize=4096)
def turn(part: str, compare: Callable[[Any, Any], Any], number: float) -> tuple[float, bool]:
    """Return where a comparison turns, in observed values: the last before it does, and what it is up to there.

    Infinity where it is the same for all values.
    """

    def holds(place: int) -> bool:
        readings = Readings(np.array([[number_of(place)]], np.float64), (part,))
        return bool(compare(readings[part], number)[0])

    low = holds(-LARGEST)
    places = range(-LARGEST, LARGEST + 1)
    first = bisect.bisect_left(places, True, key=lambda place: holds(place) != low)
    return (float("inf") if first == len(places) else float(number_of(places[first - 1]))), low


def traced(rule: Rule, deferred: int, inline: int) -> Decider | None:
    """Return a rule as a tree of flat actions, or None where it does more with its readings than comparing them.

    Args:
        rule: Asked once.
        deferred: Action where it defers.
        inline: Action elsewhere.

    Raises:
        ValueError: If it needs a part that it has not got.
    """
    try:
        answer = rule.defers(Symbols(rule.parts))
    except (TypeError, AttributeError):  # of functions and methods that a symbol has not got
        return None
    found: list[Node] = []
    yes, no = -1, -2
    if isinstance(answer, Condition):
        answer.nodes(found, yes, no)
    elif not (isinstance(answer, np.ndarray) and answer.dtype == np.bool_ and answer.shape == (1,)):
        return None
    else:
        deferred = inline = deferred if answer[0] else inline
    # nodes were found from the leaves up; what follows a node must come after it
    n = len(found)
    place = {yes: n, no: n + 1} | {number: n - 1 - number for number in range(n)}
    nodes = found[::-1]
    return tree(
        [*(rule.parts.index(node.part) for node in nodes), LEAF, LEAF],
        [*(node.threshold for node in nodes), 0.0, 0.0],
        [*(place[node.low] for node in nodes), 0, 0],
        [*(place[node.high] for node in nodes), 0, 0],
        [*(0 for _ in nodes), deferred, inline],
    )
