"""Frames, launches and who disturbs them: small cases worked out on paper."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.board import Board, charged_ms, pressed

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


def test_a_victim_s_nice_decides_what_it_leaves_to_others() -> None:
    exits = {}
    for nice in (0, 19):
        board = Board(cpus=1)
        board.device["victim_nice"] = nice
        board.noise(0, share=1.0)
        victim = board.app(entries=20_400)
        board.kill(victim)
        phone = board.run()["processes"][victim]
        exits[nice] = float(phone["exit_us"] - phone["kill_us"])
    # half of the CPU beside a hog of nice 0, 15 of 1,039 parts of it at nice 19
    assert exits[0] == pytest.approx(2 * 20_400 * 0.9, rel=0.02)
    assert exits[19] == pytest.approx(1_039 / 15 * 20_400 * 0.9, rel=0.02)


def test_deadline_and_nice_of_the_foreground_are_the_device_s() -> None:
    late = {}
    for vsyncs, nice in ((1, 0), (2, 0), (1, -20)):
        board = Board(cpus=1)
        board.device["deadline_vsyncs"] = vsyncs
        board.device["ui_nice"] = nice
        board.noise(0, share=1.0)
        board.scenario["frame_ui_us"] = 10_000
        board.scenario["frames_on"] = 1
        late[vsyncs, nice] = int(board.run()["total"]["frame_late_us"])
    # 10 ms of work at half of a CPU take 20 ms: late for the next vsync, in time for the one after
    assert late[1, 0] > 0
    assert late[2, 0] == 0
    assert late[1, -20] == 0


def test_a_frame_is_late_by_what_it_takes_beyond_two_periods() -> None:
    board = Board(cpus=1, ms=120)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 30_000
    board.scenario["frame_render_us"][0] = 10_000
    board.event(5, k.EVENT_FRAMES, 0)  # one frame, at the first vsync
    phone = board.run()
    total = phone["total"]
    assert total["frames"] == total["frames_janky"] == 1
    assert total["frame_late_us"] == pytest.approx(40_000 - 2 * 16_667, abs=5)
    assert total["frame_late_max_us"] == pytest.approx(40_000 - 2 * 16_667, abs=5)
    assert total["late_histogram"][6] == 1
    assert charged_ms(phone, k.CHARGE_FRAMES) == pytest.approx(40, abs=0.01)


def test_frames_in_time_are_not_late() -> None:
    board = Board(cpus=2, ms=1_000)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 8_000
    board.scenario["frame_render_us"][0] = 12_000
    total = board.run()["total"]
    assert total["frames"] >= 58
    assert total["frame_late_us"] == total["frames_janky"] == 0


@pytest.mark.parametrize(("timeout_us", "opens_us", "timed_out"), [(500_000, 58_982, 0), (30_000, 30_000, 1)])
def test_the_gate_opens_with_the_last_exit_or_its_time_out(timeout_us: int, opens_us: int, timed_out: int) -> None:
    board = Board()
    victim = board.app(entries=ENTRIES)
    launch = board.launch(gate_timeout_us=timeout_us, work_ns=10_000_000)
    board.kill(victim, gate=launch)
    phone = board.run()
    assert phone["launches"]["burst_us"][launch] == pytest.approx(opens_us, abs=1_000)
    assert phone["launches"]["gate_timed_out"][launch] == timed_out
    assert phone["launches"]["done_us"][launch] == pytest.approx(opens_us + 10_000, abs=1_100)


def test_launch_delay_counts_from_the_nominal() -> None:
    board = Board(cpus=1)
    board.launch(work_ns=100_000_000, nominal_us=60_000)
    total = board.run()["total"]
    assert total["launch_us"] == pytest.approx(100_000, abs=10)
    assert total["launch_delay_us"] == pytest.approx(40_000, abs=10)


def test_an_innocent_costs_its_expected_relaunch() -> None:
    board = pressed([905, 900])
    board.scenario["apps"][1]["relaunch_cost_us"] = 123_456
    total = board.run()["total"]
    assert total["relaunch_cost_us"] == 123_456
