"""The clairvoyant planner: searches the routes of the very same episode, so that nobody online can do much better.

It starts from the plans of fixed policies and is never worse than the best of them. From the best plan found so far it
makes variations: a whole process, a run of one process's batches, the same stretch of several processes, or everything
after a process's n-th batch on another route; how often each kind is tried follows what it has brought.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.parallel import spread
from swapgym.agents.planning.plans import Plan, Stage, plan_of, stack
from swapgym.agents.policies import make
from swapgym.envs.spec import EnvSpec

STARTS: Final = (
    "always_inline",
    "always_defer",
    "vivo",
    "bounded_pool",
    "free_memory",
    "psi",
    "rt_aware",
    "slack_aware",
)
KINDS: Final = ("process", "run", "rest", "several")
EVALUATIONS: Final = 600


@dataclass(frozen=True)
class Found:
    """The best plan of an episode.

    Attributes:
        preset: Preset of the episode.
        seed: Its scenario seed.
        score: Its score.
        start: Best score of the policies it started from.
        start_policy: That policy.
        evaluations: Plans played.
        curve: Best score so far by evaluations, as pairs, from the start on.
        actions: Its actions at every batch, in the episode's order.
        plan: The plan.
    """

    preset: str
    seed: int
    score: float
    start: float
    start_policy: str
    evaluations: int
    curve: tuple[tuple[int, float], ...]
    actions: tuple[int, ...]
    plan: Plan = field(repr=False, compare=False)


def starts(stage: Stage) -> tuple[list[str], npt.NDArray[np.int8]]:
    """Return the names of the policies that the search starts from, and their plans."""
    plans = [plan_of(stage, make(name, stage.spec.route_names, stage.spec.parts)) for name in STARTS]
    return list(STARTS), stack(plans)


def search(preset: str, seed: int, spec: EnvSpec | None = None, evaluations: int = EVALUATIONS) -> Found:
    """Return the best plan found for an episode.

    Args:
        preset: Preset.
        seed: Scenario seed; the search's own chance is drawn from it too.
        spec: The decision process, the default task by default; it is asked at every batch.
        evaluations: Plans played, the starting policies' included.

    Raises:
        ValueError: If the evaluations do not suffice for the start.
    """
    if evaluations < len(STARTS):
        raise ValueError(f"evaluations: {evaluations}, must be at least {len(STARTS)}, the policies it starts from")
    stage = Stage(preset, seed, spec or EnvSpec())
    names, plans = starts(stage)
    scores = stage.scores(plans)
    best = int(np.argmin(scores))
    curve = [(stage.evaluations, float(scores[best]))]
    plan = improved(stage, plans, scores, evaluations, np.random.default_rng(seed), curve)
    actions = tuple(stage.play(plan))
    return Found(
        preset, seed, curve[-1][1], float(scores[best]), names[best], stage.evaluations, tuple(curve), actions, plan
    )


def improved(
    stage: Stage,
    plans: npt.NDArray[np.int8],
    scores: npt.NDArray[np.float64],
    evaluations: int,
    rng: np.random.Generator,
    curve: list[tuple[int, float]],
) -> Plan:
    """Vary the best plan, keep what is better, and try more of what has brought something."""
    best: Plan = plans[int(np.argmin(scores))].copy()
    score = float(scores.min())
    gains = np.ones(len(KINDS))
    killed = seen(stage, best)
    while stage.evaluations < evaluations and len(killed):
        count = min(stage.width, evaluations - stage.evaluations)
        kinds = rng.choice(len(KINDS), size=count, p=gains / gains.sum())
        tried = stack([vary(stage, best, KINDS[kind], killed, rng) for kind in kinds])
        found = stage.scores(tried)
        leader = int(np.argmin(found))
        gains *= 0.95
        gains += 0.05
        if found[leader] < score:
            gains[kinds[leader]] += 1.0
            best, score = tried[leader], float(found[leader])
            killed = seen(stage, best)
        curve.append((stage.evaluations, score))
    return best


def seen(stage: Stage, plan: Plan) -> npt.NDArray[np.int64]:
    """Return the processes that have batches in an episode that follows ``plan``, most batches first."""
    stage.play(plan)
    decisions = stage.phones[0]["processes"]["decisions"]
    order: npt.NDArray[np.int64] = np.argsort(-decisions, kind="stable")
    return order[: int((decisions > 0).sum())]


def vary(stage: Stage, plan: Plan, kind: str, killed: npt.NDArray[np.int64], rng: np.random.Generator) -> Plan:
    """Return a variation of ``plan``."""
    varied = plan.copy()
    route = int(rng.choice(stage.routes))
    process = int(rng.choice(killed))
    batches = max(1, int(stage.batches[process]))
    if kind == "process":
        varied[process] = route
    elif kind == "rest":
        varied[process, int(rng.integers(batches)) :] = route
    elif kind == "run":
        first = int(rng.integers(batches))
        length = 1 + int(rng.geometric(min(1.0, 4 / batches)))
        varied[process, first : first + length] = route
    else:
        chosen = rng.choice(killed, size=1 + int(rng.integers(len(killed))), replace=False)
        low, high = np.sort(rng.random(2))
        for one in chosen.tolist():
            n = max(1, int(stage.batches[one]))
            varied[one, int(low * n) : 1 + int(high * n)] = route
    return varied


def search_job(job: tuple[str, int, EnvSpec, int]) -> Found:
    """Search one episode; at module level so that worker processes can be sent it."""
    return search(*job)


def search_all(
    episodes: Sequence[tuple[str, int]],
    spec: EnvSpec | None = None,
    evaluations: int = EVALUATIONS,
    *,
    workers: int = 2,
    progress: Callable[[], None] | None = None,
) -> list[Found]:
    """Search every episode, over worker processes; the results come in the episodes' order."""
    spec = spec or EnvSpec()
    jobs = [(preset, seed, spec, evaluations) for preset, seed in episodes]
    return spread(search_job, jobs, workers, None if progress is None else lambda *_: progress())
