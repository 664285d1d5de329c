"""Verdicts follow from figures, figures from runs, and runs from the simulator as it stands."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.letter import report, runs, scenes
from experiments.letter.findings import by_seed, difference, exits, findings, percent
from experiments.letter.runs import FULL, HOGS, Camera, Size, run_all, select
from experiments.letter.sentences import SENTENCES
from experiments.letter.verdict import Figures
from swapgym.agents.statistics import Estimate
from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE
from swapgym.workload import draw, empty

RESULTS = Path(report.__file__).parent / "results"
TINY = Size(seeds=3, apps=2, episodes=2)


def stored_figures() -> Figures:
    with (RESULTS / "figures.csv").open() as file:
        return {
            row["figure"]: Estimate(float(row["value"]), float(row["low"]), float(row["high"]))
            for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def tiny() -> dict[str, list[runs.Row]]:
    return run_all(TINY, lambda family: None)


def test_every_stored_verdict_follows_from_the_stored_figures() -> None:
    figures = stored_figures()
    with (RESULTS / "letter.csv").open() as file:
        stored = list(csv.DictReader(file))
    assert [int(row["number"]) for row in stored] == [sentence.number for sentence in SENTENCES]
    page = (RESULTS / "letter.md").read_text()
    for sentence, row in zip(SENTENCES, stored, strict=True):
        verdict = sentence.rule(figures)
        assert (row["verdict"], row["why"]) == tuple(verdict), sentence.number
        assert f"**{verdict.label}**: {verdict.why}" in page
        assert row["sentence"] == sentence.words


def test_the_summary_counts_what_is_answered() -> None:
    summary = json.loads((RESULTS / "summary.json").read_text())
    found = [sentence.rule(stored_figures()) for sentence in SENTENCES]
    assert summary["n_rows"] == len(SENTENCES) == 22
    assert summary["n_answered"] == sum(verdict.label != "open" for verdict in found)


def test_figures_are_what_the_stored_runs_say() -> None:
    stored = stored_figures()
    found = {}
    for name in runs.FAMILIES:
        with (RESULTS / "runs" / f"{name}.csv").open() as file:
            found[name] = [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]
    for name, figure in findings(found).items():
        assert figure == pytest.approx(stored[name], rel=1e-6, abs=1e-6), name


def number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def test_a_reduced_run_gives_every_figure_and_the_plain_verdicts(tiny: dict[str, list[runs.Row]]) -> None:
    figures = findings(tiny)
    assert set(figures) == set(stored_figures())
    found = {sentence.number: sentence.rule(figures) for sentence in SENTENCES}
    for sentence in SENTENCES:
        assert all(name in figures for name in sentence.shown), sentence.number
    # what holds on any three seeds: a step in swap share, exits that end sooner, less spinning, starvation, accounts
    for sentence_number in (2, 3, 10, 14, 20, 21):
        assert found[sentence_number].label == SENTENCES[sentence_number - 1].rule(stored_figures()).label
    assert figures["routes.child: unaccounted_cpu_ms"].high == 0
    assert figures["routes.inline: unaccounted_cpu_ms"].high == 0


def test_runs_of_today_are_the_stored_ones(tiny: dict[str, list[runs.Row]]) -> None:
    with (RESULTS / "runs" / "routes.csv").open() as file:
        stored = [row for row in csv.DictReader(file) if int(row["seed"]) < TINY.seeds]
    for then, now in zip(stored, tiny["routes"], strict=True):
        for column in ("lag_ms", "spin_ms", "memory_back_ms", "release_cpu_ms", "held_mib_s"):
            assert float(then[column]) == pytest.approx(now[column], rel=1e-6), (then["route"], column)


def test_exits_of_today_give_the_stored_figures() -> None:
    figures = exits({"exits": list(runs.exits(FULL))})
    stored = stored_figures()
    for name, figure in figures.items():
        assert figure == pytest.approx(stored[name], rel=1e-6), name


@pytest.mark.parametrize(
    ("sentence", "figure", "value", "label"),
    [
        (1, "exit.swap_share, clocks up", Estimate(20, 15, 25), "false"),
        (1, "exit.swap_share, clocks up", Estimate(70, 65, 75), "true when"),
        (2, "exit.change in foreground cpuset, idle", Estimate(9, 8, 10), "false"),
        (7, "exit.were_it_resident, idle", Estimate(-20, -25, -15), "true"),
        (5, "swap_share.900s", Estimate(50, 45, 55), "false"),
        (10, "routes.kworker - inline: last_exit_ms", Estimate(5, -5, 15), "false"),
        (13, "routes.kworker - inline: release_cpu_ms", Estimate(5, -5, 15), "false"),
        (14, "routes.kworker - inline: spin_ms", Estimate(0, -1, 1), "false"),
        (16, "routes.kworker - inline: memory_back_ms", Estimate(-9, -15, -5), "true when"),
        (14, "patched.kworker - inline: spin_ms", Estimate(0, -1, 1), "true when"),
        (17, "routes.kworker - inline, %: release_cpu_ms", Estimate(5, 2, 8), "open"),
        (20, "hog.kworker bound to the hog's CPU, borrowed: back", Estimate(1, 1, 1), "true when"),
        (21, "routes.kworker: unaccounted_cpu_ms", Estimate(0, 0, 0), "true when"),
    ],
)
def test_other_figures_give_another_verdict(sentence: int, figure: str, value: Estimate, label: str) -> None:
    rule = SENTENCES[sentence - 1].rule
    stored = stored_figures() | {"alone.kworker - inline, %: release_cpu_ms": Estimate(5, -2, 12)}
    before, after = rule(stored), rule(stored | {figure: value})
    assert after.label == label
    assert after != before


def test_no_figure_is_enough_for_a_verdict_without_its_runs() -> None:
    for sentence in SENTENCES:
        with pytest.raises(KeyError):
            sentence.rule({})


def test_pairing_is_by_seed() -> None:
    here = [{"seed": seed, "x": 2.0 * seed + 1} for seed in range(4)]
    there = [{"seed": seed, "x": 2.0 * seed} for seed in reversed(range(4))]
    assert difference(here, there, "x") == (1.0, 1.0, 1.0)
    assert percent(here, there, "x").value == pytest.approx(100 / 3)
    with pytest.raises(ValueError, match="one per seed"):
        by_seed([*here, here[0]], "x")
    with pytest.raises(KeyError, match="no runs"):
        select(here, seed=9)


def test_looking_on_changes_nothing() -> None:
    scenarios, _ = scenes.camera(scenes.Camera(route=k.KWORKER), seed=3)
    seen = None
    for phone in scenes.looks(scenarios, k.KWORKER):
        seen = phone.copy()
    again, _ = scenes.camera(scenes.Camera(route=k.KWORKER), seed=3)
    phones = np.zeros(1, PHONE)
    engine.start(phones, again, 0)
    while engine.advance(phones, again, 0) == k.RUN_DECISION:
        engine.decide(phones, again, 0, k.KWORKER)
    assert seen is not None
    assert seen.tobytes() == phones[0].tobytes()


def test_a_camera_has_the_victims_and_the_burst_it_was_given() -> None:
    scenarios, victims = scenes.camera(scenes.Camera(victims=4, gated=False, burst_mib=300, burst_ms=200), seed=1)
    events = scenarios[0]["events"][: scenarios[0]["n_events"]]
    kills = events[events["kind"] == k.EVENT_KILL]
    assert kills["a"].tolist() == victims
    assert set(kills["c"].tolist()) == {-1}
    launch = scenarios[0]["launches"][0]
    pages = launch["burst_buffer_pages"] + launch["burst_file_pages"] + launch["burst_anon_pages"]
    assert pages == pytest.approx(300 * 256, abs=2)
    assert launch["burst_us"] == 200_000
    assert (np.diff(events["time_us"]) >= 0).all()


def test_an_unchanged_camera_is_the_drawn_one() -> None:
    drawn = empty(1)
    draw("camera_launch", 5, device=scenes.DEVICE, out=drawn[0])
    scenarios, _ = scenes.camera(Camera(victims=None), seed=5)
    for field in scenarios[0]["launches"].dtype.names:
        assert scenarios[0]["launches"][0][field] == pytest.approx(drawn[0]["launches"][0][field], abs=1), field
    kills = drawn[0]["events"]["kind"] == k.EVENT_KILL
    assert scenarios[0]["events"][: kills.size][kills].tolist() == drawn[0]["events"][kills].tolist()


def test_a_worker_bound_to_a_hogged_cpu_gets_nothing_where_runtime_is_borrowed() -> None:
    worker, mask = HOGS["kworker bound to the hog's CPU"]
    got = {}
    for shared in (False, True):
        device = {"rt_runtime_share": shared, "n_reapers": 0}
        scene = replace(worker, victims=2, fifo_from_ms=0, fifo_mask=mask, duration_ms=3_000, device=device)
        got[shared] = scenes.play(scene, seed=2)
    assert got[True]["cpu_kworker_ms"] == 0 < got[False]["cpu_kworker_ms"]
    assert got[True]["back"] == 0
    assert got[True]["kworker_starved_max_ms"] > 2_000 > got[False]["kworker_starved_max_ms"]
