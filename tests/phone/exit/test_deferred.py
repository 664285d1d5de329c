"""Deferred entries: queues and their bounds, the kworker, forked children, zombie memory."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.phone.kernel_variant import UNBOUNDED
from tests.phone.plain import entries, plain, run_audited

ENTRIES = 65_536
"""256 MB, as in the published measurements."""


def test_a_deferred_exit_leaves_its_memory_behind() -> None:
    board = plain()
    victim = board.app(entries(51_000))
    board.kill(victim)
    phone = run_audited(board, k.KWORKER)
    # enqueueing costs 20 ns an entry; the drain starts with the first work item and takes 45.9 ms
    assert board.exit_ms(victim) == pytest.approx(1.020, abs=0.02)
    assert board.charged_ms(k.CHARGE_KWORKER) == pytest.approx(45.9, abs=0.1)
    assert board.charged_ms(k.CHARGE_EXIT) == pytest.approx(1.02, abs=0.02)
    assert phone["total"]["zombie_peak_pages"] == pytest.approx(51_000 / 3, rel=0.05)
    assert phone["backlog_kworker"] == 0


def test_work_items_are_gathered_before_the_worker_sees_them() -> None:
    board = plain()
    board.kill(board.app(entries(20 * 510)))
    seen = []

    def note(phone: Any) -> int:
        seen.append(int(phone["ready_kworker"]))
        return k.KWORKER

    run_audited(board, note)
    # nineteen batches of 510 make 9,690: the first work item
    assert seen == [0] * 19 + [19 * 510]


def test_a_full_queue_falls_back_to_inline() -> None:
    # nothing is drained before the walk's end
    board = plain(kernel={"queue_capacity": 5 * 510, "work_item_entries": UNBOUNDED})
    board.kill(board.app(entries(20 * 510)))
    total = run_audited(board, k.KWORKER)["total"]
    assert total["batches_kworker"] == 5
    assert total["fallbacks"] == total["batches_inline"] == 15
    assert total["backlog_peak"] == 5 * 510


def test_a_kernel_without_a_queue_releases_inline() -> None:
    board = plain(kernel={"queue_capacity": 0})
    board.kill(board.app(entries(20 * 510)))
    total = run_audited(board, k.KWORKER)["total"]
    assert (total["batches_kworker"], total["fallbacks"], total["entries_inline"]) == (0, 20, 20 * 510)


@pytest.mark.parametrize("hold", [False, True])
def test_a_deferred_entry_holds_its_slot_or_not(hold: bool) -> None:
    board = plain(ms=200, device={"rt_throttling": False}, kernel={"hold_slot": hold})
    board.kill(board.app(entries(20 * 510)))
    board.event(1, k.EVENT_RT, 0b1111, 1_000)  # from the second tick on nobody drains
    phone = run_audited(board, k.KWORKER)
    queued = phone["backlog_kworker"]
    assert queued > 0
    assert phone["slots_free"] == board.device["swap_slots"] - (queued if hold else 0)


@pytest.mark.parametrize(("throttling", "drained_ms"), [(False, 0.0), (True, 50.0)])
def test_a_starved_drain(throttling: bool, drained_ms: float) -> None:
    # no lock, and the exit ends within the first millisecond
    changes = {"entry_enqueue_memory_ns": 1, "entry_inline_lock_share": 0.0, "entry_drain_lock_share": 0.0}
    board = plain(1, ms=1_000, device={"rt_throttling": throttling}, kernel=changes)
    victim = board.app(4 * 256)
    board.kill(victim)
    board.event(1, k.EVENT_RT, 1, 1_000)
    phone = run_audited(board, k.KWORKER)
    total = phone["total"]
    assert board.exit_ms(victim) < 2
    # of the second SCHED_FIFO takes all but its last 50 ms, or all of it
    assert board.charged_ms(k.CHARGE_KWORKER) == pytest.approx(drained_ms, abs=1.1)
    assert total["starved_us"] == pytest.approx(999_000 - drained_ms * 1_000, abs=2_000)
    assert total["starved_max_us"] == pytest.approx(999_000 - drained_ms * 1_000, abs=2_000)
    assert phone["zombie_entries"] == phone["backlog_kworker"] > 0


def test_a_queue_for_two_workers_is_drained_by_two() -> None:
    drained = []
    for workers in (1, 2):
        board = plain(ms=40, kernel={"n_kworkers": workers, "entry_drain_lock_share": 0.0})
        board.kill(board.app(entries(100_000)))
        drained.append(int(run_audited(board, k.KWORKER)["total"]["entries_kworker"]))
    assert drained[1] == pytest.approx(2 * drained[0], rel=0.1)


@pytest.mark.parametrize(("nice", "weight"), [(-20, 88_761), (0, 1_024), (19, 15)])
def test_a_worker_s_nice_decides_what_it_gets_of_a_busy_cpu(nice: int, weight: int) -> None:
    board = plain(1, ms=1_000, kernel={"kworker_nice": nice, "entry_drain_lock_share": 0.0})
    board.background_thread(0, 1.0)
    board.kill(board.app(8 * 256))
    run_audited(board, k.KWORKER)
    # 8 x 59 ms of work at most, and the exit itself takes some 11 ms of CPU
    expected = min(8 * 58.98, 980 * weight / (weight + 1_024))
    assert board.charged_ms(k.CHARGE_KWORKER) == pytest.approx(expected, rel=0.02)


def test_a_worker_wakes_after_its_latency() -> None:
    drained = []
    for latency_us in (0, 20_000):
        board = plain(2, ms=20, kernel={"kworker_wakeup_us": latency_us})
        board.kill(board.app(entries(10_200)))
        phone = run_audited(board, k.KWORKER)
        drained.append(int(phone["total"]["entries_kworker"]))
        assert phone["total"]["starved_us"] == 0
    assert drained == [10_200, 0]


# --------------------------------------------------------------------------------------------------------- USERSPACE
def test_the_child_is_accounted_and_runs_in_the_background() -> None:
    board = plain(ms=1_000, device={"background_cpus": (0,)})
    board.kill(board.app(entries(51_000)))
    phone = run_audited(board, k.USERSPACE)
    assert board.charged_ms(k.CHARGE_CHILD) == pytest.approx(45.9, abs=0.1)
    assert board.charged_ms(k.CHARGE_KWORKER) == 0
    assert phone["tasks"]["cpu"][k.TASK_CHILD] == 0


def test_forking_a_child_costs_its_parent_once() -> None:
    took = []
    for fork_us in (0, 700):
        board = plain(1, kernel={"child_fork_us": fork_us, "child_nice": 19})
        victim = board.app(entries(51_000))
        board.kill(victim)
        run_audited(board, k.USERSPACE)
        took.append(board.exit_ms(victim))
    assert took[1] - took[0] == pytest.approx(0.7, rel=0.05)


def test_each_dying_process_forks_a_child_of_its_own() -> None:
    waited = []
    for victims in (1, 3):
        board = plain(ms=1_000, kernel={"entry_drain_lock_share": 0.0, "entry_inline_lock_share": 0.0})
        for _ in range(victims):
            board.kill(board.app(256))
        phone = run_audited(board, k.USERSPACE)
        assert phone["total"]["entries_child"] == victims * ENTRIES
        waited.append(int(phone["total"]["backlog_entry_us"]))
    # without a lock three children on four CPUs take no longer than one does: three times as much waits as long
    assert waited[1] == pytest.approx(3 * waited[0], rel=0.05)


def test_what_is_left_to_the_child_has_a_bound_too() -> None:
    board = plain(ms=300, kernel={"child_queue_capacity": 3 * 510})
    board.kill(board.app(entries(20 * 510)))
    total = run_audited(board, k.USERSPACE)["total"]
    assert total["backlog_peak"] <= 3 * 510
    assert total["fallbacks"] > 0
    assert total["entries_child"] + total["entries_inline"] == 20 * 510


@pytest.mark.parametrize("route", [k.KWORKER, k.USERSPACE])
def test_zombie_memory_is_what_is_queued_of_the_dead(route: int) -> None:
    board = plain(1, ms=100)
    victim = board.app(256)
    board.kill(victim)
    board.start()
    zombies = []
    for until_ms in range(5, 100, 5):
        phone = board.go_on(route, until_ms)
        backlog = int(phone["backlog_kworker"] + phone["backlog_child"])
        dead = phone["processes"]["state"][victim] == k.PROCESS_DEAD
        assert phone["zombie_entries"] == (backlog if dead else 0)
        zombies.append(int(phone["zombie_entries"]))
    assert max(zombies) > 0
    # it weighs what its entries do: a third of a page each
    assert phone["total"]["zombie_peak_pages"] == pytest.approx(max(zombies) / 3, rel=0.15)
