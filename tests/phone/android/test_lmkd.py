"""lmkd's tests, one by one and in their order; whom it takes, how it polls and waits."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.phone.android import lmkd
from swapgym.workload.builder import MIB
from tests.phone.plain import plain, pressed, run_audited

PLENTY_MIB, BELOW_HIGH, BELOW_LOW, BELOW_MIN = 500, 50, 30, 10
"""Free memory (MiB) on a phone whose watermarks are 20, 40 and 60 MiB."""


def looked_at(
    free_mib: int, swap_low: bool = False, refaults: int = 0, direct: bool = False, **device: Any
) -> tuple[Any, Any]:
    """Return a phone as lmkd finds it; 100 refaults are 100 % of its file LRU."""
    board = plain(4, ms=10, device=device)
    phone = board.run()
    phone["free_pages"] = free_mib * MIB
    phone["file_pages"] = 0
    phone["slots_free"] = 0 if swap_low else board.device["swap_slots"]
    if free_mib < PLENTY_MIB and not swap_low:
        board.device["swap_slots"] = 1  # so that little free memory alone does not make swap low
    phone["lmkd"]["thrash_window_us"] = phone["now_us"]
    phone["lmkd"]["thrash_refaults"] = 0
    phone["lmkd"]["thrash_file"] = 100
    phone["total"]["refaults"] = refaults
    phone["lmkd"]["reclaiming_directly"] = int(direct)
    return phone, board.scenario


@pytest.mark.parametrize(
    ("why", "state", "critical", "after_kill", "lowest"),
    [
        ("nothing is wrong", (PLENTY_MIB,), False, False, lmkd.NO_KILL),
        ("between low and high is not LOW_MEM", (BELOW_HIGH,), False, False, lmkd.NO_KILL),
        ("LOW_MEM spares the previous app", (BELOW_LOW,), False, False, 701),
        ("PRESSURE_AFTER_KILL", (BELOW_MIN,), False, True, 0),
        ("after a kill, below low only, it is LOW_MEM", (BELOW_LOW,), False, True, 701),
        ("NOT_RESPONDING", (PLENTY_MIB,), True, False, 0),
        ("LOW_SWAP_AND_THRASHING", (PLENTY_MIB, True, 120), False, False, 201),
        ("the same, critically", (PLENTY_MIB, True, 300), False, False, 0),
        ("low swap alone", (PLENTY_MIB, True), False, False, lmkd.NO_KILL),
        ("LOW_MEM_AND_SWAP", (BELOW_LOW, True), False, False, 201),
        ("the same below min", (BELOW_MIN, True), False, False, 0),
        ("thrashing alone", (PLENTY_MIB, False, 120), False, False, lmkd.NO_KILL),
        ("LOW_MEM_AND_THRASHING", (BELOW_LOW, False, 120), False, False, 201),
        ("the same, critically", (BELOW_LOW, False, 300), False, False, 0),
        ("DIRECT_RECL_AND_THRASHING", (PLENTY_MIB, False, 120, True), False, False, 201),
    ],
)
def test_order_and_reach_of_the_tests(
    why: str, state: tuple[Any, ...], critical: bool, after_kill: bool, lowest: int
) -> None:
    phone, scenario = looked_at(*state)
    assert lmkd.choose_min_adj(phone, scenario, critical, after_kill) == lowest, why


# ---------------------------------------------------------------------------------- stall_limit_critical, filecache_min
@pytest.mark.parametrize(
    ("limit", "full_percent", "lowest"),
    [(40, 39, 701), (40, 40, 701), (40, 41, 0), (0, 1, 0), (99, 100, 0), (100, 100, 701)],  # 100: off
)
def test_a_stall_beyond_its_limit_makes_every_app_killable(limit: int, full_percent: int, lowest: int) -> None:
    phone, scenario = looked_at(BELOW_LOW, stall_limit_critical_percent=limit)
    phone["psi"]["full_avg10"] = full_percent * k.UNIT
    assert lmkd.choose_min_adj(phone, scenario, False, False) == lowest


def test_a_stall_alone_is_no_reason() -> None:
    phone, scenario = looked_at(PLENTY_MIB, stall_limit_critical_percent=40)
    phone["psi"]["full_avg10"] = 90 * k.UNIT
    assert lmkd.choose_min_adj(phone, scenario, False, False) == lmkd.NO_KILL


@pytest.mark.parametrize(
    ("file_mib", "filecache_min_mib", "lowest", "goes_on"),
    [(149, 150, 201, True), (150, 150, lmkd.NO_KILL, False), (0, 0, lmkd.NO_KILL, False)],
)
def test_after_thrashing_kills_go_on_until_the_page_cache_is_back(
    file_mib: int, filecache_min_mib: int, lowest: int, goes_on: bool
) -> None:
    phone, scenario = looked_at(BELOW_LOW, False, 120, filecache_min_mib=filecache_min_mib)
    assert lmkd.choose_min_adj(phone, scenario, False, False) == 201  # LOW_MEM_AND_THRASHING
    assert phone["lmkd"]["checks_filecache"] == 1
    # thrashing is over and memory is free, and what is asked now is whether the page cache is small
    phone["total"]["refaults"] = 0
    phone["free_pages"] = PLENTY_MIB * MIB
    phone["file_pages"] = file_mib * MIB
    assert lmkd.choose_min_adj(phone, scenario, False, False) == lowest
    assert phone["lmkd"]["checks_filecache"] == goes_on


def test_a_small_page_cache_without_thrashing_is_no_reason() -> None:
    phone, scenario = looked_at(PLENTY_MIB, filecache_min_mib=150)
    assert lmkd.choose_min_adj(phone, scenario, False, False) == lmkd.NO_KILL


# ------------------------------------------------------------------------------------------------------------ thrashing
def test_each_kill_for_thrashing_lowers_its_limit() -> None:
    phone, scenario = looked_at(BELOW_LOW, False, 120)
    for limit in (90, 81, 72):  # 10 % less each time, whole percents
        lmkd.choose_min_adj(phone, scenario, False, False)
        assert phone["lmkd"]["thrash_limit_percent"] == limit


def test_thrashing_is_halved_per_window_passed() -> None:
    phone, scenario = looked_at(PLENTY_MIB, refaults=120)
    assert lmkd.thrashing_percent(phone, scenario) == 120
    phone["now_us"] += 2 * k.PSI_WINDOW_US
    assert lmkd.thrashing_percent(phone, scenario) == 30
    phone["file_pages"] = 100
    phone["now_us"] += k.PSI_WINDOW_US + 1
    phone["total"]["refaults"] += 50
    # 50 refaults in a window whose file LRU was empty at its start (counted as one page); the 30 % before are forgotten
    assert lmkd.thrashing_percent(phone, scenario) == 5_000 >> 1


def test_a_new_window_restores_the_thrashing_limit() -> None:
    phone, scenario = looked_at(BELOW_LOW, False, 120)
    lmkd.choose_min_adj(phone, scenario, False, False)
    assert phone["lmkd"]["thrash_limit_percent"] == 90
    phone["now_us"] += k.PSI_WINDOW_US + 1
    lmkd.thrashing_percent(phone, scenario)
    assert phone["lmkd"]["thrash_limit_percent"] == 100


def test_a_kill_starts_thrashing_anew() -> None:
    phone, scenario = looked_at(PLENTY_MIB, refaults=120)
    phone["lmkd"]["killed"] = 1
    phone["lmkd"]["thrash_previous_percent"] = 40
    lmkd.look(phone, scenario, False)
    assert lmkd.thrashing_percent(phone, scenario) == 0


@pytest.mark.parametrize(("free_mib", "low"), [(60, True), (80, False)])
def test_free_swap_is_no_more_than_easy_memory_can_hold(free_mib: int, low: bool) -> None:
    phone, scenario = looked_at(PLENTY_MIB)
    scenario["device"]["swap_slots"] = 2_048 * MIB
    phone["slots_free"] = 2_048 * MIB
    phone["free_pages"] = free_mib * MIB
    # at a compression of 3 they hold 180 and 240 MiB; a tenth of the slots is 204.8
    assert lmkd.swap_is_low(phone, scenario) is low


# ------------------------------------------------------------------------------------------------------------- a phone
def test_polls_are_short_after_a_kill_and_long_otherwise() -> None:
    for adj, gap_us in ((900, k.POLL_SHORT_US), (600, k.POLL_LONG_US)):
        phone, scenario = looked_at(BELOW_LOW)
        phone["processes"][1]["state"] = k.PROCESS_ALIVE
        phone["processes"][1]["oom_score_adj"] = adj
        phone["lmkd"]["reclaiming"] = 1
        lmkd.look(phone, scenario, False)
        assert phone["total"]["kills"] == (adj == 900)
        assert phone["lmkd"]["next_poll_us"] - phone["now_us"] == gap_us


def test_lmkd_does_not_look_where_nobody_reclaims_or_refaults() -> None:
    phone, scenario = looked_at(BELOW_MIN)
    phone["processes"][1]["state"] = k.PROCESS_ALIVE
    phone["processes"][1]["oom_score_adj"] = 900
    lmkd.look(phone, scenario, True)
    assert phone["total"]["kills"] == 0


def killed(phone: Any) -> list[int]:
    return [int(index) for index in phone["kill_order"][: int(phone["n_killed"])]]


def test_lmkd_takes_the_highest_adj_first_and_the_coldest_of_equals() -> None:
    phone = run_audited(pressed([200, 900, 500, 905, 905, 0]))
    assert killed(phone)[:3] == [4, 5, 2]
    assert phone["total"]["collateral_kills"] == len(killed(phone))
    assert 6 not in killed(phone)  # adj 0 is never taken


def test_lmkd_takes_the_heaviest_where_it_is_told_to() -> None:
    board = pressed([905, 905, 905], kill_heaviest=True)
    board.scenario["apps"][2]["file_pages"] = 5 * MIB
    assert killed(run_audited(board))[0] == 2


def test_lmkd_waits_for_the_exit_or_the_time_out() -> None:
    board = pressed([900] * 6)
    board.kernel["exit_signal_us"] = 400_000  # nobody dies in time
    phone = run_audited(board)
    times = phone["processes"]["kill_us"][killed(phone)]
    gaps = times[1:] - times[:-1]
    assert len(times) >= 2
    assert gaps.min() >= board.device["kill_timeout_us"]
    assert phone["total"]["kill_timeouts"] >= 1


def test_lmkd_stays_quiet_on_an_idle_phone() -> None:
    board = plain(ms=1_500)
    board.app(anon_mib=100)
    assert run_audited(board)["total"]["kills"] == 0


def test_a_collateral_kill_costs_its_expected_relaunch() -> None:
    board = pressed([905, 900])
    board.scenario["apps"][1]["relaunch_cost_us"] = 123_456
    total = run_audited(board)["total"]
    assert total["relaunch_cost_us"] == 123_456


def test_a_kill_that_had_to_come_anyway_is_no_collateral() -> None:
    board = pressed([905, 900])
    board.scenario["apps"][1]["relaunch_cost_us"] = 123_456
    board.kill(1, ms=1_400)
    total = run_audited(board)["total"]
    assert total["kills"] == total["collateral_kills"] + 1
    assert total["relaunch_cost_us"] == 0
