"""The runs: for each family what is varied, and one row per run.

Within a family every variation meets the same seeds, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from experiments.letter.apps import SWAP_MIB, TUNING, one_exit, swap_share_after
from experiments.letter.scenes import Camera, play
from swapgym.agents.play import Player, play_all
from swapgym.envs.epochs import BATCH
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.phone.kernel_variant import UNBOUNDED
from swapgym.workload.kernels import LITTLE_CPUS

Row = dict[str, Any]
LMKD: Final = k.KILLER_SCENARIO_LMKD
MANAGER: Final = k.KILLER_ACTIVITY_MANAGER

ROUTES: Final[dict[str, Camera]] = {
    "inline": Camera(),
    "kworker": Camera(route=k.KWORKER),
    "kworker, nice 0": Camera(route=k.KWORKER, kernel="vivo-async-nice0"),
    "kworker, little": Camera(route=k.KWORKER, kernel="vivo-async-little"),
    "4 kworkers": Camera(route=k.KWORKER, changes={"n_kworkers": 4, "work_item_entries": 510}),
    "kworker, bounded": Camera(route=k.KWORKER, changes={"queue_capacity": 32_768}),
    "child": Camera(route=k.USERSPACE),
    "child, nice 0": Camera(route=k.USERSPACE, changes={"child_nice": 0}),
}
"""Where every batch goes. ``kworker`` is vivo's: one worker at nice -20; ``nice 0`` has the priority of the 2026
series, ``little`` is kept to the little cores, as a widespread tuning module does; ``bounded`` has the queue of the
2026 series; ``child`` is what the letter asks for, one child per process at background weight."""
PATCHED: Final[dict[str, Camera]] = {
    "inline": Camera(kernel="mainline-no-pool-lock"),
    "kworker": Camera(kernel="mainline-no-pool-lock", route=k.KWORKER, changes={"queue_capacity": UNBOUNDED}),
    "2026 series": Camera(kernel="zsmalloc-deferred", route=k.KWORKER),
}
"""The same question put to a kernel without the pool lock (June 2026), and to the series that defers on top of it."""
VICTIMS: Final = (0, 1, 2, 4, 8)
BURSTS_MIB: Final = (300, 600, 1_200)
BURSTS_MS: Final = (200, 500, 1_000)
BOOSTER: Final = "booster"
"""Stands for the kills of a vendor's camera booster, as ``camera_target`` draws them."""
FIFO_FROM_MS: Final = (2, 100, 600)
"""After the first kill: before the victims' address spaces are walked, while they are, and after."""
FIFO_END_MS: Final = 8_000
FIFO_ROUTES: Final = ("inline", "kworker", "child")
FIRST_CPU: Final = 0b1
HOGS: Final[dict[str, tuple[Camera, int]]] = {
    "kworker, a hog elsewhere": (ROUTES["kworker"], FIRST_CPU),
    "kworker bound to the hog's CPU": (Camera(route=k.KWORKER, changes={"kworker_mask": FIRST_CPU}), FIRST_CPU),
    "kworker, little, one hog there": (ROUTES["kworker, little"], FIRST_CPU),
    "kworker, little, a hog on each": (ROUTES["kworker, little"], LITTLE_CPUS),
}
"""A worker, and the CPUs that a SCHED_FIFO hog has, while RT throttling is on."""
SECONDS: Final = (0, 5, 60, 300, 900)
TUNED_SECONDS: Final = (60, 300)
FOREGROUND: Final = tuple(range(7))
VIVO: Final = EnvSpec(device=None, kernel="vivo-async", epochs=BATCH)
"""vivo's kernel, whose rule is asked for every batch."""
PRODUCTS: Final = ("camera_launch", "camera_target", "app_switching")


@dataclass(frozen=True)
class Size:
    """How much is run: seeds of camera launches, drawn apps, episodes per preset."""

    seeds: int
    apps: int
    episodes: int


FULL: Final = Size(seeds=40, apps=24, episodes=40)
QUICK: Final = Size(seeds=6, apps=4, episodes=6)


def background(size: Size) -> Iterator[Row]:
    """Swap share of an app by time in the background, and after one and five minutes with each tuning left out."""
    for app in range(size.apps):
        for seconds in SECONDS:
            yield {"tuning": "as shipped", "seconds": seconds, "seed": app,
                   "swap_share": swap_share_after(seconds, {}, app)}  # fmt: skip
        for name, tuning in TUNING.items():
            if tuning:
                for seconds in TUNED_SECONDS:
                    yield {"tuning": name, "seconds": seconds, "seed": app,
                           "swap_share": swap_share_after(seconds, tuning, app)}  # fmt: skip


def exits(size: Size) -> Iterator[Row]:
    """One exit by what it holds in swap, by who killed it, and beside busy threads on the little cores or none."""
    worlds: tuple[tuple[str, int, bool, Mapping[str, Any]], ...] = (
        ("lmkd", LMKD, False, {}),
        ("lmkd", LMKD, True, {}),
        ("activity manager", MANAGER, False, {}),
        ("activity manager", MANAGER, True, {}),
        ("activity manager, foreground cpuset", MANAGER, False, {"background_cpus": FOREGROUND}),
        ("lmkd, clocks up", LMKD, False, {"schedutil": False}),
    )
    whole = SWAP_MIB[-1]
    for app in range(size.apps):
        resident = 70.0 + 10 * (app % 12)  # vivo's apps at their plateau: 68 and 111 MB
        for name, killer, busy, device in worlds:
            for swap in SWAP_MIB:
                found = one_exit(swap, resident, killer, app, busy=busy, device=device)
                yield {"killer": name, "busy": int(busy), "swap_mib": swap, "seed": app, **found}
        # the same pages resident instead, and the same address space with nothing else of an app
        for name, device in (("lmkd", {}), ("lmkd, clocks up", {"schedutil": False})):
            found = one_exit(0, resident + whole, LMKD, app, device=device)
            yield {"killer": name, "busy": 0, "swap_mib": -1, "seed": app, **found}
            found = one_exit(whole, resident, LMKD, app, only_mm=True, device=device)
            yield {"killer": f"{name}, nothing but exit_mm", "busy": 0, "swap_mib": whole, "seed": app, **found}


def crowd(size: Size) -> Iterator[Row]:
    """Camera launches by number of victims, who killed them, whether the launch waits, all inline.

    The launch allocates little, so that memory is never what it lacks.
    """
    for victims in VICTIMS:
        for killer in ("lmkd", "activity manager"):
            for gated in (0, 1):
                by = LMKD if killer == "lmkd" else MANAGER
                scene = Camera(victims=victims, killer=by, gated=bool(gated), burst_mib=100, burst_ms=300)
                for seed in range(size.seeds):
                    yield {"victims": victims, "killer": killer, "gated": gated, "seed": seed, **play(scene, seed)}


def routes(size: Size) -> Iterator[Row]:
    """Camera launches with one victim and with eight on every route, with lmkd's two reapers and without.

    Without them the launch allocates little, so that lmkd kills nobody else and the work is the same on every route.
    """
    for name, scene in ROUTES.items():
        for victims, reapers in ((8, 2), (8, 0), (1, 0)):
            varied = replace(scene, victims=victims, device={"n_reapers": reapers})
            if reapers == 0:
                varied = replace(varied, burst_mib=100, burst_ms=300)
            for seed in range(size.seeds):
                yield {"route": name, "victims": victims, "reapers": reapers, "seed": seed, **play(varied, seed)}


def patched(size: Size) -> Iterator[Row]:
    """Camera launches with eight victims on a kernel without the pool lock."""
    for name, scene in PATCHED.items():
        for seed in range(size.seeds):
            yield {"route": name, "seed": seed, **play(scene, seed)}


def pressure(size: Size) -> Iterator[Row]:
    """Camera launches whose kills are all left to lmkd, and such as a vendor's booster makes kills for."""
    for mib in BURSTS_MIB:
        for seed in range(size.seeds):
            yield {"burst_mib": mib, "seed": seed, **play(Camera(victims=0, burst_mib=mib, burst_ms=500), seed)}
    for seed in range(size.seeds):
        yield {"burst_mib": BOOSTER, "seed": seed, **play(Camera(preset="camera_target", victims=None), seed)}


def bursts(size: Size) -> Iterator[Row]:
    """Camera launches by size and speed of the burst, on every route."""
    for mib in BURSTS_MIB:
        for ms in BURSTS_MS:
            for name, scene in ROUTES.items():
                varied = replace(scene, burst_mib=mib, burst_ms=ms)
                for seed in range(size.seeds):
                    yield {"burst_mib": mib, "burst_ms": ms, "route": name, "seed": seed, **play(varied, seed)}


def fifo(size: Size) -> Iterator[Row]:
    """SCHED_FIFO on every CPU until the end, before, while and after four victims unmap."""
    for name in FIFO_ROUTES:
        for throttling in (1, 0):
            for from_ms in FIFO_FROM_MS:
                device = {"rt_throttling": bool(throttling), "n_reapers": 0}
                scene = replace(
                    ROUTES[name], victims=4, fifo_from_ms=from_ms, duration_ms=FIFO_END_MS, gated=False, device=device
                )
                for seed in range(size.seeds):
                    yield {"route": name, "throttling": throttling, "from_ms": from_ms, "seed": seed,
                           **play(scene, seed)}  # fmt: skip


def hogs(size: Size) -> Iterator[Row]:
    """RT throttling on, a SCHED_FIFO hog on some CPUs from the first kill on, with and without runtime borrowed."""
    for name, (worker, mask) in HOGS.items():
        for shared in (0, 1):
            device = {"rt_runtime_share": bool(shared), "n_reapers": 0}
            scene = replace(
                worker, victims=4, fifo_from_ms=FIFO_FROM_MS[0], fifo_mask=mask, duration_ms=FIFO_END_MS, gated=False,
                device=device,
            )  # fmt: skip
            for seed in range(size.seeds):
                yield {"case": name, "shared": shared, "seed": seed, **play(scene, seed)}


def products(size: Size) -> Iterator[Row]:
    """What vivo validated: launches of some presets under its own rule and under mainline's."""
    episodes = [(preset, seed) for preset in PRODUCTS for seed in range(size.episodes)]
    players = [(VIVO, Player(name, name)) for name in ("always_inline", "vivo")]
    for row in play_all(players, episodes, workers=1):
        yield {name: row[name] for name in ("policy", "preset", "seed", "launch_ms", "lag_ms", "peak_mib", "launches")}


FAMILIES: Final[Mapping[str, Callable[[Size], Iterator[Row]]]] = {
    family.__name__: family
    for family in (background, exits, crowd, routes, patched, pressure, bursts, fifo, hogs, products)
}


def run_all(size: Size, progress: Callable[[str], None]) -> dict[str, list[Row]]:
    """Run every family; ``progress`` is called with its name after every run."""
    found: dict[str, list[Row]] = {}
    for name, family in FAMILIES.items():
        found[name] = []
        for row in family(size):
            found[name].append(row)
            progress(name)
    return found


def select(rows: Sequence[Row], **values: Any) -> list[Row]:
    """Return the rows with these values.

    Raises:
        KeyError: If there are none: a finding must not rest on nothing.
    """
    chosen = [row for row in rows if all(row[name] == value for name, value in values.items())]
    if not chosen:
        raise KeyError(f"no runs with {values}")
    return chosen
