"""A history against the phone that it is sampled from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.render import History
from swapgym.workload import PhoneBuilder

FIELDS = {
    "time_us": "now_us",
    "free": "free_pages",
    "file": "file_pages",
    "anon": "anon_pages",
    "pool": "pool_pages",
    "buffers": "buffer_pages",
    "backlog_kworker": "backlog_kworker",
    "backlog_child": "backlog_child",
}
CLASS_OF = {
    "exit": k.CHARGE_EXIT, "launch": k.CHARGE_LAUNCH, "background": k.CHARGE_BACKGROUND, "ui": k.CHARGE_FRAMES,
    "render": k.CHARGE_FRAMES, "kswapd": k.CHARGE_KSWAPD, "compactor": k.CHARGE_COMPACTOR, "cached": k.CHARGE_CACHED,
    "kworker": k.CHARGE_KWORKER, "child": k.CHARGE_CHILD, "reaper": k.CHARGE_LMKD_REAPER,
}  # fmt: skip


def running(phone: Any, n_cpus: int) -> list[int]:
    """Return the class with the largest grant on each CPU, worked out task by task."""
    from swapgym.render.panel import task_name

    tick_ns = int(phone["tick_us"]) * 1_000
    most = [(tick_ns - int(phone["cpus"]["fair_ns"][cpu]), k.CHARGE_RT) for cpu in range(n_cpus)]
    for task in phone["runnable"][: phone["n_runnable"]]:
        record = phone["tasks"][task]
        if record["granted_ns"] > most[record["cpu"]][0]:
            most[record["cpu"]] = (int(record["granted_ns"]), CLASS_OF[task_name(int(task)).rstrip("0123456789")])
    return [charge if ns > 0 else k.CHARGE_IDLE for ns, charge in most]


@pytest.mark.parametrize(("route", "kernel"), [(k.KWORKER, "vivo-async-nice0"), (k.USERSPACE, "userspace-reaper")])
def test_samples_are_what_the_phone_says(new_episode: Any, route: int, kernel: str) -> None:
    episode = new_episode(route, kernel)
    device = episode.scenarios[0]["device"]
    seen: list[int] = []
    classes: set[int] = set()

    def look(history: History, phone: Any) -> None:
        row, total = history.samples[-1], phone["total"]
        seen.append(int(phone["now_us"]))
        for name, field in FIELDS.items():
            assert row[name] == phone[field], name
        memory = sum(int(row[name]) for name in ("free", "file", "anon", "pool", "buffers"))
        assert memory + device["reserved_pages"] == device["ram_pages"]
        pages = int(phone["pool_pages"]) / max(1, int(phone["pool_objects"]))
        assert abs(row["zombie"] - phone["zombie_entries"] * pages) <= 1
        assert row["zombie"] <= row["backlog"] <= row["pool"]
        assert row["frames_late"] == total["frames_janky"] == len(history.late_frames)
        assert row["peak"] == total["demand_peak_pages"]
        parts = ("frame_late_us", "launch_delay_us", "stall_us", "relaunch_cost_us")
        assert row["lag_us"] == sum(int(total[part]) for part in parts)
        assert row["clock"].tolist() == [phone["domains"][place]["clock"] for place in device["domain"]]
        if row["time_us"] > 0:
            assert row["on_cpu"].tolist() == running(phone, 8)
            classes.update(row["on_cpu"].tolist())

    history = episode.play(look=look)
    total = episode.phones[0]["total"]
    assert history.samples["time_us"].tolist() == seen
    assert seen[:3] == [0, 2_000, 4_000] and seen[-1] == history.duration_us
    assert (history.samples["charged_ns"].sum(axis=0) == total["charged_ns"]).all()
    assert history.samples["zombie"].max() > 0
    worker = k.CHARGE_KWORKER if route == k.KWORKER else k.CHARGE_CHILD
    assert {k.CHARGE_IDLE, k.CHARGE_RT, k.CHARGE_FRAMES, k.CHARGE_LAUNCH, k.CHARGE_EXIT, worker} <= classes


def test_before_the_first_tick_all_cpus_idle(deferred: History) -> None:
    assert (deferred.samples["on_cpu"][0] == k.CHARGE_IDLE).all()
    assert deferred.samples["charged_ns"][0].sum() == 0


def test_victims_are_killed_then_exit_then_are_drained(new_episode: Any) -> None:
    episode = new_episode(k.KWORKER)
    victims = episode.play().victims
    phone = episode.phones[0]
    assert len(victims) == phone["total"]["kills"] == 11
    assert victims["process"].tolist() == phone["kill_order"][:11].tolist()
    for name in ("kill_us", "exit_us", "killer"):
        assert (victims[name] == phone["processes"][name][victims["process"]]).all(), name
    assert (victims["kill_us"] < victims["exit_us"]).all()
    assert (victims["exit_us"] <= victims["drained_us"]).all()
    # some leave a backlog behind that takes the worker long
    assert (victims["drained_us"] - victims["exit_us"]).max() > 100_000
    assert episode.history.samples["exits"][-1] == 11


def test_victims_that_release_inline_leave_nothing(inline: History) -> None:
    gone = inline.victims[inline.victims["exit_us"] >= 0]
    assert len(gone) > 0 and (gone["drained_us"] == gone["exit_us"]).all()
    assert not inline.samples["zombie"].any() and not inline.samples["backlog"].any()


def test_late_frames_are_as_late_as_the_phone_says(new_episode: Any) -> None:
    episode = new_episode(k.KWORKER)
    late = episode.play().late_frames
    total = episode.phones[0]["total"]
    assert len(late) == total["frames_janky"] > 1
    assert late["late_us"].max() == total["frame_late_max_us"]
    by_ms = np.bincount(np.minimum(late["late_us"] // 1_000, k.LATE_BINS - 1), minlength=k.LATE_BINS)
    assert (by_ms == total["late_histogram"]).all()


def test_launches_have_the_phases_of_the_phone(new_episode: Any) -> None:
    episode = new_episode(k.KWORKER)
    begun: list[bool] = []
    history = episode.play(look=lambda history, _: begun.append(history.launches["start_us"][0] >= 0))
    phone, scenario = episode.phones[0], episode.scenarios[0]
    assert not begun[0] and begun[-1]
    assert len(history.launches) == scenario["n_launches"] == 1
    for name in ("start_us", "gate_us", "burst_us", "done_us", "phase"):
        assert history.launches[name][0] == phone["launches"][name][0], name
    assert history.launches["nominal_us"][0] == scenario["launches"]["nominal_us"][0]


def test_decisions_are_kept_in_order(deferred: History) -> None:
    assert len(deferred.decisions) > 256
    assert (np.diff(deferred.decisions["time_us"]) >= 0).all()
    assert set(deferred.decisions["route"].tolist()) == {k.KWORKER}
    assert set(deferred.decisions["pace"].tolist()) == {-1}
    assert set(deferred.decisions["victim"].tolist()) <= set(deferred.victims["process"].tolist())


def test_a_decision_about_a_backlog_alone_has_no_victim_and_no_route() -> None:
    history = History(PhoneBuilder().scenario)
    history.decide(7_000, -1, -1, 2)
    assert history.decisions[0].item() == (7_000, -1, -1, 2)
    assert history.now_us == 7_000


def test_a_period_is_kept_to(new_episode: Any) -> None:
    history = new_episode(k.INLINE, period_us=50_000).play()
    assert (np.diff(history.samples["time_us"])[:-1] == 50_000).all()


def test_an_instant_is_sampled_once_and_another_episode_is_refused() -> None:
    board = PhoneBuilder(ms=20)
    history = History(board.scenario)
    phone = board.run()
    history.sample(phone)
    history.sample(phone)
    assert len(history.samples) == 1
    phone["now_us"] = 5_000
    with pytest.raises(ValueError, match="phone: at 5000 us, before the last sample"):
        history.sample(phone)
    with pytest.raises(ValueError, match="period_us: 0"):
        History(board.scenario, 0)
