"""Who plays, named by one short text: a fixed policy, a run, a Stable-Baselines3 model, or code of one's own.

============================== ===========================================================================
text                           who plays
============================== ===========================================================================
``vivo``                       a fixed policy with its default parameters
``vivo:min_exiting=3``         with parameters of one's own, separated by commas
``tuned``, ``tuned:psi``       the best tuned policy for kernel, preset and rate, or a certain one
``runs/ppo-r6-0``              a run folder, in the decision process that it was trained in
``model.zip:hold_ms=50``       a model as Stable-Baselines3 saves it, with the arguments of its environment (and
                               ``env=``, ``algo=``); only if trusted, since loading it runs what is in it
``mine.py:policy``             a function, class or object of a file, or of a module (``package.module:Policy``)
============================== ===========================================================================

A function is asked with one observation, float32 of shape ``(parts,)``, and returns an action. A class is made with
the arguments that follow (``mine.py:Policy:share=0.3``) and, where it takes them, ``routes``, ``parts`` and ``spec``;
it has ``predict`` as Stable-Baselines3 has it, for batches of shape ``(n, parts)``.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import yaml

from swapgym.agents.policies import POLICIES, Policy, make
from swapgym.agents.sb3 import algorithms
from swapgym.agents.sb3.networks import lighter
from swapgym.agents.stored import runs
from swapgym.agents.stored.agents import load_model
from swapgym.agents.stored.tuned import tuned
from swapgym.agents.task import ENV_ID, WORLD, changed, spec_of
from swapgym.envs.spec import EnvSpec
from swapgym.workload.config import unknown

TUNED: Final = "tuned"
FORMS: Final = "a fixed policy, tuned, a run folder, a model.zip, or code as module:name or file.py:name"


@dataclass(frozen=True)
class Contestant:
    """One who plays.

    Attributes:
        text: How it was named.
        label: What it is called in tables: training seeds of one agent are called alike.
        run: Which of them it is; empty where there is but one.
        spec: The decision process that it plays.
        policy: What it is asked.
    """

    text: str
    label: str
    run: str
    spec: EnvSpec
    policy: Policy


class FunctionPolicy:
    """A function of one observation, asked for each of a batch."""

    def __init__(self, function: Callable[[npt.NDArray[Any]], Any]) -> None:
        """Wrap ``function``."""
        self.function = function

    def predict(
        self,
        observation: npt.ArrayLike,
        state: Any = None,
        episode_start: npt.ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[np.int64], Any]:
        """Return the action for one observation, or actions for a batch, and the state as it came."""
        seen = np.asarray(observation)
        if seen.ndim == 1:
            return np.asarray(self.function(seen)), state
        actions = np.array([self.function(row) for row in seen])
        return (actions.astype(np.int64) if actions.dtype == np.bool_ else actions), state


def contestants(
    texts: Sequence[str],
    env: str = ENV_ID,
    arguments: Sequence[str] = (),
    *,
    trust: bool = False,
    **world: Any,
) -> list[Contestant]:
    """Return those who are named, all in one world: that of the arguments, or else the one their runs share.

    Args:
        texts: Names; see the module.
        env: Environment of those that bring none along.
        arguments: Its further arguments, as ``key=value``.
        trust: Whether models may be loaded that run code when they are.
        **world: Arguments by name; None keeps what the runs have, or the environment's default.

    Raises:
        ValueError: If a name is unknown or wrong, or runs differ in what they would share.
        FileNotFoundError: If a file or folder is missing.
    """
    base = spec_of(env, arguments, **world)
    given = {name for name, value in world.items() if value is not None}
    given |= {text.partition("=")[0] for text in arguments}
    brought = {text: brought_along(text, trust) for text in dict.fromkeys(texts)}
    specs = [spec for spec in brought.values() if spec is not None]
    kept: dict[str, Any] = {}
    for name in WORLD:
        if name in given:
            continue
        values = list(dict.fromkeys(getattr(spec, name) for spec in specs))
        if len(values) > 1:
            raise ValueError(f"{name}: runs have {', '.join(map(repr, values))}, must share one, or be told one")
        if values:
            kept[name] = values[0]
    base = changed(base, kept)
    shared = {name: getattr(base, name) for name in WORLD}
    found = []
    for text, own in brought.items():
        spec = base if own is None else changed(own, shared)
        found.append(read(text, spec))
    return named_apart(found)


def brought_along(text: str, trust: bool) -> EnvSpec | None:
    """Return the decision process that a name brings along: a run's, a model's; None of others."""
    if is_run(text):
        return runs.spec_of(runs.config_of(Path(text)))
    model = model_in(text)
    if model is None:
        return None
    if not trust:
        raise ValueError(f"{text}: loading a model runs what is in it; --trust says that you trust where it is from")
    path, options = model
    if not path.exists():
        raise FileNotFoundError(f"{text}: there is no file {path}")
    env, _ = options.pop("env", ENV_ID), options.pop("algo", None)
    return changed(spec_of(env), options)


def read(text: str, spec: EnvSpec) -> Contestant:
    """Return who is named, to play in ``spec``.

    Raises:
        ValueError: If nobody is.
    """
    if is_run(text):
        config, policy = load_model(Path(text))
        return Contestant(text, config["algo"], Path(text).name, spec, policy)
    model = model_in(text)
    if model is not None:
        return Contestant(text, model[0].stem, "", spec, load_zip(*model, spec))
    name, _, rest = text.partition(":")
    if name in POLICIES:
        return Contestant(text, text, "", spec, make(name, spec.route_names, spec.parts, **options_of(text, rest)))
    if name == TUNED:
        return Contestant(text, text, "", spec, tuned_policy(rest, spec))
    code = re.fullmatch(r"([\w./\\-]+):([\w.]+)(?::(.*))?", text)
    if code is None:
        raise ValueError(f"{unknown('policy', text, [*POLICIES, TUNED])}; or {FORMS}")
    module, attribute, options = code.groups()
    return Contestant(text, text, "", spec, build(text, load_code(module, attribute), spec, options_of(text, options)))


def is_run(text: str) -> bool:
    """Return whether a name is that of a folder; no policy is called as one."""
    return Path(text).is_dir()


def model_in(text: str) -> tuple[Path, dict[str, Any]] | None:
    """Return a model's file and options, or None where a name is of no model."""
    match = re.fullmatch(r"(.+\.zip)(?::(.*))?", text)
    return None if match is None else (Path(match[1]), options_of(text, match[2]))


def options_of(text: str, given: str | None) -> dict[str, Any]:
    """Return ``key=value,...`` as a mapping; values are YAML.

    Raises:
        ValueError: If it is no such text.
    """
    if not given:
        return {}
    try:
        found = yaml.safe_load("{" + re.sub(r"(^|,)\s*(\w+)=", r"\1 \2: ", given) + "}")
    except yaml.YAMLError:
        found = {given: None}
    if any(value is None and not re.search(rf"\b{key}=(null|~)", given) for key, value in found.items()):
        raise ValueError(f"{text}: {given!r}, must be key=value, separated by commas")
    return dict(found)


def tuned_policy(name: str, spec: EnvSpec) -> Policy:
    """Return a tuned policy by name, or the best where none is named.

    Raises:
        ValueError: If there is none.
    """
    try:
        found = tuned(spec.ms_per_mib, spec.route_names, kernel=spec.kernel, preset=spec.preset)
    except FileNotFoundError as error:
        raise ValueError(f"{TUNED}: {error}") from error
    if name and name not in found:
        raise unknown(TUNED, name, found)
    return found[name] if name else next(iter(found.values()))


# --------------------------------------------------------------------------------------------------------------- models
def load_zip(path: Path, options: Mapping[str, Any], spec: EnvSpec) -> Policy:
    """Return a model of Stable-Baselines3, as arrays where it can be.

    Raises:
        ValueError: If it is none, or was trained on other observations or actions than ``spec`` has.
    """
    model = algorithms.algorithm(options.get("algo") or algorithm_in(path)).load(path, device="cpu")
    for name in ("observation_space", "action_space"):
        own, wanted = getattr(model, name), getattr(spec, name)
        if own != wanted:
            raise ValueError(
                f"{path}: its {name} is {own}, must be {wanted}; say the arguments of the environment that it was"
                f" trained in: {path}:key=value,..."
            )
    return lighter(model, spec)


def algorithm_in(path: Path) -> str:
    """Return which algorithm saved a model, as its file tells; reading that runs no code.

    Raises:
        ValueError: If it is no such file or of another algorithm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{path}: is no model as Stable-Baselines3 saves it ({error})") from error
    module = str(data.get("policy_class", {}).get("__module__", ""))
    if "qrdqn" in module:
        return "qrdqn"
    if "clip_range" in data:
        return "recurrent-ppo" if "recurrent" in module else "ppo"
    if "exploration_fraction" in data:
        return "dqn"
    raise ValueError(f"{path}: is of none of {', '.join(algorithms.ALGORITHMS)}, must be of one of them")


# ----------------------------------------------------------------------------------------------------------------- code
def load_code(module: str, attribute: str) -> Any:
    """Return what a module or file calls so.

    Raises:
        ValueError: If the module cannot be imported or has nothing of that name.
    """
    try:
        if module.endswith(".py"):
            path = Path(module).resolve()
            specification = importlib.util.spec_from_file_location(path.stem, path)
            assert specification is not None and specification.loader is not None
            loaded = importlib.util.module_from_spec(specification)
            sys.modules.setdefault(path.stem, loaded)  # dataclasses look their module up
            specification.loader.exec_module(loaded)
        else:
            if str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))
            loaded = importlib.import_module(module)
        found: Any = loaded
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, OSError, AttributeError, SyntaxError) as error:
        raise ValueError(f"{module}:{attribute}: {error}; must be {FORMS}") from error
    return found


def build(text: str, found: Any, spec: EnvSpec, options: Mapping[str, Any]) -> Policy:
    """Return a policy of what code brought: a class is made, a function wrapped, an object taken as it is.

    Raises:
        ValueError: If it cannot be asked, or is not to be had with these options.
    """
    if inspect.isclass(found):
        taken = inspect.signature(found).parameters
        brings = {"routes": spec.route_names, "parts": spec.parts, "spec": spec}
        try:
            found = found(**{name: value for name, value in brings.items() if name in taken}, **options)
        except TypeError as error:
            raise ValueError(f"{text}: {error}") from error
    elif options:
        raise ValueError(f"{text}: options {dict(options)}, must be none: only a class takes some")
    if hasattr(found, "predict"):
        policy: Policy = found
        return policy
    if callable(found):
        return FunctionPolicy(found)
    raise ValueError(f"{text}: {type(found).__name__} has no predict and cannot be called, must have or be either")


def named_apart(found: Sequence[Contestant]) -> list[Contestant]:
    """Return contestants with labels that tell them apart, but for training seeds of one agent.

    Runs of one algorithm are seeds of one agent where nothing else of how they were made differs.
    """
    made: dict[str, set[str]] = {}
    for one in found:
        if one.run:
            config = runs.config_of(Path(one.text))
            told = {name: config.get(name) for name in ("algo", "env", "hyperparameters", "episodes", "iterations")}
            made.setdefault(one.label, set()).add(json.dumps(told, sort_keys=True, default=str))
    mixed = {label for label, kinds in made.items() if len(kinds) > 1}
    labels = [one.run if one.run and one.label in mixed else one.label for one in found]
    plain = [label for one, label in zip(found, labels, strict=True) if not one.run or one.label in mixed]
    apart = []
    for one, label in zip(found, labels, strict=True):
        twice = plain.count(label) > 1 or (not one.run and label in made)
        alone = one.label in mixed or twice
        apart.append(Contestant(one.text, one.text if twice else label, "" if alone else one.run, one.spec, one.policy))
    return apart
