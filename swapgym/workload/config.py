"""Replacing fields of a frozen configuration: unknown keys and wrong types are errors that name what is allowed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np

from swapgym.phone.settings import plain, unknown

__all__ = ["FrozenDict", "config_hash", "frozen", "override", "unknown"]

Config = TypeVar("Config")


class FrozenDict(dict[str, Any]):
    """A dict that refuses every change; still what JSON, pickle and copies take for a dict."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a configuration is fixed when it is given: make another environment with another one")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        """Return a hash of the contents: they cannot change."""
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by contents: the usual way sets items."""
        return type(self), (dict(self),)


def frozen(value: Any) -> Any:
    """Return a copy of ``value`` that cannot change: mappings, lists and arrays deeply, NumPy's scalars as numbers."""
    if isinstance(value, Mapping):
        return FrozenDict({key: frozen(inner) for key, inner in value.items()})
    if isinstance(value, np.ndarray):
        return frozen(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(frozen(inner) for inner in value)
    return plain(value)


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
        present, value = getattr(config, key), frozen(value)
        if dataclasses.is_dataclass(present) and not isinstance(present, type):
            new[key] = override(present, value, where)
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
