"""Run a phone tick by tick: what holds at its decisions must hold in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from swapgym.phone import constants as k
from swapgym.phone import engine


def each_tick(phones: Any, scenarios: Any, route: Callable[[], int]) -> Iterator[Any]:
    """Yield the PHONE record at the end of every tick of lane 0; each decision goes where ``route()`` says.

    The scenario is made to end with every tick, which is the only thing that its length decides.
    """
    phone, scenario = phones[0], scenarios[0]
    duration_us = int(scenario["duration_us"])
    engine.start(phones, scenarios, 0)
    while phone["now_us"] < duration_us:
        scenario["duration_us"] = phone["now_us"] + phone["tick_us"]
        while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
            engine.decide(phones, scenarios, 0, route())
        yield phone
        phone["phase"] = engine.PHASE_TICK
    phone["phase"] = engine.PHASE_OVER
    scenario["duration_us"] = duration_us
