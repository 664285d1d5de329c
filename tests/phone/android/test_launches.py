"""Launches: gates, bursts, what they count as delay, and launches whose app is killed."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import MIB
from tests.phone.plain import entries, plain, run_audited

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


@pytest.mark.parametrize(("timeout_us", "opens_us", "timed_out"), [(500_000, 58_982, 0), (30_000, 30_000, 1)])
def test_the_gate_opens_with_the_last_exit_or_its_time_out(timeout_us: int, opens_us: int, timed_out: int) -> None:
    board = plain()
    victim = board.app(entries(ENTRIES))
    launch = board.launch(gate_timeout_us=timeout_us, work_ns=10_000_000)
    board.kill(victim, gate=launch)
    phone = run_audited(board)
    assert phone["launches"]["burst_us"][launch] == pytest.approx(opens_us, abs=1_000)
    assert phone["launches"]["gate_timed_out"][launch] == timed_out
    assert phone["launches"]["done_us"][launch] == pytest.approx(opens_us + 10_000, abs=1_100)
    assert phone["total"]["gate_wait_us"] == pytest.approx(opens_us, abs=1_000)


def test_launch_delay_counts_from_the_nominal() -> None:
    board = plain(1)
    board.launch(work_ns=100_000_000, nominal_us=60_000)
    total = run_audited(board)["total"]
    assert total["launch_us"] == pytest.approx(100_000, abs=10)
    assert total["launch_delay_us"] == pytest.approx(40_000, abs=10)


def test_a_hot_start_pays_for_each_fault() -> None:
    board = plain(1)
    app = board.app(entries(10_000), adj=900)
    board.launch(process=app, swapin_pages=4_000, burst_anon_pages=2_000)
    phone = run_audited(board)
    # 4,000 faults of 6 us and 2,000 fresh pages of 0.5 us
    assert phone["launches"]["done_us"][0] == pytest.approx(24_000 + 1_000, abs=10)
    assert phone["processes"]["swap_entries"][app] == 6_000
    assert phone["processes"]["anon_pages"][app] == 6_000
    assert phone["total"]["pswpin"] == 4_000


def test_a_launch_whose_app_has_been_killed_is_cold() -> None:
    board = plain(1)
    app = board.app(entries(1_000))
    board.kill(app)
    board.launch(ms=100, process=app, swapin_pages=500)
    phone = run_audited(board)
    fresh = int(phone["launches"]["process"][0])
    assert fresh != app
    assert phone["processes"]["anon_pages"][fresh] == 500
    assert phone["total"]["pswpin"] == 0


@pytest.mark.parametrize("foreground", [0, 1])
def test_a_launch_ends_with_its_process(foreground: int) -> None:
    board = plain(2, ms=1_000)
    launch = board.launch(
        process=40, foreground=foreground, burst_anon_pages=100 * MIB, burst_us=400_000, nominal_us=400_000
    )
    if foreground:
        board.launch(ms=50, process=41)  # another comes to the front: the first may be killed
    board.kill(40, ms=100, killer=k.KILLER_ACTIVITY_MANAGER)
    phone = run_audited(board)
    # a quarter of the burst was there, and all of it is back
    assert phone["launches"]["burst_done"][launch] == pytest.approx(25 * MIB, rel=0.02)
    assert phone["launches"]["phase"][launch] == k.LAUNCH_DONE
    assert phone["launches"]["done_us"][launch] == 100_000
    assert phone["processes"]["state"][40] == k.PROCESS_DEAD
    assert phone["processes"]["anon_pages"][40] == phone["anon_pages"] == 0
    # nobody waits for it any more
    assert phone["total"]["launch_delay_us"] == 0
    assert phone["total"]["launches_done"] == foreground


def test_a_launch_takes_the_front() -> None:
    board = plain(1, ms=100)
    other = board.app(adj=700)
    app = board.app(adj=910)
    front = int(board.scenario["foreground_process"])
    board.launch(ms=10, process=app)
    phone = run_audited(board)
    assert phone["foreground"] == app
    assert phone["processes"]["oom_score_adj"][[app, front, other]].tolist() == [0, 700, 900]
