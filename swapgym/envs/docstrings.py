"""Sections of the environments' docstrings that are made from the code, so that they cannot drift from it.

A class's docstring holds names such as ``$observations``; :func:`documented` puts the sections in their places.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from string import Template
from typing import Any, TypeVar

from swapgym.envs import observations, rewards
from swapgym.envs.arguments import DEFAULT_ROUTES, ROUTE_MEANINGS

C = TypeVar("C", bound=type)


def documented(meanings: Mapping[str, str]) -> Callable[[C], C]:
    """Return a decorator that puts the sections into an environment's docstring.

    Args:
        meanings: What the arguments of the class are, by name.
    """

    def fill(described: C) -> C:
        if described.__doc__ is not None:  # python -OO has none
            described.__doc__ = Template(described.__doc__).substitute(
                actions=action_table(),
                n_parts=observations.N_PARTS,
                observations=observation_table(),
                terms=reward_table(),
                arguments=argument_table(described, meanings),
            )
        return described

    return fill


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table as a docstring has it, indented by four spaces but for its first line."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n    ".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def action_table() -> str:
    """Return the table of the default actions."""
    rows = [(number, f"`{name}`", ROUTE_MEANINGS[name]) for number, name in enumerate(DEFAULT_ROUTES)]
    return table(("Num", "Action", "Meaning"), rows)


def observation_table() -> str:
    """Return the table of the observation's parts."""
    return observations.table().replace("\n", "\n    ")


def reward_table() -> str:
    """Return the table of the reward's terms."""
    rows = [(f"`{term.name}`", term.objective, term.meaning) for term in rewards.TERMS]
    return table(("Term", "Objective", "Meaning"), rows)


def argument_table(function: Callable[..., Any], meanings: Mapping[str, str]) -> str:
    """Return the table of the arguments of a function or class: types and defaults from its signature."""
    rows = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in meanings:
            kind = str(parameter.annotation).replace(" | ", " or ")
            default = getattr(parameter.default, "value", parameter.default)
            rows.append((f"`{name}`", f"`{kind}`", f"`{default!r}`", meanings[name]))
    return table(("Parameter", "Type", "Default", "Description"), rows)
