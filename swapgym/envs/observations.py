r"""What a policy sees at a decision: a list of parts, each with its name, unit, scaling and kernel source.

Every part is something a kernel could know at that moment; nothing looks into the scenario's future. A reading is
taken in the part's unit (:func:`swapgym.envs.sensors.read`), then scaled into [-1, 1] or [0, 1] by one of four rules
(:func:`scale`), all of them rational functions, so that an observation's bits are the same on every machine:

======================= ============================ ===================================================
rule                    value                        use
======================= ============================ ===================================================
``share``               x / c, clipped to the bounds quantities with a natural full scale, and flags
``saturating``          x / (x + c)                  counts without a bound: c gives one half
``signed``              x / (\|x\| + c)                the same, either side of a threshold
``recency``             c / (x + c), 0 for "never"   time since an event: 1 just now, c gives one half
======================= ============================ ===================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from swapgym.envs.arguments import check_names
from swapgym.envs.sensors import read
from swapgym.phone.constants import UNIT
from swapgym.phone.jit import kernel

Rule = Literal["share", "saturating", "signed", "recency"]
RULES: Final[tuple[Rule, ...]] = ("share", "saturating", "signed", "recency")
_SHARE: Final = 0
_SATURATING: Final = 1
_SIGNED: Final = 2
_RECENCY: Final = 3


@dataclass(frozen=True)
class ObservationPart:
    """One number of the observation.

    Attributes:
        name: Name of the part, and of the field of the reading.
        unit: Unit of the reading.
        low: Lower bound of the observation (-1 or 0).
        high: Upper bound of the observation.
        rule: How the reading is scaled: one of :data:`RULES`.
        scale: The rule's constant c, in the reading's unit.
        kernel_source: Where a kernel would read it.
        meaning: What it says, in one sentence.
    """

    name: str
    unit: str
    low: float
    high: float
    rule: Rule
    scale: float
    kernel_source: str
    meaning: str

    def reading(self, value: float) -> float:
        """Return the reading, in the part's unit, that is observed as ``value``.

        Inverse of the scaling; a clipped share gives its bound, a ``recency`` of 0 gives infinity ("never").
        """
        if self.rule == "share":
            return value * self.scale
        if self.rule == "recency":
            return self.scale * (1.0 - value) / value if value > 0.0 else float("inf")
        rest = 1.0 - abs(value)
        return self.scale * value / rest if rest > 0.0 else float("inf") * value


def _flag(name: str, source: str, meaning: str) -> ObservationPart:
    return ObservationPart(name, "0/1", 0.0, 1.0, "share", 1.0, source, meaning)


def _share(name: str, unit: str, full: float, source: str, meaning: str) -> ObservationPart:
    return ObservationPart(name, unit, 0.0, 1.0, "share", full, source, meaning)


def _signed_share(name: str, unit: str, full: float, source: str, meaning: str) -> ObservationPart:
    return ObservationPart(name, unit, -1.0, 1.0, "share", full, source, meaning)


def _saturating(name: str, unit: str, half: float, source: str, meaning: str) -> ObservationPart:
    return ObservationPart(name, unit, 0.0, 1.0, "saturating", half, source, meaning)


PARTS: Final[tuple[ObservationPart, ...]] = (
    # the exiting process whose batch awaits a route ("the victim")
    _saturating("victim_swap_left", "entries", 65_536, "mm: MM_SWAPENTS", "swap entries the victim still holds"),
    _share("victim_swap_share", "1", 1, "mm: rss_stat", "swapped share of the memory the victim still maps"),
    _saturating("victim_anon_left", "pages", 16_384, "mm: MM_ANONPAGES", "resident anonymous pages behind this batch"),
    _saturating("victim_last_pss", "pages", 65_536, "system_server: lastPss", "memory it had when it entered cached"),
    _signed_share("victim_last_route", "sign", 1, "mmu_gather", "its last batch: 1 deferred, -1 inline, 0 none"),
    _saturating("victim_elapsed", "us", 200_000, "task: exit time", "time since SIGKILL"),
    _flag("victim_promoted", "task: cgroup, nice", "lmkd moved it to the foreground; 0 it is in the background"),
    _flag("victim_awaited", "pid: wait_pidfd, wait_chldexit", "a launch waits at its gate for this exit"),
    _share("victim_cpu_capacity", "1/1024", UNIT, "arch_scale_cpu_capacity", "capacity of the CPU the victim runs on"),
    # all exits in flight
    _saturating("exiting", "processes", 4, "nr_exiting_processes", "processes in exit_mm now"),
    _saturating("exiting_swap", "entries", 262_144, "mm: MM_SWAPENTS", "swap entries that all of them still hold"),
    _saturating("lock_load", "CPUs", 1, "lock_stat of class->lock", "others on a CPU that take the swap-free lock"),
    # memory
    ObservationPart(
        "free_margin", "1", -1.0, 1.0, "signed", 1.0, "zone: NR_FREE_PAGES, WMARK_LOW",
        "free memory above the low watermark, in units of the high one",
    ),
    _share("file_cache", "1", 1, "vmstat: nr_file_pages", "page cache, as a share of RAM"),
    _saturating("thrashing", "1", 1, "vmstat: workingset_refault_file", "refaults in lmkd's window, over page cache"),
    _share("swap_free", "1", 1, "swap_info: inuse_pages", "free share of the swap slots"),
    _share("pool_fragmented", "1", 1, "zsmalloc: pool stats", "share of the pool that compacting would give back"),
    # deferred work
    _saturating("backlog", "entries", 32_768, "swap gather: nr queued", "entries deferred and not yet drained"),
    _share("queue_fill", "1", 1, "swap gather: nr queued", "fill of the queue deferring goes to; 1 there is none"),
    _saturating("zombie", "pages", 16_384, "swap gather: owner exited", "memory held for processes already gone"),
    _saturating("starved", "us", 50_000, "workqueue: wq_watchdog", "how long the kworker has had work and no CPU"),
    _saturating("release_ns", "ns", 1_000, "ktime around free_swap_and_cache_nr", "an entry inline lately; 0 none yet"),
    _saturating("drain_ns", "ns", 1_000, "ktime in the worker", "an entry drained lately; 0 none yet"),
    _share("drain_pace", "code", 4, "worker's nice, cpumask", "0 the variant's own; 1 paused to 4 urgent"),
    # CPU
    _share("rt_load", "1", 1, "rq: avg_rt", "SCHED_FIFO load, mean of all CPUs"),
    _share("rt_load_big", "1", 1, "rq: avg_rt", "SCHED_FIFO load, mean of the CPUs of more than half the capacity"),
    _flag("rt_throttling", "sched_rt_runtime_us", "SCHED_FIFO tasks leave the others at least 5 %"),
    _share("clock_little", "1/1024", UNIT, "cpufreq: scaling_cur_freq", "clock of the first performance domain"),
    _share("clock_big", "1/1024", UNIT, "cpufreq: scaling_cur_freq", "clock of the last performance domain"),
    _share("idle_cpus", "1", 1, "nohz.idle_cpus_mask", "share of the CPUs without a fair task"),
    # memory pressure
    _saturating("psi_some", "us", 70_000, "psi: trigger growth", "memory stall of some task in the last second"),
    _saturating("psi_full", "us", 70_000, "psi: trigger growth", "memory stall of all tasks in the last second"),
    _flag("kswapd_awake", "pgdat: kswapd_wait", "kswapd reclaims, and takes the same lock"),
    ObservationPart(
        "direct_reclaim", "us", 0.0, 1.0, "recency", 100_000.0, "vmstat: allocstall",
        "time since an allocator had to reclaim",
    ),
    _flag("lmkd_waiting", "lmkd: pidfd of the last kill", "lmkd waits for an exit before it may kill again"),
    # the foreground
    _signed_share("frame_slack", "vsyncs", 2, "ADPF session: deadline", "time to the next frame deadline; 2 no frame"),
    _saturating("launch_wait", "us", 200_000, "pid: wait_pidfd", "how long a launch has waited for exits"),
    _saturating("launch_awaits", "processes", 4, "pid: wait_pidfd", "exits that launches wait for"),
    _saturating(
        "launch_need", "pages", 65_536, "system_server: average PSS per app",
        "what launches under way are expected to allocate yet",
    ),
    _saturating("burst_rate", "pages/s", 65_536, "memcg: pgalloc", "allocation rate of launches, burst so far"),
)  # fmt: skip

N_PARTS: Final = len(PARTS)
PART_NAMES: Final[tuple[str, ...]] = tuple(part.name for part in PARTS)
INDEX: Final[dict[str, int]] = {part.name: index for index, part in enumerate(PARTS)}
"""Place of each part in :data:`PARTS`, by name."""

READING: Final[np.dtype[Any]] = np.dtype([(part.name, "f8") for part in PARTS])
"""Record of one reading: each part in its own unit, before scaling."""

NEW_READING: Final = np.zeros(1, READING)
_RULE: Final = np.array([RULES.index(part.rule) for part in PARTS], dtype=np.int64)
_SCALE: Final = np.array([part.scale for part in PARTS], dtype=np.float64)
_LOW: Final = np.array([part.low for part in PARTS], dtype=np.float64)
_HIGH: Final = np.array([part.high for part in PARTS], dtype=np.float64)


def places(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return where the parts called ``names`` stand in :data:`PARTS`.

    Raises:
        ValueError: If there is no such part, or one is named twice.
    """
    found = check_names("parts", names, INDEX)
    if not found:
        raise ValueError(f"parts: {names!r}, must name at least one part of the observation")
    return np.array([INDEX[name] for name in found], dtype=np.int64)


def space(names: Sequence[str]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the lower and upper bounds of an observation of the parts called ``names``, float32."""
    chosen = places(names)
    return _LOW[chosen].astype(np.float32), _HIGH[chosen].astype(np.float32)


def readings(observation: npt.ArrayLike, names: Sequence[str]) -> dict[str, float]:
    """Return an observation in the parts' own units, by name.

    Args:
        observation: Array of shape ``(len(names),)`` as the environment gives it.
        names: Its parts: ``env.unwrapped.parts``.

    Raises:
        ValueError: If the shape is another.
    """
    values = np.asarray(observation, dtype=np.float64)
    if values.shape != (len(names),):
        raise ValueError(f"observation: shape {values.shape}, must be ({len(names)},)")
    return {name: PARTS[INDEX[name]].reading(value) for name, value in zip(names, values.tolist(), strict=True)}


def table(names: Sequence[str]) -> str:
    """Return parts of the observation as a Markdown table, as the environment's docstring has it."""
    columns = ("Num", "Observation", "Unit", "Min", "Max", "Scaling", "Kernel source", "Meaning")
    rows = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for index, part in enumerate(PARTS[INDEX[name]] for name in names):
        scaling = f"{part.rule} {part.scale:g}"
        rows.append(
            f"| {index} | `{part.name}` | {part.unit} | {part.low:g} | {part.high:g} | {scaling} | {part.kernel_source}"
            f" | {part.meaning} |"
        )
    return "\n".join(rows)


@kernel
def observe(phone: Any, scenario: Any, chosen: Any, out_row: Any) -> None:
    """Observe the phone as it stands.

    Args:
        phone: PHONE record.
        scenario: SCENARIO record.
        chosen: int64, places in :data:`PARTS` of the parts that are observed: see :func:`places`.
        out_row: float32, as many. Written.
    """
    reading = NEW_READING.copy()
    read(phone, scenario, reading[0])
    scale(reading.view(np.float64), chosen, out_row)


@kernel
def scale(values: Any, chosen: Any, out_row: Any) -> None:
    """Scale ``values``, all parts in their own units, into ``out_row`` by the rules of the ``chosen`` parts."""
    for place in range(len(chosen)):
        index = chosen[place]
        x = values[index]
        c = _SCALE[index]
        rule = _RULE[index]
        if rule == _SATURATING:
            x = max(x, 0.0)
            y = x / (x + c)
        elif rule == _SIGNED:
            y = x / (abs(x) + c)
        elif rule == _RECENCY:
            y = 0.0 if x < 0.0 else c / (x + c)
        else:
            y = x / c
        out_row[place] = min(max(y, _LOW[index]), _HIGH[index])
