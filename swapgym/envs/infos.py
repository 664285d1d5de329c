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
from swapgym.workload.config import FrozenDict

COSTS: Final = (*TERM_NAMES, *OBJECTIVES)
"""Keys of the costs so far: terms, then the objectives they add up to."""
NOT_YET: Final = -1.0
DRAWN: Final = ("scenario_seed", "preset", "device")
NO_METRICS: Final = FrozenDict(dict.fromkeys(METRIC_NAMES, NOT_YET))
KEYS: Final = (*DRAWN, "elapsed_us", *COSTS, "metrics", "digest")


def start_info(drawn: Drawn, elapsed_us: int = 0) -> dict[str, Any]:
    """Return the info of an episode's first decision, ``elapsed_us`` after its start."""
    info: dict[str, Any] = {
        "scenario_seed": drawn.seed, "preset": drawn.preset, "device": drawn.device, "elapsed_us": elapsed_us,
        **dict.fromkeys(COSTS, 0.0), "metrics": dict(NO_METRICS), "digest": "",
    }  # fmt: skip
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
