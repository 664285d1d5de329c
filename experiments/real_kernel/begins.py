"""What each repeat of measurement 4 began from, as measured: who woke where, what was expected of whom, the pace.

With whom the foreground task has to share its CPU, and for how long, hangs on it, so that repeats of one case are of
several kinds. The payload looks just before the kill, and has the kernel note where victims and helper wake
(``payload/foreground.c``); a repeat is predicted from what it began from, as it is for the pace of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.real_kernel.cases import all_cases
from experiments.real_kernel.fit import paces
from experiments.real_kernel.foreground import AT_ONCE_US, LONG_AGO_US, Begin
from experiments.real_kernel.records import Record
from experiments.real_kernel.stage import N_CPUS, Settings


def begins(rows: Sequence[Record]) -> dict[str, dict[int, Begin]]:
    """Return what each repeat of every case of measurement 4 began from, by boot.

    Args:
        rows: Of a measurement.

    Raises:
        ValueError: A repeat does not say it: it was measured by an older payload.
    """
    settings = {case.name: case.settings for case in all_cases()}
    own = paces(rows)
    repeats: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        if row.measurement == "foreground":
            repeats.setdefault((row.case, row.boot), {})[row.metric] = row.value
    found: dict[str, dict[int, Begin]] = {}
    for (case, boot), metrics in sorted(repeats.items()):
        try:
            found.setdefault(case, {})[boot] = begin(metrics, settings[case])._replace(pace=own[case][boot])
        except KeyError as error:
            raise ValueError(f"measurements: no {error.args[0]} of {case}, boot {boot}, from which it began") from error
    return found


def begin(metrics: Mapping[str, float], settings: Settings) -> Begin:
    """Return what one repeat began from, but for its pace.

    Args:
        metrics: All that was measured of it.
        settings: Of its case.

    Raises:
        KeyError: A metric is missing.
    """
    found = Begin(
        killed_us=round(metrics["killed_us_after_tick"]),
        killed_late_us=round(metrics["killed_us_after_vsync"]),
        killer=int(metrics["killer_on_cpu"]),
        task=int(metrics["task_on_cpu"]),
        rcu=int(metrics["rcu_on_cpu"]),
        balanced_us=tuple(round(metrics.get(f"cpu_{c}_balanced_us_before", LONG_AGO_US)) for c in range(N_CPUS)),
    )
    n_victims = int(settings["victims"])
    if n_victims:
        on_1 = int(metrics["victims_on_cpu_1"])
        found = found._replace(
            victims=tuple((on_1 >> victim) & 1 for victim in range(n_victims)),
            victims_us=(0,) * n_victims,
            victims_util=tuple(metrics[f"victim_{victim}_util_est"] for victim in range(n_victims)),
        )
    if n_victims and settings.get("way") != "one_by_one":
        found = found._replace(
            kills_took_us=round(metrics["kills_took_us"]),
            victims_us=tuple(round(metrics[f"victim_{victim}_woke_us"]) for victim in range(n_victims)),
        )
    if settings.get("way") == "mrelease":
        found = found._replace(
            helper=int(metrics["helper_on_cpu"]),
            helper_us=round(metrics["helper_woke_us"]),
            helper_preempts=metrics["helper_waited_us"] < AT_ONCE_US,
            helper_util=metrics["helper_util_est"],
        )
    return found
