"""What an episode costs: named terms, three objectives, one number.

Every term is the value of one of the phone's counters, so that what a decision costs is a growth of terms and an
episode's cost does not depend on when it was asked for. Terms are folded into the objectives of the problem: **lag**
(what the person sees, ms), **peak** (growth of the highest memory demand, MiB) and **unaccounted CPU** (release work
that no process is charged for, ms). :func:`objective_costs` does it, for the reward, metrics, planners and runner
alike.

Objectives are made one number by exchange rates (:class:`Rates`): cost = lag + ``ms_per_mib`` x peak +
``ms_per_cpu_ms`` x unaccounted CPU, over the reference cost: what always releasing inline under ``mainline`` costs on
the same preset and device at the same rates (:func:`reference`).

**Centred rewards.** Rewards are discounted by decisions, and decisions differ in how much time they take: who releases
inline is asked more often before the costs of a launch fall due, and looks better for it. So a step's reward is not
minus the cost of its time but what the reference costs per time less that: returns are 1 - score, rewards are about 0
in the mean, and there is nothing to be had from putting off the inevitable (Naik, Wan, Tomar, Sutton: Reward Centering,
arXiv 2405.09999). ``centered=False`` has minus the cost.

**What a MiB is worth.** Memory that is held is memory that an app must leave. An app that lmkd kills on these phones
frees some 140 MiB and costs some 980 ms to start again, weighed by how likely the person returns to it
(``experiments/default_task`` measures both): 6 to 7 ms per MiB; the default is 6. Kills that do happen are in lag
already; the rate stands for those that a higher peak makes later, after the episode, which is a judgement. 2 and 20 are
the rates of who has memory to spare and of who has none.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE, TOTAL
from swapgym.workload import Drawn

OBJECTIVES: Final[tuple[str, ...]] = ("lag_ms", "peak_mib", "unaccounted_cpu_ms")
"""The objectives, units last; vector rewards have this order."""
N_OBJECTIVES: Final = len(OBJECTIVES)


@dataclass(frozen=True)
class CostTerm:
    """One named cost.

    Attributes:
        name: Name of the term, its unit last.
        objective: Which of :data:`OBJECTIVES` it is part of.
        counter: Field of ``phone.total``.
        per_unit: The counter's units per unit of the term.
        meaning: What it says, in one sentence.
        place: Place in the counter, where that is an array.
    """

    name: str
    objective: str
    counter: str
    per_unit: int
    meaning: str
    place: int = 0

    @property
    def word(self) -> int:
        """Place of the counter among the 64-bit words of a PHONE record."""
        fields, totals = PHONE.fields, TOTAL.fields
        if fields is None or totals is None:
            raise TypeError("PHONE and TOTAL must be records")
        offset: int = fields["total"][1] + totals[self.counter][1]
        return offset // 8 + self.place


TERMS: Final[tuple[CostTerm, ...]] = (
    CostTerm("frame_lateness_ms", "lag_ms", "frame_late_us", k.MS, "how late frames were, summed over frames"),
    CostTerm("launch_delay_ms", "lag_ms", "launch_delay_us", k.MS, "launch time beyond what an idle phone would need"),
    CostTerm("stalls_ms", "lag_ms", "stall_us", k.MS, "foreground blocked in direct reclaim, swap-in and refaults"),
    CostTerm(
        "relaunch_ms", "lag_ms", "relaunch_cost_us", k.MS, "expected cost of starting apps again that lmkd killed"
    ),
    CostTerm("demand_growth_mib", "peak_mib", "demand_peak_pages", k.PAGES_PER_MIB, "growth of the highest demand"),
    CostTerm(
        "kworker_cpu_ms", "unaccounted_cpu_ms", "charged_ns", k.MS * k.NS_PER_US,
        "CPU time of the kworker: no process is charged for it", k.CHARGE_KWORKER,
    ),
)  # fmt: skip
N_TERMS: Final = len(TERMS)
TERM_NAMES: Final[tuple[str, ...]] = tuple(term.name for term in TERMS)
_WORD: Final = np.array([term.word for term in TERMS], dtype=np.int64)
_PER_UNIT: Final = np.array([term.per_unit for term in TERMS], dtype=np.float64)
_OBJECTIVE: Final = np.array([OBJECTIVES.index(term.objective) for term in TERMS], dtype=np.int64)


@kernel
def cost_terms(phones: Any, lane: int, terms: Any) -> None:
    """Write what ``phones[lane]`` has cost so far by term into ``terms`` (float64, shape ``(N_TERMS,)``)."""
    words = phones[lane : lane + 1].view(np.int64)
    for term in range(N_TERMS):
        terms[term] = words[_WORD[term]] / _PER_UNIT[term]


@kernel
def fold_terms(terms: Any, costs: Any) -> None:
    """Write the objectives that ``terms`` add up to into ``costs`` (float64, shape ``(N_OBJECTIVES,)``)."""
    costs[:] = 0.0
    for term in range(N_TERMS):
        costs[_OBJECTIVE[term]] += terms[term]


@kernel
def objective_costs(phones: Any, lane: int, costs: Any) -> None:
    """Write what ``phones[lane]`` has cost so far by objective into ``costs`` (float64, ``(N_OBJECTIVES,)``)."""
    terms = np.zeros(N_TERMS, np.float64)
    cost_terms(phones, lane, terms)
    fold_terms(terms, costs)


@kernel
def weighted(costs: Any, weights: Any) -> float:
    """Return one number of the objectives: their sum, each times its weight."""
    total = 0.0
    for objective in range(N_OBJECTIVES):
        total += costs[objective] * weights[objective]
    return total


def costs_of(phone: Any) -> npt.NDArray[np.float64]:
    """Return what one PHONE record has cost so far by objective, shape ``(N_OBJECTIVES,)``."""
    costs = np.zeros(N_OBJECTIVES)
    # by its bytes: NumPy copies a record field by field
    objective_costs(np.frombuffer(bytearray(phone.tobytes()), PHONE), 0, costs)
    return costs


# ----------------------------------------------------------------------------------------------------------- one number
@dataclass(frozen=True)
class Rates:
    """What the objectives are worth in milliseconds of lag.

    Attributes:
        ms_per_mib: Lag that a MiB of peak is worth.
        ms_per_cpu_ms: Lag that a millisecond of unaccounted CPU is worth.
    """

    ms_per_mib: float = 6.0
    ms_per_cpu_ms: float = 0.0

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            ValueError: If one is no finite number from 0 to 1000; names it.
        """
        for name in ("ms_per_mib", "ms_per_cpu_ms"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                raise TypeError(f"{name}: {value!r} of type {type(value).__name__}, must be a number from 0 to 1000")
            if not math.isfinite(value) or not 0.0 <= value <= 1000.0:
                raise ValueError(f"{name}: {value!r}, must be a number from 0 to 1000")
            object.__setattr__(self, name, float(value))

    @property
    def vector(self) -> npt.NDArray[np.float64]:
        """What a unit of each objective costs, in the order of :data:`OBJECTIVES`."""
        return np.array([1.0, self.ms_per_mib, self.ms_per_cpu_ms])

    def reference_cost(self, drawn: Drawn) -> float:
        """Return the reference cost of a drawn scenario (ms): see :func:`reference`."""
        cost: float = weighted(reference(drawn.preset, drawn.device), self.vector)
        return cost

    def weights(self, drawn: Drawn) -> npt.NDArray[np.float64]:
        """Return what a unit of each objective costs, over the reference cost of a drawn scenario.

        The score of an episode is :func:`weighted` of its objectives and these.
        """
        return self.vector / self.reference_cost(drawn)

    def score(self, drawn: Drawn, costs: npt.ArrayLike) -> float:
        """Return the score of an episode: its cost over the reference cost. Lower is better.

        Args:
            drawn: What its scenario was drawn from.
            costs: What it has cost by objective, shape ``(N_OBJECTIVES,)``.
        """
        score: float = weighted(np.asarray(costs, dtype=np.float64), self.weights(drawn))
        return score


DEFAULT_RATES: Final = Rates()


@functools.cache
def stored_reference() -> dict[str, Any]:
    """Return the contents of ``reference_costs.json``: ``python -m experiments.baselines`` writes it."""
    text = resources.files("swapgym.envs").joinpath("reference_costs.json").read_text(encoding="utf-8")
    stored: dict[str, Any] = json.loads(text)
    return stored


@functools.cache
def reference(preset: str, device: str) -> npt.NDArray[np.float64]:
    """Return what the reference costs by objective: mean of always inline under ``mainline`` over train scenarios.

    A preset or device without a stored one (a trace, somebody's own phone) has the mean of all others. Nothing of it
    is unaccounted. Shape ``(N_OBJECTIVES,)``, not to be written.
    """
    presets = stored_reference()["presets"]
    found = [
        (devices[one]["lag_ms"], devices[one]["peak_mib"], 0.0)
        for name, devices in presets.items()
        for one in devices
        if (preset not in presets or name == preset) and (device not in devices or one == device)
    ]
    costs: npt.NDArray[np.float64] = np.mean(found, axis=0)
    costs.flags.writeable = False
    return costs
