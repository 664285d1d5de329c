"""Who runs where and for how long: shares by weight, SCHED_FIFO, cpusets, and placement on small and large CPUs."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.phone import engine
from tests.phone.board import Board, charged_ms

LONG_NS = 10**10


def hog(board: Board, killer: int = k.KILLER_SCENARIO_LMKD) -> int:
    """Kill a process whose exit computes for ten seconds and touches neither memory nor lock; return its index."""
    process = board.app()
    board.scenario["apps"][process]["exit_other_ns"] = LONG_NS
    board.kill(process, killer=killer)
    return process


def got_ms(board: Board, phone: Any, process: int) -> float:
    """Return how far ``process`` has come with its exit, in ms of a CPU of capacity 1024."""
    return (LONG_NS - int(phone["processes"]["exit_other_left_ps"][process]) / k.PS_PER_NS) / 1e6


@pytest.mark.parametrize(("nice", "weight"), [(-20, 88_761), (-10, 9_548), (0, 1_024), (1, 820), (19, 15)])
def test_shares_follow_the_kernel_s_weights(nice: int, weight: int) -> None:
    board = Board(cpus=1, ms=1_000)
    process = hog(board)
    for index in range(k.MAX_NOISE):  # four threads that always want CPU
        board.noise(index, 1.0, nice)
    phone = board.run()
    assert got_ms(board, phone, process) == pytest.approx(1_000 * 1_024 / (1_024 + 4 * weight), rel=0.01)


def test_what_one_does_not_want_goes_to_the_others() -> None:
    board = Board(cpus=1, ms=1_000)
    board.noise(0, 0.2, nice=-20)
    process = hog(board)
    phone = board.run()
    assert charged_ms(phone, k.CHARGE_NOISE) == pytest.approx(200, rel=0.01)
    assert got_ms(board, phone, process) == pytest.approx(800, rel=0.01)


@pytest.mark.parametrize("capacity", [250, 512, 1_024])
def test_a_small_cpu_does_less(capacity: int) -> None:
    board = Board(cpus=1, capacity=capacity, ms=1_000)
    process = hog(board)
    phone = board.run()
    assert got_ms(board, phone, process) == pytest.approx(1_000 * capacity / 1_024, rel=0.01)
    assert charged_ms(phone, k.CHARGE_EXIT) == pytest.approx(1_000, rel=0.001)


def test_a_part_of_a_cpu_under_sched_fifo_is_left() -> None:
    board = Board(cpus=1, ms=1_000)
    board.event(0, k.EVENT_RT, 1, 300)
    process = hog(board)
    phone = board.run()
    assert got_ms(board, phone, process) == pytest.approx(700, rel=0.001)
    assert charged_ms(phone, k.CHARGE_RT) == pytest.approx(300, rel=0.001)


def test_throttling_counts_per_second_and_per_cpu() -> None:
    board = Board(cpus=2, ms=3_000)
    board.event(0, k.EVENT_RT, 0b01, 1_000)
    board.event(0, k.EVENT_RT, 0b10, 900)  # under the limit of 950 ms in each second
    phone = board.run()
    assert charged_ms(phone, k.CHARGE_RT) == pytest.approx(3 * 950 + 3 * 900, rel=0.001)
    assert charged_ms(phone, k.CHARGE_IDLE) == pytest.approx(3 * 50 + 3 * 100, rel=0.001)


def unequal(ms: int = 100) -> Board:
    """Return a board with a small CPU and a large one."""
    board = Board(cpus=2, ms=ms)
    for field in ("capacity", "mem_speed"):
        board.device[field][:2] = (256, 1_024)
    return board


def cpus_of(board: Board, task: int) -> list[int]:
    """Run and return the CPU on which ``task`` stood in each tick that it ran."""
    seen = []
    last = int(board.scenario["duration_us"])
    engine.start(board.phones, board.scenarios, 0)
    for end_us in range(k.MS, last + 1, k.MS):
        board.scenario["duration_us"] = end_us
        while engine.advance(board.phones, board.scenarios, 0) == k.RUN_DECISION:
            engine.decide(board.phones, board.scenarios, 0, k.INLINE)
        phone = board.phones[0]
        phone["phase"] = engine.PHASE_TICK
        if phone["tasks"]["wanted_us"][task] == phone["now_us"] - k.MS:
            seen.append(int(phone["tasks"]["cpu"][task]))
    return seen


def test_a_new_task_starts_small_and_moves_up_as_it_outgrows_the_cpu() -> None:
    board = unequal()
    seen = cpus_of(board, k.TASK_EXIT + hog(board))
    moved = seen.index(1)
    assert seen == [0] * moved + [1] * (len(seen) - moved)
    # 20 of utilisation per ms: 80 % of 256 is passed in its eleventh ms
    assert moved == 11


def test_a_boosted_thread_starts_on_the_largest() -> None:
    board = unequal()
    board.launch(work_ns=10**9)
    assert set(cpus_of(board, k.TASK_LAUNCH)) == {1}


def test_of_equal_cpus_a_task_stays_where_it_was() -> None:
    board = Board(cpus=4, ms=50)
    assert len(set(cpus_of(board, k.TASK_EXIT + hog(board)))) == 1


def test_two_tasks_on_one_cpu_part_when_another_is_idle() -> None:
    board = Board(cpus=2, ms=100)
    board.device["background_mask"] = 0b01
    confined, free = hog(board, k.KILLER_ACTIVITY_MANAGER), hog(board)
    phone = board.run()
    for process in (confined, free):
        assert got_ms(board, phone, process) == pytest.approx(100, abs=2)


def test_the_balancer_mends_where_no_cpu_is_idle() -> None:
    board = Board(cpus=2, ms=400)
    # three start on each CPU; when one CPU's share is halved by SCHED_FIFO, one moves over
    processes = [hog(board) for _ in range(6)]
    board.event(0, k.EVENT_RT, 0b01, 600)
    phone = board.run()
    got = sorted(got_ms(board, phone, process) for process in processes)
    assert sum(got) == pytest.approx(400 * 1.4, rel=0.001)
    # 0.4 and 1.0 CPUs for six: 2 and 4 of them have 0.2 and 0.25 each; 3 and 3 would have 0.13 and 0.33
    assert got[0] / got[-1] > 0.6


def test_a_queue_for_two_workers_is_drained_by_two() -> None:
    drained = []
    for workers in (1, 2):
        board = Board(cpus=4, ms=40)
        board.kernel["n_kworkers"] = workers
        board.kernel["entry_drain_lock_ps"] = 0
        board.kill(board.app(entries=100_000))
        drained.append(int(board.run(k.KWORKER)["total"]["entries_kworker"]))
    assert drained[1] == pytest.approx(2 * drained[0], rel=0.1)


def test_a_worker_keeps_to_its_mask() -> None:
    board = Board(cpus=4, ms=100)
    board.kernel["kworker_mask"] = 0b0100
    board.kill(board.app(entries=100_000))
    seen = set()

    def look(phone: Any) -> int:
        seen.add(int(phone["tasks"]["cpu"][k.TASK_KWORKER]))
        return k.KWORKER

    phone = board.run(look)
    seen.add(int(phone["tasks"]["cpu"][k.TASK_KWORKER]))
    assert seen - {-1} == {2}


def test_a_worker_wakes_after_its_latency() -> None:
    starved = []
    for latency_us in (0, 20_000):
        board = Board(cpus=2, ms=20)
        board.kernel["kworker_wakeup_us"] = latency_us
        board.kill(board.app(entries=10_200))
        phone = board.run(k.KWORKER)
        starved.append(int(phone["total"]["entries_kworker"]))
        assert phone["total"]["starved_us"] == 0
    assert starved[0] == 10_200
    assert starved[1] == 0


def test_an_empty_phone_is_idle() -> None:
    assert charged_ms(Board(cpus=3, ms=100).run(), k.CHARGE_IDLE) == pytest.approx(300)
