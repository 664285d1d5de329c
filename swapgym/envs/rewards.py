"""The reward: named terms, two objectives, one number.

Every term is a cost that accrues between two decisions, read as the growth of one of the phone's counters; a term's sum
over an episode is therefore the counter's end value, whatever the decisions were. Terms are folded into the two
objectives of the problem, **lag** (what the person sees, ms) and **peak** (growth of the highest memory demand, MiB);
each objective is divided by what always releasing inline under ``mainline`` costs on the preset that was drawn
(:func:`baseline_of`), so that weights mean something; the scalar reward is minus their weighted sum.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.config import frozen


@dataclass(frozen=True)
class RewardTerm:
    """One named cost.

    Attributes:
        name: Name of the term, its unit last.
        objective: ``"lag"`` or ``"peak"``.
        counter: Field of ``phone.total`` whose growth it is.
        per_unit: The counter's units per unit of the term.
        meaning: What it says, in one sentence.
    """

    name: str
    objective: str
    counter: str
    per_unit: int
    meaning: str


TERMS: Final[tuple[RewardTerm, ...]] = (
    RewardTerm("frame_lateness_ms", "lag", "frame_late_us", k.MS, "how late frames were, summed over frames"),
    RewardTerm("launch_delay_ms", "lag", "launch_delay_us", k.MS, "launch time beyond what an idle phone would need"),
    RewardTerm("stalls_ms", "lag", "stall_us", k.MS, "foreground blocked in direct reclaim, swap-in and refaults"),
    RewardTerm("relaunch_ms", "lag", "relaunch_cost_us", k.MS, "expected cost of starting apps again that lmkd killed"),
    RewardTerm("demand_growth_mib", "peak", "demand_peak_pages", k.PAGES_PER_MIB, "growth of the highest demand"),
)
N_TERMS: Final = len(TERMS)
TERM_NAMES: Final[tuple[str, ...]] = tuple(term.name for term in TERMS)
OBJECTIVES: Final[tuple[str, ...]] = ("lag", "peak")
DEFAULT_WEIGHTS: Final[tuple[float, float]] = (0.5, 0.5)


@kernel
def accrue(phone: Any, paid: Any, terms: Any) -> None:
    """Write what has accrued since the last call into ``terms`` and mark it paid.

    Args:
        phone: PHONE record.
        paid: int64 array of shape ``(N_TERMS,)``: the counters at the last call, zeros at an episode's start. Updated.
        terms: float64 array of shape ``(N_TERMS,)``, in the terms' units. Written.
    """
    total = phone.total
    terms[0] = (total.frame_late_us - paid[0]) / k.MS
    terms[1] = (total.launch_delay_us - paid[1]) / k.MS
    terms[2] = (total.stall_us - paid[2]) / k.MS
    terms[3] = (total.relaunch_cost_us - paid[3]) / k.MS
    terms[4] = (total.demand_peak_pages - paid[4]) / k.PAGES_PER_MIB
    paid[0] = total.frame_late_us
    paid[1] = total.launch_delay_us
    paid[2] = total.stall_us
    paid[3] = total.relaunch_cost_us
    paid[4] = total.demand_peak_pages


@dataclass(frozen=True)
class Baseline:
    """What always releasing inline under ``mainline`` costs on a preset, as a mean over episodes of the train suite.

    Attributes:
        lag_ms: Mean lag of an episode.
        peak_mib: Mean growth of the highest memory demand of an episode.
    """

    lag_ms: float
    peak_mib: float


@functools.cache
def stored_baselines() -> dict[str, Any]:
    """Return the contents of ``baselines.json``: ``python -m experiments.baselines`` writes it and says how in it."""
    text = resources.files("swapgym.envs").joinpath("baselines.json").read_text(encoding="utf-8")
    stored: dict[str, Any] = json.loads(text)
    return stored


def baseline_of(preset: str) -> Baseline:
    """Return the stored baseline of ``preset``; that of ``mixed`` for a preset without one (a trace)."""
    presets = stored_baselines()["presets"]
    entry = presets.get(preset, presets["mixed"])
    return Baseline(lag_ms=entry["lag_ms"], peak_mib=entry["peak_mib"])


def check_weights(weights: Sequence[float]) -> tuple[float, float]:
    """Return ``weights`` as a pair of floats.

    Raises:
        ValueError: If they are not two finite numbers, none negative, not both zero.
    """
    given = frozen(weights)
    values = given if isinstance(given, tuple) and all(is_number(weight) for weight in given) else ()
    if len(values) != len(OBJECTIVES) or not all(math.isfinite(w) and w >= 0.0 for w in values) or sum(values) == 0.0:
        raise ValueError(f"weights: {weights!r}, must be two numbers >= 0 for {OBJECTIVES}, not both 0")
    return float(values[0]), float(values[1])


def is_number(value: object) -> bool:
    """Return whether ``value`` is a number proper, not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def step_weights(weights: Sequence[float], preset: str) -> tuple[float, float]:
    """Return what a ms of lag and a MiB of peak cost in an episode of ``preset``, the one that was drawn."""
    baseline = baseline_of(preset)
    return weights[0] / baseline.lag_ms, weights[1] / baseline.peak_mib


def scalar_reward(lag_ms: float, peak_mib: float, weights: Sequence[float], baseline: Baseline) -> float:
    """Return minus the weighted sum of the two objectives, each in units of its baseline."""
    return -(weights[0] * lag_ms / baseline.lag_ms + weights[1] * peak_mib / baseline.peak_mib)
