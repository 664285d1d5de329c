"""Interquartile means with stratified bootstrap intervals, as Agarwal et al. (NeurIPS 2021) recommend for few runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

RESAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95


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


def estimate(strata: Mapping[str, Sequence[float]], seed: int = 0, *, mean: bool = False) -> Estimate:
    """Return the interquartile mean (or the mean) over all strata with its bootstrap interval.

    Resampling keeps the number of values of each stratum (here: each preset), and percentiles give the interval.

    Args:
        strata: Values by stratum.
        seed: Of the bootstrap.
        mean: The plain mean instead: for counts of rare events, of which the middle half holds none.

    Raises:
        ValueError: If there are no values.
    """
    groups = [np.asarray(values, dtype=np.float64) for values in strata.values() if len(values) > 0]
    if not groups:
        raise ValueError("strata: no values, must hold at least one")
    rng = np.random.default_rng(seed)
    resampled = np.concatenate([rng.choice(group, (RESAMPLES, len(group))) for group in groups], axis=1)
    cut = 0.0 if mean else 0.25
    means = stats.trim_mean(resampled, cut, axis=1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Estimate(float(stats.trim_mean(np.concatenate(groups), cut)), float(low), float(high))
