"""What an environment tells beside observation and reward: the same keys in every step, as recorders need it.

Costs are what the episode has been charged so far, 0 at its start; a step's reward is their growth, weighed, subtracted
from what the reference costs in that time (:mod:`swapgym.envs.costs`). ``metrics``
and ``digest`` have their values at the episode's end; before it metrics are -1, which none of them can be, and the
digest is empty. (NaN would differ from itself wherever two infos are compared.)
"""

from __future__ import annotations

from typing import Any, Final

from swapgym.envs.costs import OBJECTIVES, TERM_NAMES
from swapgym.envs.metrics import METRIC_NAMES
from swapgym.workload import Drawn

COSTS: Final = (*TERM_NAMES, *OBJECTIVES)
"""Keys of the costs so far: terms, then the objectives they add up to."""
NOT_YET: Final = -1.0
DRAWN: Final = ("scenario_seed", "preset", "device")
NO_METRICS: Final = dict.fromkeys(METRIC_NAMES, NOT_YET)
"""Metrics before the end, to be copied: no two infos share anything."""
KEYS: Final = (*DRAWN, "elapsed_us", *COSTS, "metrics", "digest")


def start_info(drawn: Drawn, elapsed_us: int = 0) -> dict[str, Any]:
    """Return the info of an episode's first decision, ``elapsed_us`` after its start."""
    info: dict[str, Any] = {
        "scenario_seed": drawn.seed, "preset": drawn.preset, "device": drawn.device, "elapsed_us": elapsed_us,
        **dict.fromkeys(COSTS, 0.0), "metrics": NO_METRICS.copy(), "digest": "",
    }  # fmt: skip
    return info


def step_info(start: dict[str, Any], elapsed_us: int, costs: list[float]) -> dict[str, Any]:
    """Return the info of a step within an episode.

    Args:
        start: That of the episode's start.
        elapsed_us: Simulated time since then.
        costs: Those so far, in the order of :data:`COSTS`.
    """
    info = start.copy()
    info["metrics"] = NO_METRICS.copy()
    info["elapsed_us"] = elapsed_us
    # written out: a loop over the names takes twice as long, a sixth of a step
    (
        info["frame_lateness_ms"], info["launch_delay_ms"], info["stalls_ms"], info["relaunch_ms"],
        info["demand_growth_mib"], info["kworker_cpu_ms"],
        info["lag_ms"], info["peak_mib"], info["unaccounted_cpu_ms"],
    ) = costs  # fmt: skip
    return info


def table() -> str:
    """Return the keys as a Markdown table."""
    rows = [
        ("`scenario_seed`, `preset`, `device`", "what the scenario was drawn from"),
        ("`elapsed_us`", "simulated time since the episode's start"),
        (", ".join(f"`{name}`" for name in TERM_NAMES), "costs so far by term"),
        (", ".join(f"`{name}`" for name in OBJECTIVES), "costs so far by objective: sums of terms"),
        ("`metrics`", "at the end all of `swapgym.envs.metrics`; -1 before"),
        ("`digest`", "at the end the SHA-256 of the phone's bytes; empty before"),
    ]
    return "\n".join(["| Key | Meaning |", "|---|---|", *(f"| {key} | {meaning} |" for key, meaning in rows)])
