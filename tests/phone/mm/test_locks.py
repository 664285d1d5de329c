"""The contended lock: exits side by side cost what was measured, and what a closed form says."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import PhoneBuilder
from tests.phone.plain import plain, run_audited

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


def side_by_side(board: PhoneBuilder, processes: int) -> float:
    """Kill as many processes of 256 MB at once; return the ns per entry of the last to go."""
    victims = [board.app(256) for _ in range(processes)]
    for victim in victims:
        board.kill(victim)
    run_audited(board)
    return max(board.exit_ms(victim) for victim in victims) * 1e6 / ENTRIES


@pytest.mark.parametrize(
    ("cost", "lock", "processes", "published_ns"),
    [(900, 564, 2, 1_443), (900, 564, 4, 3_096), (854, 277, 2, 1_018), (854, 277, 4, 1_688)],
)
def test_exits_contend_as_measured_on_the_board(cost: float, lock: float, processes: int, published_ns: int) -> None:
    board = plain(kernel={"entry_inline_memory_ns": cost, "entry_inline_lock_share": lock / cost})
    assert side_by_side(board, processes) == pytest.approx(published_ns, rel=0.03)
    # whoever waits for the lock burns CPU: the time beyond the work itself is spun
    work_ms = processes * ENTRIES * cost / 1e6
    assert board.phone["total"]["spin_ns"] / 1e6 == pytest.approx(board.charged_ms(k.CHARGE_EXIT) - work_ms, rel=0.01)


def test_two_contending_exits_follow_the_closed_form() -> None:
    board = plain(kernel={"lock_handoff": 0.0})
    # p = 336, s = 564: r = s + s r / (p + r), a quadratic in r
    p, s = 336.0, 564.0
    r = ((2 * s - p) + ((2 * s - p) ** 2 + 4 * s * p) ** 0.5) / 2
    assert side_by_side(board, 2) == pytest.approx(p + r, rel=0.01)


def test_without_a_lock_nobody_waits() -> None:
    board = plain(kernel={"entry_inline_lock_share": 0.0})
    assert side_by_side(board, 4) == pytest.approx(900, rel=0.001)
    assert board.phone["total"]["spin_ns"] == 0


def test_one_alone_does_not_wait_and_neither_do_those_that_free_resident_pages() -> None:
    board = plain()
    board.kill(board.app(64))
    board.kill(board.app(anon_mib=256))
    run_audited(board)
    assert board.phone["total"]["spin_ns"] == 0


def test_a_kworker_contends_with_an_inline_exit() -> None:
    board = plain(2)
    first, second = board.app(256), board.app(256)
    board.kill(first)
    board.kill(second, ms=10)
    phone = run_audited(board, lambda phone: k.KWORKER if phone["pending"] == first else k.INLINE)
    # the drain of the first runs beside the second's exit: both wait as two exits do
    alone_ms = ENTRIES * 0.9e-3
    assert board.exit_ms(second) > 1.3 * alone_ms
    assert board.charged_ms(k.CHARGE_KWORKER) > 1.3 * alone_ms
    assert phone["total"]["spin_ns"] > 0


def test_pages_of_its_own_keep_a_walker_away_from_the_lock() -> None:
    spun = []
    for resident in (0, 4 * ENTRIES):
        board = plain(4, ms=4_000)
        victims = [board.app(256, anon_pages=resident) for _ in range(2)]
        for victim in victims:
            board.kill(victim)
        spun.append(int(run_audited(board)["total"]["spin_ns"]))
    # four resident pages of 0.4 us between two entries: 336 + 1,600 outside for 564 under the lock
    assert 0 < spun[1] < spun[0] / 2


def test_costs_beyond_a_millisecond_stay_within_their_fields() -> None:
    changes = {"entry_inline_memory_ns": 3e6, "lock_handoff": 4.0, "entry_inline_lock_share": 1.0}
    board = plain(8, ms=400, kernel=changes)
    victims = [board.app(1) for _ in range(8)]
    for victim in victims:
        board.kill(victim)
    phone = run_audited(board)
    assert phone["release_ps"] == k.MOST_32
    assert phone["total"]["exits"] == 0
