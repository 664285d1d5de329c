"""Background threads: periodic ones, and the kernel thread that wakes while swap entries are freed."""

from __future__ import annotations

import itertools

import pytest

from swapgym.phone import constants as k
from tests.phone.board import Board, charged_ms
from tests.ticks import each_tick

GRACE_PERIOD = (8_000, 0, 50_000, 0, 255, 1)
TICK_US = 4_000
ENTRIES = 150_000


def awake_us(board: Board) -> list[int]:
    """Return the ticks in which background thread 0 ran."""
    seen = []
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        if phone["tasks"]["wanted_us"][k.TASK_NOISE] == phone["now_us"] - phone["tick_us"]:
            seen.append(int(phone["now_us"] - phone["tick_us"]))
    return seen


def test_the_grace_period_kthread_wakes_while_entries_are_freed_and_no_longer() -> None:
    board = Board(cpus=2, ms=900, tick_us=250)
    board.scenario["noise"][0] = GRACE_PERIOD
    board.scenario["device"]["sched_tick_us"] = TICK_US
    victim = board.app(entries=ENTRIES)
    board.kill(victim, ms=50)
    seen = awake_us(board)
    exit_us = int(board.phones[0]["processes"]["exit_us"][victim])
    assert 150_000 < exit_us < 800_000
    # at ticks, from the first at which any were freed
    assert {us % TICK_US for us in seen} == {0}
    assert 50_000 < seen[0] < exit_us
    assert max(seen) <= exit_us + 3 * TICK_US
    # each grace period takes one to three of them, two on average
    took = [later - earlier for earlier, later in itertools.pairwise(seen)]
    assert set(took) == {TICK_US, 2 * TICK_US, 3 * TICK_US}
    assert sum(took) / len(took) == pytest.approx(GRACE_PERIOD[0], rel=0.1)
    assert took.count(2 * TICK_US) == pytest.approx(len(took) / 2, abs=2)
    # one wake each, over within its tick
    assert charged_ms(board.phones[0], k.CHARGE_NOISE) == pytest.approx(len(seen) * 0.05, rel=1e-6)


def test_present_pages_do_not_wake_it() -> None:
    board = Board(cpus=2, ms=200, tick_us=250)
    board.scenario["noise"][0] = GRACE_PERIOD
    board.scenario["device"]["sched_tick_us"] = TICK_US
    board.kill(board.app(anon=ENTRIES), ms=50)
    assert awake_us(board) == []
    assert charged_ms(board.phones[0], k.CHARGE_EXIT) > 1


@pytest.mark.parametrize("route", [k.KWORKER, k.USERSPACE])
def test_deferred_entries_wake_it_when_they_are_drained(route: int) -> None:
    board = Board(cpus=2, ms=400, tick_us=250)
    board.scenario["noise"][0] = GRACE_PERIOD
    board.scenario["device"]["sched_tick_us"] = TICK_US
    victim = board.app(entries=ENTRIES)
    board.kill(victim, ms=50)
    awake = []
    for phone in each_tick(board.phones, board.scenarios, lambda: route):
        if phone["tasks"]["wanted_us"][k.TASK_NOISE] == phone["now_us"] - phone["tick_us"]:
            awake.append(int(phone["now_us"]))
    assert board.phones[0]["pool_objects"] == 0
    # the walk alone frees nothing; most of the draining comes after the exit
    assert sum(us > int(board.phones[0]["processes"]["exit_us"][victim]) for us in awake) > len(awake) / 2 > 1


def test_a_thread_that_wakes_on_its_own_keeps_its_period() -> None:
    board = Board(cpus=1, ms=100, tick_us=250)
    board.scenario["noise"][0] = (10_000, 5_000, 50_000, 0, 1, 0)
    seen = awake_us(board)
    assert {later - earlier for earlier, later in itertools.pairwise(seen)} == {10_000}
    assert seen[0] == 5_000
