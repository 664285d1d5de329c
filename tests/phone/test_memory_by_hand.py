"""Reclaim and the pool: small cases worked out on paper."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from tests.phone.board import MIB, Board, charged_ms


def test_kswapd_wakes_below_low_and_stops_above_high() -> None:
    board = Board(ms=500)
    board.app(anon=400 * MIB)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=10 * MIB)
    phone = board.run()
    assert phone["free_pages"] >= board.device["watermark_high"]
    assert phone["free_pages"] <= board.device["watermark_high"] + k.SWAP_CLUSTER_MAX
    assert phone["kswapd_awake"] == 0
    assert charged_ms(phone, k.CHARGE_KSWAPD) > 0
    assert phone["total"]["direct_reclaim_us"] == 0


def test_below_min_the_allocator_reclaims_itself_and_stalls() -> None:
    board = Board(cpus=1, ms=1_000)
    board.app(anon=800 * MIB)
    board.leave_free(25 * MIB)
    board.launch(burst_buffer_pages=200 * MIB)
    phone = board.run()
    assert phone["total"]["direct_reclaim_us"] > 0
    assert phone["total"]["stall_us"] >= phone["total"]["direct_reclaim_us"]
    assert charged_ms(phone, k.CHARGE_DIRECT_RECLAIM) > 0
    assert phone["total"]["launches_done"] == 1
    assert phone["psi"]["some_us"] > 0


@pytest.mark.parametrize("swappiness", [0, 200])
def test_swappiness_chooses_the_list(swappiness: int) -> None:
    board = Board(ms=500)
    board.device["swappiness"] = swappiness
    board.device["file_workingset_pages"] = 400 * MIB  # the page cache is not ample
    board.app(anon=400 * MIB)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=30 * MIB)
    total = board.run()["total"]
    assert (total["pswpout"] > 0) == (swappiness == 200)
    assert (total["file_reclaimed"] > 0) == (swappiness == 0)


def test_compaction_gives_back_what_fragmentation_withheld() -> None:
    board = Board(ms=1_000)
    board.kernel["zspage_return"] = 0
    board.device["swappiness"] = 0
    victim = board.app(entries=300 * MIB)
    board.app(entries=100 * MIB)
    board.leave_free(45 * MIB)
    board.kill(victim)
    board.launch(ms=300, burst_buffer_pages=20 * MIB)
    phone = board.run()
    # three quarters of the objects are gone and no memory came back by itself
    assert phone["total"]["compacted"] > 0
    assert phone["pool_pages"] == board.scenario["pool_pages"] - phone["total"]["compacted"]


def test_buffers_are_not_reclaimed() -> None:
    board = Board(ms=500)
    board.app(anon=400 * MIB)
    board.leave_free(45 * MIB)
    board.launch(burst_buffer_pages=40 * MIB)
    phone = board.run()
    assert phone["buffer_pages"] == 40 * MIB


def test_an_app_that_enters_cached_is_paged_out() -> None:
    board = Board(ms=1_000)
    board.device["compaction"] = 1
    app = board.app(adj=700, anon=100 * MIB, hot=16 * MIB)
    board.event(10, k.EVENT_COMPACT, app)
    phone = board.run()
    assert phone["processes"]["swap_entries"][app] == 84 * MIB
    assert phone["processes"]["oom_score_adj"][app] == 900
    # 84 MiB of pages at 5 us each
    assert charged_ms(phone, k.CHARGE_COMPACTOR) == pytest.approx(84 * MIB * 5 / 1_000, rel=0.01)
