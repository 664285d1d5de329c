"""Cached apps: paged out as they enter the cached state, frozen later, touching pages until they are."""

from __future__ import annotations

from typing import Any

import pytest

from swapgym.phone import constants as k
from swapgym.workload.builder import MIB
from tests.phone.plain import plain, run_audited


def test_an_app_that_enters_cached_is_paged_out() -> None:
    board = plain(ms=1_000, device={"compaction": True})
    app = board.app(anon_mib=100, adj=700, anon_hot_pages=16 * MIB)
    board.event(10, k.EVENT_COMPACT, app)
    phone = run_audited(board)
    assert phone["processes"]["swap_entries"][app] == 84 * MIB
    assert phone["processes"]["oom_score_adj"][app] == 900
    # 84 MiB of pages at 5 us each
    assert board.charged_ms(k.CHARGE_COMPACTOR) == pytest.approx(84 * MIB * 5 / 1_000, rel=0.01)


def test_on_a_device_without_compaction_it_is_not() -> None:
    board = plain(ms=1_000)
    app = board.app(anon_mib=100, adj=700)
    board.event(10, k.EVENT_COMPACT, app)
    assert run_audited(board)["total"]["pswpout"] == 0


def test_its_mapped_files_go_but_for_those_it_shares() -> None:
    board = plain(ms=1_000, device={"compaction": True})
    app = board.app(anon_mib=10, file_mib=50, adj=700, file_hot_pages=30 * MIB)
    board.event(10, k.EVENT_COMPACT, app)
    phone = run_audited(board)
    assert phone["processes"]["file_pages"][app] == 30 * MIB
    assert phone["file_pages"] == (200 - 20) * MIB


@pytest.mark.parametrize(
    ("device", "frozen", "looks"),
    [
        ({"freezer": False}, 0, 10),  # at 0, 100, ... 900 ms
        ({"freezer": True, "freezer_ms": 500}, 0, 5),  # at 0 to 400 ms
        ({"freezer": True, "freezer_ms": 0}, 0, 0),
        ({"freezer": True, "freezer_ms": 500}, 1, 0),
    ],
)
def test_a_cached_app_faults_pages_back_in_until_it_is_frozen(device: dict[str, Any], frozen: int, looks: int) -> None:
    board = plain(ms=1_000, device=device)
    board.app(100, frozen=frozen, touch_pages_per_s=2_000)
    phone = run_audited(board)
    assert phone["total"]["pswpin"] == 200 * looks
    assert board.charged_ms(k.CHARGE_CACHED) == pytest.approx(200 * looks * 6e-3, rel=0.01)
