"""Closed, typed, frozen configuration: unknown keys and values out of range are errors that name what is allowed."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Config = TypeVar("Config")


def unknown(field: str, value: object, allowed: Iterable[str]) -> ValueError:
    """Return the error for an unknown name, with the nearest known one."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return ValueError(f"{field}: {value!r} is unknown{hint}, must be one of {', '.join(map(repr, names))}")


def bounded(default: Any, low: float, high: float, unit: str, meaning: str) -> Any:
    """Declare a dataclass field with its allowed range, unit and meaning."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "unit": unit, "meaning": meaning})


def check(config: Any) -> None:
    """Check every bounded field of a dataclass instance.

    Raises:
        ValueError: If a value is not finite or out of its range; names field, value and range.
        TypeError: If a value is not a number where one is asked for.
    """
    for item in dataclasses.fields(config):
        if "low" not in item.metadata:
            continue
        value = getattr(config, item.name)
        name = f"{type(config).__name__}.{item.name}"
        low, high = item.metadata["low"], item.metadata["high"]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name}: {value!r} of type {type(value).__name__}, must be a number from {low} to {high}")
        if isinstance(item.default, int) and not isinstance(value, int):
            raise TypeError(f"{name}: {value!r}, must be an integer from {low} to {high}")
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{name}: {value!r}, must be from {low} to {high} {item.metadata['unit']}")


def override(config: Config, changes: Mapping[str, Any], field: str = "") -> Config:
    """Return ``config`` with fields replaced, deeply: a mapping for a nested dataclass replaces some of its fields.

    Args:
        config: A frozen dataclass instance.
        changes: New values by field name.
        field: Name of ``config`` in error messages.

    Raises:
        ValueError: If a key is unknown (names the nearest) or a value is out of range.
        TypeError: If a value is of the wrong type.
    """
    if not isinstance(changes, Mapping):
        raise TypeError(f"{field or type(config).__name__}: {changes!r}, must be a mapping of field names to values")
    names = {item.name for item in dataclasses.fields(config)}  # type: ignore[arg-type]
    new: dict[str, Any] = {}
    for key, value in changes.items():
        where = f"{field}.{key}" if field else str(key)
        if key not in names:
            raise unknown(field or type(config).__name__, key, names)
        present = getattr(config, key)
        if dataclasses.is_dataclass(present) and not isinstance(present, type):
            new[key] = override(present, value, where)
        elif isinstance(present, tuple) and isinstance(value, list | tuple):
            new[key] = tuple(value)
        elif isinstance(present, bool) != isinstance(value, bool) or isinstance(present, str) != isinstance(value, str):
            raise TypeError(
                f"{where}: {value!r} of type {type(value).__name__}, must be of type {type(present).__name__}"
            )
        else:
            new[key] = value
    return dataclasses.replace(config, **new)  # type: ignore[type-var]


def to_json(config: Any) -> str:
    """Return a dataclass instance as JSON with sorted keys; :func:`from_json` reads it back."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_json(default: Config, text: str) -> Config:
    """Return ``default`` with the values of ``text``, which :func:`to_json` has written."""
    return override(default, json.loads(text))


def config_hash(*configs: Any) -> str:
    """Return a short stable hash of JSON-able values or dataclass instances, for records of results."""
    plain = [dataclasses.asdict(c) if dataclasses.is_dataclass(c) and not isinstance(c, type) else c for c in configs]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]
