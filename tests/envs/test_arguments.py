"""Bad input: each error names the argument, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swapgym.envs.release import SwapReleaseEnv


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"preset": "camera_lunch"}, r"camera_lunch.*camera_launch"),
        ({"device": "toaster"}, r"toaster"),
        ({"kernel": "vivo_async"}, r"vivo_async.*vivo-async"),
        ({"overrides": {"colour": {}}}, r"overrides: 'colour' is unknown.*'device', 'kernel'"),
        ({"overrides": {"kernel": {"n_kworker": 2}}}, r"n_kworker.*n_kworkers"),
        ({"overrides": {"device": {"swappiness": 900}}}, r"swappiness: 900, must be from 0 to 200"),
        ({"routes": 4}, r"routes: 4, must be 2 .* 3"),
        ({"routes": "INLINE"}, r"routes: 'INLINE', must be"),
        ({"routes": ["INLINE", "DEFFER"]}, r"routes: 'DEFFER' is unknown \(did you mean 'DEFER'\?\)"),
        ({"routes": []}, r"routes: \[\], must name at least one"),
        ({"routes": ["INLINE", "INLINE"]}, r"none twice"),
        ({"tick_us": 0}, r"tick_us: 0, must be an integer from 50 to 2000"),
        ({"tick_us": 1000.0}, r"tick_us: 1000\.0"),
        ({"max_decisions": 0}, r"max_decisions: 0, must be None \(no bound\) or an integer >= 1"),
        ({"max_decisions": True}, r"max_decisions: True"),
        ({"render_mode": "text"}, r"render_mode: 'text' is unknown.*'ansi'"),
        ({"epochs": "events"}, r"epochs: 'events' is unknown \(did you mean 'event'\?\)"),
        ({"epochs": ["kils"]}, r"epochs: 'kils' is unknown \(did you mean 'kill'\?\)"),
        ({"epochs": ["kill", "kill"]}, r"must name none twice"),
        ({"epochs": 5}, r"epochs: 5, must be"),
        ({"hold_ms": -1}, r"hold_ms: -1, must be an integer from 0"),
        ({"hold_ms": 1.5}, r"hold_ms: 1\.5"),
        ({"hold_ms": 60_001}, r"hold_ms: 60001"),
        ({"paces": 2}, r"paces: 2, must be 0 \(none\), 4"),
        ({"paces": ["FAST"]}, r"paces: 'FAST' is unknown"),
        ({"parts": ["backlogs"]}, r"'backlogs' is unknown \(did you mean 'backlog'\?\)"),
        ({"parts": []}, r"at least one"),
        ({"overrides": {"device": {"watermark_low_share": 0.5}}}, r"watermark"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not in the possible render_modes")
def test_constructor(make: Callable[..., SwapReleaseEnv], kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario_sed": 1}, r"options: 'scenario_sed' is unknown \(did you mean 'scenario_seed'\?\)"),
        ({"scenario_seed": -1}, r"options\['scenario_seed'\]: -1, must be an integer >= 0"),
        ({"scenario_seed": 1.5}, r"options\['scenario_seed'\]: 1\.5"),
        ({"preset": "nowhere"}, r"nowhere"),
    ],
)
def test_reset_options(env: SwapReleaseEnv, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env.reset(options=options)


def test_a_window_needs_a_display(make: Callable[..., SwapReleaseEnv], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=r"render_mode: 'human' needs a display.*'rgb_array'"):
        make(render_mode="human")
    assert "human" not in make().metadata["render_modes"]
