"""Frames: late by what they take beyond their deadline."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.plain import plain, run_audited


def test_a_frame_is_late_by_what_it_takes_beyond_two_periods() -> None:
    board = plain(1, ms=120)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 30_000
    board.scenario["frame_render_us"][0] = 10_000
    board.event(5, k.EVENT_FRAMES, 0)  # one frame, at the first vsync
    total = run_audited(board)["total"]
    assert total["frames"] == total["frames_janky"] == 1
    assert total["frame_late_us"] == pytest.approx(40_000 - 2 * 16_667, abs=5)
    assert total["frame_late_max_us"] == pytest.approx(40_000 - 2 * 16_667, abs=5)
    assert total["late_histogram"][6] == 1
    assert board.charged_ms(k.CHARGE_FRAMES) == pytest.approx(40, abs=0.01)


def test_frames_in_time_are_not_late() -> None:
    board = plain(2, ms=1_000)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 8_000
    board.scenario["frame_render_us"][0] = 12_000
    total = run_audited(board)["total"]
    assert total["frames"] >= 58
    assert total["frame_late_us"] == total["frames_janky"] == 0


def test_deadline_and_nice_of_the_foreground_are_the_device_s() -> None:
    late = {}
    for vsyncs, nice in ((1, 0), (2, 0), (1, -20)):
        board = plain(1, device={"deadline_vsyncs": vsyncs, "ui_nice": nice})
        board.background_thread(0, share=1.0)
        board.scenario["frame_ui_us"] = 10_000
        board.scenario["frames_on"] = 1
        late[vsyncs, nice] = int(run_audited(board)["total"]["frame_late_us"])
    # 10 ms of work at half of a CPU take 20 ms: late for the next vsync, in time for the one after
    assert late[1, 0] > 0
    assert late[2, 0] == 0
    assert late[1, -20] == 0


@pytest.mark.parametrize(("boost", "in_time"), [(0.0, False), (1.0, True)])
def test_uclamp_keeps_frames_in_time_where_clocks_start_low(boost: float, in_time: bool) -> None:
    changes = {"schedutil": True, "min_clock": (0.125,), "uclamp_frames": boost}
    board = plain(1, ms=200, device=changes)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 8_000  # 64 ms at an eighth of the clock
    total = run_audited(board)["total"]
    assert (total["frame_late_us"] == 0) == in_time
