"""Cached apps: footprints, swap shares, places in the LRU list, and what losing one costs.

Sources: footprints of victims and foreground apps in public device logs (median total 300 MB, log-normal, sigma 0.6,
60 to 1,500 MB); file pages 60 to 250 MB and swap shares from Zhiguo Jiang's tables (v1 reply, 31 Jul 2024: of
anonymous memory 45 % in front, 77 % after 5 s in the background, 84 % from a minute on); oom_score_adj from
ProcessList.java, of cached apps in steps of ten as in public logs; relaunch distances from the LRU stack distances of a
279-user phone trace (hits 0.44 at depth 3, 0.76 at 5, miss 3.5 C^-1.67 from there).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.phone.constants import CACHED_APP_ADJ, MS, PAGES_PER_MIB, PREVIOUS_APP_ADJ, SERVICE_ADJ
from swapgym.phone.jit import kernel
from swapgym.workload.streams import lognormal, normal, random, uniform

CACHED_LIMIT: Final = 32
"""Cached processes Android keeps (ActivityManagerConstants: MAX_CACHED_PROCESSES)."""
SWAPPED_IN_FRONT: Final = 0.45
SWAPPED_AFTER_5_S: Final = 0.77
SWAPPED_PLATEAU: Final = 0.84
COLD_MINUS_HOT_MS: Final = (600.0, 1_500.0)
"""Cold start (0.8 to 2 s) minus hot start (0.2 to 0.5 s)."""
BIG_SHARE: Final = 0.03
BIG_MIB: Final = (1_000.0, 2_000.0)
"""Games and local language models of 1 to 2 GB. Of eleven victims and cached processes whose sizes public device logs
tell three are as large, of the 180 kills in ``phone_exits.csv`` none is: the share is a judgement. Where a phone's swap
is short all apps shrink, so that one of a hundred is left at 1 GB and more."""
THREADS: Final = (20.0, 0.08)
MAPPINGS: Final = (1_500.0, 3.0)
FILES: Final = (80.0, 0.4)
"""What an exit has to see off, close and free: at least, and per MiB of footprint. An app forked from the zygote begins
with some 1,500 mappings; all are judgements, and their costs are fitted with them (``experiments/calibration``)."""
TOUCH_MIB_PER_S: Final = (0.2, 4.0)
"""What a cached app touches while nothing has frozen it: timers, broadcasts (judgement)."""
SERVICES: Final = 0.12
"""Share of background apps that run a service (judgement)."""

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


@kernel
def draw_app(rng: Any, app: Any, depth: int, size: float) -> None:
    """Draw one background app into an APP record: all its memory, as if there were room for it.

    Args:
        rng: The stream of apps.
        app: APP record, written.
        depth: Its place in the LRU list, 1 the app last used.
        size: Factor on the footprint (smaller phones run smaller apps).
    """
    total = lognormal(rng, 300.0 * size, 0.6, 60.0 * size, 1_500.0 * size)
    if random(rng) < BIG_SHARE:
        total = size * uniform(rng, BIG_MIB[0], BIG_MIB[1])
    # the warmest few have been cached for seconds, the others for minutes
    plateau = SWAPPED_PLATEAU + 0.05 * uniform(rng, -1.0, 1.0)
    swapped = SWAPPED_AFTER_5_S if depth <= 2 else plateau
    file = min(max(size * (150.0 + 45.0 * normal(rng)), 60.0 * size), 250.0 * size)
    service = random(rng) < SERVICES
    app.present = 1
    app.frozen = 1
    app.oom_score_adj = SERVICE_ADJ if service else CACHED_APP_ADJ + 5 + 10 * min((depth - 1) // 2, 9)
    if depth == 1:
        app.oom_score_adj = PREVIOUS_APP_ADJ
    app.swap_entries = pages(total * swapped)
    app.anon_pages = pages(total) - app.swap_entries
    app.file_pages = pages(file)
    cold = uniform(rng, COLD_MINUS_HOT_MS[0], COLD_MINUS_HOT_MS[1])
    app.relaunch_cost_us = round(cold * MS * RETURN_PROBABILITY[min(depth, 2 * CACHED_LIMIT)])
    draw_exit_size(rng, app, total + file)
    app.touch_pages_per_s = pages(uniform(rng, TOUCH_MIB_PER_S[0], TOUCH_MIB_PER_S[1]))


@kernel
def draw_exit_size(rng: Any, app: Any, footprint: float) -> None:
    """Draw threads, mappings and files of an app whose resident and swapped memory is ``footprint`` MiB.

    Apps of one size differ widely; the spreads are judgements, below the sd of log of 0.43 of one phone's exits.
    """
    app.threads = round(exit_size(THREADS, footprint) * lognormal(rng, 1.0, 0.7, 0.2, 5.0))
    app.mappings = round(exit_size(MAPPINGS, footprint) * lognormal(rng, 1.0, 0.5, 0.3, 3.5))
    app.files = round(exit_size(FILES, footprint) * lognormal(rng, 1.0, 1.0, 0.1, 10.0))


@kernel
def exit_size(law: Any, footprint: float) -> float:
    """Return how many threads, mappings or files an app of ``footprint`` MiB has by its law."""
    return law[0] + law[1] * footprint


@kernel
def pages(mib: float) -> int:
    """Return MiB in pages."""
    return round(mib * PAGES_PER_MIB)
