"""Replacing fields of a frozen configuration: unknown keys and wrong types are errors that name what is allowed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from swapgym.phone.settings import unknown

__all__ = ["config_hash", "override", "unknown"]

Config = TypeVar("Config")


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


def config_hash(*configs: Any) -> str:
    """Return a short stable hash of JSON-able values or dataclass instances, for records of results."""
    plain = [dataclasses.asdict(c) if dataclasses.is_dataclass(c) and not isinstance(c, type) else c for c in configs]
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]
