"""Sections of the environments' docstrings that are made from the code, so that they cannot drift from it.

A class's docstring holds names such as ``$observations``; :func:`document` puts the sections in their places.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from string import Template
from typing import Any

from swapgym.envs import infos, observations
from swapgym.envs.arguments import PACE_MEANINGS, ROUTE_MEANINGS
from swapgym.envs.costs import TERMS
from swapgym.envs.epochs import EVENTS
from swapgym.envs.spec import EnvSpec

RENDER_MODE = (
    '`"ansi"`: a text panel; `"rgb_array"`: a dashboard, uint8 of shape `(640, 960, 3)`;'
    ' `"human"`: the same in a window'
)


def document(described: type, spec: EnvSpec, extra: dict[str, tuple[Any, str, str]] | None = None) -> None:
    """Give a class the signature of a spec, and its docstring the sections.

    Args:
        described: An environment's class.
        spec: The defaults of its arguments.
        extra: Arguments that a spec has not, by name: default, type, meaning.
    """
    keyword = inspect.Parameter.KEYWORD_ONLY
    rows = {
        **(extra or {}),
        **{
            field.name: (getattr(spec, field.name), str(field.type), field.metadata["meaning"])
            for field in dataclasses.fields(spec)
        },
        "render_mode": (None, "str | None", RENDER_MODE),
    }
    signature = [
        inspect.Parameter(name, keyword, default=default, annotation=kind) for name, (default, kind, _) in rows.items()
    ]
    described.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    if described.__doc__ is not None:  # python -OO has none
        described.__doc__ = Template(described.__doc__).substitute(
            actions=action_tables(spec),
            n_parts=len(spec.parts),
            observations=inner(observations.table(spec.parts)),
            terms=table(
                ("Term", "Objective", "Meaning"), ((f"`{t.name}`", f"`{t.objective}`", t.meaning) for t in TERMS)
            ),
            events=table(
                ("Event", "Asks by default", "What has happened"),
                ((f"`{event.name}`", "yes" if event.usual else "no", event.meaning) for event in EVENTS),
            ),
            infos=inner(infos.table()),
            arguments=argument_table(rows),
        )


def inner(text: str) -> str:
    """Return lines indented by four spaces but for the first, as they stand in a docstring."""
    return text.replace("\n", "\n    ")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table as a docstring has it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return inner("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))


def action_tables(spec: EnvSpec) -> str:
    """Return the table of the default actions: routes, and paces where actions set them."""
    routes = [(number, f"`{name}`", ROUTE_MEANINGS[name]) for number, name in enumerate(spec.route_names)]
    text = table(("Num", "Route", "Meaning"), routes)
    if spec.pace_names:
        paces = [(number, f"`{name}`", PACE_MEANINGS[name]) for number, name in enumerate(spec.pace_names)]
        text += "\n\n    " + table(("Num", "Pace", "Meaning"), paces)
    return text


def argument_table(rows: dict[str, tuple[Any, str, str]]) -> str:
    """Return the table of arguments; long lists are named, not shown."""
    lines = []
    for name, (default, kind, meaning) in rows.items():
        shown = f"{len(default)} names" if name == "parts" else f"`{default!r}`"
        lines.append((f"`{name}`", f"`{kind.replace(' | ', ' or ')}`", shown, meaning))
    return table(("Parameter", "Type", "Default", "Description"), lines)
