"""Declare C-like records once: name, type, unit and meaning of every field.

A record of the phone is a NumPy structured dtype, so that a batch of phones is one array: a snapshot is ``copy()``, a
checkpoint is the bytes, equality is bitwise. The declaration also keeps each field's unit and meaning, from which the
documentation's tables are generated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Field:
    """One field of a record.

    Attributes:
        name: Attribute name, as Numba and NumPy see it.
        type: A NumPy scalar type code, or the dtype of a nested record.
        unit: Physical unit, ``"1"`` for plain numbers.
        meaning: What it holds, in one sentence.
        shape: Length of a fixed-size sub-array; ``()`` for a scalar.
    """

    name: str
    type: Any
    unit: str
    meaning: str
    shape: tuple[int, ...] = ()


def integer(name: str, unit: str, meaning: str, shape: int | None = None, *, code: str = "i4") -> Field:
    """Declare a signed 32-bit field, or a sub-array of ``shape`` of them; ``code`` is another NumPy type."""
    return Field(name, code, unit, meaning, () if shape is None else (shape,))


def wide(name: str, unit: str, meaning: str, shape: int | None = None) -> Field:
    """Declare a signed 64-bit field: times since the start, sums, and work in picoseconds."""
    return integer(name, unit, meaning, shape, code="i8")


def small(name: str, unit: str, meaning: str) -> Field:
    """Declare a signed 8-bit field: codes, switches, and indices into tables of at most 127 rows."""
    return Field(name, "i1", unit, meaning)


def index(name: str, meaning: str, shape: int | None = None) -> Field:
    """Declare an unsigned 8-bit index (or ``shape`` of them): compiled code need not look whether it is negative."""
    return integer(name, "index", meaning, shape, code="u1")


def arrays(length: int, *fields: Field) -> tuple[Field, ...]:
    """Return ``fields``, each an array of ``length``: a loop over rows runs through memory that lies together."""
    return tuple(replace(field, shape=(length,)) for field in fields)


def nested(name: str, dtype: np.dtype[Any], meaning: str, shape: int | None = None) -> Field:
    """Declare a nested record (or a sub-array of ``shape`` of them)."""
    return Field(name, dtype, "record", meaning, () if shape is None else (shape,))


def record(*fields: Field) -> np.dtype[Any]:
    """Return the aligned structured dtype of ``fields``, widest first so that nothing is lost to alignment.

    What the last field leaves of the alignment is a field too: NumPy copies fields, so that bytes between them would
    hold anything in a copy.
    """
    packed = sorted(fields, key=lambda field: -np.dtype(field.type).alignment)
    rows = [(f.name, f.type, f.shape) if f.shape else (f.name, f.type) for f in packed]
    left = np.dtype(rows, align=True).itemsize - np.dtype(rows).itemsize
    return np.dtype([*rows, ("padding", "u1", (left,))] if left else rows, align=True)
