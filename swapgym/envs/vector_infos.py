"""Infos of many lanes as Gymnasium's vector environments give them: for every key an array over lanes, and a mask.

The result equals what ``VectorEnv._add_info`` builds lane by lane; this builds it column by column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from swapgym.envs.infos import COSTS, NOT_YET
from swapgym.envs.lane import TOLD_COSTS, TOLD_ELAPSED
from swapgym.envs.lanes import Lanes
from swapgym.envs.metrics import METRIC_NAMES
from swapgym.workload import Drawn

Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def mask(lanes: Indices, n: int) -> Flags:
    """Return an array of ``n`` flags, set for ``lanes``."""
    flags = np.zeros(n, dtype=np.bool_)
    flags[lanes] = True
    return flags


class Infos:
    """The infos of ``n`` lanes: what was drawn for each, and all the rest when it is asked for."""

    def __init__(self, n: int) -> None:
        """Make ready for ``n`` lanes."""
        self.n = n
        self.everybody = np.arange(n)
        self._drawn: dict[str, npt.NDArray[Any]] = {
            "scenario_seed": np.zeros(n, np.int64),
            "preset": np.full(n, None, object),
            "device": np.full(n, None, object),
        }
        self._no_digests = np.full(n, "", object)
        none_yet = np.full(n, NOT_YET)
        none_yet.flags.writeable = False
        self._no_metrics = named(METRIC_NAMES, [none_yet] * len(METRIC_NAMES), np.ones(n, np.bool_))

    def take(self, lane: int, drawn: Drawn) -> None:
        """Take note of what was drawn for a lane's episode."""
        self._drawn["scenario_seed"][lane] = drawn.seed
        self._drawn["preset"][lane] = drawn.preset
        self._drawn["device"][lane] = drawn.device

    def tell(
        self,
        lanes: Lanes,
        told: Indices,
        ended: Indices,
        metrics: Sequence[Mapping[str, float]],
        digests: Sequence[str],
    ) -> dict[str, Any]:
        """Return the infos of the lanes ``told``: see :mod:`swapgym.envs.infos`.

        Args:
            lanes: The lanes as they stand.
            told: Whose infos; the others have zeros or ``None``, and no flag.
            ended: Those of them that are at their episodes' end.
            metrics: One per lane ended.
            digests: Likewise.
        """
        everybody = len(told) == self.n
        flags = mask(told, self.n)
        columns: dict[str, npt.NDArray[Any]] = {name: column.copy() for name, column in self._drawn.items()}
        columns["elapsed_us"] = lanes.told[TOLD_ELAPSED].astype(np.int64)
        columns |= zip(COSTS, lanes.told[TOLD_COSTS].copy(), strict=True)
        columns["digest"] = self._no_digests.copy()
        columns["digest"][ended] = digests
        if not everybody:
            for column in columns.values():
                column[~flags] = None if column.dtype == object else 0
        infos: dict[str, Any] = named(list(columns), list(columns.values()), flags)
        infos["_metrics"] = flags
        if everybody and not len(ended):
            infos["metrics"] = self._no_metrics.copy()
        else:
            values = np.zeros((len(METRIC_NAMES), self.n))
            values[:, told] = NOT_YET
            if len(ended):
                values[:, ended] = np.array([list(row.values()) for row in metrics]).T
            infos["metrics"] = named(METRIC_NAMES, list(values), flags)
        return infos


def named(names: Sequence[str], columns: Sequence[npt.NDArray[Any]], flags: Flags) -> dict[str, Any]:
    """Return ``columns`` by name, each with its mask."""
    infos: dict[str, Any] = {}
    for name, column in zip(names, columns, strict=True):
        infos[name] = column
        infos[f"_{name}"] = flags
    return infos


def rows(infos: Mapping[str, Any], lanes: Indices) -> list[dict[str, Any]]:
    """Return the infos of ``lanes`` as single environments would give them: keys without a flag are left out."""
    names = [key for key in infos if f"_{key}" in infos]
    columns = [
        rows(infos[name], lanes) if isinstance(infos[name], dict) else infos[name][lanes].tolist() for name in names
    ]
    told = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    for flags in {id(infos[f"_{name}"]): infos[f"_{name}"] for name in names}.values():  # columns share their masks
        for place in np.flatnonzero(~flags[lanes]).tolist():
            for name in names:
                if infos[f"_{name}"] is flags:
                    del told[place][name]
    return told
