"""What an agent reads: permutation importance of what it observes, and a small tree that does as it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.tree import DecisionTreeClassifier

from swapgym.agents.policies import Policy
from swapgym.envs.lanes import Lanes
from swapgym.envs.observations import INDEX, PARTS, ObservationPart
from swapgym.envs.spec import EnvSpec

LEAVES: Final = 6
SHUFFLES: Final = 5
SHUFFLED: Final = 20_000
"""Decisions that are shuffled, at most."""
OWN: Final = ("victim_last_route",)
"""What only repeats the agent's own last decision: a tree that may read it says little else."""
Array = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """Decisions of an agent on its own episodes.

    Attributes:
        parts: Names of the observed parts.
        observations: float32, shape ``(n, len(parts))``.
        actions: int64, shape ``(n,)``.
        presets: Preset of each.
        episodes: Number of the episode of each.
    """

    parts: tuple[str, ...]
    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[np.int64]
    presets: npt.NDArray[np.str_]
    episodes: npt.NDArray[np.int64]


class Leaf(NamedTuple):
    """A leaf of the surrogate tree.

    Attributes:
        path: The comparisons that lead there, in the parts' units.
        share: Share of the decisions that come there.
        deferred: Share of them that the agent defers.
    """

    path: str
    share: float
    deferred: float


def watch(spec: EnvSpec, policy: Policy, episodes: Sequence[tuple[str, int]]) -> Seen:
    """Let a stateless agent play, and note what it saw and did."""
    lanes = Lanes(len(episodes), spec)
    for lane, (preset, seed) in enumerate(episodes):
        lanes.draw(lane, seed, preset)
    codes = spec.actions()
    seen: list[npt.NDArray[np.float32]] = []
    done: list[npt.NDArray[np.int64]] = []
    where: list[npt.NDArray[np.int64]] = []
    lanes.begin()
    while len(waiting := lanes.waiting()):
        answers, _ = policy.predict(lanes.observations[waiting], None, deterministic=True)
        actions = spec.flat_actions(answers)
        seen.append(lanes.observations[waiting].copy())
        done.append(actions)
        where.append(waiting)
        lanes.actions[waiting] = codes[actions]
        lanes.step(waiting)
    numbers = np.concatenate(where)
    names = np.array([preset for preset, _ in episodes])
    return Seen(tuple(spec.parts), np.concatenate(seen), np.concatenate(done), names[numbers], numbers)


def importance(policy: Policy, seen: Seen, seed: int = 0) -> dict[str, float]:
    """Return, by part, the share of decisions that turn when the part is shuffled among them; largest first."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(seen.actions))[:SHUFFLED])
    observations, taken = seen.observations[chosen], seen.actions[chosen]
    found = {}
    for index, part in enumerate(seen.parts):
        turned = []
        for _ in range(SHUFFLES):
            shuffled = observations.copy()
            shuffled[:, index] = rng.permutation(shuffled[:, index])
            actions, _ = policy.predict(shuffled, None, deterministic=True)
            turned.append(float((actions != taken).mean()))
        found[part] = float(np.mean(turned))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def surrogate(seen: Seen) -> tuple[list[Leaf], float]:
    """Return the leaves of a small tree that imitates the agent, and its agreement on episodes it has not seen."""
    held = seen.episodes % 4 == 0
    kept = [index for index, part in enumerate(seen.parts) if part not in OWN]
    visible = seen.observations[:, kept]
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=50, random_state=0)
    tree.fit(visible[~held], seen.actions[~held])
    agreement = float((tree.predict(visible[held]) == seen.actions[held]).mean())
    return leaves(tree, [PARTS[INDEX[seen.parts[index]]] for index in kept]), agreement


def leaves(tree: DecisionTreeClassifier, parts: Sequence[ObservationPart]) -> list[Leaf]:
    """Return a fitted tree's leaves in words, those of most decisions first."""
    inner = tree.tree_
    total = float(inner.weighted_n_node_samples[0])
    found: list[Leaf] = []

    def follow(node: int, path: list[str]) -> None:
        if inner.children_left[node] == inner.children_right[node]:
            values = inner.value[node][0]
            deferred = 0.0
            for position, action in enumerate(tree.classes_):
                if action == 1:
                    deferred = float(values[position] / values.sum())
            found.append(
                Leaf(" and ".join(path) or "always", float(inner.weighted_n_node_samples[node]) / total, deferred)
            )
            return
        part = parts[inner.feature[node]]
        threshold = part.reading(float(inner.threshold[node]))
        unit = "" if part.unit in ("1", "0/1", "sign") else f" {part.unit}"
        follow(int(inner.children_left[node]), [*path, f"{part.name} <= {threshold:.3g}{unit}"])
        follow(int(inner.children_right[node]), [*path, f"{part.name} > {threshold:.3g}{unit}"])

    follow(0, [])
    return sorted(found, key=lambda leaf: -leaf.share)
