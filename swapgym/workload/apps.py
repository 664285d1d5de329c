"""Cached apps: footprints, swap shares, places in the LRU list, and what losing one costs.

Sources: footprints of victims and foreground apps in public device logs (median total 300 MB, log-normal, sigma 0.6,
60 to 1,500 MB); file pages 60 to 250 MB and swap shares from Zhiguo Jiang's tables (v1 reply, 31 Jul 2024: of
anonymous memory 45 % in front, 77 % after 5 s in the background, 84 % from a minute on); oom_score_adj from
ProcessList.java; relaunch distances from the LRU stack distances of a 279-user phone trace (hits 0.44 at depth 3,
0.76 at 5, miss 3.5 C^-1.67 from there).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone.constants import PAGES_PER_MIB

CACHED_LIMIT: Final = 32
"""Cached processes Android keeps (ActivityManagerConstants: MAX_CACHED_PROCESSES)."""
SWAPPED_IN_FRONT: Final = 0.45
SWAPPED_AFTER_5_S: Final = 0.77
SWAPPED_PLATEAU: Final = 0.84
COLD_MINUS_HOT_MS: Final = (600.0, 1_500.0)
"""Cold start (0.8 to 2 s) minus hot start (0.2 to 0.5 s)."""
EXIT_OTHER_MS: Final = (12.0, 30.0)
"""CPU time of do_exit outside exit_mm: 27 % of do_exit in the 2024 profile; range a judgement, see
``experiments/calibration``."""
TOUCH_MIB_PER_S: Final = (0.2, 4.0)
"""What a cached app touches while nothing has frozen it: timers, broadcasts (judgement)."""

_MISS_SMALL: Final = {0: 1.0, 1: 0.80, 2: 0.66, 3: 0.56, 4: 0.38, 5: 0.24}


def miss_ratio(depth: int) -> float:
    """Return the share of app switches that go deeper in the LRU list than ``depth`` apps.

    From 5 on ``3.5 depth ** -1.67`` as published, with the published hits at 3 and 5; 1, 2 and 4 are interpolated.
    """
    return _MISS_SMALL[depth] if depth <= 5 else 3.5 * float(depth) ** -1.67


def return_probability(depth: int, limit: int = CACHED_LIMIT) -> float:
    """Return the probability that an app at LRU ``depth`` (1 = last used) returns before it falls off the list.

    At depth d it moves one deeper each time a deeper app is used, with probability miss(d) per switch, and is asked
    for with probability miss(d - 1) - miss(d). It survives depth d unasked with probability miss(d) / miss(d - 1),
    and the product over the depths up to the list's limit telescopes to miss(limit) / miss(d - 1).
    """
    if depth >= limit:
        return 0.0
    return 1.0 - miss_ratio(limit) / miss_ratio(depth - 1)


RETURN_PROBABILITY: Final[npt.NDArray[np.float64]] = np.array(
    [0.0, *(return_probability(depth) for depth in range(1, 2 * CACHED_LIMIT + 1))]
)
"""By LRU depth, from 1 on."""


@dataclass(frozen=True)
class AppDraw:
    """Drawn apps, coldest first; arrays of shape ``(n,)``.

    Attributes:
        anon_pages: Resident anonymous pages.
        swap_entries: Swapped pages.
        file_pages: Mapped page-cache pages.
        oom_score_adj: Cached apps 900 and up, some services and the previous app.
        exit_other_ns: CPU work of the rest of do_exit, on capacity 1024.
        relaunch_cost_us: Expected cost of losing it.
        touch_pages_per_s: What it touches while it is not frozen.
    """

    anon_pages: npt.NDArray[np.int64]
    swap_entries: npt.NDArray[np.int64]
    file_pages: npt.NDArray[np.int64]
    oom_score_adj: npt.NDArray[np.int64]
    exit_other_ns: npt.NDArray[np.int64]
    relaunch_cost_us: npt.NDArray[np.int64]
    touch_pages_per_s: npt.NDArray[np.int64]


def draw_apps(rng: np.random.Generator, n: int, size: float = 1.0) -> AppDraw:
    """Draw ``n`` background apps, coldest first.

    Args:
        rng: The stream of apps.
        n: How many.
        size: Factor on the footprint (smaller phones run smaller apps).
    """
    drawn = 300.0 * size * np.exp(0.6 * rng.standard_normal(n))
    total = np.minimum(np.maximum(drawn, 60.0 * size), 1_500.0 * size)
    depth = np.arange(n, 0, -1)
    # the warmest few have been cached for seconds, the others for minutes
    plateau = SWAPPED_PLATEAU + 0.05 * rng.uniform(-1.0, 1.0, n)
    swapped = np.where(depth <= 2, SWAPPED_AFTER_5_S, plateau)
    file = np.minimum(np.maximum(rng.normal(150.0 * size, 45.0 * size, n), 60.0 * size), 250.0 * size)
    adj = np.where(rng.random(n) < 0.12, 500, 900 + 2 * np.minimum(depth, 49))
    adj[depth == 1] = 700  # the previous app
    cold = rng.uniform(*COLD_MINUS_HOT_MS, n)
    exit_other = rng.uniform(*EXIT_OTHER_MS, n)
    touch = rng.uniform(*TOUCH_MIB_PER_S, n)

    def pages(mib: Any) -> npt.NDArray[np.int64]:
        return np.rint(np.asarray(mib) * PAGES_PER_MIB).astype(np.int64)

    entries = pages(total * swapped)
    return AppDraw(
        anon_pages=pages(total) - entries,
        swap_entries=entries,
        file_pages=pages(file),
        oom_score_adj=adj.astype(np.int64),
        exit_other_ns=np.rint(exit_other * 1e6).astype(np.int64),
        relaunch_cost_us=np.rint(cold * 1e3 * RETURN_PROBABILITY[np.minimum(depth, 2 * CACHED_LIMIT)]).astype(np.int64),
        touch_pages_per_s=pages(touch),
    )
