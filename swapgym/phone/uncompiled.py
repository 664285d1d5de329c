"""Kernels as plain Python, under ``NUMBA_DISABLE_JIT=1``: for debuggers, and for measuring what tests reach.

A kernel reads fields of records by attribute and computes with 64-bit integers. NumPy's structured arrays know
neither: here their rows have attributes, and what is read from them is a Python number. Assigning one that a field
cannot hold is an error, where a compiled kernel would cut it off.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


class Row(np.record):  # type: ignore[misc]  # the stubs call it final
    """A record whose fields are Python numbers, or arrays of them."""

    def __getattribute__(self, name: str) -> Any:
        """Return a field, or what every record has: fields come first, ``device`` is one."""
        if name in (object.__getattribute__(self, "dtype").fields or ()):
            return _plain(self[name])
        return super().__getattribute__(name)


class Rows(np.ndarray[Any, Any]):
    """An array whose elements are Python numbers, or records of them."""

    def __getitem__(self, place: Any) -> Any:
        """Return an element or a part."""
        return _plain(super().__getitem__(place))


def uncompiled(function: F) -> F:
    """Return a kernel's function so that it takes and reads arrays of records as compiled kernels do."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with np.errstate(all="ignore"):  # as compiled
            return function(*map(_taken, arguments), **{name: _taken(value) for name, value in named.items()})

    return cast(F, call)


def _taken(value: Any) -> Any:
    """Return an argument as kernels take it, over the same memory."""
    if type(value) is np.ndarray:
        return _rows(value)
    if type(value) is np.void:
        return _rows(np.asarray(value).reshape(1))[0]
    if isinstance(value, tuple):
        taken = map(_taken, value)
        return type(value)(*taken) if hasattr(value, "_fields") else tuple(taken)
    return _plain(value)


def _plain(value: Any) -> Any:
    """Return what was read: integers as Python has them, but for 64-bit unsigned ones, which wrap round.

    Floats stay NumPy's, whose divisions by zero are infinite as compiled ones are.
    """
    kind = type(value)
    if kind is np.ndarray or kind is np.void:
        return _taken(value)
    return int(value) if issubclass(kind, np.integer) and kind is not np.uint64 else value


def _rows(array: Any) -> Rows:
    if array.dtype.names is not None:
        array = array.view(np.dtype((Row, array.dtype)))
    return cast(Rows, array.view(Rows))
