"""What must hold at the end of every tick, not only at decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.audit import audit
from swapgym.phone.sched.clocks import FULL
from swapgym.phone.state import PHONE
from swapgym.workload import DEVICES, KERNELS, PRESETS, draw, empty
from tests.ticks import each_tick

MAY_FALL = {"starved_now_us", "free_min_pages"}
GROWING = [name for name in PHONE["total"].names or () if name not in MAY_FALL]


def wrong(phone: Any, scenario: Any) -> list[str]:
    """Return what does not hold at the end of a tick, in words."""
    n = int(scenario["device"]["n_cpus"])
    cpus = {name: phone["cpus"][name][:n] for name in phone["cpus"].dtype.names}
    full = scenario["device"]["capacity"][:n]
    elapsed_ns = int(phone["now_us"]) * k.NS_PER_US
    ram = sum(int(phone[f"{where}_pages"]) for where in ("free", "file", "buffer", "pool", "anon"))
    dead = phone["processes"][phone["processes"]["state"] == k.PROCESS_DEAD]
    tasks = phone["tasks"][phone["runnable"][: phone["n_runnable"]]]
    placed = (tasks["mask"] >> tasks["cpu"]) & 1
    checks = {
        # idle time is the rest, so that the sum alone would prove nothing
        "more fair time used than SCHED_FIFO left": (cpus["used_ns"] <= cpus["fair_ns"]).all(),
        "CPU time": phone["total"]["charged_ns"].sum() == n * elapsed_ns,
        "pages of RAM": ram + scenario["device"]["reserved_pages"] == scenario["device"]["ram_pages"],
        "the dead hold resident pages": not dead["anon_pages"].any(),
        "the dead hold entries beyond their backlog": not dead["swap_entries"].any(),
        "a task outside its cpuset": placed.all(),
        "a task twice on the list": len(set(phone["runnable"][: phone["n_runnable"]].tolist())) == len(tasks),
        "a CPU that does not exist": (tasks["cpu"] < n).all(),
        "a grant beyond the tick": (tasks["granted_ns"] <= phone["tick_us"] * k.NS_PER_US).all(),
        "free memory gone": phone["free_pages"] >= 0,
        "a CPU faster than at full clock, or stopped": ((cpus["speed"] > 0) & (cpus["speed"] <= full)).all(),
        "utilisation beyond full": (tasks["util"] <= FULL).all() and (cpus["rt_util"] <= FULL).all(),
    }
    return [what for what, holds in checks.items() if not holds]


@settings(max_examples=12, deadline=None)
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    device=st.sampled_from(sorted(DEVICES)),
    kernel=st.sampled_from(sorted(KERNELS)),
    seed=st.integers(0, 2**31),
    tick_us=st.sampled_from([1_000, 2_000]),
    audit_every=st.integers(20, 200),
)
def test_every_tick_balances(preset: str, device: str, kernel: str, seed: int, tick_us: int, audit_every: int) -> None:
    scenarios, phones = empty(1), np.zeros(1, PHONE)
    draw(preset, seed, device=device, kernel=kernel, tick_us=tick_us, out=scenarios[0])
    rng = np.random.default_rng(seed)
    before = np.zeros(1, PHONE)[0]["total"]
    for tick, phone in enumerate(each_tick(phones, scenarios, lambda: int(rng.integers(3)))):
        assert wrong(phone, scenarios[0]) == []
        fallen = [name for name in GROWING if np.any(phone["total"][name] < before[name])]
        assert fallen == []
        before = phone["total"].copy()
        if tick % audit_every == 0:
            assert audit(phone, scenarios[0]) == []


def test_every_kill_ends_in_an_exit_or_is_on_its_way() -> None:
    for seed in range(6):
        scenarios, phones = empty(1), np.zeros(1, PHONE)
        draw("camera_launch", seed, kernel="mainline", out=scenarios[0])
        engine.start(phones, scenarios, 0)
        while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
            engine.decide(phones, scenarios, 0, k.INLINE)
        processes, scenario = phones[0]["processes"], scenarios[0]
        killed = phones[0]["kill_order"][: phones[0]["n_killed"]]
        assert len(killed) > 0
        for index in killed.tolist():
            process = processes[index]
            off_cpu_us = int(scenario["kernel"]["exit_signal_us"] + scenario["kernel"]["exit_notify_us"])
            if process["state"] == k.PROCESS_DEAD:
                assert process["exit_us"] - process["kill_us"] >= off_cpu_us
            else:
                # nobody starves for two seconds here: whoever has not gone was killed late
                assert process["state"] == k.PROCESS_EXITING
                assert scenario["duration_us"] - process["kill_us"] < 2_000_000
