"""lmkd's tests, one by one and in their order, and the pressure stall information that wakes it."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.phone import lmkd, psi
from tests.phone.board import MIB, Board

PLENTY_MIB, BELOW_HIGH, BELOW_LOW, BELOW_MIN = 500, 50, 30, 10
"""Free memory (MiB) on a board whose watermarks are 20, 40 and 60 MiB."""


def looked_at(free_mib: int, swap_low: bool = False, refaults: int = 0, direct: bool = False) -> tuple[Any, Any]:
    """Return a phone as lmkd finds it; 100 refaults are 100 % of its file LRU."""
    board = Board()
    board.run()
    phone: Any = board.phones[0]
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
        ("nothing is wrong", looked_at(PLENTY_MIB), False, False, lmkd.NO_KILL),
        ("between low and high is not LOW_MEM", looked_at(BELOW_HIGH), False, False, lmkd.NO_KILL),
        ("LOW_MEM spares the previous app", looked_at(BELOW_LOW), False, False, 701),
        ("PRESSURE_AFTER_KILL", looked_at(BELOW_MIN), False, True, 0),
        ("after a kill, below low only, it is LOW_MEM", looked_at(BELOW_LOW), False, True, 701),
        ("NOT_RESPONDING", looked_at(PLENTY_MIB), True, False, 0),
        ("LOW_SWAP_AND_THRASHING", looked_at(PLENTY_MIB, True, 120), False, False, 201),
        ("the same, critically", looked_at(PLENTY_MIB, True, 300), False, False, 0),
        ("low swap alone", looked_at(PLENTY_MIB, True), False, False, lmkd.NO_KILL),
        ("LOW_MEM_AND_SWAP", looked_at(BELOW_LOW, True), False, False, 201),
        ("the same below min", looked_at(BELOW_MIN, True), False, False, 0),
        ("thrashing alone", looked_at(PLENTY_MIB, False, 120), False, False, lmkd.NO_KILL),
        ("LOW_MEM_AND_THRASHING", looked_at(BELOW_LOW, False, 120), False, False, 201),
        ("the same, critically", looked_at(BELOW_LOW, False, 300), False, False, 0),
        ("DIRECT_RECL_AND_THRASHING", looked_at(PLENTY_MIB, False, 120, True), False, False, 201),
    ],
)
def test_order_and_reach_of_the_tests(
    why: str, state: tuple[Any, Any], critical: bool, after_kill: bool, lowest: int
) -> None:
    phone, scenario = state
    assert lmkd.choose_min_adj(phone.copy(), scenario, critical, after_kill) == lowest, why


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


# --- PSI
def test_a_full_stall_is_one_beside_which_nothing_ran() -> None:
    phone, scenario = looked_at(PLENTY_MIB)
    tick_ns = int(phone["tick_us"]) * k.NS_PER_US
    for busy_ns, full_us in ((0, 1_000), (400_000, 600)):
        phone["psi"]["some_ns"] = phone["psi"]["full_ns"] = 0
        phone["fair_ns"][:4] = tick_ns
        phone["cpu_used_ns"][:4] = 0
        phone["cpu_stall_ns"][:4] = 0
        phone["cpu_reclaim_ns"][:4] = 0
        phone["cpu_stall_ns"][0] = tick_ns  # a task asleep in reclaim for the whole tick
        phone["cpu_used_ns"][0] = busy_ns  # another runs beside it; the other CPUs are idle and have no weight
        psi.account_stalls(phone, scenario)
        assert phone["psi"]["some_us"] == 1_000
        assert phone["psi"]["full_us"] == full_us


def test_psi_is_weighted_by_the_time_cpus_are_not_idle() -> None:
    phone, scenario = looked_at(PLENTY_MIB)
    tick_ns = int(phone["tick_us"]) * k.NS_PER_US
    phone["psi"]["some_ns"] = 0
    phone["fair_ns"][:4] = tick_ns
    phone["cpu_used_ns"][:4] = (0, tick_ns, 0, 0)
    phone["cpu_stall_ns"][:4] = (tick_ns // 2, 0, 0, 0)
    phone["cpu_reclaim_ns"][:4] = 0
    psi.account_stalls(phone, scenario)
    # 0.5 ms stalled on a CPU that is non-idle for 0.5 ms, none on one that is busy for 1 ms
    assert phone["psi"]["some_us"] == pytest.approx(1_000 * 0.5 * 0.5 / 1.5, abs=1)


def test_the_running_average_decays_by_exp_of_minus_a_fifth() -> None:
    assert psi.average(100 * k.UNIT, 0) == pytest.approx(100 * k.UNIT * 0.8187, rel=1e-3)
    assert psi.average(0, psi.AVERAGE_PERIOD_US) == pytest.approx(100 * k.UNIT * (1 - 0.8187), rel=1e-2)


def test_a_trigger_sees_the_last_second() -> None:
    phone, _ = looked_at(PLENTY_MIB)
    state = phone["psi"]
    for name in ("some_us", "full_us", "window_some_us", "window_full_us"):
        state[name] = 0
    phone["now_us"] = 10_000_000
    state["window_start_us"] = phone["now_us"] - 400_000
    state["previous_some_us"] = 100_000
    state["some_us"] = 30_000
    psi.update_triggers(phone)
    # 30 ms in the 400 ms of this window, and 60 % of the 100 ms of the one before
    assert state["some_growth_us"] == 30_000 + 60_000
    phone["now_us"] += 700_000
    state["some_us"] += 5_000
    psi.update_triggers(phone)
    # the window is over: its growth becomes the one before
    assert state["some_growth_us"] == state["previous_some_us"] == 35_000
    assert state["window_start_us"] == phone["now_us"]
