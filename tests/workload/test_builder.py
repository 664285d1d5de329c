"""The builder: one way to put a phone together by hand."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.workload import DEVICES, KERNELS, PhoneBuilder, builder, device_profile, kernel_variant
from swapgym.workload.builder import MIB


def test_its_example_runs() -> None:
    results = doctest.testmod(builder)
    assert results.attempted > 0 and results.failed == 0


@pytest.mark.parametrize("device", sorted(DEVICES))
@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_nothing_is_drawn(device: str, kernel: str) -> None:
    one, two = PhoneBuilder(device, kernel), PhoneBuilder(device_profile(device), kernel_variant(kernel))
    assert one.scenarios.tobytes() == two.scenarios.tobytes()
    assert one.device.tobytes() == device_profile(device).to_record().tobytes()
    assert one.kernel.tobytes() == kernel_variant(kernel).to_record(device_profile(device)).tobytes()


def test_changes_are_those_of_settings_and_bad_ones_are_named() -> None:
    board = PhoneBuilder(device_changes={"swappiness": 7}, kernel_changes={"batch_entries": 100})
    assert (board.profile.swappiness, board.device["swappiness"]) == (7, 7)
    assert (board.variant.batch_entries, board.kernel["batch_entries"]) == (100, 100)
    with pytest.raises(ValueError, match=r"device_changes: 'swapiness' is unknown \(did you mean 'swappiness'\?\)"):
        PhoneBuilder(device_changes={"swapiness": 7})
    with pytest.raises(ValueError, match=r"batch_entries: 0, must be from 1"):
        PhoneBuilder(kernel_changes={"batch_entries": 0})
    with pytest.raises(ValueError, match=r"device: 'phone-9gb' is unknown"):
        PhoneBuilder("phone-9gb")


def test_memory_is_where_it_was_put() -> None:
    board = PhoneBuilder("phone-8gb", "mainline", compression=4.0)
    app = board.app(64, 32, 16)
    board.leave_free(100 * MIB)
    board.start()
    phone = board.phone
    assert phone["processes"]["swap_entries"][app] == 64 * MIB
    assert phone["processes"]["anon_pages"][app] == phone["anon_pages"] == 32 * MIB
    assert phone["pool_pages"] == 16 * MIB
    assert phone["free_pages"] == 100 * MIB


def test_a_run_begins_anew_and_goes_on_where_it_paused() -> None:
    board = PhoneBuilder("phone-8gb", "vivo-async", ms=400)
    board.kill(board.app(64, threads=5, mappings=100, files=5), ms=20)
    whole = board.run(k.KWORKER).tobytes()
    assert board.run(k.INLINE).tobytes() != whole
    board.start()
    for until_ms in (10, 25.5, 300):
        board.go_on(k.KWORKER, until_ms)
        assert board.phone["now_us"] == np.ceil(until_ms) * k.MS
    assert board.go_on(k.KWORKER).tobytes() == whole
