"""How much of what hindsight would choose can be told from the observation at the moment of the decision.

At the decisions of episodes in which everything is deferred, the same state is continued twice: everything deferred,
and this victim's remaining batches inline. The difference is the advantage of deferring in that very future. A
regression on observations, judged on episodes it has not seen, says what of it is visible in time: choosing inline
wherever it predicts a gain is one step of policy improvement, without exploring at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from swapgym.agents.policies import make
from swapgym.agents.rollouts import BY_RULE, base_rule, cost, finish
from swapgym.agents.statistics import Estimate, estimate
from swapgym.envs.lane import answer_lane, clear_lane, run_lane
from swapgym.envs.lanes import Lanes
from swapgym.envs.observations import observe
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.engine import FOREVER_US
from swapgym.phone.jit import kernel

CLIP: Final = 0.15
"""Advantages beyond are rare kills in one of the two futures; the fit is on clipped ones, the judgement on all."""
PARTS: Final = 4
"""Every fourth episode judges, the others fit."""
MOST: Final = 32
"""Decisions looked at per episode: its first ones."""


@kernel
def look(
    phones: Any, scenarios: Any, lanes: Any, epochs: Any, parts: Any, rule: Any, observations: Any, advantages: Any
) -> int:
    """Play lane 0 all deferred; at its first decisions note the observation and the advantage of deferring.

    Args:
        phones: Three PHONE records: the episode, what would come of inline, what comes anyway.
        scenarios: The same SCENARIO three times.
        lanes: LANE records; the first one's weights are what the objectives cost.
        epochs: When the policy is asked.
        parts: Observed parts, int64.
        rule: The base rule: defer.
        observations: float32, shape ``(n, len(parts))``. Written.
        advantages: float64, shape ``(n,)``. Written: cost of the inline future less that of the other.

    Returns:
        How many were noted.
    """
    noted = 0
    defer = np.full(2, -1, np.int64)
    held = np.full(k.MAX_PROCESSES, BY_RULE, np.int64)
    clear_lane(phones, scenarios, lanes, 0)
    status = run_lane(phones, scenarios, lanes, 0, epochs, FOREVER_US)
    while status == k.RUN_DECISION and noted < len(advantages):
        observe(phones[0], scenarios[0], parts, observations[noted])
        process = phones[0].pending
        phones[1] = phones[0]
        held[process] = k.INLINE
        finish(phones, scenarios, 1, held, rule)
        phones[2] = phones[0]
        held[process] = BY_RULE
        finish(phones, scenarios, 2, held, rule)
        weights = lanes[0].weights
        advantages[noted] = cost(phones, 1, weights) - cost(phones, 2, weights)
        noted += 1
        answer_lane(phones, scenarios, lanes, 0, defer)
        status = run_lane(phones, scenarios, lanes, 0, epochs, FOREVER_US)
    return noted


@dataclass(frozen=True)
class Seen:
    """Decisions looked at.

    Attributes:
        observations: Shape ``(n, parts)``.
        advantages: Of deferring: cost of inline less that of deferring, shape ``(n,)``; below 0 inline would have been
            better.
        presets: Preset of each.
        episodes: Number of the episode of each.
    """

    observations: npt.NDArray[np.float32]
    advantages: npt.NDArray[np.float64]
    presets: npt.NDArray[np.str_]
    episodes: npt.NDArray[np.int64]


def measure(episodes: Sequence[tuple[str, int]], spec: EnvSpec, progress: Callable[[], None], most: int = MOST) -> Seen:
    """Look at the first ``most`` decisions of each episode."""
    lanes = Lanes(3, spec)
    always = make("always_defer", spec.route_names, spec.parts)
    observations = np.zeros((most, len(spec.parts)), dtype=np.float32)
    advantages = np.zeros(most)
    found: list[tuple[Any, Any, str, int]] = []
    for number, (preset, seed) in enumerate(episodes):
        lanes.draw(0, seed, preset)
        lanes.scenarios[1:] = lanes.scenarios[0]
        rule = base_rule(always, spec, lanes.scenarios[0])
        noted = look(
            lanes.phones, lanes.scenarios, lanes.lanes, lanes.epochs, lanes.parts, rule, observations, advantages
        )
        found.append((observations[:noted].copy(), advantages[:noted].copy(), preset, number))
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
        r2: Of the regression, on clipped advantages of unseen episodes.
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
    clipped = np.clip(seen.advantages, -CLIP, CLIP)
    model = HistGradientBoostingRegressor(
        max_iter=200, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=100, l2_regularization=1.0, random_state=0
    )
    model.fit(seen.observations[~held], clipped[~held])
    predicted = model.predict(seen.observations[held])
    advantages, presets, episodes = seen.advantages[held], seen.presets[held], seen.episodes[held]
    inline = predicted < 0.0
    gained = np.where(inline, advantages, 0.0)
    names = list(dict.fromkeys(presets.tolist()))

    def gain(mask: npt.NDArray[np.bool_]) -> Estimate:
        # decisions of one episode share its fate: episodes are resampled, not decisions
        means = [float(gained[mask & (episodes == one)].mean()) for one in np.unique(episodes[mask])]
        return estimate({"episodes": means}, mean=True)

    error = float(((clipped[held] - predicted) ** 2).mean())
    return Visible(
        decisions=int(held.sum()),
        inline_better=float((advantages < -1e-9).mean()),
        r2=1.0 - error / float(clipped[held].var()),
        hindsight=float(np.minimum(advantages, 0.0).mean()),
        online=gain(np.ones(len(advantages), dtype=bool)),
        per_preset={name: gain(presets == name) for name in names},
        chosen=float(inline.mean()),
    )
