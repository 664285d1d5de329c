"""The scenarios on which the default task, or another one, is judged."""

from __future__ import annotations

from typing import Final

from swapgym.workload import CAMERA, suite

EPISODES: Final = 100
"""Per preset, where planners play too: they need seconds for each."""


def scenarios(preset: str, episodes: int = EPISODES) -> list[tuple[str, int]]:
    """Return test scenarios of ``preset``: of the suite that the default task has of its own, or of the test suite.

    Args:
        preset: A preset or a mixture.
        episodes: How many of each preset, at most.
    """
    chosen = suite("camera" if preset == CAMERA else "test")
    return chosen.first(min(episodes, chosen.episodes)).of(preset)
