"""Play candidates for the default task."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.workload.timeline import PSS_OF_FILES

KERNELS: Final = ("vivo-async", "vivo-async-nice0", "vivo-async-little", "userspace-reaper")
DEVICES: Final = ("any", "phone-6gb", "phone-8gb", "phone-12gb", "phone-16gb")
CANDIDATES: Final = (
    *((kernel, device, "camera") for kernel in KERNELS for device in DEVICES),
    *((kernel, "any", "mixed") for kernel in KERNELS),
)
"""Kernel variant, device and preset; ``any`` lets the preset draw its devices."""
RATES: Final = (2.0, 6.0, 20.0)
FIRST_SEED: Final = 50_000
"""Train seeds from here on."""


def play(spec: EnvSpec, action: int, episodes: int) -> tuple[npt.NDArray[np.float64], float]:
    """Play every batch alike; return costs by objective, shape ``(episodes, 3)``, and collateral kills per episode."""
    lanes = Lanes(episodes, spec)
    for lane in range(episodes):
        lanes.draw(lane, FIRST_SEED + lane)
    lanes.begin()
    lanes.actions[:] = spec.actions()[action]
    while len(waiting := lanes.waiting()):
        lanes.step(waiting)
    return lanes.lanes["costs"].copy(), float(lanes.phones["total"]["collateral_kills"].mean())


def kill_worth(episodes: int) -> dict[str, float]:
    """Return what a collateral kill frees (MiB) and costs (ms), means over kills on phones that presets draw."""
    spec = EnvSpec(device=None)
    lanes = Lanes(episodes, spec)
    for lane in range(episodes):
        lanes.draw(lane, FIRST_SEED + lane)
    lanes.begin()
    lanes.actions[:] = spec.actions()[0]
    while len(waiting := lanes.waiting()):
        lanes.step(waiting)
    freed, cost = [], []
    for phone, scenario in zip(lanes.phones, lanes.scenarios, strict=True):
        for index in phone["kill_order"][: phone["n_killed"]].tolist():
            process, app = phone["processes"][index], scenario["apps"][index]
            if process["killer"] == k.KILLER_LMKD and not process["prescribed"] and app["present"]:
                held = app["anon_pages"] + app["swap_entries"] * k.UNIT / scenario["compression"]
                freed.append(float(held + PSS_OF_FILES * app["file_pages"]) / k.PAGES_PER_MIB)
                cost.append(float(app["relaunch_cost_us"]) / k.MS)
    mib, ms = float(np.mean(freed)), float(np.mean(cost))
    return {"kills": float(len(cost)), "freed_mib": mib, "relaunch_ms": ms, "ms_per_mib": ms / mib}


def half(values: npt.NDArray[np.float64]) -> float:
    """Return half the width of a 95 % interval of the mean."""
    return float(1.96 * values.std(ddof=1) / len(values) ** 0.5)


def job(task: tuple[str, str, str, int]) -> dict[str, float]:
    """Measure one candidate; at module level so that worker processes can be sent it."""
    kernel, device, preset, episodes = task
    spec = EnvSpec(kernel=kernel, device=None if device == "any" else device, preset=preset)
    (inline, kills), (defer, _) = play(spec, 0, episodes), play(spec, 1, episodes)
    lag, peak = defer[:, 0] - inline[:, 0], defer[:, 1] - inline[:, 1]
    found = {
        "inline_lag_ms": float(inline[:, 0].mean()),
        "inline_peak_mib": float(inline[:, 1].mean()),
        "lag_ms": float(lag.mean()),
        "lag_ms_half": half(lag),
        "peak_mib": float(peak.mean()),
        "peak_mib_half": half(peak),
        "break_even": float(-lag.mean() / peak.mean()),
        "kills": kills,
    }
    for rate in RATES:
        change = lag + rate * peak
        whole = float((inline[:, 0] + rate * inline[:, 1]).mean())
        found[f"r{rate:g}.change"] = float(change.mean()) / whole
        found[f"r{rate:g}.hindsight"] = float(np.minimum(change, 0.0).mean() - min(change.mean(), 0.0)) / whole
        found[f"r{rate:g}.inline_better"] = float((change > 0).mean())
    return found
