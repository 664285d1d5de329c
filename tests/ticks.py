"""Run a phone tick by tick: what holds at its decisions must hold in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from swapgym.phone import constants as k
from swapgym.phone import engine


def each_tick(phones: Any, scenarios: Any, route: Callable[[], int]) -> Iterator[Any]:
    """Yield the PHONE record at the end of every tick of lane 0; each decision goes where ``route()`` says."""
    engine.start(phones, scenarios, 0)
    phone = phones[0]
    status = k.RUN_PAUSED
    while status != k.RUN_END:
        until_us = int(phone["now_us"]) + 1
        status = engine.advance(phones, scenarios, 0, until_us)
        while status == k.RUN_DECISION:
            engine.decide(phones, scenarios, 0, route())
            status = engine.advance(phones, scenarios, 0, until_us)
        yield phone
