"""Model-predictive control: the best a kernel could do online that knew its phone by heart and its future by odds only.

At a victim's first batch, and at every ``hold``-th after it, the present state is played to the end in several sampled
futures (:mod:`swapgym.agents.planning.futures`), the same for every choice: with the rest of this victim by a base
rule, or on a route of its own, and the other victims as planned so far. Another route than the rule's is taken only
where it is better by more than chance explains; it is kept until the next plan.

What it knows is more than a kernel would: the state of every page and thread, what launches under way have left to do,
the simulator itself as its model, and the preset. What it does not know is anything that has yet to happen. So it
bounds what can be had *online*, from below, while :mod:`swapgym.agents.planning.clairvoyant` bounds what can be had at
all. That one is never worse than the policies it starts from; this one can be, in an episode that turns out unlike its
samples, and only its mean over episodes says anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.agents.parallel import spread
from swapgym.agents.planning.futures import sample
from swapgym.agents.planning.past import PAST, leave
from swapgym.agents.planning.plans import per_batch
from swapgym.agents.policies.thresholds import RealtimeAware
from swapgym.agents.rollouts import BY_RULE, base_rule, by_rule, cost, finish_all
from swapgym.agents.stored.tuned import nearest
from swapgym.envs import arguments
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.settings import check, setting
from swapgym.phone.state import PHONE
from swapgym.workload import empty
from swapgym.workload.scenario import canonical, configured, preset_record
from swapgym.workload.uncertain import LAUNCH_HISTORY

TIE: Final = 1e-9
"""Differences in score this small are rounding."""


@dataclass(frozen=True)
class Settings:
    """How the planner plans.

    Attributes:
        futures: Sampled per round.
        rounds: Rounds that another route must get through to be taken. Most do not get through the first, so that
            many futures cost little, and without many the best of several choices is mostly the luckiest.
        hold: Batches of a victim from one plan to the next; 0 plans once for each victim.
        caution: Standard errors by which another route must be better than the base rule after each round.
    """

    futures: int = setting(8, 2, 4_096, "1", "sampled per round")
    rounds: int = setting(4, 1, 1_024, "1", "that another route must get through")
    hold: int = setting(16, 0, 1 << 20, "batches", "from one plan to the next; 0 one for each victim")
    caution: float = setting(1.0, 0.0, 1e12, "standard errors", "by which another route must be better")

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: If one is out of range.
            TypeError: If one is not a number.
        """
        check(self)


@dataclass(frozen=True)
class Played:
    """An episode as it was played.

    Attributes:
        preset: Preset of the episode.
        seed: Its scenario seed.
        score: Its score; lower is better.
        start: Score of the base rule on the same episode.
        plans: Plans made.
        departures: Of which took another route than the rule's.
        evaluations: Futures played to their end.
        actions: Its actions at every batch, in the episode's order, as :func:`swapgym.agents.play.encode` takes them.
    """

    preset: str
    seed: int
    score: float
    start: float
    plans: int
    departures: int
    evaluations: int
    actions: tuple[int, ...]


def rule_of(spec: EnvSpec) -> RealtimeAware:
    """Return the base rule for a decision process: ``rt_aware`` as tuned for its kernel and the rate nearest to its.

    A kernel that nothing was tuned on has the default kernel's; the rule's own defaults where nothing is tuned at all.
    """
    tuned = nearest(spec.ms_per_mib, spec.route_names, kernel=spec.kernel, preset=spec.preset)
    rule = tuned.get(RealtimeAware.name, RealtimeAware(spec.route_names))
    assert isinstance(rule, RealtimeAware)
    return rule


class Planner:
    """Plays one episode.

    Attributes:
        preset: Preset of the episode: what futures are drawn from.
        seed: Its scenario seed; the futures' seeds are hashes of it.
        phones: PHONE records, shape ``(1,)``: the episode as it stands.
        scenarios: SCENARIO records, shape ``(1,)``: what it runs. Read only to run it and to know its past.
        states: PHONE records, shape ``(futures,)``: the last state planned for, ready to go on in each future.
        futures: SCENARIO records, shape ``(futures,)``: those futures.
        played: PHONE records, shape ``(futures,)``: their ends, by the choice last tried.
        held: int64, shape ``(MAX_PROCESSES,)``: each victim's route until it is planned for again, or BY_RULE.
        plans: Plans made.
        departures: Of which took another route than the rule's.
        evaluations: Futures played to their end.
    """

    def __init__(
        self,
        preset: str,
        seed: int,
        spec: EnvSpec,
        settings: Settings | None = None,
        rule: RealtimeAware | None = None,
    ) -> None:
        """Draw the episode and make ready to play it.

        Args:
            preset: Preset.
            seed: Scenario seed.
            spec: The decision process; it is asked at every batch.
            settings: How to plan.
            rule: Base rule, by default :func:`rule_of` the decision process.

        Raises:
            ValueError: If a name is unknown, or the rule has a route that ``spec`` has not.
        """
        rule = rule or rule_of(spec)
        names = per_batch(spec).route_names
        for name in ("INLINE", rule.deferral()):
            if name not in names:
                raise ValueError(f"rule: its route {name!r} is unknown, must be one of {names}")
        self.settings = settings or Settings()
        self.phones, self.scenarios = np.zeros(1, PHONE), empty(1)
        drawn = spec.draw(seed, self.scenarios[0], preset)
        self.preset, self.seed = drawn.preset, seed
        n = self.settings.futures
        self.states, self.played, self.futures = np.zeros(n, PHONE), np.zeros(n, PHONE), empty(n)
        self.held = np.full(k.MAX_PROCESSES, BY_RULE, np.int64)
        self.plans, self.departures, self.evaluations = 0, 0, 0
        self._routes = arguments.route_codes(names, self.scenarios[0])
        self._rule = base_rule(rule, spec, self.scenarios[0])
        self._weights = spec.rates.weights(drawn)
        *_, spread = configured(drawn.device, drawn.kernel, canonical(spec.overrides))
        self._sigma = float(spread[LAUNCH_HISTORY])
        self._drawn, self._pasts = empty(1), np.zeros(1, PAST)
        self._pending, self._decisions = self.phones["pending"], self.phones["processes"]["decisions"][0]

    @property
    def victim(self) -> int:
        """The process whose batch awaits a route; -1 where the episode is over."""
        return int(self._pending[0])

    @property
    def usual(self) -> int:
        """The route of the base rule for that batch."""
        return by_rule(self.phones, self.scenarios, 0, self._rule)

    @property
    def score(self) -> float:
        """What the episode has cost so far; lower is better."""
        return cost(self.phones, 0, self._weights)

    def begin(self) -> None:
        """Start the episode and run it to its first decision."""
        self.phones[:] = np.zeros(1, PHONE)
        self.held[:] = BY_RULE
        start(self.phones, self.scenarios, 0)
        advance(self.phones, self.scenarios, 0)

    def step(self, route: int) -> None:
        """Send the pending batch on its route and run on to the next decision."""
        decide(self.phones, self.scenarios, 0, route)
        advance(self.phones, self.scenarios, 0)

    def play(self, *, planned: bool = True) -> tuple[float, tuple[int, ...]]:
        """Play the episode from its start; return its score and its actions.

        Args:
            planned: False plays the base rule.
        """
        hold = self.settings.hold
        actions: list[int] = []
        self.begin()
        while (victim := self.victim) >= 0:
            batch = int(self._decisions[victim])
            if planned and (batch == 0 or (hold > 0 and batch % hold == 0)):
                self.held[victim] = self.plan(len(actions))
            route = int(self.held[victim])
            route = self.usual if route == BY_RULE else route
            actions.append(self._routes.index(route))
            self.step(route)
        return self.score, tuple(actions)

    def plan(self, decision: int) -> int:
        """Return the route for what is left of the pending victim, or BY_RULE.

        Args:
            decision: Number of the decision in the episode.
        """
        usual = self.usual
        differences = {route: np.zeros(0) for route in self._routes if route != usual}
        self.plans += 1
        for number in range(self.settings.rounds):
            self.look_ahead(decision, number)
            costs = self.costs(BY_RULE)
            differences = {route: np.append(seen, self.costs(route) - costs) for route, seen in differences.items()}
            differences = {route: seen for route, seen in differences.items() if self.is_better(seen)}
            if not differences:
                return BY_RULE
        self.departures += 1
        return min(differences, key=lambda route: float(differences[route].mean()))

    def is_better(self, differences: npt.NDArray[np.float64]) -> bool:
        """Return whether paired differences in score speak for another route by more than chance explains."""
        error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
        return float(differences.mean()) < -max(TIE, self.settings.caution * max(TIE, error))

    def look_ahead(self, decision: int, number: int = 0) -> None:
        """Sample the futures of the episode as it stands, of a round."""
        leave(self.phones, self.scenarios, self.states, self.futures, self._pasts)
        first = number * len(self.states)
        sample(
            preset_record(self.preset), self._sigma, self.seed, decision, first, self._drawn, self._pasts, self.states,
            self.futures,
        )  # fmt: skip

    def costs(self, route: int) -> npt.NDArray[np.float64]:
        """Return what each future costs, shape ``(futures,)``, with what is left of the pending victim on ``route``."""
        held = self.held.copy()
        held[self.victim] = route
        costs = np.zeros(len(self.states))
        finish_all(self.states, self.played, self.futures, held, self._rule, self._weights, costs)
        self.evaluations += len(costs)
        return costs


def play(
    preset: str,
    seed: int,
    spec: EnvSpec | None = None,
    settings: Settings | None = None,
    rule: RealtimeAware | None = None,
) -> Played:
    """Play an episode, planning online.

    Args:
        preset: Preset.
        seed: Scenario seed.
        spec: The decision process, the default task by default; it is asked at every batch.
        settings: How to plan.
        rule: Base rule; by default :func:`rule_of` the decision process.

    Raises:
        ValueError: If a name is unknown, a value is out of range, or the rule has a route that ``spec`` has not.
    """
    planner = Planner(preset, seed, spec or EnvSpec(), settings, rule)
    usual, _ = planner.play(planned=False)
    score, actions = planner.play()
    return Played(preset, seed, score, usual, planner.plans, planner.departures, planner.evaluations, actions)


def play_job(job: tuple[str, int, EnvSpec | None, Settings | None, RealtimeAware | None]) -> Played:
    """Play one episode; at module level so that worker processes can be sent it."""
    return play(*job)


def play_all(
    episodes: Sequence[tuple[str, int]],
    spec: EnvSpec | None = None,
    settings: Settings | None = None,
    rule: RealtimeAware | None = None,
    *,
    workers: int = 2,
    progress: Callable[[], None] | None = None,
) -> list[Played]:
    """Play every episode, over worker processes; the results come in the episodes' order.

    Args:
        episodes: Pairs of preset and scenario seed.
        spec: See :func:`play`.
        settings: See :func:`play`.
        rule: See :func:`play`.
        workers: Worker processes; 1 plays in this one.
        progress: Called after each episode.
    """
    jobs = [(preset, seed, spec, settings, rule) for preset, seed in episodes]
    return spread(play_job, jobs, workers, None if progress is None else lambda *_: progress())
