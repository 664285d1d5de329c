"""What else plays the same scenarios: policies tuned on the train suite, stored agents, and planners.

All of them in two routes and one kernel variant, at equal weights. Agents' training seeds are rows of one policy. The
planners' plans are those that :mod:`experiments.agents.planners` keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.policies import Policy
from agents.runner import Player, Row, World
from agents.train import ROUTES
from agents.trained import Group, TrainedPlayer, stored
from agents.training.runs import config_of
from agents.tune import tuned
from experiments.agents import planners
from experiments.compare.tables import REFERENCE

LAG_WEIGHT: Final = 0.5
TUNED: Final = "tuned "
"""What a tuned policy's name begins with in the table."""


@dataclass(frozen=True)
class TunedPlayer(Player):
    """A fixed policy as tuned for the world's kernel at equal weights."""

    def policy_for(self, world: World) -> Policy:
        """Return the tuned policy."""
        return tuned(LAG_WEIGHT, world.routes, kernel=world.kernel)[self.policy]


def rivals(kernel: str) -> list[tuple[World, Player]]:
    """Return always inline, the tuned policies and the stored agents of a kernel; none where nothing is stored."""
    world = World(kernel=kernel, routes=ROUTES, weights=(LAG_WEIGHT, 1 - LAG_WEIGHT))
    try:
        names = [name for name in tuned(LAG_WEIGHT, ROUTES, kernel=kernel) if name not in (REFERENCE, "random")]
    except FileNotFoundError:
        names = []
    players: list[Player] = [TunedPlayer(TUNED + name, name) for name in names]
    for folder in stored().get(Group(kernel, LAG_WEIGHT), []):
        algo = config_of(folder)["algo"]
        players.append(TrainedPlayer(algo, algo, folder=str(folder)))
    return [(world, player) for player in (Player(REFERENCE, REFERENCE), *players)] if players else []


def planned(kernel: str, episodes: Sequence[tuple[str, int]]) -> list[Row]:
    """Return the rows of the planners; none where their plans are not kept for all ``episodes``.

    Raises:
        ValueError: If what is kept no longer replays.
    """
    group = Group(kernel, LAG_WEIGHT)
    return planners.kept(planners.path_of(group), group, episodes) or []
