"""The online planner knows nothing of what has yet to happen, samples what can happen, and is worth its while."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from swapgym.agents.planning import Planner, Settings, mpc
from swapgym.agents.play import encode, play, replay
from swapgym.agents.policies import make
from swapgym.agents.policies.thresholds import RealtimeAware
from swapgym.agents.rollouts import BY_RULE, base_rule, by_rule
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.audit import audit
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.state import PHONE, phone_digest
from swapgym.workload import PRESETS, empty

pytestmark = pytest.mark.xdist_group("planning_online")  # one process compiles its kernels

SPEC = EnvSpec(device=None)
BATCH = SPEC.but(epochs="batch")
EPISODES = [("camera_launch", 1), ("app_switching", 2), ("rt_recording", 5)]
QUICK = Settings(futures=3, rounds=1, hold=0, caution=0.0)
NEVER = Settings(futures=2, hold=0, caution=1e12)


def planner_of(scenarios: npt.NDArray[Any], preset: str, seed: int, settings: Settings | None = None) -> Planner:
    """Return a planner for another scenario than the one that is drawn."""
    planner = Planner(preset, seed, SPEC, settings or Settings(futures=2))
    planner.scenarios[:] = scenarios
    return planner


def ready(preset: str, seed: int, share: float, futures: int = 4, spec: EnvSpec = SPEC) -> tuple[Planner, int]:
    """Return a planner whose episode has been played by the rule up to a share of its decisions, and their number."""
    planner = Planner(preset, seed, spec, Settings(futures=futures))
    decisions = int(share * len(planner.play(planned=False)[1]))
    return planner, forward(planner, decisions)


def forward(planner: Planner, decisions: int) -> int:
    """Play a planner's episode by the rule through so many decisions, if it has them; return how many."""
    planner.begin()
    for n in range(decisions):
        if planner.victim < 0:
            return n
        planner.step(planner.usual)
    return decisions


@pytest.mark.parametrize("rule", [None, RealtimeAware(), RealtimeAware(load=0.2, starved_us=0)])
def test_the_base_rule_is_the_policy(rule: RealtimeAware | None) -> None:
    policy = rule or mpc.rule_of(SPEC)
    for row in play(BATCH, policy, "rule", EPISODES):
        planner = Planner(row["preset"], row["seed"], SPEC, rule=rule)
        score, actions = planner.play(planned=False)
        assert encode(actions) == row["actions"]
        assert score == pytest.approx(row["score"], rel=1e-12)


def test_the_base_rule_is_the_tuned_one_where_there_is_one(
    tuned_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path / "nowhere",))
    assert mpc.rule_of(SPEC) == RealtimeAware()
    monkeypatch.setattr(tuned_policies, "TUNED", (tuned_folder,))
    assert mpc.rule_of(SPEC) == RealtimeAware(load=0.3)
    # another kernel has the default one's, all three routes too
    spec = EnvSpec(kernel="mainline", ms_per_mib=2.0, routes=3)
    assert mpc.rule_of(spec) == RealtimeAware(spec.route_names, load=0.3)


def test_with_boundless_caution_it_is_the_base_rule() -> None:
    for preset, seed in EPISODES:
        played = mpc.play(preset, seed, SPEC, NEVER)
        assert played.score == played.start
        assert played.departures == 0 < played.plans
        (row,) = play(BATCH, mpc.rule_of(SPEC), "rule", [(preset, seed)])
        assert encode(played.actions) == row["actions"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_what_is_yet_to_come_changes_nothing_up_to_then(preset: str) -> None:
    planner, n = ready(preset, 11, 0.5, futures=2)
    planner.look_ahead(n)
    mine = planner.states.tobytes(), planner.futures.tobytes()
    other = branch(planner, seed=12, decision=n)
    assert other[0]["events"].tobytes() != planner.scenarios[0]["events"].tobytes()
    there = planner_of(other, preset, 11)
    assert forward(there, n) == n
    assert there.phones[0]["now_us"] == planner.phones[0]["now_us"]
    there.look_ahead(n)
    assert (there.states.tobytes(), there.futures.tobytes()) == mine


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_scenario_that_ends_here_has_the_same_futures(preset: str) -> None:
    """By hand, lest what makes futures and what makes the other scenario forget the same thing."""
    for share in (0.1, 0.6):
        planner, n = ready(preset, 13, share, futures=2)
        planner.look_ahead(n)
        phone, other = planner.phones[0], planner.scenarios.copy()
        waiting = phone["launches"]["phase"] == k.LAUNCH_WAITING
        unused = phone["processes"]["state"] == k.PROCESS_UNUSED
        happened, frames = int(phone["next_event"]), int(phone["frame"]["index"])
        past = other[0]["events"][:happened]
        past["c"][(past["kind"] == k.EVENT_KILL) & (past["c"] >= 0) & waiting[past["c"]]] = -1
        for name in ("a", "b", "c", "kind", "time_us"):
            other[0]["events"][name][happened:] = 0
        for name in other[0]["launches"].dtype.names:
            other[0]["launches"][name][waiting] = 0
        for name in other[0]["apps"].dtype.names:
            other[0]["apps"][name][unused] = 0
        other[0]["n_events"] = happened
        other[0]["duration_us"] = phone["now_us"] + 1
        other[0]["frame_ui_us"][frames:] = 1
        other[0]["frame_render_us"][frames:] = 1
        there = planner_of(other, preset, 13)
        assert forward(there, n) == n
        there.look_ahead(n)
        assert there.states.tobytes() == planner.states.tobytes()
        assert there.futures.tobytes() == planner.futures.tobytes()


def branch(planner: Planner, seed: int, decision: int) -> npt.NDArray[Any]:
    """Return a scenario with the past of a planner's episode and another future, which can be played from its start."""
    fork = planner_of(planner.scenarios, planner.preset, seed)
    fork.phones[:] = planner.phones
    fork.look_ahead(decision)
    scenarios = fork.futures[:1].copy()
    return with_past_frames(scenarios, planner)


def with_past_frames(scenarios: npt.NDArray[Any], planner: Planner) -> npt.NDArray[Any]:
    """Give scenarios the costs of the frames that have been drawn: the future has redrawn those nobody needs again."""
    index = int(planner.phones[0]["frame"]["index"])
    assert index < k.MAX_FRAME_COSTS
    for name in ("frame_ui_us", "frame_render_us"):
        scenarios[name][:, :index] = planner.scenarios[0][name][:index]
    return scenarios


def test_decisions_up_to_a_moment_do_not_depend_on_what_follows() -> None:
    settings = Settings(futures=3, rounds=1, hold=24, caution=0.0)
    for preset, seed in [("camera_launch", 1), ("rt_recording", 5)]:
        here = Planner(preset, seed, SPEC, settings)
        score, actions = here.play()
        halfway = len(actions) // 2
        # the episode again, as planned, up to its middle
        again = Planner(preset, seed, SPEC, settings)
        again.begin()
        for action in actions[:halfway]:
            again.step((k.INLINE, k.KWORKER)[action])
        there = planner_of(branch(again, seed=99, decision=0), preset, seed, settings)
        other_score, other_actions = there.play()
        assert other_actions[:halfway] == actions[:halfway]
        assert other_score != score


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_future_is_a_scenario_with_the_same_past(preset: str) -> None:
    """What was rebuilt in the middle of an episode is, bit for bit, where the future's own episode stands there."""
    for share in (0.2, 0.7):
        planner, n = ready(preset, 21, share, futures=3)
        planner.look_ahead(n)
        planner.costs(BY_RULE)
        for future in range(3):
            alone = with_past_frames(planner.futures[future : future + 1].copy(), planner)
            whole = planner_of(alone, preset, 21)
            whole.play(planned=False)
            assert whole.phones[0].tobytes() == planner.played[future].tobytes()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_futures_are_such_as_the_preset_has(preset: str) -> None:
    low, high = PRESETS[preset].launches
    for share in (0.0, 0.4, 0.9):
        planner, n = ready(preset, 31, share, futures=16)
        planner.look_ahead(n)
        phone = planner.phones[0]
        now_us, past = int(phone["now_us"]), int(phone["next_event"])
        assert len({one.tobytes() for one in planner.futures}) == 16
        for moment, future in zip(planner.states, planner.futures, strict=True):
            events = future["events"][: int(future["n_events"])]
            assert (np.diff(events["time_us"]) >= 0).all()
            assert (events["time_us"][past:] > now_us).all()
            assert (events["time_us"][:past] <= now_us).all()
            foreground = future["launches"]["foreground"][events["a"][events["kind"] == k.EVENT_LAUNCH]]
            assert low <= foreground.sum() <= high
            assert len(foreground) == future["n_launches"] or phone["launches"]["phase"].any()
            launches, begun = future["launches"], phone["launches"]["phase"] != k.LAUNCH_WAITING
            assert (launches["expected_pages"][: future["n_launches"]] > 0).all()
            assert (launches[begun] == planner.scenarios[0]["launches"][begun]).all()
            kills = events["a"][past:][events["kind"][past:] == k.EVENT_KILL]
            assert (moment["processes"]["state"][kills] == k.PROCESS_ALIVE).all()
            assert len(set(kills.tolist())) == len(kills)
            assert future["duration_us"] > now_us
            low_ms, high_ms = PRESETS[preset].duration_ms
            assert low_ms * k.MS <= future["duration_us"] <= high_ms * k.MS
            assert future["device"] == planner.scenarios[0]["device"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_pages_and_time_balance_at_the_end_of_every_future(preset: str) -> None:
    for seed in (41, 42):
        planner, n = ready(preset, seed, 0.5, futures=2, spec=SPEC.but(routes=3))
        planner.look_ahead(n)
        for route in (BY_RULE, k.INLINE, k.KWORKER, k.USERSPACE):
            planner.costs(route)
            for phone, future in zip(planner.played, planner.futures, strict=True):
                assert audit(phone, future) == []
                assert phone["now_us"] >= future["duration_us"]


@pytest.mark.parametrize("spec", [SPEC, SPEC.but(routes=3)])
def test_episodes_replay(spec: EnvSpec) -> None:
    for preset, seed in [("camera_launch", 3), ("service_restart", 4)]:
        planner = Planner(preset, seed, spec, QUICK)
        score, actions = planner.play()
        digest = phone_digest(planner.phones[0])[:16]
        assert replay(spec.but(epochs="batch"), preset, seed, encode(actions)) == digest
        assert planner.evaluations == planner.plans * QUICK.futures * len(spec.route_names)
        assert score == mpc.play(preset, seed, spec, QUICK).score
        assert audit(planner.phones[0], planner.scenarios[0]) == []


def test_episodes_are_the_same_over_workers() -> None:
    alone = mpc.play_all(EPISODES[:2], SPEC, QUICK, workers=1)
    assert alone == mpc.play_all(EPISODES[:2], SPEC, QUICK, workers=2)
    assert [(one.preset, one.seed) for one in alone] == EPISODES[:2]


def test_planning_does_no_harm_on_average() -> None:
    """A single episode may be the worse for it; a handful may not be by more than 0.03, of a score of about 1."""
    played = mpc.play_all([("camera_launch", seed) for seed in range(8)], SPEC, workers=1)
    assert sum(one.departures for one in played) > 0
    assert np.mean([one.score - one.start for one in played]) < 0.03


def test_mixed_is_scored_as_the_runner_scores_it() -> None:
    played = mpc.play("mixed", 7, SPEC, NEVER)
    (row,) = play(BATCH, mpc.rule_of(SPEC), "rule", [("mixed", 7)])
    assert played.score == pytest.approx(row["score"], rel=1e-12)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"Settings\.futures: 1, must be from 2 to 4096"):
        Settings(futures=1)
    with pytest.raises(TypeError, match=r"Settings\.hold: 1\.5, must be an integer"):
        Settings(hold=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Settings\.caution: -1\.0, must be from 0"):
        Settings(caution=-1.0)
    with pytest.raises(ValueError, match="rule: its route 'KWORKER' is unknown, must be one of"):
        mpc.play("low_ram", 1, SPEC, rule=RealtimeAware(routes=("INLINE", "KWORKER")))
    with pytest.raises(ValueError, match="preset: 'camara' is unknown"):
        mpc.play("camara", 1, SPEC)


def test_any_rule_of_comparisons_can_be_the_base() -> None:
    scenarios, phones = empty(1), np.zeros(1, PHONE)
    policy = make("vivo")
    for row in play(BATCH, policy, "rule", EPISODES[:2]):
        BATCH.draw(row["seed"], scenarios[0], row["preset"])
        rule = base_rule(policy, SPEC, scenarios[0])
        assert len(rule.parts) == 3
        phones[:] = np.zeros(1, PHONE)
        start(phones, scenarios, 0)
        taken = []
        while advance(phones, scenarios, 0) == k.RUN_DECISION:
            taken.append(by_rule(phones, scenarios, 0, rule))
            decide(phones, scenarios, 0, taken[-1])
        assert encode([int(route != k.INLINE) for route in taken]) == row["actions"]
    with pytest.raises(ValueError, match="rule: 'random' does more with its readings"):
        base_rule(make("random"), SPEC, scenarios[0])
