"""The zram pool: what comes back as entries are freed, and what compaction gives back."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import MIB
from tests.phone.plain import entries, plain, run_audited


@pytest.mark.parametrize(("exponent", "back"), [(1.0, 0.5), (0.65, 1 - 0.5**0.65), (0.2, 1 - 0.5**0.2), (0.0, 0.0)])
def test_the_zspage_law(exponent: float, back: float) -> None:
    board = plain(kernel={"zspage_return": exponent})
    victim = board.app(entries(102_000))
    board.app(entries(102_000))
    board.kill(victim)
    phone = run_audited(board)
    share = 1 - phone["pool_pages"] / board.scenario["pool_pages"]
    assert share == pytest.approx(back, abs=0.01)


def test_the_last_object_takes_the_pool_with_it() -> None:
    board = plain(kernel={"zspage_return": 0.0})
    board.kill(board.app(entries(102_000)))
    phone = run_audited(board)
    assert (phone["pool_objects"], phone["pool_pages"]) == (0, 0)


def test_compaction_gives_back_what_fragmentation_withheld() -> None:
    board = plain(ms=1_000, device={"swappiness": 0}, kernel={"zspage_return": 0.0})
    victim = board.app(300)
    board.app(100)
    board.leave_free(45 * MIB)
    board.kill(victim)
    board.launch(ms=300, burst_buffer_pages=20 * MIB)
    phone = run_audited(board)
    # three quarters of the objects are gone and no memory came back by itself
    assert phone["total"]["compacted"] > 0
    assert phone["pool_pages"] == board.scenario["pool_pages"] - phone["total"]["compacted"]


def test_demand_does_not_fall_by_what_is_swapped_out() -> None:
    board = plain(ms=1_000, device={"compaction": True})
    app = board.app(anon_mib=90, adj=700)
    board.event(10, k.EVENT_COMPACT, app)
    phone = run_audited(board)
    # 90 MiB are in 30 now: use falls by 60, and demand, which the kills answer to, by nothing
    assert phone["evicted_pages"] == 90 * MIB
    assert phone["total"]["in_use_peak_pages"] == pytest.approx(board.device["reserved_pages"] + 90 * MIB, abs=2)
    assert phone["free_pages"] == board.device["ram_pages"] - (100 + 200 + 30) * MIB
    assert phone["total"]["demand_peak_pages"] <= 2
