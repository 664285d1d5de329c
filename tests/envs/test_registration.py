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
from swapgym.envs import governor, infos, multi_objective, observations, release
from swapgym.envs.costs import TERMS
from swapgym.envs.epochs import EVENTS
from swapgym.envs.registration import CLASSES, register_envs

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
    assert set(CLASSES) <= set(gym.registry)


def test_make_imports_the_module() -> None:
    code = "import gymnasium as g; print(g.make('swapgym:swapgym/SwapRelease-v1').unwrapped.spec.id)"
    assert run(code) == "swapgym/SwapRelease-v1"


def test_import_loads_no_simulator() -> None:
    assert run("import sys, swapgym; print([m for m in ('numba', 'torch', 'matplotlib') if m in sys.modules])") == "[]"


@pytest.mark.parametrize("env_id", sorted(CLASSES))
def test_spec_round_trips_through_json(env_id: str) -> None:
    env = gym.make(env_id, preset="camera_launch", routes=["INLINE", "DEFER"], epochs=["kill"], ms_per_mib=1.0)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.reset(seed=1)[0].tobytes() == env.reset(seed=1)[0].tobytes()


def test_docstring_has_gymnasiums_sections_in_order() -> None:
    doc = release.SwapReleaseEnv.__doc__ or ""
    places = [doc.index(section) for section in SECTIONS]
    assert places == sorted(places)


def sections(doc: str) -> dict[str, str]:
    """Return a docstring's sections by their titles, without indentation."""
    parts = ("\n" + inspect.cleandoc(doc)).split("\n## ")
    return dict(part.split("\n", 1) for part in parts[1:])


@pytest.mark.parametrize("env_id", sorted(CLASSES))
def test_docstring_tables_stand_in_their_places_and_are_the_codes(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    doc = sections(type(env).__doc__ or "")
    assert env.observation_space.shape is not None
    table = observations.table(env.parts)
    assert table in doc["Observation Space"]
    assert f"shape `{env.observation_space.shape}`" in doc["Observation Space"]
    assert table.count("\n") - 1 == env.observation_space.shape[0]
    holding = [title for title, text in doc.items() if "| Num | Observation |" in text]
    assert holding == ["Observation Space"]
    actions = [line for line in doc["Action Space"].splitlines() if line.startswith(("| 0", "| 1", "| 2", "| 3"))]
    assert [line.split("`")[1] for line in actions] == [*env.env_spec.route_names, *env.env_spec.pace_names]
    space = env.action_space
    sizes = f"Discrete({space.n})" if isinstance(space, gym.spaces.Discrete) else f"Discrete({space.nvec.tolist()})"
    assert sizes in doc["Action Space"]
    for term in TERMS:
        assert f"| `{term.name}` | `{term.objective}` | {term.meaning} |" in doc["Rewards"]
    for event in EVENTS:
        assert f"| `{event.name}` | {'yes' if event.usual else 'no'} | {event.meaning} |" in doc["Description"]
    assert infos.table() in doc["Info"]
    for name, parameter in inspect.signature(type(env)).parameters.items():
        assert f"\n| `{name}` | `" in doc["Arguments"]
        assert name == "parts" or f" | `{parameter.default!r}` | " in doc["Arguments"]
    assert not [title for title, text in doc.items() if "$" in text]


@pytest.mark.parametrize("env_id", sorted(CLASSES))
def test_the_vector_environments_arguments_are_in_its_docstring(env_id: str) -> None:
    envs = gym.make_vec(env_id, num_envs=1)
    doc = sections(type(envs).__doc__ or "")
    for name in inspect.signature(type(envs)).parameters:
        assert f"\n| `{name}` | `" in doc["Arguments"]
    assert not [title for title, text in doc.items() if "$" in text]


def test_the_old_version_names_its_successor() -> None:
    with pytest.raises(gym.error.DeprecatedEnv, match="SwapRelease-v1"):
        gym.make("swapgym/SwapRelease-v0")


@pytest.mark.parametrize("module", [release, governor, multi_objective])
def test_docstring_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
