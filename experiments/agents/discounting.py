"""Does it matter how decisions at unlike distances in time are discounted?

A decision's worth is the difference that its route makes to all that accrues afterwards. A learner that discounts sees
a part of it. Here moments of episodes are continued by either route for half a second and deferred after it, as paired
continuations are, and the difference is summed four ways: whole, by simulated time (``exp(-t / discount_ms)``), and by
decisions (``gamma ** n``), as Stable-Baselines3 discounts. How well each agrees with the whole says what a learner that
uses it can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from swapgym.envs.rewards import baseline_of

from agents.runner import World
from swapgym.envs.arguments import route_codes
from swapgym.envs.lanes import Lanes
from swapgym.phone import constants as k
from swapgym.workload import draw, drawn_preset

HOLD_US: Final = 500 * k.MS
MOMENTS: Final = 6
"""Moments per episode, at most."""
TIMES_MS: Final = (300.0, 1_000.0, 3_000.0)
GAMMAS: Final = (0.9, 0.99, 0.998)
Array = npt.NDArray[np.float64]


class Agreement(NamedTuple):
    """How a discounted difference agrees with the whole one.

    Attributes:
        name: How it is discounted.
        correlation: Pearson's, over moments.
        sign: Share of moments with a difference that get the right sign.
    """

    name: str
    correlation: float
    sign: float


class Spacing(NamedTuple):
    """How far decisions lie apart in simulated time (ms): quantiles, and the share of time in the longest hundredth."""

    median: float
    ninety: float
    longest: float
    in_longest: float


def branch(lanes: Lanes, codes: Sequence[int], route: int, scale: Array) -> tuple[Array, Array]:
    """Play a lane that awaits a decision to its end; return its costs and times (ms) since then, per decision."""
    start_us = int(lanes.phones[0]["now_us"])
    costs, times = [], []
    while len(lanes.waiting()):
        since_us = int(lanes.phones[0]["now_us"]) - start_us
        taken = route if since_us < HOLD_US else codes[1]
        lanes.step(np.array([taken], dtype=np.int64))
        costs.append(float(lanes.terms[0] @ scale))
        times.append(since_us / k.MS)
    return np.array(costs), np.array(times)


def differences(world: World, episodes: Sequence[tuple[str, int]]) -> tuple[dict[str, Array], Spacing]:
    """Return, by how they are discounted, what deferring costs more at moments of deferred episodes, and the spacing.

    Args:
        world: Of two routes.
        episodes: Pairs of preset and scenario seed.
    """
    found: dict[str, list[float]] = {}
    gaps: list[Array] = []
    for preset, seed in episodes:
        lanes, fork = Lanes(1), Lanes(1)
        draw(preset, seed, kernel=world.kernel, overrides=world.overrides, out=lanes.scenarios[0])
        fork.scenarios[:] = lanes.scenarios
        codes = route_codes(world.routes, lanes.scenarios[0])
        baseline = baseline_of(drawn_preset(preset, seed))
        lag, peak = world.weights[0] / baseline.lag_ms, world.weights[1] / baseline.peak_mib
        scale = np.array([lag, lag, lag, lag, peak])
        rng = np.random.default_rng(seed)
        step = int(rng.integers(6, 36))
        chosen = set((int(rng.integers(step)) + step * np.arange(MOMENTS)).tolist())
        lanes.begin()
        decision = 0
        while len(lanes.waiting()):
            if decision in chosen:
                sums: list[dict[str, float]] = []
                for route in codes:
                    for name in ("phones", "paid", "statuses"):
                        getattr(fork, name)[:] = getattr(lanes, name)
                    costs, times = branch(fork, codes, route, scale)
                    sums.append(discounted(costs, times))
                    if route == codes[1]:
                        gaps.append(np.diff(times))
                for name in sums[0]:
                    found.setdefault(name, []).append(sums[1][name] - sums[0][name])
            lanes.step(np.array([codes[1]], dtype=np.int64))
            decision += 1
    return {name: np.array(values) for name, values in found.items()}, spacing(np.concatenate(gaps))


def discounted(costs: Array, times: Array) -> dict[str, float]:
    """Return costs summed whole, discounted by time, and by decisions."""
    sums = {"whole": float(costs.sum())}
    for time_ms in TIMES_MS:
        sums[f"by time, {time_ms:g} ms"] = float(costs @ np.exp(-times / time_ms))
    for gamma in GAMMAS:
        sums[f"by decisions, gamma {gamma:g}"] = float(costs @ gamma ** np.arange(len(costs)))
    return sums


def spacing(gaps: Array) -> Spacing:
    """Return how far decisions lie apart."""
    median, ninety, longest = np.percentile(gaps, [50, 90, 99])
    return Spacing(float(median), float(ninety), float(longest), float(gaps[gaps >= longest].sum() / gaps.sum()))


def agreements(found: dict[str, Any]) -> list[Agreement]:
    """Return how each discounted difference agrees with the whole one."""
    whole = found["whole"]
    told = np.abs(whole) > 1e-9
    return [
        Agreement(
            name,
            float(np.corrcoef(own, whole)[0, 1]),
            float((np.sign(own[told]) == np.sign(whole[told])).mean()),
        )
        for name, own in found.items()
        if name != "whole"
    ]
