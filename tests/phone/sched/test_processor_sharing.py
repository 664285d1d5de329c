"""How much of its CPU each task gets: weights, SCHED_FIFO and its throttling, borrowed runtime."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.plain import entries, got_ms, hog, plain, run_audited

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


@pytest.mark.parametrize(("nice", "weight"), [(-20, 88_761), (-10, 9_548), (0, 1_024), (1, 820), (19, 15)])
def test_shares_follow_the_kernel_s_weights(nice: int, weight: int) -> None:
    board = plain(1, ms=1_000)
    process = hog(board)
    for index in range(k.MAX_BACKGROUND_THREADS):  # four threads that always want CPU
        board.background_thread(index, 1.0, nice=nice)
    run_audited(board)
    assert got_ms(board, process) == pytest.approx(1_000 * 1_024 / (1_024 + 4 * weight), rel=0.01)


def test_what_one_does_not_want_goes_to_the_others() -> None:
    board = plain(1, ms=1_000)
    board.background_thread(0, 0.2, nice=-20)
    process = hog(board)
    run_audited(board)
    assert board.charged_ms(k.CHARGE_BACKGROUND) == pytest.approx(200, rel=0.01)
    assert got_ms(board, process) == pytest.approx(800, rel=0.01)


@pytest.mark.parametrize("capacity", [250, 512, 1_024])
def test_a_small_cpu_computes_less(capacity: int) -> None:
    board = plain((capacity,), ms=1_000)
    process = hog(board)
    run_audited(board)
    assert got_ms(board, process) == pytest.approx(1_000 * capacity / 1_024, rel=0.01)
    assert board.charged_ms(k.CHARGE_EXIT) == pytest.approx(1_000, rel=0.001)


def test_two_equal_threads_share_one_cpu_by_half() -> None:
    board = plain(1, kernel={"entry_inline_lock_share": 0.0})  # no lock: only the CPU is shared
    first, second = (board.app(entries(ENTRIES)) for _ in range(2))
    board.kill(first)
    board.kill(second)
    run_audited(board)
    # 65,536 entries of 0.9 us are 58.98 ms; side by side on one CPU both take twice that
    for process in (first, second):
        assert board.exit_ms(process) == pytest.approx(2 * 58.982, abs=0.02)
    assert board.charged_ms(k.CHARGE_EXIT) == pytest.approx(2 * 58.982, abs=0.01)


def test_an_empty_phone_is_idle() -> None:
    board = plain(3, ms=100)
    run_audited(board)
    assert board.charged_ms(k.CHARGE_IDLE) == 300


# ---------------------------------------------------------------------------------------------------------- SCHED_FIFO
def test_a_part_of_a_cpu_under_sched_fifo_is_left() -> None:
    board = plain(1, ms=1_000)
    board.event(0, k.EVENT_RT, 1, 300)
    process = hog(board)
    run_audited(board)
    assert got_ms(board, process) == pytest.approx(700, rel=0.001)
    assert board.charged_ms(k.CHARGE_RT) == pytest.approx(300, rel=0.001)


def test_throttling_counts_per_second_and_per_cpu() -> None:
    board = plain(2, ms=3_000)
    board.event(0, k.EVENT_RT, 0b01, 1_000)
    board.event(0, k.EVENT_RT, 0b10, 900)  # under the limit of 950 ms in each second
    run_audited(board)
    assert board.charged_ms(k.CHARGE_RT) == pytest.approx(3 * 950 + 3 * 900, rel=0.001)
    assert board.charged_ms(k.CHARGE_IDLE) == pytest.approx(3 * 50 + 3 * 100, rel=0.001)


@pytest.mark.parametrize(("throttling", "left"), [(True, 0.05), (False, 0.0)])
def test_a_realtime_hog_leaves_five_percent_or_nothing(throttling: bool, left: float) -> None:
    board = plain(1, ms=2_000, device={"rt_throttling": throttling})
    board.event(0, k.EVENT_RT, 1, 1_000)
    board.background_thread(0, 1.0)
    run_audited(board)
    assert board.charged_ms(k.CHARGE_RT) == pytest.approx(2_000 * (1 - left))
    assert board.charged_ms(k.CHARGE_BACKGROUND) == pytest.approx(2_000 * left)


@pytest.mark.parametrize(("borrows", "drained_ms"), [(False, 50.0), (True, 0.0)])
def test_a_hog_that_borrows_runtime_starves_the_worker_bound_to_its_cpu(borrows: bool, drained_ms: float) -> None:
    board = plain(2, ms=1_000, device={"rt_runtime_share": borrows}, kernel={"kworker_mask": 0b01})
    board.event(0, k.EVENT_RT, 0b01, 1_000)
    victim = board.app(entries(4 * ENTRIES))
    board.kill(victim)
    phone = run_audited(board, k.KWORKER)
    # throttling is on either way: the other CPU's 950 ms are there to be lent, and 50 of them are all that is missing
    assert board.charged_ms(k.CHARGE_RT) == pytest.approx(1_000 - drained_ms)
    assert board.charged_ms(k.CHARGE_KWORKER) == pytest.approx(drained_ms, abs=0.1)
    assert phone["total"]["entries_kworker"] == pytest.approx(drained_ms / 0.9e-3, abs=100)
    # its victim is gone, the other CPU is free, and the backlog waits
    assert board.exit_ms(victim) < 10
    assert phone["zombie_entries"] == phone["backlog_kworker"] > 0


@pytest.mark.parametrize(
    ("loads", "rt_ms"),
    [
        ((1_000, 1_000), 2 * 950),  # both use their own up together: nobody has any to lend
        ((1_000, 1_000, 0), 2 * 1_000),  # the third lends 50 to each
        ((1_000, 1_000, 930), 3 * 950),  # it lends what it comes to miss itself: there is no more than that
    ],
)
def test_runtime_is_lent_only_by_those_that_have_some(loads: tuple[int, ...], rt_ms: float) -> None:
    board = plain(len(loads), ms=1_000, device={"rt_runtime_share": True})
    for cpu, permille in enumerate(loads):
        board.event(0, k.EVENT_RT, 1 << cpu, permille)
    run_audited(board)
    assert board.charged_ms(k.CHARGE_RT) == pytest.approx(rt_ms, abs=3)
