"""Phones set up for one question each: a camera launch with so many victims, an app that goes to the background."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from experiments.calibration.board import MIB, Board
from experiments.calibration.logs import STAYS_ANON, STAYS_FILE
from swapgym.envs.metrics import episode_metrics
from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE
from swapgym.workload import draw, empty
from swapgym.workload.memory import FIRST_APP

DEVICE: Final = "phone-8gb"
LOOK_US: Final = 4_000
"""How often a run is looked at: the resolution of every time reported here."""
BETWEEN_KILLS_MS: Final = 15.0
AFTER_LAUNCH_MS: Final = 10.0


@dataclass(frozen=True)
class Camera:
    """A camera launch on an 8 GB phone, drawn from a seed, with what a question varies put in its place.

    Attributes:
        victims: Cached apps killed for it, the coldest first; ``None`` leaves all killing to lmkd.
        killer: Who kills: KILLER_SCENARIO_LMKD or KILLER_ACTIVITY_MANAGER.
        gated: Whether the launch waits for their exits.
        route: Where every batch goes.
        kernel: Kernel variant.
        changes: Kernel fields replaced.
        device: Device fields replaced.
        burst_mib: What the launch allocates; ``None`` as drawn.
        burst_ms: In which time; ``None`` as drawn.
        fifo_from_ms: When SCHED_FIFO load takes every CPU, after the first kill, for the rest of the episode; ``None``
            leaves the drawn load.
        duration_ms: Length; ``None`` as drawn.
    """

    victims: int | None = 8
    killer: int = k.KILLER_SCENARIO_LMKD
    gated: bool = True
    route: int = k.INLINE
    kernel: str = "vivo-async"
    changes: Mapping[str, Any] = field(default_factory=dict)
    device: Mapping[str, Any] = field(default_factory=dict)
    burst_mib: float | None = None
    burst_ms: float | None = None
    fifo_from_ms: float | None = None
    duration_ms: int | None = None


def camera(scene: Camera, seed: int) -> tuple[Any, list[int]]:
    """Return the scenario (array of one) of ``scene`` with ``seed``, and its victims."""
    scenarios = empty(1)
    overrides = {"kernel": dict(scene.changes), "device": {"rt_throttling": True, **scene.device}}
    draw("camera_launch", seed, device=DEVICE, kernel=scene.kernel, overrides=overrides, out=scenarios[0])
    out = scenarios[0]
    events = [tuple(event) for event in out["events"][: out["n_events"]].tolist()]
    launch_us = next(event[0] for event in events if event[1] == k.EVENT_LAUNCH)
    victims = list(range(FIRST_APP, FIRST_APP + (scene.victims or 0)))
    first_us = launch_us + round(AFTER_LAUNCH_MS * k.MS)
    events = [event for event in events if event[1] != k.EVENT_KILL]
    for position, victim in enumerate(victims):
        at_us = first_us + round(position * BETWEEN_KILLS_MS * k.MS)
        events.append((at_us, k.EVENT_KILL, victim, scene.killer, 0 if scene.gated else -1))
    if scene.fifo_from_ms is not None:
        everywhere = (1 << int(out["device"]["n_cpus"])) - 1
        events = [event for event in events if event[1] != k.EVENT_RT]
        events.append((first_us + round(scene.fifo_from_ms * k.MS), k.EVENT_RT, everywhere, 1_000, 0))
    events.sort(key=lambda event: event[0])
    out["events"][: len(events)] = events
    out["n_events"] = len(events)
    resize_burst(out["launches"][0], scene)
    if scene.duration_ms is not None:
        out["duration_us"] = scene.duration_ms * k.MS
    return scenarios, victims


def resize_burst(launch: Any, scene: Camera) -> None:
    """Scale what the launch allocates to what the scene says."""
    parts = ("burst_buffer_pages", "burst_file_pages", "burst_anon_pages")
    if scene.burst_mib is not None:
        total = sum(int(launch[part]) for part in parts)
        for part in parts:
            launch[part] = round(int(launch[part]) * scene.burst_mib * MIB / total)
    if scene.burst_ms is not None:
        launch["nominal_us"] += round(max(0.0, scene.burst_ms * k.MS - float(launch["burst_us"])))
        launch["burst_us"] = round(scene.burst_ms * k.MS)


def looks(scenarios: Any, route: int) -> Iterator[Any]:
    """Run a scenario with every batch on one route; yield its PHONE record every ``LOOK_US`` and at the end."""
    phones = np.zeros(1, PHONE)
    until_us = int(scenarios[0]["duration_us"])
    engine.start(phones, scenarios, 0)
    look_us = 0
    while look_us < until_us:
        look_us = min(look_us + LOOK_US, until_us)
        scenarios[0]["duration_us"] = look_us
        phones[0]["phase"] = engine.PHASE_TICK
        while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
            engine.decide(phones, scenarios, 0, route)
        yield phones[0]


def play(scene: Camera, seed: int) -> dict[str, float]:
    """Run a scene; return its metrics and what only looking on shows.

    Beside :func:`~swapgym.envs.metrics.episode_metrics`: ``last_exit_ms`` and ``memory_back_ms`` (from the first kill
    until the last victim has exited, and until all its memory is back; the episode's end where it never is),
    ``back`` (1 if it came back), ``held_mib_s`` (the victims' memory integrated until it is back),
    ``held_at_exit_mib`` (at the last exit), ``exiting_at_once`` (most processes in exit at one look) and
    ``release_cpu_ms`` (CPU time of all who release).
    """
    scenarios, victims = camera(scene, seed)
    watch = Watch(victims, int(scenarios[0]["compression"]))
    phone: Any = None
    for phone in looks(scenarios, scene.route):
        watch.look(phone)
    metrics = episode_metrics(phone, scenarios[0])
    release = sum(metrics[f"cpu_{who}_ms"] for who in ("exit", "lmkd_reaper", "kworker", "child"))
    return metrics | watch.figures() | {"release_cpu_ms": release}


class Watch:
    """What is seen by looking on, again and again."""

    def __init__(self, victims: list[int], compression: int) -> None:
        """Watch these victims."""
        self.victims = victims
        self.compression = compression
        self.first_kill_us = self.last_exit_us = self.back_us = -1
        self.held_page_us = 0
        self.held_at_exit = 0.0
        self.at_once = 0

    def look(self, phone: Any) -> None:
        """Look once."""
        now_us = int(phone["now_us"])
        self.at_once = max(self.at_once, int(phone["n_exiting"]))
        own = phone["processes"][self.victims]
        killed = own[own["state"] > k.PROCESS_ALIVE]
        if len(killed) == 0:
            return
        if self.first_kill_us < 0:
            self.first_kill_us = int(killed["kill_us"].min())
        entries = int((killed["swap_entries"] + killed["queued_kworker"] + killed["queued_child"]).sum())
        held = int(killed["anon_pages"].sum()) + entries * k.UNIT / self.compression
        self.held_page_us += round(held * LOOK_US)
        over = len(killed) == len(self.victims)
        if self.last_exit_us < 0 and over and (own["state"] == k.PROCESS_DEAD).all():
            self.last_exit_us = now_us
            self.held_at_exit = held / MIB
        if self.back_us < 0 and over and held == 0:
            self.back_us = now_us
        self.now_us = now_us

    def figures(self) -> dict[str, float]:
        """Return what was seen."""
        if self.first_kill_us < 0:
            nothing = dict.fromkeys(("last_exit_ms", "memory_back_ms", "held_mib_s", "held_at_exit_mib", "back"), 0.0)
            return nothing | {"exiting_at_once": float(self.at_once)}
        ends = {
            f"{name}_ms": ((at_us if at_us >= 0 else self.now_us) - self.first_kill_us) / k.MS
            for name, at_us in (("last_exit", self.last_exit_us), ("memory_back", self.back_us))
        }
        return ends | {
            "held_mib_s": self.held_page_us / MIB / k.MS / k.MS,
            "held_at_exit_mib": self.held_at_exit,
            "exiting_at_once": float(self.at_once),
            "back": float(self.back_us >= 0),
        }


# -------------------------------------------------------------------------------------------------------- backgrounding
TUNING: Final[dict[str, dict[str, Any]]] = {
    "as shipped": {},
    "no compaction": {"compaction": False},
    "no freezer": {"freezer": False},
    "swappiness 0": {"swappiness": 0},
    "swappiness 200": {"swappiness": 200},
    "no background cpuset": {"background_cpus": tuple(range(8))},
    "no compaction, no freezer": {"compaction": False, "freezer": False},
    "no compaction, swappiness 0": {"compaction": False, "swappiness": 0},
    "no compaction, swappiness 0, no freezer": {"compaction": False, "swappiness": 0, "freezer": False},
}
"""What Android does to a cached app, and each of it left out. Swappiness is the system's, not the app's."""


def swap_share_after(seconds: float, tuning: Mapping[str, Any], seed: int) -> float:
    """Return VmSwap over VmRSS + VmSwap (%) of an app ``seconds`` after it left the front, on a phone in use.

    The app is drawn (anonymous memory log-normal around 450 MB, of which 25 to 45 % was swapped in front, as of vivo's
    two apps; file pages 150 to 280 MB; 0.2 to 4 MB/s touched until something freezes it). Every 40 s, eight times
    in all, another app of 300 MB is started, so that the phone must reclaim.
    """
    rng = np.random.default_rng(seed)
    anon = float(np.clip(450 * np.exp(0.4 * rng.standard_normal()), 150, 1_200))
    swapped = anon * rng.uniform(0.25, 0.45)
    file = rng.uniform(150, 280)
    board = Board(DEVICE, "mainline", device_changes=tuning, ms=round(max(0.2, seconds) * 1_000), tick_us=1_000)
    others = [board.app(150, 120, 60) for _ in range(12)]  # colder: reclaim and lmkd come to them first
    for other in others:
        board.scenario["apps"][other]["anon_hot_pages"] = 60 * MIB
        board.scenario["apps"][other]["frozen"] = 1
    index = board.app(swapped, anon - swapped, file, adj=700)
    row = board.scenario["apps"][index]
    row["anon_hot_pages"] = round(STAYS_ANON * anon * MIB)
    row["file_hot_pages"] = round(STAYS_FILE * file * MIB)
    row["touch_pages_per_s"] = round(rng.uniform(0.2, 4.0) * MIB)
    leave_free(board, 250)
    board.event(100, k.EVENT_COMPACT, index)
    for launch in range(min(k.MAX_LAUNCHES, int(seconds / 40 + 0.5))):
        background_launch(board, launch, 20_000 + 40_000 * launch)
    process = board.run()["processes"][index]
    swap, resident = float(process["swap_entries"]), float(process["anon_pages"] + process["file_pages"])
    return 100 * swap / (swap + resident)


def leave_free(board: Board, mib: float) -> None:
    """Fill the phone with reserved memory until ``mib`` are free."""
    scenario = board.scenario
    held = int(scenario["apps"]["anon_pages"].sum() + scenario["file_cache_pages"] + scenario["pool_pages"])
    scenario["device"]["reserved_pages"] = int(scenario["device"]["ram_pages"]) - held - round(mib * MIB)


def background_launch(board: Board, launch: int, ms: float) -> None:
    """Start an app of 300 MB behind the one in front."""
    spec = board.scenario["launches"][launch]
    spec["process"] = int(board.scenario["n_processes"]) + launch
    spec["n_threads"] = 1
    spec["nice"] = 10
    spec["work_ns"] = 100_000_000
    spec["burst_anon_pages"] = 300 * MIB
    spec["burst_us"] = 1_000_000
    board.scenario["n_launches"] = launch + 1
    board.event(ms, k.EVENT_LAUNCH, launch)
