"""Does the ranking of the fixed policies hold over each parameter's plausible range?

Each parameter alone at both ends of its range, and all together by Latin hypercube; the ranking is compared with the
default's by Kendall's tau of the mean scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from scipy import stats
from scipy.stats import qmc

from agents.runner import Player, World, play_job
from swapgym.workload import suite

POLICIES: Final = ("always_inline", "always_defer", "vivo", "bounded_pool", "userspace_reaper", "free_memory")
RANGES: Final[dict[tuple[str, str], tuple[float, float]]] = {
    ("kernel", "entry_inline_a72_ns"): (650.0, 2_400.0),
    ("kernel", "entry_drain_a72_ns"): (810.0, 2_400.0),
    ("kernel", "entry_inline_lock_a72_ns"): (200.0, 640.0),
    ("kernel", "lock_handoff"): (0.0, 0.3),
    ("kernel", "resident_anon_ns"): (200.0, 770.0),
    ("kernel", "zspage_return"): (0.2, 0.95),
    ("kernel", "pte_waste"): (0.03, 0.4),
    ("kernel", "exit_wait_ms"): (20.0, 200.0),
    ("kernel", "compress_ns"): (3_000.0, 10_000.0),
    ("kernel", "swapin_ns"): (4_000.0, 10_000.0),
    ("kernel", "alloc_ns"): (250.0, 1_000.0),
    ("kernel", "kworker_wakeup_us"): (20, 4_000),
    ("device", "swappiness"): (60, 200),
    ("device", "kill_timeout_ms"): (50, 100),
    ("device", "stall_share"): (0.0, 0.45),
}
"""Plausible ranges, from the sources named at each parameter; wholes stay whole."""


@dataclass(frozen=True)
class Variation:
    """One world beside the default.

    Attributes:
        name: What was changed.
        tau: Kendall's tau of the policies' mean scores against the default's.
        best: The best policy there.
        scores: Mean score by policy.
    """

    name: str
    tau: float
    best: str
    scores: Mapping[str, float]


def scores_of(overrides: dict[str, Any], episodes: list[tuple[str, int]]) -> dict[str, float]:
    """Return each policy's mean score under ``overrides``."""
    world = World(overrides=overrides)
    return {p: fmean(row["score"] for row in play_job((world, Player(p, p), episodes))) for p in POLICIES}


def whole(value: float, like: float) -> float:
    """Return ``value`` as an integer where the range is of integers."""
    return round(value) if isinstance(like, int) else value


def overriding(values: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    """Return overrides for these parameters; a lock hold never exceeds its operation's cost."""
    nested: dict[str, Any] = {"kernel": {}, "device": {}}
    for (part, name), value in values.items():
        nested[part][name] = value
    kernel = nested["kernel"]
    for operation in ("entry_inline", "entry_drain"):
        cost = kernel.get(f"{operation}_a72_ns", 900.0)
        lock = kernel.get(f"{operation}_lock_a72_ns", 564.0)
        kernel[f"{operation}_lock_a72_ns"] = min(lock, 0.9 * cost)
    return nested


def variations(samples: int, episodes_per_preset: int, progress: Callable[[], None]) -> Iterator[Variation]:
    """Yield the default, each parameter at both ends, and ``samples`` points of a Latin hypercube (seed 0)."""
    episodes = list(suite("validation").first(episodes_per_preset))
    default = scores_of({}, episodes)

    def compare(name: str, overrides: dict[str, Any]) -> Variation:
        scores = scores_of(overrides, episodes)
        tau = float(stats.kendalltau([default[p] for p in POLICIES], [scores[p] for p in POLICIES]).statistic)
        progress()
        return Variation(name, tau, min(scores, key=scores.__getitem__), scores)

    yield compare("default", {})
    for key, ends in RANGES.items():
        for value in ends:
            yield compare(f"{key[1]} = {value:g}", overriding({key: value}))
    points = qmc.LatinHypercube(len(RANGES), rng=0).random(samples)
    for number, point in enumerate(points.tolist()):
        values = {
            key: whole(low + share * (high - low), low)
            for share, (key, (low, high)) in zip(point, RANGES.items(), strict=True)
        }
        yield compare(f"hypercube {number}", overriding(values))
