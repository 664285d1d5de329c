"""The stages of an exit: each takes what its counts cost, and nothing that a small exit could not meet."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import MIB, PhoneBuilder
from tests.phone.plain import entries, plain, run_audited
from tests.ticks import each_tick

COSTS = {
    "exit_signal_us": 2_000,
    "thread_exit_memory_ns": 60_000,
    "thread_exit_core_ns": 40_000,
    "mapping_free_memory_ns": 9_000,
    "mapping_free_core_ns": 1_000,
    "file_close_memory_ns": 40_000,
    "file_close_core_ns": 10_000,
    "exit_notify_us": 3_000,
}
PARTS: dict[str, Any] = {"swap_entries": 10_200, "anon_pages": 10_000, "file_pages": 5_000}
UNMAP_MS = (10_200 * 900 + 10_000 * 400 + 5_000 * 200) / 1e6  # 9.18 + 4 + 1


def stage_ends(board: PhoneBuilder, victim: int) -> dict[int, float]:
    """Run a board of short ticks; return when each stage of the victim's exit was over (ms)."""
    ends: dict[int, float] = {}
    for phone in each_tick(board.phones, board.scenarios, lambda: k.INLINE):
        process = phone["processes"][victim]
        for stage in range(int(process["exit_stage"])):
            ends.setdefault(stage, int(phone["now_us"]) / k.MS)
        if process["state"] == k.PROCESS_DEAD:
            ends.setdefault(k.EXIT_NOTIFY, int(phone["now_us"]) / k.MS)
    return ends


def test_each_stage_takes_what_its_counts_cost() -> None:
    board = plain(1, ms=200, tick_us=100, kernel=COSTS)
    victim = board.app(threads=25, mappings=400, files=60, **PARTS)
    board.kill(victim)
    ends = stage_ends(board, victim)
    by_hand = {
        k.EXIT_SIGNALLED: 2.0,
        k.EXIT_THREADS: 25 * 0.1,  # 60 us of memory and 40 of a core, each
        k.EXIT_UNMAP: UNMAP_MS,
        k.EXIT_REST: 400 * 0.01 + 60 * 0.05,
        k.EXIT_NOTIFY: 3.0,
    }
    at = 0.0
    for stage, takes_ms in by_hand.items():
        at += takes_ms
        assert ends[stage] == pytest.approx(at, abs=0.11), stage
    assert board.exit_ms(victim) == pytest.approx(sum(by_hand.values()), abs=0.01)
    # signal and notification pass off the CPU
    assert board.charged_ms(k.CHARGE_EXIT) == pytest.approx(sum(by_hand.values()) - 5, abs=0.01)


@pytest.mark.parametrize("count", ["threads", "mappings", "files"])
def test_an_exit_grows_by_each_of_its_counts(count: str) -> None:
    each_ms = {"threads": 0.1, "mappings": 0.01, "files": 0.05}[count]
    took = []
    for number in (10, 110):
        board = plain(1, ms=200, kernel=COSTS)
        victim = board.app(**({"threads": 1} | {count: number}))
        board.kill(victim)
        run_audited(board)
        took.append(board.exit_ms(victim))
    assert took[1] - took[0] == pytest.approx(100 * each_ms, abs=0.01)


def test_on_a_core_of_half_the_speed_only_core_parts_take_twice_as_long() -> None:
    took = []
    for capacity in (1_024, 512):
        board = plain((capacity,), ms=200, kernel=COSTS)
        victim = board.app(threads=25, mappings=400, files=60, **PARTS)
        board.kill(victim)
        run_audited(board)
        took.append(board.exit_ms(victim))
    assert took[1] - took[0] == pytest.approx(25 * 0.04 + 400 * 0.001 + 60 * 0.01, abs=0.01)


def test_one_exit_alone_to_the_microsecond() -> None:
    board = plain(kernel={"exit_signal_us": 20_000, "exit_notify_us": 1_234})
    victim = board.app(entries(51_000), anon_pages=10_000, file_pages=5_000)
    board.kill(victim)
    phone = run_audited(board)
    by_hand = 20_000 + (51_000 * 900 + 10_000 * 400 + 5_000 * 200) / 1_000 + 1_234
    assert phone["processes"]["exit_us"][victim] == pytest.approx(by_hand, abs=3)
    assert phone["processes"]["decisions"][victim] == 100
    # all its memory is back: 10,000 resident pages and a third of the entries
    assert phone["free_pages"] == 3_996 * MIB - 200 * MIB
    assert phone["slots_free"] == board.device["swap_slots"]


def test_a_signal_that_arrives_within_a_tick_leaves_the_rest_of_it() -> None:
    for signal_us in (2_000, 2_300, 2_999):
        board = plain(1, kernel={"exit_signal_us": signal_us})
        victim = board.app(anon_pages=10_000)
        board.kill(victim)
        run_audited(board)
        assert board.exit_ms(victim) == pytest.approx(signal_us / 1_000 + 4, abs=0.002)


@pytest.mark.parametrize("device", ["phone-8gb", "phone-12gb", "phone-16gb"])
def test_a_small_exit_is_small(device: str) -> None:
    board = PhoneBuilder(device, "mainline", ms=200)
    victim = board.app(1, 2, 1, threads=3, mappings=100, files=10)
    board.kill(victim)
    run_audited(board)
    assert board.exit_ms(victim) < 15


def test_the_more_an_app_holds_the_longer_it_takes() -> None:
    took = []
    for mib in (5, 50, 500, 1_500):
        board = PhoneBuilder("phone-12gb", "mainline", ms=4_000)
        victim = board.app(0.7 * mib, 0.3 * mib, threads=20 + mib // 10, mappings=3 * mib, files=mib // 2)
        board.kill(victim)
        run_audited(board)
        took.append(board.exit_ms(victim))
    assert took == sorted(took)
    assert took[-1] > 10 * took[0]


def test_a_victim_s_nice_decides_what_it_leaves_to_others() -> None:
    exits = {}
    for nice in (0, 19):
        board = plain(1, device={"victim_nice": nice})
        board.background_thread(0, share=1.0)
        victim = board.app(entries(20_400))
        board.kill(victim)
        run_audited(board)
        exits[nice] = board.exit_ms(victim)
    # half of the CPU beside a hog of nice 0, 15 of 1,039 parts of it at nice 19
    assert exits[0] == pytest.approx(2 * 20.4 * 0.9, rel=0.02)
    assert exits[19] == pytest.approx(1_039 / 15 * 20.4 * 0.9, rel=0.02)


def test_promoted_victims_outrun_those_left_in_the_background() -> None:
    exits = []
    for killer in (k.KILLER_SCENARIO_LMKD, k.KILLER_ACTIVITY_MANAGER):
        board = plain(1)
        victim = board.app(256)
        board.background_thread(0, 1.0)  # a thread at nice 0 that always wants the CPU
        board.kill(victim, killer=killer)
        run_audited(board)
        exits.append(board.exit_ms(victim))
    # weights 1024 and 52 against 1024
    assert exits[0] == pytest.approx(58.982 * 2, rel=0.02)
    assert exits[1] == pytest.approx(58.982 * (1_024 + 52) / 52, rel=0.02)


def test_background_threads_share_the_weight_of_their_group() -> None:
    took = []
    for dying in (1, 4):
        board = plain(1, kernel={"entry_inline_lock_share": 0.0})
        board.background_thread(0, 1.0)
        victims = [board.app(256 / dying) for _ in range(dying)]
        for victim in victims:
            board.kill(victim, killer=k.KILLER_ACTIVITY_MANAGER)
        run_audited(board)
        took.append(max(board.exit_ms(victim) for victim in victims))
    # four quarters of 52 get what one whole does beside a thread of 1,024 that wants all of the CPU
    assert took[1] == pytest.approx(took[0], rel=0.05)
