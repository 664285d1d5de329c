"""Utilisation as PELT has it, and the clocks that schedutil sets by it: worked out on paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.sched import clocks
from swapgym.workload.builder import PhoneBuilder
from tests.phone.plain import got_ms, hog, plain, run_audited

HALF_MS = 32.768
"""32 periods of 1,024 us."""


def rise(ms: float) -> float:
    """Return the utilisation of a task that has run for ``ms`` on a CPU of capacity 1024 at full clock."""
    return float(1_024 * (1 - 0.5 ** (ms / HALF_MS)))


def start_at(board: PhoneBuilder, clock: int) -> None:
    """Start a phone whose clock stays at this one (1/1024)."""
    board.start()
    board.phone["domains"]["clock"][0] = clock
    clocks.set_speeds(board.phone, board.scenario, 0)


def util(phone: Any, task: int) -> float:
    return float(phone["tasks"]["util"][task]) / clocks.FINE


# ---------------------------------------------------------------------------------------------------------- utilisation
@pytest.mark.parametrize(
    ("us", "factor"),
    [(0, 1.0), (32_768, 0.5), (65_536, 0.25), (16_384, 0.5**0.5), (1_000, 0.5 ** (1 / HALF_MS)), (700_000, 0.0)],
)
def test_the_table_decays_by_half_in_32_periods(us: int, factor: float) -> None:
    assert clocks.decay_factor(us) / clocks.ONE == pytest.approx(factor, abs=5e-6)


@pytest.mark.parametrize("capacity", [1_024, 512, 161])
@pytest.mark.parametrize("ms", [8, 33, 100, 131])
def test_a_busy_task_rises_by_the_speed_of_its_cpu(capacity: int, ms: int) -> None:
    board = plain((capacity,), ms=ms)
    task = k.TASK_EXIT + hog(board)
    phone = run_audited(board)
    # half of 1024 after 32.768 ms at full capacity; time itself runs slower on a smaller CPU, by its capacity
    assert util(phone, task) == pytest.approx(rise(ms * capacity / 1_024), abs=3)
    assert phone["cpus"]["util"][0] / clocks.FINE == pytest.approx(util(phone, task), abs=1)


@pytest.mark.parametrize("clock", [1_024, 512, 256])
def test_it_rises_by_the_clock_alike(clock: int) -> None:
    board = plain(1, ms=33)
    task = k.TASK_EXIT + hog(board)
    start_at(board, clock)
    phone = board.go_on()
    assert util(phone, task) == pytest.approx(rise(33 * clock / 1_024), abs=2)


@pytest.mark.parametrize("clock", [1_024, 512])
def test_a_thread_that_leaves_its_cpu_idle_comes_to_its_share_of_full_speed(clock: int) -> None:
    board = plain(1, ms=300)
    board.background_thread(0, 0.25)
    start_at(board, clock)
    phone = board.go_on()
    # it wants a quarter of the reference CPU: a quarter of the time, or half of it at half the clock
    assert util(phone, k.TASK_BACKGROUND) == pytest.approx(rise(300) / 4, abs=2)


def test_a_sleeper_s_utilisation_decays_on_the_wall_clock() -> None:
    board = plain(1, ms=101, device={"schedutil": True})  # at full clock, its lowest one
    # 20 ms of work every 100 ms: a burst, and a sleep of 80 ms
    board.background_thread(0, 0.2, period_us=100_000)
    board.start()
    after_burst = util(board.go_on(until_ms=20), k.TASK_BACKGROUND)
    assert after_burst == pytest.approx(rise(20), abs=2)
    assert util(board.go_on(until_ms=90), k.TASK_BACKGROUND) == after_burst  # nobody has looked
    # its CPU has forgotten meanwhile what it remembers only when it wakes
    on_cpu = float(board.phone["cpus"]["util"][0]) / clocks.FINE
    assert on_cpu == pytest.approx(after_burst * 0.5 ** (70 / HALF_MS), abs=2)
    woken = util(board.go_on(until_ms=101), k.TASK_BACKGROUND)
    decayed = after_burst * 0.5 ** (81 / HALF_MS)
    assert woken == pytest.approx(decayed + rise(1), abs=3)


def test_migration_takes_utilisation_along() -> None:
    board = plain(2, ms=10)
    board.start()
    phone = board.phone
    phone["tasks"]["util"][7], phone["tasks"]["cpu"][7] = 200, 0
    phone["cpus"]["util"][:2] = (300, 40)
    clocks.migrate_util(phone, 7, 1)
    assert phone["cpus"]["util"][:2].tolist() == [100, 240]
    phone["cpus"]["util"][0] = 150  # rounding may have taken some of it: never below zero
    phone["tasks"]["cpu"][7] = 0
    clocks.migrate_util(phone, 7, 1)
    assert phone["cpus"]["util"][:2].tolist() == [0, 440]
    phone["tasks"]["cpu"][7] = k.MAX_CPUS  # a new task brings what it has to nobody's cost
    clocks.migrate_util(phone, 7, 0)
    assert phone["cpus"]["util"][:2].tolist() == [0, 440]


# ------------------------------------------------------------------------------------------------------------ schedutil
def governed(capacity: tuple[int, ...] = (1_024,), **device: Any) -> PhoneBuilder:
    """Return a started phone whose lowest clock is an eighth of the full one."""
    changes = {"schedutil": True, "min_clock": (0.125,)} | device
    board = plain(capacity, ms=1_000, device=changes)
    board.start()
    return board


def clock_for(board: PhoneBuilder, utils: tuple[int, ...], rt: int = 0, boost: int = 0, domain: int = 0) -> int:
    """Return the clock that schedutil sets with these utilisations (1/1024) of the CPUs."""
    phone = board.phone
    phone["cpus"]["util"][: len(utils)] = np.array(utils) * clocks.FINE
    phone["cpus"]["rt_util"][0] = rt * clocks.FINE
    phone["cpus"]["boost"][0] = boost
    clocks.set_clocks(phone, board.scenario)
    return int(phone["domains"]["clock"][domain])


@pytest.mark.parametrize(
    ("util", "clock"),
    [(0, 128), (100, 128), (400, 500), (800, 1_000), (900, 1_024)],  # 1.25 x, at least 128, at most 1024
)
def test_the_clock_asked_for_is_a_quarter_above_the_utilisation(util: int, clock: int) -> None:
    board = governed()
    assert clock_for(board, (util,)) == clock
    assert board.phone["cpus"]["speed"][0] == clock


def test_a_small_cpu_asks_for_the_share_of_its_own_capacity() -> None:
    board = governed((256,))
    # 1.25 x 100 of 256 is a clock of 500 of 1024, which leaves 125 of capacity
    assert clock_for(board, (100,)) == 500
    assert board.phone["cpus"]["speed"][0] == 125


def test_the_busiest_cpu_of_a_domain_decides_for_all_of_it() -> None:
    board = governed((512, 512, 1_024), min_clock=(0.125, 0.25))
    assert clock_for(board, (80, 240, 0)) == 240 * 5 // 4 * 2
    assert board.phone["cpus"]["speed"][:3].tolist() == [300, 300, 256]
    assert int(board.phone["domains"]["clock"][1]) == 256


def test_sched_fifo_counts_and_uclamp_is_a_floor() -> None:
    assert clock_for(governed(), (0,), rt=400) == 500
    assert clock_for(governed(), (200,), rt=200) == 500
    assert clock_for(governed(), (0,), boost=300) == 300  # without the headroom
    assert clock_for(governed(), (400,), boost=300) == 500


def test_the_rate_limit_holds_a_clock_that_has_just_changed() -> None:
    board = governed(clock_rate_limit_us=2_000)
    assert clock_for(board, (400,)) == 500
    board.phone["now_us"] += 1_000
    assert clock_for(board, (800,)) == 500
    board.phone["now_us"] += 1_000
    assert clock_for(board, (800,)) == 1_000
    # one that stays as it is may change at any time
    board.phone["now_us"] += 2_000
    assert clock_for(board, (800,)) == 1_000
    board.phone["now_us"] += 100
    assert clock_for(board, (400,)) == 500


def test_a_phone_starts_at_its_lowest_clock_and_without_schedutil_at_full_clock() -> None:
    on, off = governed(), governed(schedutil=False)
    assert (int(on.phone["domains"]["clock"][0]), int(on.phone["cpus"]["speed"][0])) == (128, 128)
    assert (int(off.phone["domains"]["clock"][0]), int(off.phone["cpus"]["speed"][0])) == (1_024, 1_024)
    for board in (on, off):
        hog(board)
    board = off
    board.start()
    for until_ms in range(10, 200, 10):
        assert board.go_on(until_ms=until_ms)["domains"]["clock"][0] == 1_024


def ramp(**device: Any) -> tuple[PhoneBuilder, int]:
    """Return a phone that starts at an eighth of its clock, with one hog, after 400 ms; and the hog."""
    board = plain(1, ms=400, device={"schedutil": True, "min_clock": (0.125,), "clock_rate_limit_us": 0} | device)
    process = hog(board)
    run_audited(board)
    return board, process


def test_a_woken_hog_is_slow_until_its_clock_has_risen() -> None:
    board, process = ramp()
    assert board.phone["domains"]["clock"][0] == 1_024
    # by the same law in floats: speed is 1.25 x utilisation, and utilisation rises with time at that speed
    got, used = 0.0, 0.0
    for _ in range(400):
        speed = min(1.0, max(0.125, 1.25 * used))
        got += speed
        used = 1 - (1 - used) * 0.5 ** (speed / HALF_MS)
    assert got < 340
    assert got_ms(board, process) == pytest.approx(got, rel=0.01)


def test_uclamp_spares_a_launch_the_ramp() -> None:
    done = {}
    for boost in (0.0, 1.0):
        changes = {"schedutil": True, "min_clock": (0.125,), "uclamp_launch": boost}
        board = plain(1, ms=1_000, device=changes)
        board.launch(work_ns=100_000_000)
        done[boost] = int(run_audited(board)["launches"]["done_us"][0]) / 1_000
    assert done[1.0] == pytest.approx(100, abs=1)
    assert done[0.0] > 160


def test_kernel_work_that_waits_for_memory_does_not_notice_the_clock() -> None:
    exits = []
    for least in (0.125, 1.0):
        board = plain(1, ms=200, device={"schedutil": True, "min_clock": (least,)})
        victim = board.app(64)
        board.kill(victim)
        run_audited(board)
        exits.append(board.exit_ms(victim))
    assert exits[0] == exits[1] == pytest.approx(64 * 256 * 0.9e-3, abs=0.01)


def test_a_pause_between_ticks_keeps_the_clocks() -> None:
    board = plain(1, ms=100, device={"schedutil": True, "min_clock": (0.125,)})
    hog(board)
    board.start()
    engine.advance(board.phones, board.scenarios, 0, 50_000)
    assert board.phone["now_us"] == 50_000
    assert 128 < board.phone["domains"]["clock"][0] < 1_024
