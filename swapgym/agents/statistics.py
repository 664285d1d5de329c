"""Means with bootstrap intervals, in one place: of scenarios within their presets, and of training seeds as a whole.

Scenarios are drawn per preset, so that a resample keeps as many of each (strata). Where several training seeds of an
agent play them, seeds and scenarios are resampled both: the interval is one for other seeds on other scenarios
(Agarwal et al., NeurIPS 2021). SciPy's :func:`scipy.stats.bootstrap` resamples; percentiles give the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

RESAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95
Scores = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Estimate(NamedTuple):
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it as ``value [low, high]``."""
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def interquartile_mean(values: npt.ArrayLike) -> float:
    """Return the mean of the middle half of ``values``."""
    return float(stats.trim_mean(np.asarray(values, dtype=np.float64), 0.25))


def interval(
    samples: Sequence[npt.NDArray[Any]], statistic: Callable[..., Any], seed: int = 0, *, vectorized: bool = False
) -> tuple[float, float]:
    """Return the bootstrap interval of a statistic of independent samples, each resampled by itself.

    Args:
        samples: Arrays of one dimension; those of a single value have nothing to be resampled.
        statistic: Of the samples, in their order; with ``axis`` where it is vectorized.
        seed: Of the bootstrap.
        vectorized: Whether ``statistic`` takes arrays of more dimensions and an ``axis``.
    """
    varied = [place for place, sample in enumerate(samples) if len(sample) > 1]
    if not varied:
        value = float(statistic(*samples, axis=-1) if vectorized else statistic(*samples))
        return value, value

    def of(*drawn: Any, **axis: Any) -> Any:
        whole = list(samples)
        for place, one in zip(varied, drawn, strict=True):
            whole[place] = one
        if vectorized:
            shape = np.broadcast_shapes(*(one.shape[:-1] for one in whole))
            whole = [np.broadcast_to(one, (*shape, one.shape[-1])) for one in whole]
        return statistic(*whole, **axis)

    found = stats.bootstrap(
        [samples[place] for place in varied], of, n_resamples=RESAMPLES, confidence_level=CONFIDENCE,
        method="percentile", vectorized=vectorized, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def estimate(strata: Mapping[str, Sequence[float]], seed: int = 0, *, mean: bool = False) -> Estimate:
    """Return the interquartile mean (or the mean) over all strata with its bootstrap interval.

    Args:
        strata: Values by stratum (here: each preset); a resample has as many of each.
        seed: Of the bootstrap.
        mean: The plain mean instead: for counts of rare events, of which the middle half holds none.

    Raises:
        ValueError: If there are no values.
    """
    groups = [np.asarray(values, dtype=np.float64) for values in strata.values() if len(values) > 0]
    if not groups:
        raise ValueError("strata: no values, must hold at least one")
    cut = 0.0 if mean else 0.25

    def middle(*parts: Any, axis: int = -1) -> Any:
        return stats.trim_mean(np.concatenate(parts, axis=axis), cut, axis=axis)

    return Estimate(float(middle(*groups)), *interval(groups, middle, seed, vectorized=True))


def over_seeds(
    statistic: Callable[[Indices, Indices], float], seeds: int, presets: Sequence[str], seed: int = 0
) -> Estimate:
    """Return a statistic of training seeds and scenarios with an interval in which both chances count.

    Args:
        statistic: Of numbers of seeds and of scenarios, as they were drawn.
        seeds: Training seeds there are.
        presets: Preset of each scenario.
        seed: Of the bootstrap.
    """
    names = np.array(presets)
    strata = [np.flatnonzero(names == name) for name in dict.fromkeys(presets)]

    def of(chosen: Any, *picked: Any) -> float:
        return statistic(chosen.astype(np.int64), np.concatenate(picked).astype(np.int64))

    whole = statistic(np.arange(seeds), np.concatenate(strata))
    return Estimate(float(whole), *interval([np.arange(seeds), *strata], of, seed))


def difference(scores: Scores, reference: Scores, presets: Sequence[str], seed: int = 0) -> Estimate:
    """Return the mean paired difference in score and its 95 % interval.

    Args:
        scores: Shape ``(seeds, episodes)``.
        reference: Shape ``(1, episodes)``.
        presets: Preset of each episode.
        seed: Of the bootstrap.
    """
    gaps = scores - reference
    return over_seeds(lambda chosen, picked: float(gaps[np.ix_(chosen, picked)].mean()), len(gaps), presets, seed)
