"""Registration: on import, idempotent, cheap, and JSON-able."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
import warnings
from types import ModuleType

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

import swapgym
from swapgym.envs import observations, release_env, vector_env
from swapgym.envs.arguments import DEFAULT_ROUTES, EnvArguments
from swapgym.envs.registration import ENTRY_POINTS, register_envs
from swapgym.envs.rewards import TERMS
from swapgym.envs.vector_env import SwapReleaseVectorEnv

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


def sections(doc: str) -> dict[str, str]:
    """Return a docstring's sections by their titles, without indentation."""
    parts = ("\n" + inspect.cleandoc(doc)).split("\n## ")
    return dict(part.split("\n", 1) for part in parts[1:])


@pytest.mark.parametrize("env_id", sorted(ENTRY_POINTS))
def test_docstring_tables_stand_in_their_places_and_are_the_codes(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    doc = sections(type(env).__doc__ or "")
    assert env.observation_space.shape is not None
    assert observations.table() in doc["Observation Space"]
    assert f"shape `{env.observation_space.shape}`" in doc["Observation Space"]
    assert observations.table().count("\n") - 1 == env.observation_space.shape[0]
    holding = [title for title, text in doc.items() if "| Num | Observation |" in text]
    assert holding == ["Observation Space"]
    actions = [line for line in doc["Action Space"].splitlines() if line.startswith(("| 0", "| 1", "| 2"))]
    assert [line.split("`")[1] for line in actions] == list(DEFAULT_ROUTES)
    assert f"Discrete({len(actions)})" in doc["Action Space"]
    for term in TERMS:
        assert f"| `{term.name}` | {term.objective} | {term.meaning} |" in doc["Rewards"]
    for name, parameter in inspect.signature(type(env)).parameters.items():
        assert f"\n| `{name}` | `" in doc["Arguments"]
        assert f" | `{parameter.default!r}` | " in doc["Arguments"]
    assert not [title for title, text in doc.items() if "$" in text]


def test_the_vector_environments_arguments_are_in_its_docstring() -> None:
    doc = sections(SwapReleaseVectorEnv.__doc__ or "")
    for name, parameter in inspect.signature(SwapReleaseVectorEnv).parameters.items():
        assert parameter.kind is parameter.VAR_KEYWORD or f"\n| `{name}` | `" in doc["Arguments"]
    assert list(EnvArguments.__annotations__) == list(inspect.signature(release_env.SwapReleaseEnv).parameters)


@pytest.mark.parametrize("module", [release_env, vector_env])
def test_docstring_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
