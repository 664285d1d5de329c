"""Costs of simple rules, episode by episode, and what they say of a kernel variant and a preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.play import Row
from swapgym.agents.statistics import Estimate, estimate
from swapgym.envs.costs import OBJECTIVES, Rates

KERNELS: Final = ("vivo-async", "vivo-async-nice0", "vivo-async-little", "zsmalloc-deferred", "userspace-reaper")
RULES: Final = (
    "always_inline", "always_defer", "vivo", "bounded_pool", "free_memory", "psi", "rt_aware", "slack_aware",
)  # fmt: skip
RATES: Final = Rates()
"""What the objectives are worth here; the table has the rate at which each cell would break even."""


@dataclass(frozen=True)
class Cell:
    """One kernel variant and preset.

    Attributes:
        kernel: Kernel variant.
        preset: Preset, or ``all``.
        lag_ms: Mean lag of always inline, always defer and the best rule.
        peak_mib: Mean peak of the same.
        best: The rule of lowest mean cost.
        inline_better: Share of episodes in which always inline costs less than always defer.
        change: Cost of always defer minus that of always inline, over the latter's mean.
        hindsight: Cost of the best rule of each episode minus that of the best single rule, over inline's mean.
    """

    kernel: str
    preset: str
    lag_ms: tuple[float, float, float]
    peak_mib: tuple[float, float, float]
    best: str
    inline_better: float
    change: Estimate
    hindsight: float

    @property
    def break_even(self) -> float:
        """Rate (ms per MiB) at which deferring all costs what releasing all inline does; infinite without a peak."""
        saved, more = self.lag_ms[0] - self.lag_ms[1], self.peak_mib[1] - self.peak_mib[0]
        return saved / more if more > 0 else float("inf")

    @property
    def matters(self) -> bool:
        """Whether deferring all differs from releasing all inline beyond chance."""
        return self.change.low > 0 or self.change.high < 0


def cells(rows: Sequence[Row], presets: Sequence[str]) -> list[Cell]:
    """Return a cell per kernel variant and preset, and one over all presets.

    Args:
        rows: Of the runner; ``policy`` holds ``kernel/rule``.
        presets: Presets played.
    """
    found = []
    for kernel in KERNELS:
        own = {rule: [row for row in rows if row["policy"] == f"{kernel}/{rule}"] for rule in RULES}
        for preset in (*presets, "all"):
            chosen = {r: [row for row in own[r] if preset in (row["preset"], "all")] for r in RULES}
            found.append(cell(kernel, preset, chosen))
    return found


def cell(kernel: str, preset: str, rows: Mapping[str, Sequence[Row]]) -> Cell:
    """Return what rules cost in one kernel variant and preset; ``rows`` hold the same episodes by rule."""
    lag = {rule: column(rows[rule], "lag_ms") for rule in RULES}
    peak = {rule: column(rows[rule], "peak_mib") for rule in RULES}
    cost = {rule: np.stack([column(rows[rule], name) for name in OBJECTIVES], axis=1) @ RATES.vector for rule in RULES}
    inline, defer = cost["always_inline"], cost["always_defer"]
    best = min(RULES, key=lambda rule: float(cost[rule].mean()))
    whole = float(inline.mean())
    strata: dict[str, list[float]] = {}
    ordered = sorted(rows["always_inline"], key=lambda row: (row["preset"], row["seed"]))
    for row, difference in zip(ordered, (defer - inline) / whole, strict=True):
        strata.setdefault(row["preset"], []).append(float(difference))
    oracle = np.min([cost[rule] for rule in RULES], axis=0)
    shown = ("always_inline", "always_defer", best)
    return Cell(
        kernel,
        preset,
        (float(lag[shown[0]].mean()), float(lag[shown[1]].mean()), float(lag[best].mean())),
        (float(peak[shown[0]].mean()), float(peak[shown[1]].mean()), float(peak[best].mean())),
        best,
        float(np.mean(inline < defer)),
        estimate(strata, mean=True),
        float((oracle - cost[best]).mean() / whole),
    )


def column(rows: Sequence[Row], name: str) -> npt.NDArray[np.float64]:
    """Return a column of rows, in the order of preset and seed."""
    ordered = sorted(rows, key=lambda row: (row["preset"], row["seed"]))
    return np.array([row[name] for row in ordered], dtype=np.float64)
