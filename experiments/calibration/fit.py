"""Fit as few parameters as possible on as few rows as possible; everything else is predicted.

Nine parameters on nine rows of microbenchmarks, in five groups that do not touch each other, each solved by least
squares on relative errors (``scipy.optimize.least_squares``, no randomness). The cost of closing a file is what makes
the median over the ``fit`` rows of published exits come out. The defaults of ``swapgym/phone/kernel_variant.py`` and
``swapgym/workload/kernels.py`` are these values, rounded. Two more belong to the foreground and were set by hand on
their rows: the frames' median cost and their uclamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import optimize

from experiments.calibration.exits import Exit
from experiments.calibration.rows import Row
from experiments.calibration.wild import exit_times
from swapgym.workload.kernels import KERNELS


@dataclass(frozen=True)
class Group:
    """Parameters fitted together.

    Attributes:
        variant: Kernel variant that holds them.
        prefix: Prefix of these parameters in the rows' ``fitted``.
        parameters: Names of :class:`KernelVariant` fields.
        start: Where the search starts; deliberately far off.
    """

    variant: str
    prefix: str
    parameters: tuple[str, ...]
    start: tuple[float, ...]


GROUPS: Final = (
    Group(
        "mainline",
        "",
        ("entry_inline_memory_ns", "entry_inline_core_ns", "entry_inline_lock_share", "lock_handoff"),
        (600.0, 60.0, 0.4, 0.05),
    ),
    Group(
        "mainline-no-pool-lock",
        "no_pool_lock.",
        ("entry_inline_memory_ns", "entry_inline_lock_share"),
        (600.0, 0.5),
    ),
    Group("zsmalloc-deferred", "deferred.", ("entry_enqueue_memory_ns",), (150.0,)),
    Group("mainline", "", ("resident_anon_core_ns",), (180.0,)),
    Group("mainline", "", ("swapin_core_ns",), (5_000.0,)),
)


@dataclass(frozen=True)
class Fitted:
    """One fitted parameter, beside the default that stands in the code."""

    parameter: str
    variant: str
    value: float
    default: float


def solve(group: Group, rows: Sequence[Row]) -> list[Fitted]:
    """Fit one group on its rows.

    Raises:
        ValueError: If there is not one row per parameter.
    """
    own = [row for name in group.parameters for row in rows if row.fitted == group.prefix + name]
    if len(own) != len(group.parameters):
        raise ValueError(f"rows: {len(own)} are fitted on {group.parameters}, must be one each")
    scale = np.array(group.start)

    def errors(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        changes = dict(zip(group.parameters, (x * scale).tolist(), strict=True))
        return np.array([row.simulate(changes) / row.published - 1 for row in own])

    # pages and nanoseconds are whole numbers: steps of a thousandth would vanish in their rounding
    step: Any = 0.02
    found: Any = optimize.least_squares(errors, np.ones(len(scale)), diff_step=step, bounds=(0.05, 8.0), xtol=1e-6)
    values = (found.x * scale).tolist()
    variant = KERNELS[group.variant]
    return [
        Fitted(group.prefix + name, group.variant, value, float(getattr(variant, name)))
        for name, value in zip(group.parameters, values, strict=True)
    ]


def fit(rows: Sequence[Row]) -> list[Fitted]:
    """Fit all groups."""
    return [fitted for group in GROUPS for fitted in solve(group, rows)]


FILES_NS: Final = (40_000.0, 160_000.0)
"""Where the cost of a file is looked for."""


def fit_files(exits: Sequence[Exit], draws: int) -> Fitted:
    """Fit the cost of closing a file: the median of simulated over published exits is 1.

    Args:
        exits: Published exits to fit on.
        draws: Phones drawn per exit.
    """

    def error(cost_ns: float) -> float:
        changes = {"kernel": {"file_close_memory_ns": cost_ns}}
        ratios = [float(np.median(exit_times(e.victim, draws, changes=changes))) / e.took_ms for e in exits]
        return float(np.log(np.median(ratios)))

    found = float(optimize.brentq(error, *FILES_NS, xtol=2_000.0))
    return Fitted("file_close_memory_ns", "mainline", found, KERNELS["mainline"].file_close_memory_ns)
