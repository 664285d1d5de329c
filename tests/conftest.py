"""What several rooms' tests stand on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swapgym.agents import tune
from swapgym.agents.task import KERNEL, RATES, SPEC
from swapgym.envs.costs import N_OBJECTIVES


@pytest.fixture(scope="session")
def tuned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store a few policies as tuned, the same for each rate; tests put ``swapgym.agents.stored.tuned.TUNED`` there."""
    folder = tmp_path_factory.mktemp("tuned")
    rule = {"literals": [["rt_load", False, 0.3]], "how": "all"}
    found = (("rt_aware", {"load": 0.3}), ("rule", rule), ("always_defer", {}), ("always_inline", {}))
    trials = [
        tune.Trial(name, given, np.full((1, N_OBJECTIVES), 1.0 + place), np.ones((1, N_OBJECTIVES)))
        for place, (name, given) in enumerate(found)
    ]
    for rate in RATES:
        tune.write(folder / KERNEL, SPEC.but(ms_per_mib=rate), trials, {})
    return folder
