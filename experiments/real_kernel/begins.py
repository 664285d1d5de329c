"""What each repeat of measurement 4 began from, as measured: who woke where, what was expected of whom, the pace.

With whom the foreground task has to share its CPU, and for how long, hangs on it, so that repeats of one case are of
several kinds. The payload looks just before the kill, and has the kernel note where victims and helper wake
(``payload/foreground.c``); a repeat is predicted from what it began from, as it is for the pace of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.fit import looks, reference_ns
from experiments.real_kernel.foreground import Begin
from experiments.real_kernel.records import Record


class _Repeat(NamedTuple):
    """One repeat of a case: its metrics, and the pace of the machine (ns per page)."""

    metrics: dict[str, float]
    pace_ns: float


def begins(rows: Sequence[Record]) -> dict[str, list[Begin]]:
    """Return what each repeat of every case of measurement 4 began from.

    Args:
        rows: Of a measurement.

    Raises:
        ValueError: A repeat does not say it: it was measured by an older payload.
    """
    settings: Mapping[str, Mapping[str, Any]] = {case.name: case.settings for case in all_cases()}
    paces = looks(rows)
    reference = reference_ns(paces)
    repeats: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        if row.measurement == "foreground":
            repeats.setdefault((row.case, row.boot), {})[row.metric] = row.value
    found: dict[str, list[Begin]] = {}
    for (case, boot), metrics in sorted(repeats.items()):
        pace = paces[case, boot] / reference
        try:
            found.setdefault(case, []).append(begin(metrics, int(settings[case]["victims"]), pace))
        except KeyError as error:
            raise ValueError(f"measurements: no {error.args[0]} of {case}, boot {boot}, from which it began") from error
    return found


def begin(metrics: Mapping[str, float], n_victims: int, pace: float) -> Begin:
    """Return what one repeat began from.

    Args:
        metrics: All that was measured of it.
        n_victims: How many were killed.
        pace: How long everything took, over the median of measurement 1.

    Raises:
        KeyError: A metric is missing.
    """
    on_1 = int(metrics["victims_on_cpu_1"]) if n_victims else 0
    return Begin(
        pace=pace,
        killed_us=round(metrics["killed_us_after_tick"]),
        killer=int(metrics["killer_on_cpu"]),
        task=int(metrics["task_on_cpu"]),
        rcu=int(metrics["rcu_on_cpu"]),
        victims=tuple((on_1 >> victim) & 1 for victim in range(n_victims)),
        victims_util=metrics["victims_util_est"] if n_victims else 0.0,
        helper=int(metrics.get("helper_on_cpu", 0)),
        helper_waited_us=round(metrics.get("helper_waited_us", 0.0)),
        helper_util=metrics.get("helper_util_est", 0.0),
    )
