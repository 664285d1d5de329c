"""Infos: names and numbers in one order, and nothing shared between two of them."""

from __future__ import annotations

import numpy as np

from swapgym.envs.infos import COSTS, KEYS, start_info, step_info
from swapgym.envs.lane import LANE, costs_view
from swapgym.workload import Drawn


def test_costs_stand_under_their_names() -> None:
    start = start_info(Drawn("camera_launch", 3, "phone-12gb", "mainline"))
    values = [float(place) for place in range(len(COSTS))]
    info = step_info(start, 7, values)
    assert tuple(info) == KEYS
    assert {name: info[name] for name in COSTS} == dict(zip(COSTS, values, strict=True))
    assert info["elapsed_us"] == 7
    assert info["metrics"] == start["metrics"]
    assert info["metrics"] is not start["metrics"]


def test_the_view_of_costs_is_terms_and_then_objectives() -> None:
    lanes = np.zeros(2, LANE)
    lanes["terms"][0] = np.arange(1, 7)
    lanes["costs"][0] = np.arange(7, 10)
    lanes["gained"] = lanes["weights"] = lanes["credit"] = -1.0
    view = costs_view(lanes)
    assert view.tolist() == list(range(1, 10))
    lanes["costs"][0, 2] = 11.0
    assert view[-1] == 11.0
