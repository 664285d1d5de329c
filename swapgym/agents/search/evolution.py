"""Evolution over integer trees: parents and children compete on the same whole episodes.

Each generation the best distinct trees are parents; a child is a parent with one change (a threshold moved, a
comparison made, exchanged or removed, a leaf turned) or with a branch of another parent. Trees that decide alike in all
episodes cost the same and count as one, the smallest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies.trees import DEFER, INLINE, LEAVES, Tree, comparisons_of, depth_of, steps_per_unit

SPREAD: Final = 0.5
"""Spread of the logarithm by which a threshold is moved."""
TRIES: Final = 20
"""How often a change is drawn again that made a tree too deep, or left it as it was."""

Seen = Mapping[str, npt.NDArray[np.int64]]
"""Thresholds to begin with by part: quantiles of what was seen, in the integers of trees."""
Cost = Callable[[Tree], float]


@dataclass(frozen=True)
class Judged:
    """A tree and its score; lower is better."""

    tree: Tree
    score: float


def thresholds_of(parts: Sequence[str], readings: npt.NDArray[np.float64], quantiles: Sequence[float]) -> Seen:
    """Return thresholds to begin with: quantiles of readings, without the largest, since nothing lies above it.

    Args:
        parts: Names of the parts.
        readings: In the parts' units, shape ``(n, len(parts))``; infinite ones are left out.
        quantiles: Which.
    """
    found = {}
    for place, part in enumerate(parts):
        column = readings[np.isfinite(readings[:, place]), place]
        if len(column):
            scaled = np.floor(column * steps_per_unit(part)).astype(np.int64)
            values = np.unique(np.quantile(scaled, quantiles, method="inverted_cdf"))
            values = values[values < scaled.max()]
            if len(values):
                found[part] = values
    return found


class Variation:
    """Draws changes of trees.

    Attributes:
        seen: Thresholds to begin with, by part.
        depth: Most comparisons one below another.
        rng: What is drawn from.
    """

    def __init__(self, seen: Seen, depth: int, rng: np.random.Generator) -> None:
        """Draw from ``rng``.

        Raises:
            ValueError: If nothing was seen that could be compared.
        """
        if not seen:
            raise ValueError("seen: no part varies, so there is nothing to compare")
        self.seen, self.depth, self.rng = seen, depth, rng
        self._parts = sorted(seen)

    def comparison(self, low: Tree, high: Tree) -> Tree:
        """Return a tree whose root compares any part."""
        part = self._parts[int(self.rng.integers(len(self._parts)))]
        values = self.seen[part]
        return part, int(values[self.rng.integers(len(values))]), low, high

    def leaf(self) -> Tree:
        """Return a leaf."""
        return LEAVES[int(self.rng.integers(2))]

    def moved(self, part: str, threshold: int) -> int:
        """Return a threshold near another one, or one seen."""
        if self.rng.random() < 0.3:
            values = self.seen.get(part, np.array([threshold]))
            return int(values[self.rng.integers(len(values))])
        factor = np.exp(SPREAD * self.rng.standard_normal())
        near = int(np.rint(threshold * factor))
        return near if near != threshold else threshold + int(self.rng.choice((-1, 1)))

    def changed(self, tree: Tree) -> Tree:
        """Return a tree with one change at one place."""
        if isinstance(tree, str):
            return self.comparison(*self.rng.permutation(LEAVES).tolist())
        part, threshold, low, high = tree
        below = comparisons_of(tree)
        if self.rng.random() < (below - 1) / below if below > 1 else self.rng.random() < 0.3:
            # further down; a leaf is reached as often as its comparison is left
            if self.rng.random() < 0.5:
                return part, threshold, self.changed(low), high
            return part, threshold, low, self.changed(high)
        kind = self.rng.random()
        if kind < 0.45:
            return part, self.moved(part, threshold), low, high
        if kind < 0.65:
            return self.comparison(low, high)
        if kind < 0.75:
            return part, threshold, high, low
        if kind < 0.85:
            return self.comparison(tree, self.leaf()) if self.rng.random() < 0.5 else self.comparison(self.leaf(), tree)
        return low if self.rng.random() < 0.5 else high

    def crossed(self, tree: Tree, other: Tree) -> Tree:
        """Return a tree with a branch of another one at some place."""
        if isinstance(tree, str) or self.rng.random() < 0.3:
            branch = other
            while not isinstance(branch, str) and self.rng.random() < 0.5:
                branch = branch[2 + int(self.rng.integers(2))]
            return branch
        part, threshold, low, high = tree
        if self.rng.random() < 0.5:
            return part, threshold, self.crossed(low, other), high
        return part, threshold, low, self.crossed(high, other)

    def child(self, parents: Sequence[Tree]) -> Tree:
        """Return a child of one or two parents, simplified and no deeper than allowed."""
        for _ in range(TRIES):
            parent = parents[int(self.rng.integers(len(parents)))]
            if self.rng.random() < 0.3:
                born = simplified(self.crossed(parent, parents[int(self.rng.integers(len(parents)))]))
            else:
                born = simplified(self.changed(parent))
            if born != parent and depth_of(born) <= self.depth:
                return born
        return self.comparison(*LEAVES)


def simplified(tree: Tree, bounds: Mapping[str, tuple[float, float]] | None = None) -> Tree:
    """Return a tree without comparisons that cannot turn out otherwise, or whose branches are alike."""
    if isinstance(tree, str):
        return tree
    part, threshold, low, high = tree
    known = bounds or {}
    above, up_to = known.get(part, (-np.inf, np.inf))  # what is known of the reading: above one, at most the other
    if threshold <= above:
        return simplified(high, known)
    if threshold >= up_to:
        return simplified(low, known)
    low = simplified(low, {**known, part: (above, threshold)})
    high = simplified(high, {**known, part: (threshold, up_to)})
    return low if low == high else (part, threshold, low, high)


def evolve(
    cost: Cost,
    variation: Variation,
    begin: Iterable[Tree],
    *,
    generations: int,
    parents: int = 16,
    children: int = 32,
    progress: Callable[[], Any] | None = None,
) -> list[Judged]:
    """Return trees, the best first, no two of the same score.

    Args:
        cost: What a tree costs; lower is better.
        variation: Draws changes.
        begin: Trees to begin with, beside both leaves and one comparison for each part.
        generations: How many.
        parents: Trees that have children.
        children: Trees made per generation.
        progress: Called after each generation.
    """
    known: dict[Tree, float] = {}
    first = [DEFER, INLINE, *map(simplified, begin)]
    first += [(part, int(values[len(values) // 2]), *pair) for part, values in variation.seen.items()
              for pair in ((DEFER, INLINE), (INLINE, DEFER))]  # fmt: skip
    for tree in first:
        if tree not in known and depth_of(tree) <= variation.depth:
            known[tree] = cost(tree)
    for _ in range(generations):
        chosen = [judged.tree for judged in distinct(known)[:parents]]
        for _ in range(children):
            tree = variation.child(chosen)
            if tree not in known:
                known[tree] = cost(tree)
        if progress:
            progress()
    return distinct(known)


def distinct(known: Mapping[Tree, float]) -> list[Judged]:
    """Return trees by score, of those with the same score the smallest."""
    best: dict[float, Tree] = {}
    for tree, score in known.items():
        if score not in best or comparisons_of(tree) < comparisons_of(best[score]):
            best[score] = tree
    return [Judged(tree, score) for score, tree in sorted(best.items(), key=lambda item: item[0])]
