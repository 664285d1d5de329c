"""Settings of a device or a kernel, each declared once: default, range, unit, source, and the record field it fills.

A class of settings is a frozen dataclass whose fields come from :func:`setting` and :func:`switch`. The record that
kernels read is derived from it (:func:`fields_of`), and an instance fills one (:func:`fill`). Values out of range are
errors that name the field, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from swapgym.phone.records import Field, integer

PLAIN = "plain"
MEMORY = "memory"
CORE = "core"


def unknown(field: str, value: object, allowed: Iterable[str]) -> ValueError:
    """Return the error for an unknown name, with the nearest known one."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return ValueError(f"{field}: {value!r} is unknown{hint}, must be one of {', '.join(map(repr, names))}")


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python number it is, anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def setting(
    default: Any, low: float, high: float, unit: str, meaning: str, *, into: str = "", at: int | None = None,
    per: float = 1, kind: str = PLAIN, code: str = "i4",
) -> Any:  # fmt: skip
    """Declare a number.

    Args:
        default: Its default; an integer where only integers are allowed.
        low: Smallest value allowed.
        high: Largest value allowed.
        unit: Its unit.
        meaning: What it is, and where the figure comes from.
        into: Field of the record it fills; empty where it fills none by itself.
        at: Place in that field, where it is an array that the record itself declares.
        per: Units of the record's field per unit of the setting.
        kind: MEMORY for time that waits for memory, CORE for time on the reference core: devices scale them.
        code: NumPy type of the record's field.
    """
    metadata = {
        "low": low, "high": high, "unit": unit, "meaning": meaning, "into": into, "at": at, "per": per, "kind": kind,
        "code": code,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=metadata)


def switch(default: bool, meaning: str, *, into: str) -> Any:
    """Declare a switch, 0 or 1 in the record."""
    return dataclasses.field(default=default, metadata={"unit": "0/1", "meaning": meaning, "into": into})


def fields_of(settings: type) -> Iterator[Field]:
    """Yield the record's fields that a class of settings fills."""
    for item in dataclasses.fields(settings):
        if item.metadata.get("into") and item.metadata.get("at") is None:
            unit = item.metadata["unit"] if item.metadata.get("per", 1) == 1 else f"{item.metadata['unit']}, scaled"
            yield integer(item.metadata["into"], unit, item.metadata["meaning"], code=item.metadata.get("code", "i4"))


def fill(settings: Any, record: Any, scales: dict[str, float] | None = None) -> None:
    """Write settings into the record's fields they fill, each in the record's unit.

    Args:
        settings: An instance of a class of settings.
        record: The record, written.
        scales: Factor by kind of setting; 1 where none is given.
    """
    for item in dataclasses.fields(settings):
        if item.metadata.get("into"):
            value = float(getattr(settings, item.name)) * item.metadata.get("per", 1)
            filled = round(value * (scales or {}).get(item.metadata.get("kind", PLAIN), 1.0))
            if item.metadata.get("at") is None:
                record[item.metadata["into"]] = filled
            else:
                record[item.metadata["into"]][item.metadata["at"]] = filled


def check(settings: Any) -> None:
    """Check every number and switch of an instance; NumPy's scalars become Python's numbers.

    Raises:
        ValueError: If a value is not finite or out of its range; names field, value and range.
        TypeError: If a value is not a number (or a bool) where one is asked for.
    """
    for item in dataclasses.fields(settings):
        value = plain(getattr(settings, item.name))
        object.__setattr__(settings, item.name, value)
        name = f"{type(settings).__name__}.{item.name}"
        if isinstance(item.default, bool):
            if not isinstance(value, bool):
                raise TypeError(f"{name}: {value!r} of type {type(value).__name__}, must be True or False")
            continue
        if "low" not in item.metadata:
            continue
        low, high = item.metadata["low"], item.metadata["high"]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name}: {value!r} of type {type(value).__name__}, must be a number from {low} to {high}")
        if isinstance(item.default, int) and not isinstance(value, int):
            raise TypeError(f"{name}: {value!r}, must be an integer from {low} to {high}")
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{name}: {value!r}, must be from {low} to {high} {item.metadata['unit']}")
