"""Shares of a CPU: small cases worked out on paper."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.board import Board, charged_ms

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


def test_two_equal_threads_share_one_cpu_by_half() -> None:
    board = Board(cpus=1)
    first, second = (board.app(entries=ENTRIES) for _ in range(2))
    board.kernel["entry_inline_lock_ps"] = 0  # no lock: only the CPU is shared
    board.kill(first)
    board.kill(second)
    phone = board.run()
    # 65,536 entries of 0.9 us are 58.98 ms; side by side on one CPU both take twice that
    for process in (first, second):
        assert phone["processes"]["exit_us"][process] == pytest.approx(2 * 58_982, abs=20)
    assert charged_ms(phone, k.CHARGE_EXIT) == pytest.approx(2 * 58.982, abs=0.01)


def test_nice_decides_who_gets_what() -> None:
    board = Board(cpus=1, ms=1_000)
    board.noise(0, 1.0, nice=0)
    board.noise(1, 1.0, nice=5)
    phone = board.run()
    # weights 1024 and 335: both always want CPU, so that nobody is idle
    left = phone["noise_left_ns"]
    assert charged_ms(phone, k.CHARGE_NOISE) == pytest.approx(1_000, abs=0.1)
    assert left[1] > left[0]


@pytest.mark.parametrize(("throttling", "left"), [(1, 0.05), (0, 0.0)])
def test_a_realtime_hog_leaves_five_percent_or_nothing(throttling: int, left: float) -> None:
    board = Board(cpus=1, ms=2_000)
    board.device["rt_throttling"] = throttling
    board.event(0, k.EVENT_RT, 1, 1_000)
    board.noise(0, 1.0)
    phone = board.run()
    assert charged_ms(phone, k.CHARGE_RT) == pytest.approx(2_000 * (1 - left))
    assert charged_ms(phone, k.CHARGE_NOISE) == pytest.approx(2_000 * left)


def test_a_waking_worker_takes_an_idle_cpu_not_the_ui_thread_s() -> None:
    board = Board(cpus=2, ms=400)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 7_000
    board.scenario["frame_render_us"][0] = 3_000
    victim = board.app(entries=4 * ENTRIES)
    board.kill(victim)
    phone = board.run(k.KWORKER)
    # the worker at nice -20 has work for 236 ms, and no frame of 10 ms notices
    assert phone["total"]["entries_kworker"] == 4 * ENTRIES
    assert phone["total"]["frames_janky"] == 0
    assert phone["total"]["frames"] >= 23


def test_nobody_leaves_the_cpuset() -> None:
    board = Board(cpus=4, ms=300)
    board.device["background_mask"] = 0b0011
    for _ in range(4):
        board.kill(board.app(entries=ENTRIES), killer=k.KILLER_ACTIVITY_MANAGER)

    def check(phone) -> int:
        cpus = phone["tasks"]["cpu"][k.TASK_EXIT + 1 : k.TASK_EXIT + 5]
        assert set(cpus.tolist()) <= {-1, 0, 1}
        return k.INLINE

    board.run(check)
