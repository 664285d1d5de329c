"""Who runs where: cpusets, idle CPUs, placement on small and large CPUs, workers."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import PhoneBuilder
from tests.phone.plain import entries, got_ms, hog, plain, run_audited
from tests.ticks import each_tick

ENTRIES = 65_536
SMALL_AND_LARGE = (256, 1_024)


def cpus_of(board: PhoneBuilder, task: int) -> list[int]:
    """Run and return the CPU on which ``task`` stood in each tick that it ran."""
    return [
        int(phone["tasks"]["cpu"][task])
        for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE)
        if phone["tasks"]["requested"][task] == phone["tick"] - 1
    ]


def test_a_new_task_starts_small_and_moves_up_as_it_outgrows_the_cpu() -> None:
    board = plain(SMALL_AND_LARGE, ms=100)
    seen = cpus_of(board, k.TASK_EXIT + hog(board))
    moved = seen.index(1)
    assert seen == [0] * moved + [1] * (len(seen) - moved)
    # 80 % of 256 is a fifth of 1024: after 32.768 ms * log2(1 / 0.8) = 10.5 ms at a quarter of the speed, 42.2 ms
    assert moved == 43


def test_its_utilisation_moves_with_it() -> None:
    board = plain(SMALL_AND_LARGE, ms=60)
    task = k.TASK_EXIT + hog(board)
    before = 0
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        utils = phone["cpus"]["util"][:2].tolist()
        own = int(phone["tasks"]["util"][task])
        if phone["tasks"]["cpu"][task] == 1:
            # the small CPU keeps nothing of the only task it ever had, the large one has all of it
            assert utils == pytest.approx([0, own], abs=50)
            # and a ms at full speed on top: (1024 - util) * (1 - 2 ** (-1 / 32.768))
            assert own - before == pytest.approx((65_536 - before) * 0.0209, rel=0.02)
            return
        assert utils == pytest.approx([own, 0], abs=50)
        before = own
    raise AssertionError("it has not moved")


def test_a_boosted_thread_starts_on_the_largest() -> None:
    board = plain(SMALL_AND_LARGE, ms=100)
    board.launch(work_ns=10**9)
    assert set(cpus_of(board, k.TASK_LAUNCH)) == {1}


def test_without_its_boost_it_starts_small() -> None:
    board = plain(SMALL_AND_LARGE, ms=30, device={"uclamp_launch": 0.0})
    board.launch(work_ns=10**9)
    assert set(cpus_of(board, k.TASK_LAUNCH)) == {0}


def test_of_equal_cpus_a_task_stays_where_it_was() -> None:
    board = plain(4, ms=50)
    assert len(set(cpus_of(board, k.TASK_EXIT + hog(board)))) == 1


def test_two_tasks_on_one_cpu_part_when_another_is_idle() -> None:
    board = plain(2, ms=100, device={"background_cpus": (0,)})
    confined, free = hog(board, k.KILLER_ACTIVITY_MANAGER), hog(board)
    run_audited(board)
    for process in (confined, free):
        assert got_ms(board, process) == pytest.approx(100, abs=2)


def test_the_balancer_mends_where_no_cpu_is_idle() -> None:
    board = plain(2, ms=400)
    # three start on each CPU; when one CPU's share is halved by SCHED_FIFO, one moves over
    processes = [hog(board) for _ in range(6)]
    board.event(0, k.EVENT_RT, 0b01, 600)
    run_audited(board)
    got = sorted(got_ms(board, process) for process in processes)
    assert sum(got) == pytest.approx(400 * 1.4, rel=0.001)
    # 0.4 and 1.0 CPUs for six: 2 and 4 of them have 0.2 and 0.25 each; 3 and 3 would have 0.13 and 0.33
    assert got[0] / got[-1] > 0.6


def test_nobody_leaves_the_cpuset() -> None:
    board = plain(4, ms=300, device={"background_cpus": (0, 1)})
    for _ in range(4):
        board.kill(board.app(entries(ENTRIES)), killer=k.KILLER_ACTIVITY_MANAGER)

    def check(phone: Any) -> int:
        cpus = phone["tasks"]["cpu"][k.TASK_EXIT + 1 : k.TASK_EXIT + 5]
        assert set(cpus.tolist()) <= {k.MAX_CPUS, 0, 1}
        return k.INLINE

    run_audited(board, check)


def test_a_waking_worker_takes_an_idle_cpu_not_the_ui_thread_s() -> None:
    board = plain(2, ms=400)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"][0] = 7_000
    board.scenario["frame_render_us"][0] = 3_000
    board.kill(board.app(entries(4 * ENTRIES)))
    phone = run_audited(board, k.KWORKER)
    # the worker at nice -20 has work for 236 ms, and no frame of 10 ms notices
    assert phone["total"]["entries_kworker"] == 4 * ENTRIES
    assert phone["total"]["frames_janky"] == 0
    assert phone["total"]["frames"] >= 23


@pytest.mark.parametrize(("mask", "cpus"), [(0b0100, {2}), (0b0011, {0, 1}), (0b1111, {0, 1, 2, 3})])
def test_a_worker_keeps_to_its_mask(mask: int, cpus: set[int]) -> None:
    board = plain(4, ms=100, kernel={"kworker_mask": mask})
    board.kill(board.app(entries(100_000)))
    seen = {
        int(phone["tasks"]["cpu"][k.TASK_KWORKER])
        for phone in each_tick(board.phones, board.scenarios, lambda: k.KWORKER)
    }
    assert seen - {k.MAX_CPUS} <= cpus
    assert board.phone["total"]["entries_kworker"] > 50_000


def test_a_mask_of_cpus_that_are_not_there_is_no_mask() -> None:
    board = plain(2, ms=50, kernel={"kworker_mask": 0b1000})
    board.kill(board.app(entries(20_400)))
    assert run_audited(board, k.KWORKER)["total"]["entries_kworker"] == 20_400
