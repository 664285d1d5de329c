"""Whatever is decided, on whatever phone: pages and CPU time balance, queues keep their bounds, kills end."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.audit import audit
from swapgym.phone.state import PHONE
from swapgym.workload import DEVICES, KERNELS, PRESETS, draw, empty

overrides = st.fixed_dictionaries(
    {
        "kernel": st.fixed_dictionaries(
            {
                "queue_capacity": st.integers(0, 200_000),
                "child_queue_capacity": st.integers(0, 200_000),
                "hold_slot": st.booleans(),
                "n_kworkers": st.integers(1, 4),
                "kworker_nice": st.integers(-20, 19),
                "zspage_return": st.floats(0.0, 1.0),
                "batch_entries": st.integers(64, 5_000),
            }
        ),
        "device": st.fixed_dictionaries(
            {
                "n_reapers": st.integers(0, 2),
                "swappiness": st.integers(0, 200),
                "kill_timeout_ms": st.integers(0, 200),
                "psi_partial_stall_ms": st.integers(1, 200),
                "rt_throttling": st.booleans(),
            }
        ),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    device=st.sampled_from(sorted(DEVICES)),
    kernel=st.sampled_from(sorted(KERNELS)),
    seed=st.integers(0, 2**31),
    tick_us=st.sampled_from([250, 500, 1_000, 2_000]),
    changes=overrides,
    weights=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 3)),
    check_every=st.integers(1, 50),
)
def test_everything_balances(
    preset: str,
    device: str,
    kernel: str,
    seed: int,
    tick_us: int,
    changes: dict,
    weights: tuple[int, int, int],
    check_every: int,
) -> None:
    scenarios = empty(1)
    draw(preset, seed, device=device, kernel=kernel, overrides=changes, tick_us=tick_us, out=scenarios[0])
    before = scenarios.copy()
    phones = np.zeros(1, PHONE)
    rng = np.random.default_rng(seed)
    shares = np.array(weights) / sum(weights)
    engine.start(phones, scenarios, 0)
    assert audit(phones[0], scenarios[0]) == []
    decisions, last_us = 0, -1
    while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
        phone = phones[0]
        assert phone["now_us"] >= last_us
        last_us = int(phone["now_us"])
        assert phone["processes"]["state"][phone["pending"]] == k.PROCESS_EXITING
        if decisions % check_every == 0:
            assert audit(phone, scenarios[0]) == []
        engine.decide(phones, scenarios, 0, int(rng.choice(3, p=shares)))
        decisions += 1
    phone, total = phones[0], phones[0]["total"]
    assert audit(phone, scenarios[0]) == []
    assert (scenarios == before).all()
    # a prescribed kill whose victim lmkd took first is no kill of its own: one exit for each that was made
    assert total["exits"] + phone["n_exiting"] == total["kills"] > 0
    still_exiting = phone["exiting"][: phone["n_exiting"]]
    assert (phone["processes"]["state"][still_exiting] == k.PROCESS_EXITING).all()
    routed = total["batches_inline"] + total["batches_kworker"] + total["batches_child"]
    assert routed == decisions
    assert total["innocents"] <= total["kills"] and total["kill_timeouts"] <= total["kills"]
    assert total["backlog_peak"] >= phone["backlog_kworker"] + phone["backlog_child"]
