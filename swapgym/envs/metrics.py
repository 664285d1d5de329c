"""What an episode is judged by: one flat table of named numbers, units last in the name.

:func:`episode_metrics` reads them off a phone, at the end of an episode or at any moment of it. :func:`table` documents
them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from swapgym.envs.costs import OBJECTIVES, costs_of
from swapgym.phone import constants as k
from swapgym.phone.state import TOTAL

_MIB: Final = k.PAGES_PER_MIB
_MS: Final = k.MS
_MS_NS: Final = k.NS_PER_US * k.MS
_S: Final = k.MS * k.MS


Totals = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """One number of an episode.

    Attributes:
        name: Its name, unit last.
        unit: Its unit.
        meaning: What it says, in one sentence.
        of: Reads it off the phone's totals and its costs by objective (by name), the PHONE and its SCENARIO.
    """

    name: str
    unit: str
    meaning: str
    of: Callable[[Totals, Any, Any], float]


def _counter(name: str, unit: str, field: str, meaning: str, per: int = 1) -> Metric:
    return Metric(name, unit, meaning, lambda total, phone, scenario: total[field] / per)


def _objective(name: str, meaning: str) -> Metric:
    unit = "MiB" if name.endswith("_mib") else "ms"
    return Metric(name, unit, meaning, lambda total, phone, scenario: total[name])


def _launches_unfinished(total: Totals, phone: Any, scenario: Any) -> float:
    started = (phone["launches"]["phase"] > k.LAUNCH_WAITING) & (phone["launches"]["phase"] < k.LAUNCH_DONE)
    return float((started & (scenario["launches"]["foreground"] != 0)).sum())


def lateness_quantile_ms(total: Totals, quantile: float) -> float:
    """Return a quantile of frame lateness over all frames (a frame in time is late by 0), in ms.

    Read from the histogram with bins of 1 ms: the upper edge of the bin it falls in, so at most 1 ms too high; in the
    last, open bin (63 ms and more) the worst lateness of the episode.
    """
    beyond = total["frames"] - math.ceil(quantile * total["frames"])
    worst_ms: float = total["frame_late_max_us"] / _MS
    counts = total["late_histogram"].tolist()
    seen = 0
    for index in range(k.LATE_BINS - 1, -1, -1):
        seen += counts[index]
        if seen > beyond:
            return worst_ms if index == k.LATE_BINS - 1 else min(index + 1.0, worst_ms)
    return 0.0


PAYERS: Final[dict[str, str]] = {
    "idle": "nobody",
    "rt": "SCHED_FIFO tasks",
    "frames": "the foreground's frames",
    "launch": "launching apps and services",
    "direct_reclaim": "allocators that reclaim directly",
    "kswapd": "kswapd",
    "compactor": "the paging out of apps that enter cached",
    "background": "background threads",
    "exit": "exiting processes: accounted to them",
    "lmkd_reaper": "lmkd's reapers: accounted to lmkd",
    "kworker": "the kworker: accounted to no process",
    "child": "forked children: accounted to the processes' parent",
    "cached": "cached apps that nothing has frozen",
}
"""Who each class of CPU time is charged to."""


def _cpu(index: int) -> Metric:
    name = k.CHARGE_NAMES[index]
    return Metric(
        f"cpu_{name}_ms",
        "ms",
        f"CPU time of {PAYERS[name]}",
        lambda total, phone, scenario: float(total["charged_ns"][index]) / _MS_NS,
    )


METRICS: Final[tuple[Metric, ...]] = (
    # the objectives
    _objective("lag_ms", "frame lateness + launch delay + stalls + expected relaunch cost"),
    _objective("peak_mib", "growth of the highest memory demand over its start"),
    _objective("unaccounted_cpu_ms", "release work that no process is charged for (the kworker's)"),
    # lag, in parts
    _counter("frame_late_ms", "ms", "frame_late_us", "lateness summed over frames", _MS),
    Metric(
        "frame_late_p95_ms", "ms", "95 % of frames are late by no more (1 ms bins, upper edge)",
        lambda total, phone, scenario: lateness_quantile_ms(total, 0.95),
    ),
    Metric(
        "frame_late_p99_ms", "ms", "99 % of frames are late by no more (1 ms bins, upper edge)",
        lambda total, phone, scenario: lateness_quantile_ms(total, 0.99),
    ),
    _counter("frame_late_max_ms", "ms", "frame_late_max_us", "the latest frame", _MS),
    _counter("frames", "1", "frames", "frames finished"),
    _counter("frames_janky", "1", "frames_janky", "frames that missed their deadline"),
    _counter("frames_frozen", "1", "frames_frozen", "frames that took 700 ms and more"),
    _counter("launch_delay_ms", "ms", "launch_delay_us", "foreground launch time beyond nominal, summed", _MS),
    _counter("launch_ms", "ms", "launch_us", "foreground launch time, summed", _MS),
    _counter("launches", "1", "launches_done", "foreground launches finished"),
    Metric("launches_unfinished", "1", "foreground launches that were still going on", _launches_unfinished),
    _counter("gate_wait_ms", "ms", "gate_wait_us", "time launches waited for exits, summed", _MS),
    _counter("stall_ms", "ms", "stall_us", "foreground blocked in direct reclaim, swap-in and refaults", _MS),
    _counter("direct_reclaim_ms", "ms", "direct_reclaim_us", "time anybody was blocked in direct reclaim", _MS),
    _counter("relaunch_ms", "ms", "relaunch_cost_us", "expected cost of starting again what lmkd killed", _MS),
    # kills and exits
    _counter("kills", "1", "kills", "processes killed"),
    _counter("collateral_kills", "1", "collateral_kills", "of which on lmkd's own decision"),
    _counter("kill_timeouts", "1", "kill_timeouts", "kills that lmkd stopped waiting for"),
    _counter("exits", "1", "exits", "kills that ended in an exit"),
    _counter("reaps_late", "1", "reaps_late", "process_mrelease calls that found no address space any more"),
    Metric(
        "exit_latency_mean_ms", "ms", "SIGKILL to exit, mean",
        lambda total, phone, scenario: total["exit_latency_us"] / _MS / max(1, total["exits"]),
    ),
    _counter("exit_latency_max_ms", "ms", "exit_latency_max_us", "SIGKILL to exit, longest", _MS),
    # memory
    _counter("in_use_peak_mib", "MiB", "in_use_peak_pages", "highest memory in use: RAM - free - page cache", _MIB),
    _counter("free_min_mib", "MiB", "free_min_pages", "lowest free memory", _MIB),
    _counter("evicted_mib", "MiB", "pswpout", "memory swapped out", _MIB),
    Metric(
        "evicted_net_mib", "MiB", "of which its owner still lives and has not faulted it back",
        lambda total, phone, scenario: float(phone["evicted_pages"]) / _MIB,
    ),
    _counter("swapped_in_mib", "MiB", "pswpin", "memory faulted back in from swap", _MIB),
    _counter("refaulted_mib", "MiB", "refaults", "page cache read back from storage", _MIB),
    _counter("file_reclaimed_mib", "MiB", "file_reclaimed", "clean page cache reclaimed", _MIB),
    _counter("compacted_mib", "MiB", "compacted", "memory that zs_compact gave back", _MIB),
    _counter("zombie_peak_mib", "MiB", "zombie_peak_pages", "highest memory held for processes already gone", _MIB),
    _counter("zombie_mib_s", "MiB s", "zombie_page_us", "that memory, integrated over time", _MIB * _S),
    Metric(
        "psi_some_ms", "ms", "time some task stalled on memory",
        lambda total, phone, scenario: float(phone["psi"]["some_ns"]) / _MS_NS,
    ),
    Metric(
        "psi_full_ms", "ms", "time all tasks stalled on memory",
        lambda total, phone, scenario: float(phone["psi"]["full_ns"]) / _MS_NS,
    ),
    # deferred work
    _counter("backlog_peak_entries", "entries", "backlog_peak", "most entries deferred and not yet drained"),
    _counter("backlog_entry_s", "entries s", "backlog_entry_us", "the backlog, integrated over time", _S),
    _counter("kworker_starved_ms", "ms", "starved_us", "time the kworker had work and got no CPU", _MS),
    _counter("kworker_starved_max_ms", "ms", "starved_max_us", "longest such stretch", _MS),
    _counter("batches_inline", "1", "batches_inline", "batches released inline, fall-backs included"),
    _counter("batches_kworker", "1", "batches_kworker", "batches queued for the kworker"),
    _counter("batches_child", "1", "batches_child", "batches left to the forked child"),
    _counter("fallbacks", "1", "fallbacks", "batches released inline because the queue was full"),
    _counter("entries_inline", "entries", "entries_inline", "entries released by the victims themselves"),
    _counter("entries_reaped", "entries", "entries_reaped", "entries released by lmkd's reapers"),
    _counter("entries_kworker", "entries", "entries_kworker", "entries released by the kworker"),
    _counter("entries_child", "entries", "entries_child", "entries released by the forked child"),
    # CPU time by who paid
    *map(_cpu, range(k.N_CHARGES)),
    _counter("spin_ms", "ms", "spin_ns", "CPU time spun on contended locks, in whoever's charge", _MS_NS),
    # the episode
    Metric(
        "duration_ms", "ms", "simulated time so far",
        lambda total, phone, scenario: float(phone["now_us"]) / _MS,
    ),
    Metric(
        "batches", "1", "batches of swap entries routed",
        lambda total, phone, scenario: float(
            total["batches_inline"] + total["batches_kworker"] + total["batches_child"]
        ),
    ),
)  # fmt: skip
METRIC_NAMES: Final[tuple[str, ...]] = tuple(metric.name for metric in METRICS)


def episode_metrics(phone: Any, scenario: Any) -> dict[str, float]:
    """Return all metrics of an episode by name.

    Args:
        phone: PHONE record (``phones[lane]``).
        scenario: The SCENARIO record it runs.
    """
    total = dict(zip(TOTAL.names or (), phone["total"].item(), strict=True))
    total |= zip(OBJECTIVES, costs_of(phone).tolist(), strict=True)
    return {metric.name: metric.of(total, phone, scenario) for metric in METRICS}


def table() -> str:
    """Return all metrics as a Markdown table: name, unit, meaning."""
    rows = ["| Metric | Unit | Meaning |", "|---|---|---|"]
    rows += [f"| `{metric.name}` | {metric.unit} | {metric.meaning} |" for metric in METRICS]
    return "\n".join(rows)
