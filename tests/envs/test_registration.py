"""Registration: on import, idempotent, cheap, and JSON-able."""

from __future__ import annotations

import doctest
import subprocess
import sys
import warnings

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

import swapgym
from swapgym.envs import release_env
from swapgym.envs.registration import ENTRY_POINTS, register_envs

SECTIONS = (
    "## Description",
    "## Action Space",
    "## Observation Space",
    "## Rewards",
    "## Starting State",
    "## Episode End",
    "## Arguments",
    "## Vectorized environment",
    "## Version History",
)


def run(code: str) -> str:
    """Run ``code`` in a fresh interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_registering_again_changes_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_envs()
        gym.register_envs(swapgym)
    assert set(ENTRY_POINTS) <= set(gym.registry)


def test_make_imports_the_module() -> None:
    code = "import gymnasium as g; print(g.make('swapgym:swapgym/SwapRelease-v0').unwrapped.spec.id)"
    assert run(code) == "swapgym/SwapRelease-v0"


def test_import_loads_no_simulator() -> None:
    assert run("import sys, swapgym; print([m for m in ('numba', 'torch', 'matplotlib') if m in sys.modules])") == "[]"


@pytest.mark.parametrize("env_id", sorted(ENTRY_POINTS))
def test_spec_round_trips_through_json(env_id: str) -> None:
    env = gym.make(env_id, preset="camera_launch", routes=["INLINE", "DEFER"], weights=[1.0, 0.0])
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.reset(seed=1)[0].tobytes() == env.reset(seed=1)[0].tobytes()


def test_docstring_has_gymnasiums_sections_in_order() -> None:
    doc = release_env.SwapReleaseEnv.__doc__ or ""
    places = [doc.index(section) for section in SECTIONS]
    assert places == sorted(places)


def test_docstring_examples_run() -> None:
    assert doctest.testmod(release_env, optionflags=doctest.ELLIPSIS).failed == 0
