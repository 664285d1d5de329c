"""lmkd's reapers: in time or too late, two at most, and what they share with the victim's own walk."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.plain import entries, plain, run_audited
from tests.ticks import each_tick

SLOW_THREADS = {"thread_exit_memory_ns": 1_000_000}
"""A thread takes a millisecond to be gone: as many threads as ms before the victim unmaps."""


@pytest.mark.parametrize(
    ("threads", "delay_us", "late"),
    [(1, 5_000, True), (4, 5_000, True), (10, 5_000, False), (1, 0, False), (20, 15_000, False), (14, 15_000, True)],
)
def test_a_reaper_comes_in_time_or_finds_no_address_space(threads: int, delay_us: int, late: bool) -> None:
    changes = SLOW_THREADS | {"entry_inline_lock_share": 0.0}
    board = plain(4, device={"n_reapers": 1, "reaper_delay_us": delay_us}, kernel=changes)
    victim = board.app(entries(20_400), threads=threads)
    board.kill(victim)
    total = run_audited(board)["total"]
    assert total["reaps_late"] == late
    assert (total["entries_reaped"] > 0) != late
    assert (board.charged_ms(k.CHARGE_LMKD_REAPER) > 0) != late
    if late:
        assert board.exit_ms(victim) == pytest.approx(threads + 20.4 * 0.9, abs=0.01)
    assert total["entries_inline"] + total["entries_reaped"] == 20_400


def test_one_in_time_spares_the_victim_what_it_has_done_before() -> None:
    board = plain(4, device={"n_reapers": 1, "reaper_delay_us": 5_000}, kernel=SLOW_THREADS)
    victim = board.app(entries(20_400), threads=40)
    board.kill(victim)
    phone = run_audited(board)
    # 18.4 ms of work from 5 ms on: done before the 40 threads are gone
    assert phone["total"]["entries_reaped"] == 20_400
    assert phone["processes"]["decisions"][victim] == 0
    assert board.exit_ms(victim) == pytest.approx(40, abs=0.01)
    assert board.charged_ms(k.CHARGE_LMKD_REAPER) == pytest.approx(20.4 * 0.9, abs=0.01)


def test_it_starts_when_its_delay_is_over() -> None:
    board = plain(2, ms=60, device={"n_reapers": 1, "reaper_delay_us": 7_000}, kernel=SLOW_THREADS)
    board.kill(board.app(anon_mib=100, threads=30))
    awake = [
        int(phone["now_us"]) // k.MS - 1
        for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE)
        if phone["tasks"]["requested"][k.TASK_REAPER] == phone["tick"] - 1
    ]
    # 25,600 pages of 0.4 us are 10.24 ms
    assert awake == list(range(7, 18))


def test_reaper_and_victim_split_the_address_space() -> None:
    changes = {"entry_inline_lock_share": 0.0, "pte_waste": 0.2}
    board = plain(device={"n_reapers": 1, "reaper_delay_us": 0}, kernel=changes)
    victim = board.app(256)
    board.kill(victim)
    total = run_audited(board)["total"]
    assert total["entries_inline"] + total["entries_reaped"] == 65_536
    assert total["entries_reaped"] == pytest.approx(65_536 / 2, rel=0.05)
    # each pays a fifth for the page-table locks they share
    assert board.exit_ms(victim) == pytest.approx(58.982 / 2 * 1.2, rel=0.03)


def test_two_reapers_take_two_victims_and_nobody_the_third() -> None:
    board = plain(8, device={"n_reapers": 2, "reaper_delay_us": 1_000}, kernel=SLOW_THREADS)
    victims = [board.app(16, threads=60) for _ in range(3)]
    for victim in victims:
        board.kill(victim)
    phone = run_audited(board)
    assert phone["total"]["entries_reaped"] == 2 * 16 * 256
    assert phone["processes"]["decisions"][victims].tolist() == [0, 0, 9]  # 4,096 entries in batches of 510


def test_a_reaper_that_is_done_takes_the_next_kill() -> None:
    board = plain(8, device={"n_reapers": 1, "reaper_delay_us": 1_000}, kernel=SLOW_THREADS)
    first, second = (board.app(16, threads=60) for _ in range(2))
    board.kill(first)
    board.kill(second, ms=100)
    assert run_audited(board)["total"]["entries_reaped"] == 2 * 16 * 256


def test_kills_of_the_activity_manager_are_not_reaped() -> None:
    board = plain(8, device={"n_reapers": 2, "reaper_delay_us": 0}, kernel=SLOW_THREADS)
    board.kill(board.app(16, threads=60), killer=k.KILLER_ACTIVITY_MANAGER)
    total = run_audited(board)["total"]
    assert (total["entries_reaped"], total["reaps_late"]) == (0, 0)


def test_a_reaper_of_low_priority_leaves_the_cpu_to_its_victim() -> None:
    reaped = {}
    for nice in (-20, 19):
        board = plain(1, device={"n_reapers": 1, "reaper_delay_us": 0, "reaper_nice": nice})
        board.kill(board.app(entries(51_000)))
        reaped[nice] = int(run_audited(board)["total"]["entries_reaped"])
    # weights 88,761 and 15 beside the victim's 1,024
    assert reaped[-20] > 0.9 * 51_000
    assert reaped[19] < 0.1 * 51_000
