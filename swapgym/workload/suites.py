"""Suites: which scenarios a policy is trained, chosen and judged on. Their seeds never overlap.

A scenario seed is an integer below 2**32. Train seeds lie below 2**31 and are what an environment draws by itself;
validation and test seeds lie above and are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swapgym.workload.config import unknown
from swapgym.workload.presets import CAMERA, MIXTURES, preset, presets_of

VERSION: Final = 2
SUITE_PRESETS: Final = (
    "camera_launch",
    "app_switching",
    "clear_all",
    "rt_recording",
    "low_ram",
    "service_restart",
    "camera_target",
)
"""Presets of version 2 of the suites, by place: a preset that is added later changes none of their scenarios. Version 1
had the first six, on the first phone."""
TRAIN_SEEDS: Final = 2**31
VALIDATION_BASE: Final = 2**31
TEST_BASE: Final = 3 * 2**30
VALIDATION_EPISODES: Final = 20
TEST_EPISODES: Final = 40
CAMERA_OFFSET: Final = 500_000
CAMERA_EPISODES: Final = 300
"""The default task has a test suite of its own, large enough to tell policies apart whose scores differ by a few
hundredths; its seeds lie between those of the test suite's presets."""


@dataclass(frozen=True)
class Suite:
    """A list of scenarios, balanced over presets.

    Attributes:
        name: ``train``, ``validation``, ``test`` or ``camera``.
        base: First seed.
        episodes: Scenarios per preset.
        presets: Names of the presets.
        version: Of the list: another version is another suite.
    """

    name: str
    base: int
    episodes: int
    presets: tuple[str, ...] = SUITE_PRESETS
    version: int = VERSION

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield ``(preset, seed)``; each preset has seeds of its own."""
        for position, name in enumerate(self.presets):
            for episode in range(self.episodes):
                yield name, self.base + position * 1_000_000 + episode

    def __len__(self) -> int:
        """Return the number of scenarios."""
        return len(self.presets) * self.episodes

    def only(self, name: str) -> Suite:
        """Return the suite's scenarios of one preset, with the same seeds."""
        preset(name)
        position = self.presets.index(name)
        return Suite(f"{self.name}/{name}", self.base + position * 1_000_000, self.episodes, (name,), self.version)

    def of(self, name: str) -> list[tuple[str, int]]:
        """Return the suite's scenarios of one preset, or of all presets that a mixture draws from."""
        return [episode for one in presets_of(name) for episode in self.only(one)]

    def first(self, episodes: int) -> Suite:
        """Return the suite with only the first ``episodes`` of each preset."""
        if not 1 <= episodes <= self.episodes:
            raise ValueError(f"episodes: {episodes!r}, must be from 1 to {self.episodes}")
        return Suite(self.name, self.base, episodes, self.presets, self.version)


SUITES: Final[dict[str, Suite]] = {
    "train": Suite("train", 0, 100),
    "validation": Suite("validation", VALIDATION_BASE, VALIDATION_EPISODES),
    "test": Suite("test", TEST_BASE, TEST_EPISODES),
    "camera": Suite("camera", TEST_BASE + CAMERA_OFFSET, CAMERA_EPISODES, MIXTURES[CAMERA]),
}
"""The train suite's list is the part of the unbounded train seeds that baselines and tuning use."""


def suite(name: str) -> Suite:
    """Return the suite called ``name``.

    Raises:
        ValueError: If there is none; names all there are.
    """
    if name not in SUITES:
        raise unknown("suite", name, SUITES)
    return SUITES[name]
