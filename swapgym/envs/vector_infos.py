"""Infos of many lanes as Gymnasium's vector environments give them: for every key an array over lanes, and a mask.

The result equals what ``VectorEnv._add_info`` builds lane by lane; this builds it column by column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def mask(lanes: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.bool_]:
    """Return an array of ``n`` flags, set for ``lanes``."""
    flags = np.zeros(n, dtype=np.bool_)
    flags[lanes] = True
    return flags


def column(name: str, values: Sequence[Any], lanes: npt.NDArray[np.int64], n: int) -> dict[str, Any]:
    """Return ``values`` of ``lanes`` under ``name``: numbers as an array of their type, anything else as objects."""
    number = type(values[0]) in (int, float, bool)
    array = np.zeros(n, dtype=type(values[0])) if number else np.full(n, None, dtype=object)
    array[lanes] = values
    return {name: array, f"_{name}": mask(lanes, n)}


def table(
    name: str, rows: Sequence[Mapping[str, float]], lanes: npt.NDArray[np.int64], n: int
) -> dict[str, dict[str, Any] | npt.NDArray[np.bool_]]:
    """Return ``rows`` of named numbers, the same names for each of ``lanes``, as a dict of columns under ``name``."""
    names = list(rows[0])
    columns = np.zeros((len(names), n))
    columns[:, lanes] = np.array([list(row.values()) for row in rows]).T
    return named(name, names, columns, mask(lanes, n))


def named(
    name: str, names: Sequence[str], columns: npt.NDArray[np.float64], flags: npt.NDArray[np.bool_]
) -> dict[str, dict[str, Any] | npt.NDArray[np.bool_]]:
    """Return ``columns`` (one row per name, 0 where a lane has none) as a dict under ``name``."""
    inner: dict[str, Any] = {}
    for key, values in zip(names, columns, strict=True):
        inner[key] = values
        inner[f"_{key}"] = flags
    return {name: inner, f"_{name}": flags}


def row(infos: Mapping[str, Any], lane: int) -> dict[str, Any]:
    """Return one lane's infos as a single environment would give them."""
    own: dict[str, Any] = {}
    for key, value in infos.items():
        flags = infos.get(f"_{key}")
        if flags is None or not flags[lane]:
            continue
        if isinstance(value, Mapping):
            own[key] = row(value, lane)
        else:
            own[key] = value[lane].item() if isinstance(value[lane], np.generic) else value[lane]
    return own
