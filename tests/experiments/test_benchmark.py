"""The benchmark: counts by hand, figures that follow from the rounds, and a run end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from typer.testing import CliRunner

from experiments.benchmark import cores, episodes, growth, interleave, lanes, profile, report
from experiments.benchmark.__main__ import app
from experiments.benchmark.null import EPISODE_STEPS, NULL_ID, register_null, stand_still
from experiments.benchmark.simpy_model import SimpyPhone
from experiments.benchmark.single import (
    ENV_IDS,
    OURS,
    PEER,
    Round,
    Spread,
    make,
    measure,
    play,
    spread,
    summary,
    table,
)
from swapgym.agents.play import EPISODES_PER_JOB
from swapgym.agents.policies import make as make_policy
from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.audit import audit
from swapgym.phone.state import PHONE
from swapgym.workload import draw, empty


def test_episodes_and_time_are_counted() -> None:
    env = make(NULL_ID)
    env.reset(seed=0)
    episodes, step_s, reset_s = play(env, [0] * (2 * EPISODE_STEPS + 7))
    assert episodes == 2
    assert 0.0 < reset_s < step_s


def test_the_null_environment_is_one_like_ours() -> None:
    register_null()
    register_null()
    null, ours = make(NULL_ID), make(OURS)
    assert null.observation_space == ours.observation_space
    assert null.action_space == ours.action_space
    wrappers = [[type(layer).__name__ for layer in layers(env)][:-1] for env in (null, ours)]
    assert wrappers[0] == wrappers[1]
    check_env(null.unwrapped, skip_render_check=True)


def layers(env: gym.Env) -> list[gym.Env]:
    return [env, *layers(env.env)] if isinstance(env, gym.Wrapper) else [env]


def test_every_environment_is_measured_once_per_round() -> None:
    measured = measure(2, 100)
    assert sorted((r.env, r.round) for r in measured) == sorted((e, n) for e in ENV_IDS for n in range(2))
    # whoever comes first in one round does not in the next
    assert measured[0].env != measured[len(ENV_IDS)].env
    assert [r.episodes for r in measured if r.env == OURS] == [r.episodes for r in measure(2, 100) if r.env == OURS]


def test_ratios_are_taken_within_rounds() -> None:
    # the machine is half as fast in the second round, for both
    measured = [Round(e, n, 100, 10, s * (n + 1), 0.0) for n in range(2) for e, s in ((PEER, 1.0), (OURS, 0.5))]
    measured += [Round(NULL_ID, n, 100, 10, 0.1, 0.1) for n in range(2)]
    figures = table(measured)
    assert figures[OURS]["vs_cartpole"] == (2.0, 2.0, 2.0)
    assert figures[OURS]["steps_per_s"].median == 150.0
    assert figures[NULL_ID]["steps_per_s"].median == 500.0
    assert figures[NULL_ID]["steps_only_per_s"].median == pytest.approx(1000.0)
    assert figures[NULL_ID]["reset_ms"].median == pytest.approx(10.0)
    assert summary(figures)["single_vs_null"] == pytest.approx(0.3)


def test_quartiles_by_hand() -> None:
    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == (3.0, 2.0, 4.0)


def test_laps_are_taken_in_turns_after_a_warm_up() -> None:
    order: list[str] = []

    def contestant(name: str) -> interleave.Play:
        def play() -> tuple[int, float]:
            order.append(name)
            return 10, 2.0

        return play

    laps = interleave.measure({name: contestant(name) for name in "abc"}, 2)
    assert order == list("cababcbca")
    assert [(lap.name, lap.round) for lap in laps] == [("a", 0), ("b", 0), ("c", 0), ("b", 1), ("c", 1), ("a", 1)]
    with pytest.raises(KeyError, match="'d' has no laps"):
        interleave.of(laps, "d")


def test_rates_and_ratios_by_hand() -> None:
    laps = [interleave.Lap(n, r, 100, 3.0, w * (r + 1), 0.5) for r in range(2) for n, w in (("a", 1.0), ("b", 2.0))]
    assert interleave.ratio(laps, "a", "b", interleave.steps_per_s) == (2.0, 2.0, 2.0)
    assert interleave.rate(laps, "a", interleave.steps_per_s) == (75.0, 62.5, 87.5)
    assert interleave.rate(laps, "b", interleave.simulated_per_cpu).median == 6.0
    assert lanes.ns_per_tick(laps[0]) == 1e7
    assert interleave.flat("x", Spread(2.0, 1.0, 3.0)) == {"x": 2.0, "x_low": 1.0, "x_high": 3.0}


def test_bare_lanes_count_the_ticks_of_whole_episodes() -> None:
    ticks, seconds = lanes.bare(16, 1)()
    scenarios = empty(16)
    for lane in range(16):
        lanes.SPEC.draw(lane, scenarios[lane])
    assert ticks == scenarios["duration_us"].sum() // 1_000
    assert seconds == pytest.approx(ticks / 1_000)


def test_the_simpy_model_loses_no_page_and_asks_for_every_batch() -> None:
    scenarios = empty(1)
    draw("camera_launch", 2, out=scenarios[0])
    phone = SimpyPhone(scenarios[0])
    total = phone.free + phone.held
    asked = 0
    while phone.to_decision():
        phone.decide(asked % 2 == 0)
        asked += 1
        assert phone.free + phone.held == total
    assert asked == phone.decisions > 50
    assert phone.env.now == pytest.approx(scenarios[0]["duration_us"] / 1_000)
    assert phone.launch_ms > 0
    batches = scenarios[0]["kernel"]["batch_entries"]
    killed = [index for index, alive in enumerate(phone.alive) if not alive and scenarios[0]["apps"]["present"][index]]
    most = sum(-(-int(scenarios[0]["apps"]["swap_entries"][index]) // batches) for index in killed)
    assert asked <= most


def test_growth_changes_what_it_says() -> None:
    for n in (8, 48):
        batch = growth.lanes_with(growth.with_processes(n))
        present = batch.scenarios["apps"]["present"].sum(axis=1)
        # victims stay, and the launch keeps its slot, whatever is asked for
        assert (present >= n - 1).all() and (present <= max(20, n)).all()
        batch.begin()
        for lane in range(batch.n):
            assert audit(batch.phones[lane], batch.scenarios[lane]) == []
    two = growth.lanes_with(None, growth.with_cpus(2))
    assert (two.scenarios["device"]["n_cpus"] == 2).all()
    two.begin()
    assert audit(two.phones[0], two.scenarios[0]) == []
    short, long = (growth.lanes_with(growth.with_length(f)).scenarios["duration_us"] for f in (0.5, 2.0))
    assert (abs(long - 4 * short) <= 4_000).all()  # whole milliseconds


def test_more_cores_on_paper_by_hand() -> None:
    summary = {
        "wake_us": 10.0, "chunk_us": 5.0, "vector_env_steps_per_s_1024": 10_000.0,
        "vector_step_ns_beside_simulation": 50.0,
    }  # fmt: skip
    rows = {(row["lanes"], row["cores"]): row for row in cores.table(summary)}
    # 1,024 lanes of 100 us by 64 cores, 1,024 times 50 ns, 63 threads woken, 512 chunks
    assert rows["1,024", 64]["step_ms"] == pytest.approx((1_600 + 51.2 + 630 + 2_560) / 1_000)
    assert rows["1,024", 64]["of so many cores"] == pytest.approx(102_400 / 4_841.2)
    assert rows["1,024", 1]["of so many cores"] == pytest.approx(1.0, rel=1e-3)
    found = cores.run(2)
    assert all(0 < us < 1e5 for us in found.values())


def test_the_timed_engine_is_the_engine() -> None:
    play, names = profile.timed_engine()
    scenarios, phones = empty(2), np.zeros(2, PHONE)
    routes = np.array([0, 1, 1, 0, 1])
    spent = np.zeros(len(names) + 1, dtype=np.int64)
    for lane in range(2):
        draw("rt_recording", 4, out=scenarios[lane])
        engine.start(phones, scenarios, lane)
    ticks = play(phones, scenarios, 0, routes, spent)
    decisions = 0
    while engine.advance(phones, scenarios, 1) == k.RUN_DECISION:
        engine.decide(phones, scenarios, 1, routes[decisions % 5])
        decisions += 1
    assert phones[0].tobytes() == phones[1].tobytes()
    assert ticks == scenarios[0]["duration_us"] // 1_000
    parts = {"placement.place", "clocks.set_clocks", "processor_sharing.share", "locks.contend", "end_tick"}
    assert parts <= set(names)
    assert (spent[:-1] > 0).all()


def test_phones_that_stand_still_end_and_begin_episodes() -> None:
    envs = gym.make_vec(f"swapgym:{OURS}", num_envs=4, autoreset_mode="SameStep")
    envs.reset(seed=0)
    phones = envs.lanes.phones.copy()
    stand_still(envs, 3)
    ends = [int((terminated | truncated).sum()) for _, _, terminated, truncated, _ in map(envs.step, [[0] * 4] * 6)]
    assert sum(ends) == 2 * 4
    assert envs.lanes.phones.tobytes() == phones.tobytes()


def test_an_episode_is_the_same_whoever_asks() -> None:
    spec = episodes.SPECS["batch"]
    lap = episodes.laps_of(spec, make_policy("vivo"), 2)
    asked = episodes.laps_of(spec, episodes.Asked(make_policy("vivo")))
    assert lap() == asked()
    assert lap()[0] == EPISODES_PER_JOB


def test_the_rows_of_episodes_follow_from_the_laps() -> None:
    names = [f"{p}, {e}, {h}" for p in ("rule", "network") for e in episodes.SPECS
             for h in ("asked", "kernels, threads 1", "kernels, threads 2")]  # fmt: skip
    laps = [interleave.Lap(name, 0, 40, 1.0, 4.0 if name.endswith("asked") else 1.0, 1.0) for name in names]
    rows = episodes.table(laps)
    assert len(rows) == len(names)
    assert {(row["asked by"], row["vs_asked"].median) for row in rows} == {("predict", 1.0), ("kernels", 4.0)}
    assert episodes.summary(laps)["rule_episodes_vs_asked"] == 4.0


def test_the_slowest_of_many_lanes_is_named_by_its_ratio() -> None:
    ns = {64: 400.0, 256: 380.0, 1_024: 430.0, 4_096: 500.0}
    laps = [interleave.Lap(f"lanes, {n}, threads 1", 0, 1_000, 1.0, 1e-6 * each, 1.0) for n, each in ns.items()]
    assert lanes.most_over(laps, "lanes, 64, threads 1").median == pytest.approx(1.25)


def test_goals_say_whether_they_are_reached() -> None:
    rows = report.goals({"vs_simpy": 120.0, "import_s": 2.0})
    assert [(row["goal"], row["reached"]) for row in rows] == [("at least 100", "yes"), ("at most 1.5", "no")]


def test_an_unknown_section_is_named(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--only", "lane", "--out", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "did you mean 'lanes'" in " ".join(outcome.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_end_to_end(tmp_path: Path) -> None:
    sections = [argument for name in ("single", "startup") for argument in ("--only", name)]
    outcome = CliRunner().invoke(app, ["--quick", "--steps", "500", *sections, "--out", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    stored = json.loads((tmp_path / "summary.json").read_text())
    with (tmp_path / "single.csv").open() as file:
        rows = {row["environment"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(ENV_IDS)
    assert stored["single_vs_cartpole"] == pytest.approx(float(rows[OURS]["vs_cartpole"]), rel=1e-6)
    assert 0 < stored["import_s"] < 60
    page = (tmp_path / "benchmark.md").read_text()
    assert "CartPole-v1" in page and "## One environment" in page
    assert json.loads((tmp_path / "provenance.json").read_text())["date"] in page


def test_the_stored_page_reports_every_goal() -> None:
    results = Path(report.__file__).parent / "results"
    stored = json.loads((results / "summary.json").read_text())
    page = (results / "benchmark.md").read_text()
    assert set(report.GOALS) <= set(stored)
    assert report.table(report.goals(stored)).strip() in page
