"""Time slices, worked out on paper: who is current and for how long, who preempts, what a migration keeps."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from swapgym.phone import balancer, pelt, slices
from swapgym.phone import constants as k
from swapgym.phone.audit import audit
from swapgym.phone.state import EXTRAS_OFFSET, PHONE, phone_digest
from swapgym.workload import device_profile, draw, empty
from swapgym.workload.config import override
from tests.phone.board import Board, charged_ms
from tests.property.test_every_tick import wrong
from tests.ticks import each_tick

LONG_NS = 10**10
SLICES = {
    "sched_latency_us": 12_000,
    "sched_min_granularity_us": 1_500,
    "sched_wakeup_granularity_us": 2_000,
    "sched_tick_us": 4_000,
}
"""Of a kernel with two CPUs."""


def sliced(cpus: int, ms: int, hogs: int, kill_ms: float = 0.0, **changes: int) -> Board:
    """Return a board with time slices and exits that compute for ten seconds and touch neither memory nor lock."""
    board = Board(cpus=cpus, ms=ms, tick_us=250)
    for name, value in {**SLICES, **changes}.items():
        board.device[name] = value
    for _ in range(hogs):
        process = board.app()
        board.scenario["apps"][process]["exit_other_ns"] = LONG_NS
        board.kill(process, ms=kill_ms)
    return board


def ran(board: Board) -> list[list[int]]:
    """Return the tasks that ran in every tick."""
    seen = []
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        runnable = phone["runnable"][: phone["n_runnable"]]
        seen.append([int(task) for task in runnable if phone["tasks"]["granted_ns"][task] > 0])
        assert wrong(phone, board.scenario) == []
    return seen


@pytest.mark.parametrize(("hogs", "slice_ms"), [(2, 8), (3, 8), (4, 4), (8, 4)])
def test_equal_hogs_take_turns_by_the_scheduler_tick(hogs: int, slice_ms: int) -> None:
    # slices of 6, 4, 3 and 1.5 ms, looked at every 4 ms: one that has run for just its slice goes on
    turns = [(task, len(list(group)) // 4) for task, group in itertools.groupby(ran(sliced(1, 128, hogs)))]
    assert {length for _, length in turns} == {slice_ms}
    tasks = [tuple(task) for task, _ in turns]
    assert len(set(tasks)) == hogs
    assert tasks[hogs:] == tasks[:-hogs]


@pytest.mark.parametrize(("granularity_us", "starts_ms"), [(2_000, 10), (7_000, 12)])
def test_a_waker_with_credit_preempts(granularity_us: int, starts_ms: int) -> None:
    board = sliced(1, 20, 1, sched_wakeup_granularity_us=granularity_us)
    board.scenario["noise"][0] = (100_000, 10_000, 1_000_000, 0, 1, 0)
    seen = ran(board)
    # it wakes at 10 ms, 6 ms behind the hog: more than 2, less than 7; the tick at 12 ms finds the hog's slice over
    mine = [tick for tick, tasks in enumerate(seen) if k.TASK_NOISE in tasks]
    assert mine == list(range(4 * starts_ms, 4 * starts_ms + 4))


@pytest.mark.parametrize(("nice", "late"), [(-10, 0), (0, 1)])
def test_a_frame_at_nice_minus_ten_gets_the_cpu_at_once(nice: int, late: int) -> None:
    board = sliced(1, 1_000, 3, ui_nice=nice, deadline_vsyncs=1)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"] = 6_000
    total = board.run()["total"]
    assert total["frames"] > 30
    assert (total["frames_janky"] > 10) == late
    if not late:
        assert total["frame_late_us"] == 0


@pytest.mark.parametrize(("wakes_ms", "goes_on"), [(5, False), (10, True)])
def test_whoever_wakes_for_a_moment_ends_the_turn_of_who_is_ahead(wakes_ms: int, goes_on: bool) -> None:
    board = sliced(1, 16, 2)
    board.scenario["noise"][0] = (100_000, wakes_ms * 1_000, 100_000, 0, 1, 0)
    seen = ran(board)
    before, after = seen[4 * wakes_ms - 1], seen[4 * wakes_ms + 1]
    # turns change at 8 ms: at 5 ms the first hog is 5 ms ahead of the second, at 10 ms the second 6 ms behind the first
    assert (before == after) is goes_on


def test_shares_follow_the_weights() -> None:
    board = sliced(1, 2_000, 1)
    board.device["victim_nice"] = 5
    board.noise(0, 1.0)
    phone = board.run()
    # weights 335 and 1,024
    assert charged_ms(phone, k.CHARGE_EXIT) == pytest.approx(2_000 * 335 / 1_359, rel=0.02)
    assert charged_ms(phone, k.CHARGE_IDLE) == pytest.approx(0, abs=0.1)


def test_what_the_current_leaves_of_a_tick_is_the_next_one_s() -> None:
    board = sliced(1, 1_000, 1)
    board.scenario["noise"][0] = (20_000, 0, 100_000, -20, 1, 0)  # 0.1 ms of work
    phone = board.run()
    assert charged_ms(phone, k.CHARGE_NOISE) == pytest.approx(5, abs=0.01)
    assert charged_ms(phone, k.CHARGE_EXIT) == pytest.approx(995, abs=0.01)


@pytest.mark.parametrize(("noise_us", "least"), [(0, 0.60), (23_000, 0.62)])
def test_three_hogs_take_turns_on_two_cpus(noise_us: int, least: float) -> None:
    board = sliced(2, 6_000, 3)
    if noise_us:
        board.scenario["noise"][0] = (noise_us, 100, 300_000, 0, 3, 0)
    phone = board.run()
    got = [LONG_NS - int(left) // k.PS_PER_NS for left in phone["processes"]["exit_other_left_ps"][1:4]]
    assert sum(got) / 1e6 == pytest.approx(12_000 - charged_ms(phone, k.CHARGE_NOISE), abs=0.1)
    # In the model every second balance moves a task, of two the one that is not current. Where turns and balances keep
    # step that is always the same: then one is alone every second time, 3/4 of a CPU beside 5/8. What disturbs them
    # evens it out.
    assert min(got) >= least * 6e9
    assert max(got) <= 0.76 * 6e9


def test_a_sleeper_stays_where_no_cpu_is_idle() -> None:
    board = sliced(2, 500, 3)
    board.scenario["noise"][0] = (20_000, 10_000, 500_000, 0, 3, 0)
    cpus = []
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        task = phone["tasks"][k.TASK_NOISE]
        if task["wanted_us"] == phone["now_us"] - phone["tick_us"] and task["runnable_us"] == 0:
            cpus.append(int(task["cpu"]))
    assert len(cpus) >= 24
    assert sum(one != other for one, other in itertools.pairwise(cpus)) <= 2  # the balancer's doing


def test_a_migration_keeps_the_distance_to_the_others() -> None:
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    phone["run_queues"]["min_vruntime"][:2] = (5_000_000, 90_000_000)
    task = k.TASK_EXIT
    phone["entities"]["vruntime"][task] = 7_000_000
    phone["tasks"][task]["cpu"], phone["tasks"][task]["weight"] = 1, 1_024
    slices.enqueue(phones[0], scenarios[0], task, False)
    assert phone["entities"]["vruntime"][task] == 92_000_000
    # a waker is at most half a period behind, and loses nothing if it is ahead of that
    for before, after in ((80_000_000, 84_000_000), (88_000_000, 88_000_000)):
        phone["entities"]["vruntime"][task] = before
        slices.enqueue(phones[0], scenarios[0], task, True)
        assert phone["entities"]["vruntime"][task] == after


@pytest.mark.parametrize(
    ("tasks", "runnable", "util", "util_est", "capacity", "expected"),
    [
        (0, 1_300, 900, 0, 1_024, balancer.HAS_SPARE),
        (1, 800, 800, 800, 1_024, balancer.HAS_SPARE),
        (1, 1_024, 900, 0, 1_024, balancer.FULLY_BUSY),  # 900 of 1,024 is more than 100 of 117
        (2, 1_024, 900, 0, 1_024, balancer.OVERLOADED),
        (2, 1_300, 500, 0, 1_024, balancer.OVERLOADED),  # 1,300 is more than 117 %
        (2, 1_100, 500, 0, 1_024, balancer.HAS_SPARE),
        (1, 0, 0, 900, 1_024, balancer.FULLY_BUSY),
        (2, 0, 0, 2_000, 1_024, balancer.OVERLOADED),
        (2, 0, 0, 865, 1_024, balancer.HAS_SPARE),
        (2, 0, 0, 865, 1_002, balancer.OVERLOADED),  # what a few SCHED_FIFO tasks leave
    ],
)
def test_how_busy_a_cpu_is(tasks: int, runnable: int, util: int, util_est: int, capacity: int, expected: int) -> None:
    phones = np.zeros(1, PHONE)
    phones["cpu_tasks"][0, 0] = tasks
    phones["run_queues"]["capacity"][0, 0] = capacity
    phones["run_queues"]["runnable"][0, 0] = runnable
    phones["run_queues"]["util"][0, 0] = util
    phones["run_queues"]["util_est"][0, 0] = util_est
    scenarios = sliced(2, 10, 0).scenarios
    phones["fair_ns"][0, 0] = 250_000
    assert balancer.group_type(phones[0], scenarios[0], 0) == expected
    # a SCHED_FIFO task on it is one more
    phones["fair_ns"][0, 0] = 0
    found = balancer.group_type(phones[0], scenarios[0], 0)
    assert found == (expected if expected == balancer.HAS_SPARE and tasks else balancer.OVERLOADED if tasks else 1)


def test_what_is_expected_of_a_sleeper_rises_at_once_and_falls_by_a_quarter() -> None:
    phone: Any = np.zeros(1, PHONE)[0]
    entity = phone["entities"][k.TASK_UI]
    for util_avg, expected in ((4_000, 4_000), (2_000, 3_500), (3_600, 3_600), (3_600, 3_600)):
        entity["util_avg"] = util_avg
        pelt.update_util_est(entity)
        assert entity["util_est"] == expected


def test_sleep_takes_nothing_of_what_is_expected() -> None:
    board = sliced(1, 200, 0)
    board.scenario["noise"][0] = (50_000, 0, 10_000_000, 0, 1, 0)  # 10 ms in every 50 ms
    phone = board.run()
    entity = phone["entities"][k.TASK_NOISE]
    # 10 ms after long sleep: 1 - 2^(-10/32) = 0.195; with what the ones before leave, 0.195 / (1 - 2^(-50/32)) at most
    assert 0.19 < entity["util_est"] / pelt.LOAD_FULL < 0.30
    assert phone["now_us"] == 200_000


def test_who_is_expected_to_be_busy_is_evened_out_at_the_first_tick() -> None:
    board = sliced(2, 300, 4, kill_ms=201)
    first = k.TASK_EXIT + 1
    crowded, evened = None, None
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        cpus = [int(cpu) for cpu in phone["tasks"]["cpu"][first : first + 4]]
        if phone["now_us"] <= 201_000:
            # all slept on one CPU: the first goes to the idle one, the others stay
            phone["tasks"]["cpu"][first : first + 4] = phone["entities"]["cpu"][first : first + 4] = 0
            phone["entities"]["util_est"][first : first + 4] = pelt.LOAD_FULL
        elif crowded is None:
            crowded = cpus
        elif phone["now_us"] == 205_000:
            evened = cpus
    assert crowded is not None
    assert evened is not None
    assert sorted(crowded) != [0, 0, 1, 1]
    assert sorted(evened) == [0, 0, 1, 1]


def test_who_has_just_become_busy_finds_nothing_and_looks_again_after_the_longest_interval() -> None:
    board = sliced(2, 500, 3, kill_ms=200)
    moves = []
    last = None
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        cpus = tuple(int(cpu) for cpu in phone["tasks"]["cpu"][k.TASK_EXIT + 1 : k.TASK_EXIT + 4])
        if last is not None and min(last) >= 0 and cpus != last:
            moves.append(int(phone["now_us"] - phone["tick_us"]) / k.MS - 200)
        last = cpus
    # 4 ms x 16 after the first tick, less one tick; loads are too even for the next attempts but not for all
    assert moves
    assert min(moves) >= 60


def test_three_against_one_is_evened_out_by_number_while_nobody_has_been_busy_for_long() -> None:
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    phone["now_us"] = 1_000_000
    phone["fair_ns"][:2] = 250_000
    phone["cpu_tasks"][:2] = (3, 1)
    for position in range(4):
        task = k.TASK_LAUNCH + position
        phone["runnable"][position] = task
        phone["tasks"]["cpu"][task] = phone["entities"]["cpu"][task] = int(position == 3)
        phone["tasks"]["weight"][task] = 1_024
        phone["tasks"]["mask"][task] = 3
        phone["entities"]["load_us"][task] = phone["now_us"]
        # the three have been runnable for long, and the one has run half of the time
        phone["entities"]["load_avg"][task] = phone["entities"]["util_avg"][task] = 1 << (20 if position < 3 else 19)
    phone["n_runnable"] = 4
    phone["run_queues"]["current"][:2] = (k.TASK_LAUNCH, k.TASK_LAUNCH + 3)
    balancer.load_balance(phones[0], scenarios[0], 1)
    assert list(phone["cpu_tasks"][:2]) == [2, 2]
    assert phone["run_queues"]["balance_interval_us"][1] == 2_000


@pytest.mark.parametrize(
    ("ran_ago_us", "newly", "moved"),
    [
        (600, True, [2]),  # it was picked before the others woke
        (200, True, [1]),  # but its caches are warm
        (600, False, [2, 1]),
        (200, False, [1, 3]),
    ],
)
def test_an_idle_cpu_takes_from_the_tail_and_nobody_who_just_ran(
    ran_ago_us: int, newly: bool, moved: list[int]
) -> None:
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    phone["now_us"] = 1_000_000
    # four on CPU 0: one is current, one was picked and pushed aside a while ago, two have woken since and never ran
    for position in range(4):
        task = k.TASK_LAUNCH + position
        phone["runnable"][position] = task
        phone["tasks"]["mask"][task] = 3
    for position in (0, 2, 1, 3):
        balancer.to_head(phones[0], k.TASK_LAUNCH + position, 0)
    phone["n_runnable"] = phone["cpu_tasks"][0] = 4
    phone["entities"]["hot_us"][k.TASK_LAUNCH] = phone["now_us"]
    phone["entities"]["hot_us"][k.TASK_LAUNCH + 2] = phone["now_us"] - ran_ago_us
    phone["run_queues"]["current"][0] = k.TASK_LAUNCH
    balancer.idle_balance(phones[0], scenarios[0], 1, newly)
    places = phone["entities"]["place"][k.TASK_LAUNCH : k.TASK_LAUNCH + 4]
    found = [position for position in range(4) if phone["tasks"]["cpu"][k.TASK_LAUNCH + position] == 1]
    assert sorted(found, key=lambda position: places[position]) == moved
    assert list(phone["cpu_tasks"][:2]) == [4 - len(moved), len(moved)]
    # who was passed over is at the head: the current at least
    assert places[0] > 4
    # it looks again after the shortest interval, whether it took anybody or not
    assert phone["run_queues"]["balance_interval_us"][1] == 2_000
    assert phone["run_queues"]["balance_us"][1] == (0 if newly else phone["now_us"])


def test_who_changes_its_cpu_is_not_hot_there_and_at_the_head_of_its_list() -> None:
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    phone["now_us"] = 1_000_000
    for task in (k.TASK_EXIT, k.TASK_EXIT + 1):
        phone["tasks"]["cpu"][task], phone["tasks"]["weight"][task] = 1, 1_024
        phone["entities"]["hot_us"][task] = 999_900
    phone["entities"]["cpu"][k.TASK_EXIT + 1] = 1
    for task in (k.TASK_EXIT, k.TASK_EXIT + 1):
        slices.enqueue(phones[0], scenarios[0], task, False)
    assert list(phone["entities"]["hot_us"][k.TASK_EXIT : k.TASK_EXIT + 2]) == [0, 999_900]
    assert list(phone["entities"]["place"][k.TASK_EXIT : k.TASK_EXIT + 2]) == [1, 2]


@pytest.mark.parametrize(("hot", "taken_ms"), [(False, 201.25), (True, 204.0)])
def test_an_idle_cpu_looks_as_it_becomes_idle_and_at_ticks(hot: bool, taken_ms: float) -> None:
    """Who waits beside an endless task is taken when the other CPU becomes idle, or at the next tick if it is hot."""
    board = sliced(2, 300, 2, kill_ms=201)
    first = k.TASK_EXIT + 1
    taken_us = None
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        if phone["now_us"] <= 201_000:
            phone["tasks"]["cpu"][first : first + 2] = phone["entities"]["cpu"][first : first + 2] = 0
            phone["rt_permille"][1] = 1_000  # SCHED_FIFO has the other, until a tick after the two woke
        else:
            phone["rt_permille"][1] = 0
            if hot and phone["now_us"] == 201_250:
                phone["entities"]["hot_us"][first : first + 2] = 201_250
            cpus = sorted(int(cpu) for cpu in phone["tasks"]["cpu"][first : first + 2])
            if taken_us is None and cpus == [0, 1]:
                taken_us = int(phone["now_us"] - phone["tick_us"])
    assert taken_us == taken_ms * 1_000


def test_capacity_is_what_realtime_tasks_left_of_late() -> None:
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    assert list(phone["run_queues"]["capacity"][:2]) == [1_024, 1_024]
    phone["tick_us"] = 250
    for tick in range(129):  # 32 ms at 250 us, and what they took of the last is not counted yet
        phone["now_us"] = 250 * tick
        phone["fair_ns"][:2] = (250_000, 0)
        slices.schedule(phones[0], scenarios[0])
    for c in range(2):
        balancer.update_cpu_capacity(phones[0], scenarios[0], c)
    # all of it for 32 ms, half of which counts
    assert phone["run_queues"]["capacity"][0] == 1_024
    assert phone["run_queues"]["capacity"][1] == pytest.approx(512, abs=12)


@pytest.mark.parametrize(
    ("load", "woke"),
    [
        ((2_400, 2_046), 1),  # a frame and two victims, against two victims
        ((2_046, 2_400), 0),
        ((2_046, 2_200), 1),  # less than 8 % heavier
    ],
)
def test_the_grace_period_kthread_goes_to_a_waker_that_is_not_clearly_more_loaded(
    load: tuple[int, int], woke: int
) -> None:
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    phone["now_us"] = 1_000_000
    for c in range(2):
        task = k.TASK_LAUNCH + c
        phone["tasks"]["weight"][task], phone["entities"]["cpu"][task] = load[c], c
        phone["entities"]["load_us"][task], phone["entities"]["load_avg"][task] = 1_000_000, pelt.LOAD_FULL
        phone["cpu_tasks"][c] = 1
    phone["fair_ns"][:2] = 250_000
    phone["tasks"]["mask"][k.TASK_NOISE] = 3
    assert slices.select_task_rq(phones[0], scenarios[0], k.TASK_NOISE) == 0  # a timer's stays where it slept
    scenarios["noise"][0, 0] = (8_000, 0, 50_000, 0, 3, 1)
    assert slices.select_task_rq(phones[0], scenarios[0], k.TASK_NOISE) == woke


@pytest.mark.parametrize(("due", "taken"), [(False, 2), (True, 1)])
def test_who_is_next_at_a_tick_is_not_taken_unless_its_cpu_balances_too(due: bool, taken: int) -> None:
    """Of three on CPU 0 the current's slice is up: its CPU has switched before the other looks, or balances first."""
    scenarios, phones = sliced(2, 10, 0).scenarios, np.zeros(1, PHONE)
    phone: Any = phones[0]
    slices.start(phones[0], scenarios[0])
    phone["now_us"], phone["tick_us"] = 1_000_000, 250
    phone["fair_ns"][:2] = 250_000
    phone["run_queues"]["balance_us"][0] = 0 if due else phone["now_us"]
    tasks = [k.TASK_LAUNCH + position for position in range(4)]
    for position, task in enumerate(tasks):
        phone["runnable"][position] = task
        t, e = phone["tasks"][task], phone["entities"][task]
        t["cpu"] = e["cpu"] = int(position == 3)
        t["weight"], t["mask"], t["wanted_us"], t["runnable_us"] = 1_024, 3, phone["now_us"], 1
        t["demand_ns"] = t["wanted_ns"] = 250_000
        e["load_us"], e["load_avg"] = phone["now_us"], 1 << 20
        e["util_avg"] = 1 << (20 if position < 3 else 18)
        e["vruntime"] = 1_000_000 * (10 if position == 0 else position)
    # the next, who has waited for longest, is at the tail
    for task in (tasks[1], tasks[2], tasks[0]):
        balancer.to_head(phones[0], task, 0)
    phone["entities"]["exec_ns"][tasks[0]] = 20_000_000
    phone["n_runnable"] = 4
    phone["run_queues"]["current"][:2] = (tasks[0], tasks[3])
    slices.schedule(phones[0], scenarios[0])
    moved = [position for position in range(3) if phone["tasks"]["cpu"][tasks[position]] == 1]
    assert moved == [taken]


def test_loads_halve_in_32_ms() -> None:
    assert pelt.decay(1 << 20, 128) == 1 << 19
    assert pelt.decay(1 << 20, 64) == pytest.approx((1 << 20) * 0.5**0.5, rel=1e-5)
    assert pelt.decay(1 << 20, 128 * 100) == 0


@pytest.mark.parametrize("preset", ["camera_launch", "rt_recording"])
def test_a_phone_with_slices_balances(preset: str) -> None:
    scenarios, phones = empty(1), np.zeros(1, PHONE)
    draw(preset, 5, overrides={"device": SLICES}, out=scenarios[0])
    for tick, phone in enumerate(each_tick(phones, scenarios, lambda: k.KWORKER)):
        assert wrong(phone, scenarios[0]) == []
        if tick % 100 == 0:
            assert audit(phone, scenarios[0]) == []
    assert any(phones[0].tobytes()[EXTRAS_OFFSET:])


def test_a_phone_without_writes_nothing_of_theirs() -> None:
    board = Board(ms=100)
    board.kill(board.app(entries=10_000))
    phone = board.run()
    assert not any(phone.tobytes()[EXTRAS_OFFSET:])
    before = phone_digest(phone)
    phone["run_queues"]["current"][0] = 1
    assert phone_digest(phone) != before


@pytest.mark.parametrize(
    "changes",
    [
        {"sched_latency_us": 12_000},
        {"sched_latency_us": 12_000, "sched_min_granularity_us": 13_000},
        {"sched_latency_us": -1},
        {"sched_tick_us": 0},
    ],
)
def test_slices_that_no_kernel_could_have_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"DeviceProfile\.sched_"):
        override(device_profile("phone-8gb"), changes)
