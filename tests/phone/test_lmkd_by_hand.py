"""lmkd's choices: small cases worked out on paper."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.board import MIB, Board, pressed

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


def killed(phone) -> list[int]:
    return [int(index) for index in phone["kill_order"][: int(phone["n_killed"])]]


def test_lmkd_takes_the_highest_adj_first_and_the_coldest_of_equals() -> None:
    phone = pressed([200, 900, 500, 905, 905, 0]).run()
    assert killed(phone)[:3] == [4, 5, 2]
    assert phone["total"]["innocents"] == len(killed(phone))
    assert 6 not in killed(phone)  # adj 0 is never taken


def test_lmkd_takes_the_heaviest_where_it_is_told_to() -> None:
    board = pressed([905, 905, 905], kill_heaviest=1)
    board.scenario["apps"][2]["file_pages"] = 5 * MIB
    assert killed(board.run())[0] == 2


def test_lmkd_waits_for_the_exit_or_the_time_out() -> None:
    board = pressed([900] * 6)
    board.kernel["exit_signal_us"] = 400_000  # nobody dies in time
    phone = board.run()
    times = phone["processes"]["kill_us"][killed(phone)]
    gaps = times[1:] - times[:-1]
    assert len(times) >= 2
    assert gaps.min() >= board.device["kill_timeout_us"]
    assert phone["total"]["kill_timeouts"] >= 1


def test_lmkd_stays_quiet_on_an_idle_phone() -> None:
    board = Board(ms=1_500)
    board.app(anon=100 * MIB)
    assert board.run()["total"]["kills"] == 0


def test_promoted_victims_outrun_those_left_in_the_background() -> None:
    exits = []
    for killer in (k.KILLER_SCENARIO_LMKD, k.KILLER_ACTIVITY_MANAGER):
        board = Board(cpus=1, ms=2_000)
        victim = board.app(entries=ENTRIES)
        board.noise(0, 1.0)  # a thread at nice 0 that always wants the CPU
        board.kill(victim, killer=killer)
        exits.append(int(board.run()["processes"]["exit_us"][victim]))
    # weights 1024 and 52 against 1024
    assert exits[0] == pytest.approx(58_982 * 2, rel=0.02)
    assert exits[1] == pytest.approx(58_982 * (1024 + 52) / 52, rel=0.02)
