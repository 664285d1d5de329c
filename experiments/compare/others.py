"""What else plays: policies tuned on the train suite, stored agents, and planners, on the default task.

All of them in one kernel variant, on the task that they were tuned and trained for. Agents' training seeds are rows of
one policy. The planners' plans are those that :mod:`experiments.agents.planners` keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Final

from experiments.agents import planners
from experiments.compare.tables import REFERENCE
from swapgym.agents.play import Player, Row
from swapgym.agents.policies import Policy
from swapgym.agents.stored.agents import Group, TrainedPlayer, stored
from swapgym.agents.stored.runs import config_of
from swapgym.agents.stored.tuned import tuned
from swapgym.agents.task import SPEC
from swapgym.envs.spec import EnvSpec

TUNED: Final = "tuned "
"""What a tuned policy's name begins with in the table."""


@dataclass(frozen=True)
class TunedPlayer(Player):
    """A fixed policy as tuned for the decision process's kernel and rate."""

    def policy_for(self, spec: EnvSpec) -> Policy:
        """Return the tuned policy."""
        return tuned(spec.ms_per_mib, spec.route_names, kernel=spec.kernel, preset=spec.preset)[self.policy]


def others_of(kernel: str) -> list[tuple[EnvSpec, Player]]:
    """Return always inline, the tuned policies and the stored agents of a kernel; none where nothing is stored."""
    spec = SPEC.but(kernel=kernel)
    try:
        names = list(tuned(spec.ms_per_mib, spec.route_names, kernel=kernel, preset=spec.preset))
    except FileNotFoundError:
        names = []
    players: list[tuple[EnvSpec, Player]] = [
        (spec, TunedPlayer(TUNED + name, name)) for name in names if name not in (REFERENCE, "random")
    ]
    for folder in agents_of(kernel)[0]:
        algo = config_of(folder)["algo"]
        player = TrainedPlayer(algo, algo, folder=str(folder))
        players.append((player.spec, player))
    return [(spec, Player(REFERENCE, REFERENCE)), *players] if players else []


def agents_of(kernel: str) -> tuple[list[Path], list[Path]]:
    """Return the stored agents of a kernel: those that can be loaded, and those that torch is missing for."""
    folders = stored().get(group_of(kernel), [])
    able = [folder for folder in folders if not (folder / "model.zip").exists() or util.find_spec("torch")]
    return able, [folder for folder in folders if folder not in able]


def group_of(kernel: str) -> Group:
    """Return what stored runs and plans of the default task on a kernel share."""
    return Group(kernel, SPEC.ms_per_mib)


def planned(kernel: str, episodes: Sequence[tuple[str, int]]) -> list[Row]:
    """Return the rows of the planners; none where their plans are not kept for all ``episodes``.

    Raises:
        ValueError: If what is kept no longer replays.
    """
    spec = SPEC.but(kernel=kernel)
    return planners.kept(planners.path_of(spec), spec, episodes) or []
