"""A timeline is the episode that the runner plays, and figures show what they are given."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from swapgym.agents.play import Row, decode, play
from swapgym.agents.policies import make
from swapgym.agents.sb3 import figures
from swapgym.agents.sb3.timeline import LOOK_US, MEMORY, Timeline, trace
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.workload import empty

SPEC = EnvSpec()
EPISODE = ("camera_launch", 2**31)


@pytest.fixture(scope="module")
def played() -> tuple[Timeline, Row]:
    policy = make("vivo")
    (row,) = play(SPEC, policy, "vivo", [EPISODE])
    return trace(SPEC, policy, *EPISODE), row


def drawn(figure: Any) -> np.ndarray[Any, Any]:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_a_timeline_is_the_episode_that_is_played(played: tuple[Timeline, Row]) -> None:
    timeline, row = played
    assert (timeline.deferred == (np.array(decode(row["actions"])) == 1)).all()
    assert timeline.deferred.any() and not timeline.deferred.all()
    assert timeline.time_ms[-1] == row["duration_ms"]
    assert timeline.late_ms[-1] == row["frame_late_ms"]
    assert timeline.delay_ms[-1] == row["launch_delay_ms"]
    for index, name in enumerate(k.CHARGE_NAMES):
        assert timeline.charged_ms[-1, index] == pytest.approx(row[f"cpu_{name}_ms"])
    assert 0 < timeline.backlog_entries.max() <= row["backlog_peak_entries"]
    free = timeline.memory_mib[:, list(MEMORY).index("free")]
    assert free.min() >= row["free_min_mib"]
    assert free[0] > 0


def test_a_timeline_goes_on_in_time_from_the_start(played: tuple[Timeline, Row]) -> None:
    timeline, _ = played
    assert timeline.time_ms[0] == 0.0
    assert (timeline.charged_ms[0] == 0).all()
    assert (np.diff(timeline.charged_ms, axis=0) >= 0).all()
    assert (np.diff(timeline.time_ms)[:-1] == LOOK_US / k.MS).all()
    assert (np.diff(timeline.decided_ms) >= 0).all()
    assert 0.0 <= timeline.decided_ms[0] <= timeline.decided_ms[-1] < timeline.time_ms[-1]


def test_a_timeline_starts_with_the_memory_of_its_scenario(played: tuple[Timeline, Row]) -> None:
    scenario = empty(1)[0]
    SPEC.draw(EPISODE[1], scenario, EPISODE[0])
    expected = {
        "page cache": scenario["file_cache_pages"],
        "zram pool": scenario["pool_pages"],
        "anonymous": scenario["apps"]["anon_pages"][scenario["apps"]["present"] != 0].sum(),
    }
    start = dict(zip(MEMORY, played[0].memory_mib[0].tolist(), strict=True))
    assert {name: start[name] for name in expected} == {name: pages / 256 for name, pages in expected.items()}


def test_busy_cpus_add_up_to_what_was_charged(played: tuple[Timeline, Row]) -> None:
    timeline, _ = played
    edges = np.append(np.arange(0.0, timeline.time_ms[-1], figures.BIN_MS), timeline.time_ms[-1])
    busy = figures.cpus_busy(timeline, edges)
    assert busy.shape == (len(edges) - 1, k.N_CHARGES)
    assert np.diff(edges) @ busy == pytest.approx(timeline.charged_ms[-1])
    # idle time included, every CPU is always somebody's
    assert busy.sum(axis=1) == pytest.approx(np.full(len(busy), timeline.n_cpus), rel=0.05)


def test_busy_cpus_by_hand() -> None:
    charged = np.zeros((4, k.N_CHARGES))
    charged[:, k.CHARGE_EXIT] = (0.0, 10.0, 15.0, 15.0)
    nothing = np.zeros(4)
    timeline = Timeline(
        preset="p", seed=1, n_cpus=2, time_ms=np.array([0.0, 10.0, 15.0, 20.0]), memory_mib=np.zeros((4, len(MEMORY))),
        backlog_entries=nothing, late_ms=nothing, delay_ms=nothing, charged_ms=charged,
        decided_ms=np.array([10.0, 10.0]), deferred=np.array([True, False]),
    )  # fmt: skip
    busy = figures.cpus_busy(timeline, np.array([0.0, 5.0, 10.0, 20.0]))
    assert busy[:, k.CHARGE_EXIT].tolist() == [1.0, 1.0, 0.5]
    assert not busy[:, k.CHARGE_KWORKER].any()


def test_the_timeline_figure_names_what_it_shows(played: tuple[Timeline, Row]) -> None:
    timeline, _ = played
    figure = figures.timeline(timeline, 12_345)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert len(labels) == 5
    assert all(unit in label for unit, label in zip(("MiB", "entries", "ms", "CPUs", "ms"), labels, strict=True))
    assert "12,345 frames" in figure.axes[0].get_title(loc="left")
    charges = [text.get_text() for text in figure.axes[3].get_legend().get_texts()]
    assert {"exit", "kworker", "frames"} <= set(charges)
    assert "child" not in charges, "nobody forks in this kernel"
    image = drawn(figure)
    assert len(np.unique(image.reshape(-1, 4), axis=0)) > 50
    changed = dataclasses.replace(timeline, deferred=~timeline.deferred)
    assert (drawn(figures.timeline(changed, 12_345)) != image).any()


def test_the_pareto_figure_shows_agent_baselines_and_bound() -> None:
    agent = [{"frames": frames, "lag_ms": lag, "peak_mib": 70.0} for frames, lag in ((1_000, 700.0), (2_000, 650.0))]
    baselines = {
        "best_tuned": {"lag_ms": 640.0, "peak_mib": 69.0},
        "always_inline": {"lag_ms": 780.0, "peak_mib": 68.0},
    }
    bound = {"lag_ms": 600.0, "peak_mib": 66.0}

    def names(known: dict[str, float] | None) -> list[str]:
        figure = figures.pareto(agent, baselines, known, 30)
        assert figure.axes[0].get_xlabel().endswith("(MiB)")
        assert figure.axes[0].get_ylabel().endswith("(ms)")
        drawn(figure)
        return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]

    assert {"agent, 2,000 frames", "best tuned", "always inline", "clairvoyant bound"} <= set(names(bound))
    assert "clairvoyant bound" not in names(None)


def test_every_class_of_cpu_time_has_a_colour_of_its_own() -> None:
    assert set(figures.CHARGE_COLORS) == set(k.CHARGE_NAMES) - {"idle"}
    assert len(set(figures.CHARGE_COLORS.values())) == len(figures.CHARGE_COLORS)
