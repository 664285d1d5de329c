"""Interquartile means by hand, and intervals that cover what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from swapgym.agents.statistics import estimate, interquartile_mean


def test_interquartile_mean_by_hand() -> None:
    # of eight values the lowest two and the highest two go
    assert interquartile_mean([100, 1, 2, 3, 4, 5, 6, -50]) == pytest.approx((2 + 3 + 4 + 5) / 4)


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(200):
        figure = estimate({"a": rng.normal(1.0, 1.0, 30).tolist()}, seed=trial, mean=True)
        hits += figure.low <= 1.0 <= figure.high
    assert 0.88 <= hits / 200 <= 0.99


def test_strata_are_kept_apart() -> None:
    # between strata the values differ, within them they do not: nothing is left to resample
    figure = estimate({"a": [1.0] * 8, "b": [5.0] * 8}, mean=True)
    assert figure == (3.0, 3.0, 3.0)


def test_nothing_to_estimate_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        estimate({"a": []})
