"""A camera launch set up for one question: so many victims, every batch on one route, a SCHED_FIFO load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from experiments.letter.watch import LOOK_US, Watch
from swapgym.envs.metrics import episode_metrics
from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE
from swapgym.workload import draw, empty
from swapgym.workload.memory import FIRST_APP
from swapgym.workload.timeline import capacity_rank, paging_us

DEVICE: Final = "phone-8gb"
BETWEEN_KILLS_MS: Final = 15.0
AFTER_LAUNCH_MS: Final = 10.0
BURST: Final = ("burst_buffer_pages", "burst_file_pages", "burst_anon_pages")


@dataclass(frozen=True)
class Camera:
    """A camera launch on an 8 GB phone, drawn from a seed, with what a question varies put in its place.

    Attributes:
        preset: Preset it is drawn from.
        victims: Cached apps killed for it, the coldest first; ``None`` leaves the kills as they were drawn.
        killer: Who kills: KILLER_SCENARIO_LMKD or KILLER_ACTIVITY_MANAGER.
        gated: Whether the launch waits for their exits.
        route: Where every batch goes.
        kernel: Kernel variant.
        changes: Kernel fields replaced.
        device: Device fields replaced.
        burst_mib: What the launch allocates; ``None`` as drawn.
        burst_ms: In which time; ``None`` as drawn.
        fifo_from_ms: When SCHED_FIFO load takes CPUs, after the first kill, for the rest of the episode; ``None``
            leaves the drawn load.
        fifo_mask: Which CPUs it takes; ``None`` all of them.
        duration_ms: Length; ``None`` as drawn.
    """

    preset: str = "camera_launch"
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
    fifo_mask: int | None = None
    duration_ms: int | None = None


def camera(scene: Camera, seed: int) -> tuple[Any, list[int]]:
    """Return the scenario (array of one) of ``scene`` with ``seed``, and its victims."""
    scenarios = empty(1)
    overrides = {"kernel": dict(scene.changes), "device": {"rt_throttling": True, **scene.device}}
    draw(scene.preset, seed, device=DEVICE, kernel=scene.kernel, overrides=overrides, out=scenarios[0])
    out = scenarios[0]
    events = [tuple(event) for event in out["events"][: out["n_events"]].tolist()]
    launch_us = next(event[0] for event in events if event[1] == k.EVENT_LAUNCH)
    first_us = launch_us + round(AFTER_LAUNCH_MS * k.MS)
    if scene.victims is None:
        victims = [event[2] for event in events if event[1] == k.EVENT_KILL]
    else:
        victims = list(range(FIRST_APP, FIRST_APP + scene.victims))
        events = [event for event in events if event[1] != k.EVENT_KILL]
        for position, victim in enumerate(victims):
            at_us = first_us + round(position * BETWEEN_KILLS_MS * k.MS)
            events.append((at_us, k.EVENT_KILL, victim, scene.killer, 0 if scene.gated else -1))
    if scene.fifo_from_ms is not None:
        everywhere = (1 << int(out["device"]["n_cpus"])) - 1
        mask = everywhere if scene.fifo_mask is None else scene.fifo_mask
        events = [event for event in events if event[1] != k.EVENT_RT]
        events.append((first_us + round(scene.fifo_from_ms * k.MS), k.EVENT_RT, mask, 1_000, 0))
    events.sort(key=lambda event: event[0])
    out["events"][: len(events)] = events
    out["n_events"] = len(events)
    resize_burst(out, scene)
    if scene.duration_ms is not None:
        out["duration_us"] = scene.duration_ms * k.MS
    return scenarios, victims


def resize_burst(scenario: Any, scene: Camera) -> None:
    """Scale what the launch allocates to what the scene says, and its nominal time with it."""
    launch = scenario["launches"][0]
    if scene.burst_mib is not None:
        total = sum(int(launch[part]) for part in BURST)
        for part in BURST:
            launch[part] = round(int(launch[part]) * scene.burst_mib * k.PAGES_PER_MIB / total)
    if scene.burst_ms is not None:
        launch["burst_us"] = round(scene.burst_ms * k.MS)
    threads = int(launch["n_threads"])
    slowest_ns_per_us = int(capacity_rank(scenario, threads - 1)) * k.NS_PER_US / k.UNIT
    start_us, work_us = (float(launch[part]) / threads / slowest_ns_per_us for part in ("start_ns", "work_ns"))
    work_us += float(paging_us(scenario, launch))
    launch["nominal_us"] = round(start_us + max(work_us, float(launch["burst_us"])))


def looks(scenarios: Any, route: int, enough: Callable[[], bool] = lambda: False) -> Iterator[Any]:
    """Run a scenario with every batch on one route; yield its PHONE record every ``LOOK_US`` and at the end.

    Args:
        scenarios: SCENARIO records, the first of which is run.
        route: Where every batch goes.
        enough: Once it says so, only the end is shown.
    """
    phones = np.zeros(1, PHONE)
    engine.start(phones, scenarios, 0)
    until_us = LOOK_US
    status = k.RUN_PAUSED
    while status != k.RUN_END:
        while (status := engine.advance(phones, scenarios, 0, until_us)) == k.RUN_DECISION:
            engine.decide(phones, scenarios, 0, route)
        yield phones[0]
        until_us = engine.FOREVER_US if enough() else until_us + LOOK_US


def play(scene: Camera, seed: int) -> dict[str, float]:
    """Run a scene; return its metrics and what only looking on shows.

    Beside :func:`~swapgym.envs.metrics.episode_metrics`: ``last_exit_ms`` and ``memory_back_ms`` (from the first kill
    until the last victim has exited, and until all its memory is back; the episode's end where it never is),
    ``back`` (1 if it came back), ``held_mib_s`` (the victims' memory integrated until it is back),
    ``held_at_exit_mib`` (at the last exit), ``exiting_at_once`` (most processes in exit at one look, until then) and
    ``release_cpu_ms`` (CPU time of all who release).
    """
    scenarios, victims = camera(scene, seed)
    watch = Watch(victims, int(scenarios[0]["compression"]))
    phone: Any = None
    for phone in looks(scenarios, scene.route, lambda: watch.settled):
        watch.look(phone)
    metrics = episode_metrics(phone, scenarios[0])
    release = sum(metrics[f"cpu_{who}_ms"] for who in ("exit", "lmkd_reaper", "kworker", "child"))
    return metrics | watch.figures() | {"release_cpu_ms": release}
