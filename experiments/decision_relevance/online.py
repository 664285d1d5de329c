"""How much of what hindsight would choose can be told from the observation at the moment of the decision.

At random decisions of episodes in which everything is deferred, the same moment is continued twice: everything
deferred, and this victim's remaining batches inline. The difference is what the decision is worth in that very future.
A regression on observations, judged on episodes it has not seen, says what of it is visible in time: choosing inline
wherever it predicts a gain is one step of policy improvement, without exploring at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor
from swapgym.envs.rewards import baseline_of

from experiments.statistics import Estimate, estimate
from swapgym.envs.observations import N_PARTS, observe
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.jit import kernel
from swapgym.phone.state import PHONE
from swapgym.workload import draw, drawn_preset, empty

MOST: Final = 64
"""Decisions looked at per episode, at most."""
CLIP: Final = 0.15
"""Worths beyond are rare kills in one of the two futures; the regression is fitted on clipped ones, judged on all."""
PARTS: Final = 4
"""Every fourth episode judges, the others fit."""


@kernel
def cost(phone: Any, lag: float, peak: float) -> float:
    """Return what a phone's episode has cost so far, lag (per ms) and peak (per MiB) weighed."""
    total = phone.total
    lag_us = total.frame_late_us + total.launch_delay_us + total.stall_us + total.relaunch_cost_us
    weighed: float = lag * lag_us / k.MS + peak * total.demand_peak_pages / k.PAGES_PER_MIB
    return weighed


@kernel
def finish(phones: Any, scenarios: Any, lane: int, process: int, route: int) -> None:
    """Play a lane to its end: batches of ``process`` on ``route``, all others deferred."""
    while True:
        own = phones[lane].pending == process
        decide(phones, scenarios, lane, route if own else k.KWORKER)
        if advance(phones, scenarios, lane) != k.RUN_DECISION:
            return


@kernel
def look(phones: Any, scenarios: Any, chosen: Any, lag: float, peak: float, observations: Any, worths: Any) -> int:
    """Play lane 0 all deferred; at the ``chosen`` decisions (sorted) note the observation and what inline is worth.

    Args:
        phones: Three PHONE records: the episode, what would come of inline, what comes anyway.
        scenarios: The same SCENARIO three times.
        chosen: Numbers of decisions, ascending.
        lag: Weight per ms.
        peak: Weight per MiB.
        observations: float32, shape ``(n, N_PARTS)``. Written.
        worths: float64, shape ``(n,)``. Written: cost of the inline future less that of the other.

    Returns:
        How many were noted.
    """
    noted = 0
    decisions = 0
    status = advance(phones, scenarios, 0)
    while status == k.RUN_DECISION and noted < len(chosen):
        if decisions == chosen[noted]:
            observe(phones[0], scenarios[0], observations[noted])
            process = phones[0].pending
            phones[1] = phones[0]
            finish(phones, scenarios, 1, process, k.INLINE)
            phones[2] = phones[0]
            finish(phones, scenarios, 2, process, k.KWORKER)
            worths[noted] = cost(phones[1], lag, peak) - cost(phones[2], lag, peak)
            noted += 1
        decide(phones, scenarios, 0, k.KWORKER)
        status = advance(phones, scenarios, 0)
        decisions += 1
    return noted


@dataclass(frozen=True)
class Seen:
    """Decisions looked at.

    Attributes:
        observations: Shape ``(n, N_PARTS)``.
        worths: Cost of inline less that of deferring, shape ``(n,)``; below 0 inline would have been better.
        presets: Preset of each.
        episodes: Number of the episode of each.
    """

    observations: npt.NDArray[np.float32]
    worths: npt.NDArray[np.float64]
    presets: npt.NDArray[np.str_]
    episodes: npt.NDArray[np.int64]


def measure(
    episodes: Sequence[tuple[str, int]], lag_weight: float, progress: Callable[[], None], most: int = 24
) -> Seen:
    """Look at up to ``most`` decisions of each episode, spread evenly with a random phase."""
    scenarios, phones = empty(3), np.zeros(3, PHONE)
    observations = np.zeros((MOST, N_PARTS), dtype=np.float32)
    worths = np.zeros(MOST)
    found: list[tuple[Any, Any, str, int]] = []
    for number, (preset, seed) in enumerate(episodes):
        draw(preset, seed, out=scenarios[0])
        scenarios[1:] = scenarios[0]
        baseline = baseline_of(drawn_preset(preset, seed))
        rng = np.random.default_rng(seed)
        step = 1 + int(rng.integers(8, 40))
        chosen = np.arange(int(rng.integers(step)), step * most, step, dtype=np.int64)[:most]
        phones[:] = np.zeros(1, PHONE)
        start(phones, scenarios, 0)
        lag, peak = lag_weight / baseline.lag_ms, (1 - lag_weight) / baseline.peak_mib
        noted = look(phones, scenarios, chosen, lag, peak, observations, worths)
        found.append((observations[:noted].copy(), worths[:noted].copy(), preset, number))
        progress()
    return Seen(
        np.concatenate([one[0] for one in found]),
        np.concatenate([one[1] for one in found]),
        np.concatenate([np.full(len(one[1]), one[2]) for one in found]),
        np.concatenate([np.full(len(one[1]), one[3]) for one in found]),
    )


@dataclass(frozen=True)
class Visible:
    """What can be seen in time.

    Attributes:
        decisions: Decisions that judged.
        inline_better: Share of them where inline was better in hindsight.
        r2: Of the regression, on clipped worths of unseen episodes.
        hindsight: Mean gain per decision of choosing by hindsight.
        online: Mean gain per decision of choosing by the regression, with its interval over episodes.
        per_preset: The same by preset.
        chosen: Share of decisions in which it chooses inline.
    """

    decisions: int
    inline_better: float
    r2: float
    hindsight: float
    online: Estimate
    per_preset: dict[str, Estimate]
    chosen: float


def judge(seen: Seen) -> Visible:
    """Fit on three of four episodes, judge on the rest."""
    held = seen.episodes % PARTS == 0
    clipped = np.clip(seen.worths, -CLIP, CLIP)
    model = HistGradientBoostingRegressor(
        max_iter=200, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=100, l2_regularization=1.0, random_state=0
    )
    model.fit(seen.observations[~held], clipped[~held])
    predicted = model.predict(seen.observations[held])
    worths, presets, episodes = seen.worths[held], seen.presets[held], seen.episodes[held]
    inline = predicted < 0.0
    gained = np.where(inline, worths, 0.0)
    names = list(dict.fromkeys(presets.tolist()))

    def gain(mask: npt.NDArray[np.bool_]) -> Estimate:
        # decisions of one episode share its fate: episodes are resampled, not decisions
        means = [float(gained[mask & (episodes == one)].mean()) for one in np.unique(episodes[mask])]
        return estimate({"episodes": means}, mean=True)

    error = float(((clipped[held] - predicted) ** 2).mean())
    return Visible(
        decisions=int(held.sum()),
        inline_better=float((worths < -1e-9).mean()),
        r2=1.0 - error / float(clipped[held].var()),
        hindsight=float(np.minimum(worths, 0.0).mean()),
        online=gain(np.ones(len(worths), dtype=bool)),
        per_preset={name: gain(presets == name) for name in names},
        chosen=float(inline.mean()),
    )
