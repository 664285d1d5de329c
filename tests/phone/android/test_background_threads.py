"""The system's periodic threads keep their periods and their work."""

from __future__ import annotations

import itertools

import pytest

from swapgym.phone import constants as k
from tests.phone.plain import plain, run_audited
from tests.ticks import each_tick


def test_a_periodic_thread_keeps_its_period() -> None:
    board = plain(1, ms=100, tick_us=250)
    board.background_thread(0, 0.005, period_us=10_000, phase_us=5_000)
    seen = [
        int(phone["now_us"] - phone["tick_us"])
        for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE)
        if phone["tasks"]["requested"][k.TASK_BACKGROUND] == phone["tick"] - 1
    ]
    assert {later - earlier for earlier, later in itertools.pairwise(seen)} == {10_000}
    assert seen[0] == 5_000
    # ten times 50 us
    assert board.charged_ms(k.CHARGE_BACKGROUND) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize(("capacity", "busy_ms"), [(1_024, 200), (512, 400), (256, 800)])
def test_its_work_takes_longer_on_a_smaller_core(capacity: int, busy_ms: float) -> None:
    board = plain((capacity,), ms=1_000)
    board.background_thread(0, 0.2, period_us=10_000)
    run_audited(board)
    assert board.charged_ms(k.CHARGE_BACKGROUND) == pytest.approx(busy_ms, rel=0.01)


def test_work_that_is_not_done_does_not_pile_up_without_end() -> None:
    board = plain((256,), ms=1_000)
    board.background_thread(0, 0.5, period_us=10_000)  # twice what the CPU gives
    phone = run_audited(board)
    assert phone["background_left_ns"][0] <= 4 * 5_000_000
    assert board.charged_ms(k.CHARGE_BACKGROUND) == pytest.approx(1_000, rel=0.001)
