"""What differs from phone to phone is drawn per scenario, in a stream of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.workload import draw, empty, kernel_variant
from swapgym.workload.uncertain import ENTRY_HIGH, ENTRY_LOW, HIGH, LOW

NONE = {"phone_sigma": 0.0, "entry_sigma": 0.0, "contention_sigma": 0.0}
ENTRIES = (k.COST_ENTRY_INLINE, k.COST_ENTRY_ENQUEUE, k.COST_ENTRY_DRAIN)


def kernels_of(n: int, **changes: Any) -> Any:
    """Return the KERNEL records of ``n`` scenarios, one phone each."""
    scenarios = empty(n)
    for seed in range(n):
        draw("camera_launch", seed, device="phone-8gb", overrides={"kernel": NONE | changes}, out=scenarios[seed])
    return scenarios["kernel"]


def test_without_spread_every_phone_has_the_kernel_s_own_costs() -> None:
    costs = kernels_of(5)
    assert len({one.tobytes() for one in costs}) == 1
    own = kernel_variant("vivo-async").entry_inline_memory_ns
    assert costs["memory_ps"][0][k.COST_ENTRY_INLINE] == round(own * 1_000)


def test_a_phone_s_memory_slows_all_that_waits_for_it_alike() -> None:
    plain, drawn = kernels_of(1)[0], kernels_of(400, phone_sigma=0.27)
    factors = drawn["memory_ps"] / np.maximum(1, plain["memory_ps"])
    waits = plain["memory_ps"] > 10_000
    waits[list(ENTRIES)] = False  # an entry's whole factor has bounds of its own
    for factor in factors[:20]:
        assert np.ptp(factor[waits]) < 1e-3
    one = factors[:, k.COST_FILE_CLOSE]
    for name in ("exit_signal_us", "exit_notify_us"):
        assert drawn[name] / plain[name] == pytest.approx(one, rel=1e-3)
    assert np.log(one).std() == pytest.approx(0.27, rel=0.1)
    assert np.median(one) == pytest.approx(1, abs=0.05)
    assert (drawn["core_ps"] == plain["core_ps"]).all()
    assert (drawn["lock_handoff"] == plain["lock_handoff"]).all()


def test_entries_differ_and_nothing_else_does() -> None:
    plain, drawn = kernels_of(1)[0], kernels_of(400, entry_sigma=0.2)
    others = [operation for operation in range(k.N_COSTS) if operation not in ENTRIES]
    assert (drawn["memory_ps"][:, others] == plain["memory_ps"][others]).all()
    assert (drawn["core_ps"] == plain["core_ps"]).all()
    factors = drawn["memory_ps"][:, k.COST_ENTRY_INLINE] / plain["memory_ps"][k.COST_ENTRY_INLINE]
    for operation in ENTRIES:
        assert drawn["memory_ps"][:, operation] / plain["memory_ps"][operation] == pytest.approx(factors, rel=1e-3)
    assert np.median(factors) == pytest.approx(1, abs=0.05)
    assert 0.1 < np.log(factors).std() < 0.2  # clipped below


def test_no_entry_is_cheaper_or_dearer_than_any_published() -> None:
    plain, drawn = kernels_of(1)[0], kernels_of(400, phone_sigma=0.5, entry_sigma=0.5)
    factors = drawn["memory_ps"][:, k.COST_ENTRY_INLINE] / plain["memory_ps"][k.COST_ENTRY_INLINE]
    assert factors.min() == pytest.approx(ENTRY_LOW, rel=1e-3)
    assert factors.max() == pytest.approx(ENTRY_HIGH, rel=1e-3)
    others = drawn["memory_ps"][:, k.COST_FILE_CLOSE] / plain["memory_ps"][k.COST_FILE_CLOSE]
    assert others.min() == pytest.approx(LOW, rel=1e-3)
    assert others.max() == pytest.approx(HIGH, rel=1e-3)


def test_contention_is_drawn_too() -> None:
    plain, drawn = kernels_of(1)[0], kernels_of(400, contention_sigma=0.25)
    assert np.log(drawn["lock_handoff"] / plain["lock_handoff"]).std() == pytest.approx(0.25, rel=0.1)
    assert (drawn["memory_ps"] == plain["memory_ps"]).all()


def test_which_phone_it_is_changes_nothing_else_that_happens() -> None:
    one, other = empty(1), empty(1)
    draw("camera_launch", 9, overrides={"kernel": NONE}, out=one[0])
    draw("camera_launch", 9, out=other[0])
    assert one["kernel"].tobytes() != other["kernel"].tobytes()
    for name in one.dtype.names or ():
        if name not in ("kernel", "launches"):
            assert one[name].tobytes() == other[name].tobytes()
    # a launch's nominal time holds what its faults cost on that phone, and a slower one is given longer
    for name in one["launches"].dtype.names or ():
        if name != "nominal_us":
            assert (one["launches"][name] == other["launches"][name]).all()


def test_the_same_seed_is_the_same_phone_on_every_kernel() -> None:
    inline, drain = [], []
    for seed in range(5):
        one, other = empty(1), empty(1)
        draw("camera_launch", seed, device="phone-8gb", kernel="mainline", out=one[0])
        draw("camera_launch", seed, device="phone-8gb", kernel="zsmalloc-deferred", out=other[0])
        own = [kernel_variant(name).entry_drain_memory_ns for name in ("mainline", "zsmalloc-deferred")]
        at = k.COST_ENTRY_DRAIN
        inline.append(one["kernel"]["memory_ps"][0][at] / own[0])
        drain.append(other["kernel"]["memory_ps"][0][at] / own[1])
    assert inline == pytest.approx(drain, rel=1e-3)
    assert len(set(inline)) == 5
