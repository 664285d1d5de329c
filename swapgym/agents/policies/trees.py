"""Integer rules: small trees of comparisons that a kernel could carry as they are.

A threshold is an integer in the unit that a kernel has (entries, pages, microseconds), or over 1024 where the part is
a share, as the scheduler has its shares. A tree is nested: ``(part, threshold, low, high)`` goes on at ``high`` where
the reading is above the threshold and at ``low`` elsewhere; a leaf is ``"defer"`` or ``"inline"``. As JSON has lists
for tuples, both are taken.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from swapgym.agents.policies.base import FixedPolicy, Mask, Readings, everywhere
from swapgym.envs.observations import INDEX, PARTS

Tree = Any
"""``(part, threshold, low, high)`` or a leaf."""
DEFER: Final = "defer"
INLINE: Final = "inline"
LEAVES: Final = (INLINE, DEFER)
FIXED_POINT: Final = 1024
FIXED_POINT_UNITS: Final = ("1", "CPUs", "vsyncs")
"""Units of parts that a kernel has as fixed-point numbers; of all others it has integers."""
MAX_DEPTH: Final = 8


def steps_per_unit(part: str) -> int:
    """Return how many integers there are per unit of a part: 1024 for shares, else 1."""
    return FIXED_POINT if PARTS[INDEX[part]].unit in FIXED_POINT_UNITS else 1


def checked(tree: Tree, depth: int = 0) -> Tree:
    """Return a tree as tuples.

    Raises:
        ValueError: If it is none; names what was found and what is allowed.
    """
    if isinstance(tree, str) and tree in LEAVES:
        return tree
    if not isinstance(tree, list | tuple) or len(tree) != 4:
        raise ValueError(f"tree.root: {tree!r}, must be 'defer', 'inline' or (part, threshold, low, high)")
    if depth >= MAX_DEPTH:
        raise ValueError(f"tree.root: more than {MAX_DEPTH} comparisons one below another, must be at most as many")
    part, threshold, low, high = tree
    if part not in INDEX:
        raise ValueError(f"tree.root: part {part!r}, must be one of {', '.join(INDEX)}")
    if isinstance(threshold, bool) or not isinstance(threshold, int):
        raise ValueError(f"tree.root: threshold {threshold!r} of {part}, must be an integer")
    return part, threshold, checked(low, depth + 1), checked(high, depth + 1)


def of_comparisons(literals: Sequence[tuple[str, bool, float]], how: str) -> Tree:
    """Return the tree that defers where all, or any, of some comparisons hold, its thresholds rounded down.

    Args:
        literals: Part, whether it must be above the threshold or at most that, and the threshold in the part's unit.
        how: ``all`` or ``any``.
    """
    tree: Tree = DEFER if how == "all" else INLINE
    for part, above, threshold in reversed(literals):
        held, not_held = (tree, INLINE) if how == "all" else (DEFER, tree)
        low, high = (not_held, held) if above else (held, not_held)
        tree = part, math.floor(threshold * steps_per_unit(part)), low, high
    return tree


def depth_of(tree: Tree) -> int:
    """Return how many comparisons lie one below another at most."""
    return 0 if isinstance(tree, str) else 1 + max(depth_of(tree[2]), depth_of(tree[3]))


def comparisons_of(tree: Tree) -> int:
    """Return how many comparisons there are."""
    return 0 if isinstance(tree, str) else 1 + comparisons_of(tree[2]) + comparisons_of(tree[3])


def lines(tree: Tree, indent: str = "") -> Iterator[str]:
    """Yield a tree as a kernel engineer would write it."""
    if isinstance(tree, str):
        yield f"{indent}{tree}"
        return
    part, threshold, low, high = tree
    scale = steps_per_unit(part)
    yield f"{indent}{part} > {threshold}{f' / {scale}' if scale > 1 else ''}:"
    yield from lines(high, indent + "    ")
    yield f"{indent}else:"
    yield from lines(low, indent + "    ")


@dataclasses.dataclass(frozen=True)
class IntegerTree(FixedPolicy):
    """Defer where a tree of integer comparisons says so.

    Attributes:
        root: The tree.
    """

    name: ClassVar[str] = "tree"
    summary: ClassVar[str] = "a small tree of integer comparisons (found by search)"
    root: Tree = DEFER

    def __post_init__(self) -> None:
        """Check the tree too."""
        super().__post_init__()
        object.__setattr__(self, "root", checked(self.root))

    def defers(self, readings: Readings) -> Mask:
        """Defer where the tree ends in such a leaf."""
        found = self._holds(self.root, readings)
        return everywhere(readings, found) if isinstance(found, bool) else found

    def _holds(self, tree: Tree, readings: Readings) -> Any:
        if isinstance(tree, str):
            return tree == DEFER
        part, threshold, *branches = tree
        above: Any = readings[part] > threshold / steps_per_unit(part)
        low, high = (self._holds(branch, readings) for branch in branches)
        if isinstance(low, bool) and isinstance(high, bool):
            return low if low == high else (above if high else ~above)
        if isinstance(high, bool):
            return above | low if high else ~above & low
        if isinstance(low, bool):
            return ~above | high if low else above & high
        return (above & high) | (~above & low)

    def __str__(self) -> str:
        """Return the rule in words."""
        return "\n".join(lines(self.root))
