"""Play episodes on from their decisions by both routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies import make
from swapgym.agents.rollouts import Rollouts
from swapgym.envs.epochs import BATCH, EVENT, EVENT_NAMES, USUAL
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone.constants import RUN_END

GAMMA: Final = 0.99
"""Discount per decision: the default of Stable-Baselines3."""
BASES: Final = ("always_inline", "always_defer")
"""The policies that episodes are played by: always the one route or always the other."""

PRESETS: Final = ("camera", "mixed")
WAYS: Final[dict[str, str | Sequence[str]]] = {
    "event": EVENT,
    "all events": EVENT_NAMES,
    "batch": BATCH,
    "clock": (),
    **{f"without {name}": tuple(other for other in USUAL if other != name) for name in USUAL},
    **{f"with {name}": (*USUAL, name) for name in EVENT_NAMES if name not in USUAL},
}
"""Ways to ask: at the usual events, at all, at every batch, by the clock alone; with and without each event."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Epochs:
    """What was measured of episodes.

    Attributes:
        decisions: Decisions per episode, both bases, shape ``(2 * episodes,)``.
        advantages: Deferring minus inlining one answer, in scores, undiscounted; positive is better.
        discounted: The same as a learner sees it.
        episodes: Number of the episode of each advantage.
    """

    decisions: Floats
    advantages: Floats
    discounted: Floats
    episodes: npt.NDArray[np.int64]


def measure(spec: EnvSpec, episodes: Sequence[tuple[str, int]], per_episode: int = 6) -> Epochs:
    """Measure epochs of ``spec`` on ``episodes`` (preset, scenario seed).

    Args:
        spec: A decision process of two actions.
        episodes: Scenarios.
        per_episode: Decisions looked at per episode and base, drawn without repetition.
    """
    lanes = Lanes(2, spec)
    actions = spec.actions()
    rollouts = [Rollouts(make(name, spec.route_names, spec.parts), spec) for name in BASES]
    main = np.array([0])
    decisions, advantages, discounted, numbers = [], [], [], []
    for number, (preset, seed) in enumerate(episodes):
        for base in range(len(BASES)):
            drawn = lanes.draw(0, seed, preset)
            lanes.begin(main)
            states = []
            while lanes.statuses[0] != RUN_END:
                states.append(lanes.take(0))
                lanes.actions[0] = actions[base]
                lanes.step(main)
            decisions.append(len(states))
            chosen = np.random.default_rng((seed, base)).permutation(len(states))[:per_episode]
            for place in chosen.tolist():
                found = []
                for first in range(2):
                    lanes.put(1, states[place], drawn, True)
                    rewards, _ = rollouts[base].play_on(lanes, 1, first)
                    found.append((rewards.sum(), rewards @ GAMMA ** np.arange(len(rewards))))
                advantages.append(found[1][0] - found[0][0])
                discounted.append(found[1][1] - found[0][1])
                numbers.append(number)
    return Epochs(np.array(decisions, float), np.array(advantages), np.array(discounted), np.array(numbers))


def job(task: tuple[str, str, int]) -> Epochs:
    """Measure one way to ask; at module level so that worker processes can be sent it."""
    preset, way, count = task
    spec = EnvSpec(preset=preset, device=None if preset == "mixed" else EnvSpec().device, epochs=WAYS[way])
    return measure(spec, [(preset, seed) for seed in range(count)], 3 if way == "batch" else 6)
