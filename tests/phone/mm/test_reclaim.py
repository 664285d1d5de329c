"""Reclaim: kswapd between its watermarks, direct reclaim below them, and whom it takes from."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import MIB
from tests.phone.plain import plain, run_audited


def test_kswapd_wakes_below_low_and_stops_above_high() -> None:
    board = plain(ms=500)
    board.app(anon_mib=400)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=10 * MIB)
    phone = run_audited(board)
    assert phone["free_pages"] >= board.device["watermark_high"]
    assert phone["free_pages"] <= board.device["watermark_high"] + k.SWAP_CLUSTER_MAX
    assert phone["kswapd_awake"] == 0
    assert board.charged_ms(k.CHARGE_KSWAPD) > 0
    assert phone["total"]["direct_reclaim_us"] == 0


def test_kswapd_pays_for_each_page_by_its_kind() -> None:
    board = plain(1, ms=2_000)
    board.app(anon_mib=400)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=10 * MIB)
    total = run_audited(board)["total"]
    # 5 us a page compressed, 1 us a clean one dropped
    by_hand = (total["pswpout"] * 5 + total["file_reclaimed"] * 1 + total["compacted"] * 2) / 1_000
    assert board.charged_ms(k.CHARGE_KSWAPD) == pytest.approx(by_hand, rel=0.01)


def test_below_min_the_allocator_reclaims_itself_and_stalls() -> None:
    board = plain(1, ms=1_000)
    board.app(anon_mib=800)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=200 * MIB)
    phone = run_audited(board)
    assert phone["total"]["direct_reclaim_us"] > 0
    assert phone["total"]["stall_us"] >= phone["total"]["direct_reclaim_us"]
    assert board.charged_ms(k.CHARGE_DIRECT_RECLAIM) > 0
    assert phone["total"]["launches_done"] == 1
    assert phone["psi"]["some_ns"] > 0


@pytest.mark.parametrize("swappiness", [0, 200])
def test_swappiness_chooses_the_list(swappiness: int) -> None:
    # the page cache is not ample
    board = plain(ms=500, device={"swappiness": swappiness})
    board.device["file_workingset_pages"] = 400 * MIB
    board.app(anon_mib=400)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=30 * MIB)
    total = run_audited(board)["total"]
    assert (total["pswpout"] > 0) == (swappiness == 200)
    assert (total["file_reclaimed"] > 0) == (swappiness == 0)


def test_the_page_cache_is_not_reclaimed_below_its_floor() -> None:
    board = plain(ms=1_500, device={"swappiness": 0})
    board.app(anon_mib=30, anon_hot_pages=30 * MIB)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=140 * MIB)
    phone = run_audited(board)
    assert phone["file_pages"] == board.device["file_floor_pages"]


def test_buffers_are_not_reclaimed() -> None:
    board = plain(ms=500)
    board.app(anon_mib=400)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=40 * MIB)
    assert run_audited(board)["buffer_pages"] == 40 * MIB


def test_the_app_in_front_and_the_hot_pages_of_others_stay() -> None:
    board = plain(ms=1_000, device={"swappiness": 200})
    board.device["file_workingset_pages"] = 400 * MIB
    board.scenario["apps"]["anon_pages"][int(board.scenario["foreground_process"])] = 100 * MIB
    cold = board.app(anon_mib=100, anon_hot_pages=70 * MIB)
    board.leave_free(30 * MIB)
    board.event(0, k.EVENT_RT, 0, 0)
    board.launch(burst_buffer_pages=20 * MIB, process=int(board.scenario["foreground_process"]))
    phone = run_audited(board)
    assert phone["processes"]["swap_entries"].sum() == phone["processes"]["swap_entries"][cold] > 0
    assert phone["processes"]["anon_pages"][cold] >= 70 * MIB
