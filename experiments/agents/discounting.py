"""Does it matter how decisions at unlike distances in time are discounted?

A route's advantage is the difference that it makes to all that accrues afterwards. A learner that discounts sees a part
of it. Here decision states of episodes are continued by either route for half a second and deferred after it, as paired
rollouts are, and the difference is summed four ways: whole, by simulated time (``exp(-t / discount_ms)``), and by
decisions (``gamma ** n``), as Stable-Baselines3 discounts. How well each agrees with the whole says what a learner that
uses it can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies import make
from swapgym.agents.rollouts import Rollouts
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k

HOLD_US: Final = 500 * k.MS
STATES: Final = 8
"""Decision states per episode: its first ones."""
INLINE: Final = 0
DEFER: Final = 1
TIMES_MS: Final = (300.0, 1_000.0, 3_000.0)
GAMMAS: Final = (0.9, 0.99, 0.998)
Array = npt.NDArray[np.float64]


class Agreement(NamedTuple):
    """How a discounted difference agrees with the whole one.

    Attributes:
        name: How it is discounted.
        correlation: Pearson's, over decision states.
        sign: Share of states with a difference that get the right sign.
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


def differences(spec: EnvSpec, episodes: Sequence[tuple[str, int]]) -> tuple[dict[str, Array], Spacing]:
    """Return, by how they are discounted, what deferring costs more in states of deferred episodes, and the spacing.

    Args:
        spec: A decision process of two routes.
        episodes: Pairs of preset and scenario seed.
    """
    found: dict[str, list[float]] = {}
    gaps: list[Array] = []
    lanes, fork = Lanes(1, spec), Lanes(1, spec)
    rollouts = Rollouts(make("always_defer", spec.route_names, spec.parts), spec)
    codes = spec.actions()
    for preset, seed in episodes:
        drawn = lanes.draw(0, seed, preset)
        lanes.begin()
        for _ in range(STATES):
            if len(lanes.waiting()) == 0:
                break
            sums: list[dict[str, float]] = []
            for action in (INLINE, DEFER):
                fork.put(0, lanes.take(0), drawn, True)
                rewards, times_us = rollouts.play_on(fork, 0, action, HOLD_US)
                times = (times_us - times_us[0]) / k.MS
                sums.append(discounted(-rewards, times))
                if action == DEFER:
                    gaps.append(np.diff(times))
            for name in sums[0]:
                found.setdefault(name, []).append(sums[DEFER][name] - sums[INLINE][name])
            lanes.actions[0] = codes[DEFER]
            lanes.step()
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
