"""The runs: for each family what is varied, and one row per run.

Within a family every variation meets the same seeds, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agents.runner import Player, World, play_all
from experiments.calibration.board import Board
from experiments.calibration.logs import OTHER_MS
from experiments.letter.scenes import DEVICE, TUNING, Camera, play, swap_share_after
from swapgym.phone import constants as k

Row = dict[str, Any]
LMKD: Final = k.KILLER_SCENARIO_LMKD
MANAGER: Final = k.KILLER_ACTIVITY_MANAGER
UNBOUNDED: Final = 1 << 40

ROUTES: Final[dict[str, Camera]] = {
    "inline": Camera(),
    "kworker": Camera(route=k.KWORKER),
    "kworker, nice 0": Camera(route=k.KWORKER, changes={"kworker_nice": 0}),
    "4 kworkers": Camera(route=k.KWORKER, changes={"n_kworkers": 4, "work_item_entries": 510}),
    "kworker, bounded": Camera(route=k.KWORKER, changes={"queue_capacity": 32_768}),
    "child": Camera(route=k.USERSPACE),
    "child, nice 0": Camera(route=k.USERSPACE, changes={"child_nice": 0}),
}
"""Where every batch goes. ``kworker`` is vivo's: one worker at nice -20; ``bounded`` has the queue of the 2026 series;
``child`` is what the letter asks for, one child per process at background weight."""
PATCHED: Final[dict[str, Camera]] = {
    "inline": Camera(kernel="mainline-no-pool-lock"),
    "kworker": Camera(kernel="mainline-no-pool-lock", route=k.KWORKER, changes={"queue_capacity": UNBOUNDED}),
    "2026 series": Camera(kernel="zsmalloc-deferred", route=k.KWORKER),
}
"""The same question put to a kernel without the pool lock (June 2026), and to the series that defers on top of it."""
VICTIMS: Final = (0, 1, 2, 4, 8)
BURSTS_MIB: Final = (300, 600, 1_200)
BURSTS_MS: Final = (200, 500, 1_000)
FIFO_FROM_MS: Final = (30, 140, 220)
"""After the first kill: before the victims' address spaces are walked (their threads take 75 ms to go), while they are,
and after."""
FIFO_END_MS: Final = 8_000
SECONDS: Final = (0, 5, 60, 300, 900)
TUNED_SECONDS: Final = (60, 300)
SWAP_MIB: Final = (0, 100, 200, 400)
FOREGROUND: Final = tuple(range(7))


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
    worlds: tuple[tuple[str, int, Mapping[str, Any]], ...] = (
        ("lmkd", 0, {}),
        ("lmkd", 1, {}),
        ("activity manager", 0, {}),
        ("activity manager", 1, {}),
    )
    alike = ("activity manager, foreground cpuset", 0, {"background_cpus": FOREGROUND})
    for app in range(size.apps):
        present = 70.0 + 10 * (app % 12)  # vivo's apps at their plateau: 68 and 111 MB
        for killer, busy, device in (*worlds, alike):
            for swap in SWAP_MIB:
                yield {"killer": killer, "busy": busy, "swap_mib": swap, "seed": app,
                       **one_exit(swap, present, killer, busy, device)}  # fmt: skip
        yield {"killer": "lmkd", "busy": 0, "swap_mib": -1, "seed": app,
               **one_exit(0, present + SWAP_MIB[-1], "lmkd", 0, {})}  # fmt: skip
        yield {"killer": "lmkd, nothing but exit_mm", "busy": 0, "swap_mib": SWAP_MIB[-1], "seed": app,
               **one_exit(SWAP_MIB[-1], present, "lmkd", 0, {}, other_ms=0.0)}  # fmt: skip


def one_exit(
    swap: float, present: float, killer: str, busy: int, device: Mapping[str, Any], other_ms: float = OTHER_MS
) -> dict[str, float]:
    """Kill one app with these MiB in swap and present, without a reaper; return exit latency and CPU time."""
    board = Board(DEVICE, "mainline", device_changes={"n_reapers": 0, **device}, ms=8_000)
    victim = board.app(swap, present, 131, other_ms=other_ms)
    board.kill(victim, killer=LMKD if killer == "lmkd" else MANAGER)
    if busy:
        board.noise(4, 0.95)
        board.scenario["noise"]["mask"] = 0b1111
        board.scenario["noise"]["work_ns"] = round(0.95 * 4e6 * 250 / k.UNIT)
    total = board.run()["total"]
    return {"exit_ms": board.exit_ms(victim), "cpu_ms": float(total["charged_ns"][k.CHARGE_EXIT]) / 1e6}


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
    """Camera launches with one victim and with eight on every route, with lmkd's two reapers and without."""
    for name, scene in ROUTES.items():
        for victims, reapers in ((8, 2), (8, 0), (1, 0)):
            varied = replace(scene, victims=victims, device={"n_reapers": reapers})
            if victims == 1:  # alone means alone: with little to allocate, lmkd kills nobody beside it
                varied = replace(varied, burst_mib=100, burst_ms=300)
            for seed in range(size.seeds):
                yield {"route": name, "victims": victims, "reapers": reapers, "seed": seed, **play(varied, seed)}


def patched(size: Size) -> Iterator[Row]:
    """Camera launches with eight victims on a kernel without the pool lock."""
    for name, scene in PATCHED.items():
        for seed in range(size.seeds):
            yield {"route": name, "seed": seed, **play(scene, seed)}


def pressure(size: Size) -> Iterator[Row]:
    """Camera launches whose kills are all left to lmkd: what memory pressure alone makes it do."""
    for mib in BURSTS_MIB:
        scene = Camera(victims=None, burst_mib=mib, burst_ms=500)
        for seed in range(size.seeds):
            yield {"burst_mib": mib, "seed": seed, **play(scene, seed)}


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
    for name in ("inline", "kworker", "child"):
        for throttling in (1, 0):
            for from_ms in FIFO_FROM_MS:
                device = {"rt_throttling": bool(throttling), "n_reapers": 0}
                scene = replace(
                    ROUTES[name], victims=4, fifo_from_ms=from_ms, duration_ms=FIFO_END_MS, gated=False, device=device
                )
                for seed in range(size.seeds):
                    yield {"route": name, "throttling": throttling, "from_ms": from_ms, "seed": seed,
                           **play(scene, seed)}  # fmt: skip


def products(size: Size) -> Iterator[Row]:
    """What vivo validated: launches of two presets under its own rule and under mainline's."""
    episodes = [(preset, seed) for preset in ("camera_launch", "app_switching") for seed in range(size.episodes)]
    players = [(World(), Player(name, name)) for name in ("always_inline", "vivo")]
    for row in play_all(players, episodes, workers=1):
        yield {name: row[name] for name in ("policy", "preset", "seed", "launch_ms", "lag_ms", "peak_mib", "launches")}


FAMILIES: Final[Mapping[str, Callable[[Size], Iterator[Row]]]] = {
    family.__name__: family for family in (background, exits, crowd, routes, patched, pressure, bursts, fifo, products)
}


def count(size: Size) -> int:
    """Return how many runs there are, for a progress bar."""
    per_seed = (
        4 * len(VICTIMS) + 3 * len(ROUTES) + len(PATCHED) + len(BURSTS_MIB) * (1 + len(BURSTS_MS) * len(ROUTES)) + 18
    )
    per_app = len(SECONDS) + 2 * (len(TUNING) - 1) + 5 * len(SWAP_MIB) + 2
    return size.seeds * per_seed + size.apps * per_app + 4 * size.episodes


def run_all(size: Size, progress: Callable[[], None]) -> dict[str, list[Row]]:
    """Run every family."""
    found: dict[str, list[Row]] = {}
    for name, family in FAMILIES.items():
        found[name] = []
        for row in family(size):
            found[name].append(row)
            progress()
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
