"""The measured cases, re-enacted on the simulated machine: same processes, same kills, same burst.

Every function takes a case's settings as the payload was told them and returns metrics under the payload's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from experiments.calibration.board import MIB, Board
from swapgym.phone import constants as k
from swapgym.phone import engine, memory

DEVICE: Final = "emulated-x86"
KERNEL: Final = "linux-6.1-emulated"
PERIOD_MS: Final = 1_000 / 60
FRAMES_BEFORE: Final = 12
FRAME_WORK_MS: Final = 6.0
BACK: Final = 0.95
LEFT_FREE_MIB: Final = 64
COLD_MIB: Final = 512
N_CPUS: Final = 2
BURST_MIB: Final = 352
N_VICTIMS: Final = 4
N_POOL: Final = 8
POOL_MIB: Final = 8
READ_MIB: Final = 224
"""As in payload/foreground.c, payload/burst.c and payload/pool.c."""
ENOUGH_PS: Final = 1 << 60
NEVER_KILLED: Final = -1
"""oom_score_adj of processes that lmkd must leave alone: the measured machine has none."""
TICK_US: Final = 250

Settings = Mapping[str, int | str]
Metrics = dict[str, float]


def machine(changes: Mapping[str, Any], ms: int, device: Mapping[str, Any] | None = None) -> Board:
    """Return the measured machine, idle."""
    whole = {"exit_signal_ms": 0.0, "exit_wait_ms": 0.0, "kworker_wakeup_us": 0, "child_fork_us": 0}
    quiet = {"psi_partial_stall_ms": 1_000, "psi_complete_stall_ms": 1_000}
    return Board(
        DEVICE, KERNEL, device_changes={**quiet, **(device or {})}, kernel_changes={**whole, **changes}, ms=ms,
        tick_us=TICK_US,
    )  # fmt: skip


def victims(board: Board, settings: Settings, n: int) -> list[int]:
    """Put ``n`` victims on the board, so many per cent of each swapped."""
    mib, share = int(settings.get("mib", 256)), int(settings.get("percent", 100)) / 100
    return [board.app(swap_mib=mib * share, anon_mib=mib * (1 - share)) for _ in range(n)]


def play(board: Board, route: int = k.INLINE) -> list[tuple[float, int]]:
    """Run a board tick by tick; return free memory as pairs of time (ms) and pages."""
    phone, scenario = board.phone, board.scenario
    end_us = int(scenario["duration_us"])
    board.phones[:] = 0
    engine.start(board.phones, board.scenarios, 0)
    free = [(0.0, int(phone["free_pages"]))]
    while phone["now_us"] < end_us:
        # a scenario that ends with the tick: the only thing that its length decides
        scenario["duration_us"] = phone["now_us"] + phone["tick_us"]
        while engine.advance(board.phones, board.scenarios, 0) == k.RUN_DECISION:
            engine.decide(board.phones, board.scenarios, 0, route)
        free.append((float(phone["now_us"]) / k.MS, int(phone["free_pages"])))
        phone["phase"] = engine.PHASE_TICK
    phone["phase"] = engine.PHASE_OVER
    scenario["duration_us"] = end_us
    return free


def last_exit_ms(board: Board, dying: list[int]) -> float:
    """Return when the last of ``dying`` was gone (ms from the start)."""
    return max(float(board.phone["processes"][index]["exit_us"]) for index in dying) / k.MS


def contention(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """Several processes unmap at once."""
    n = int(settings["processes"])
    board = machine(changes, ms=20_000)
    dying = victims(board, settings, n)
    for one in dying:
        board.kill(one)
    board.run()
    wall_ms = last_exit_ms(board, dying)
    pages = n * int(settings["mib"]) * MIB
    cpu_ms = float(board.phone["total"]["charged_ns"][k.CHARGE_EXIT]) / 1e6
    return {
        "entries_per_ms": pages / wall_ms,
        "wall_ms": wall_ms,
        "cpu_ms": cpu_ms,
        "cpu_ns_per_entry": cpu_ms * 1e6 / pages,
    }


def foreground(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """A task must finish a frame in time while victims die."""
    found: Metrics = {}
    for vsyncs, suffix in ((1, ""), (2, "_two")):
        board, dying, killed_ms = beside_frames(settings, changes, vsyncs)
        free = play(board)
        total = board.phone["total"]
        found[f"late_frames{suffix}"] = float(total["frames_janky"])
        found[f"late_sum{suffix}_ms"] = float(total["frame_late_us"]) / k.MS
        found[f"late_worst{suffix}_ms"] = float(total["frame_late_max_us"]) / k.MS
        if dying:
            charged = total["charged_ns"]
            found["dead_ms"] = last_exit_ms(board, dying) - killed_ms
            found["back_ms"] = back_ms(free, killed_ms)
            found["victims_cpu_ms"] = float(charged[k.CHARGE_EXIT]) / 1e6
            found["helper_cpu_ms"] = float(charged[k.CHARGE_LMKD_REAPER]) / 1e6
    return found


def beside_frames(settings: Settings, changes: Mapping[str, Any], vsyncs: int) -> tuple[Board, list[int], float]:
    """Return a board with a foreground task and its victims, these, and when they are killed (ms)."""
    n = int(settings["victims"])
    device: dict[str, Any] = {
        "ui_nice": int(settings.get("nice", 0)),
        "victim_nice": int(settings.get("victim_nice", 0)),
        "deadline_vsyncs": vsyncs,
    }
    if settings.get("way") == "mrelease":
        device |= {"n_reapers": 1, "reapers_queue": True, "reaper_nice": int(settings["helper_nice"])}
    killed_ms = FRAMES_BEFORE * PERIOD_MS

    def build(at_ms: Sequence[float]) -> tuple[Board, list[int]]:
        board = machine(changes, 8_000, device)
        board.scenario["frames_on"] = 1
        board.scenario["frame_ui_us"] = round(FRAME_WORK_MS * k.MS)
        dying = victims(board, settings, n)
        for one, ms in zip(dying, at_ms, strict=False):
            board.kill(one, ms=ms)
        return board, dying

    in_turn = settings.get("way") == "one_by_one"
    board, dying = build(one_by_one(build, n, killed_ms) if in_turn else [killed_ms] * n)
    return board, dying, killed_ms


def one_by_one(build: Callable[[Sequence[float]], tuple[Board, list[int]]], n: int, start_ms: float) -> list[float]:
    """Return when each of ``n`` victims is killed if each is once the one before is gone: only playing tells.

    Args:
        build: Makes a board on which the first victims are killed at the given times; returns it with all victims.
        n: Victims.
        start_ms: When the first is killed.
    """
    at_ms = [start_ms]
    while len(at_ms) < n:
        board, dying = build(at_ms)
        board.run()
        at_ms.append(last_exit_ms(board, dying[: len(at_ms)]))
    return at_ms


def back_ms(free: list[tuple[float, int]], since_ms: float) -> float:
    """Return how long after ``since_ms`` most of the memory that comes back is back (ms)."""
    before = [pages for ms, pages in free if ms <= since_ms][-1]
    wanted = before + BACK * (free[-1][1] - before)
    return next(ms for ms, pages in free if ms > since_ms and pages >= wanted) - since_ms


def starve(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """A swapped process must exit while SCHED_FIFO spinners have every CPU.

    The throttling period begins with the first SCHED_FIFO task, which waits 50 ms before the spinners start.
    """
    board = machine(changes, ms=4_000)
    (alone,) = victims(board, settings, 1)
    board.kill(alone)
    board.run()
    alone_ms = board.exit_ms(alone)
    throttled = str(settings["runtime_us"]) != "-1"
    spin_ms = 3_000.0 + (alone_ms / 0.05 * 3.0 if throttled else 4 * alone_ms)
    board = machine(changes, ms=round(spin_ms) + 4_000, device={"rt_throttling": throttled})
    (starved,) = victims(board, settings, 1)
    everywhere = (1 << N_CPUS) - 1
    board.event(50, k.EVENT_RT, everywhere, 1_000)
    board.kill(starved, ms=550)
    board.event(50 + spin_ms, k.EVENT_RT, everywhere, 0)
    board.run()
    exit_ms = board.exit_ms(starved)
    return {
        "exit_alone_ms": alone_ms,
        "exit_ms": exit_ms,
        "times_slower": exit_ms / alone_ms,
        "ended_before_spinners": float(550 + exit_ms < 50 + spin_ms),
    }


def burst(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """A parent waits for the exits and then allocates on every CPU at full speed.

    What the payload's keepers give back late, one address space after the other, is a queue that one worker drains.
    """
    late = settings["way"] == "late"
    route = k.KWORKER if late else k.INLINE
    own = {**changes, "kworker_nice": int(settings.get("keeper_nice", 0)), "queue_capacity": 1 << 40}

    def build(at_ms: Sequence[float]) -> tuple[Board, list[int]]:
        board = machine(own, 30_000)
        board.app(anon_mib=COLD_MIB, adj=NEVER_KILLED)
        dying = victims(board, {}, N_VICTIMS)
        for one, ms in zip(dying, at_ms, strict=False):
            board.kill(one, ms=ms)
        leave_free(board, LEFT_FREE_MIB)
        return board, dying

    in_turn = settings["way"] == "one_by_one"
    at_ms = one_by_one(build, N_VICTIMS, 0.0) if in_turn else [0.0] * N_VICTIMS
    board, dying = build(at_ms)
    board.run(route)
    dead_ms = last_exit_ms(board, dying)
    board, _ = build(at_ms)
    for _ in range(N_CPUS):
        allocator(board, dead_ms, BURST_MIB // N_CPUS)
    free = play(board, route)
    done_ms = max(float(board.phone["launches"][index]["done_us"]) / k.MS for index in range(N_CPUS))
    lowest = min(pages for ms, pages in free if ms <= done_ms)
    psi, total = board.phone["psi"], board.phone["total"]
    return {
        "dead_ms": dead_ms,
        "burst_ms": done_ms - dead_ms,
        "until_allocated_ms": done_ms,
        "lowest_free_mib": lowest / MIB,
        "put_out_pages": float(total["pswpout"]),
        **reclaimed_by(board.phone),
        "stall_some_ms": float(psi["some_us"]) / k.MS,
        "stall_full_ms": float(psi["full_us"]) / k.MS,
    }


def reclaimed_by(phone: Any) -> Metrics:
    """Return who put out how many pages, by the CPU time of each: a page costs both the same."""
    charged, put_out = phone["total"]["charged_ns"], float(phone["total"]["pswpout"])
    direct, kswapd = float(charged[k.CHARGE_DIRECT_RECLAIM]), float(charged[k.CHARGE_KSWAPD])
    share = direct / max(1.0, direct + kswapd)
    return {"direct_reclaim_pages": share * put_out, "kswapd_pages": (1 - share) * put_out}


def allocator(board: Board, ms: float, mib: int) -> None:
    """Add a thread that allocates ``mib`` at ``ms`` as fast as it can."""
    index = int(board.scenario["n_launches"])
    spec = board.scenario["launches"][index]
    spec["process"] = board.app(adj=NEVER_KILLED)
    board.scenario["apps"][spec["process"]]["present"] = 0  # it comes with the launch
    spec["n_threads"] = 1
    spec["burst_anon_pages"] = mib * MIB
    spec["burst_us"] = 1
    board.scenario["n_launches"] = index + 1
    board.event(ms, k.EVENT_LAUNCH, index)


def leave_free(board: Board, mib: int) -> None:
    """Reserve so much of the machine that ``mib`` are free."""
    scenario = board.scenario
    scenario["file_cache_pages"] = scenario["device"]["file_floor_pages"]
    held = int(scenario["apps"]["anon_pages"].sum() + scenario["file_cache_pages"] + scenario["pool_pages"])
    scenario["device"]["reserved_pages"] = scenario["device"]["ram_pages"] - held - mib * MIB


def pool(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """Processes whose pages were put out in turns exit one by one: what share of the pool is back.

    Grain and data change nothing: the simulator has one exponent for all. A manual ``compact`` gives back all that is
    missing; under pressure, after every second exit, reclaim goes over the pool by the simulator's own rule.
    """
    n, mode = int(settings.get("processes", N_POOL)), settings["mode"]
    board = machine(changes, ms=1)
    for _ in range(n):
        board.app(swap_mib=POOL_MIB)
    engine.start(board.phones, board.scenarios, 0)
    phone, scenario = board.phones[0], board.scenarios[0]
    entries, whole = int(phone["pool_objects"]), int(phone["pool_pages"])
    found: Metrics = {}
    for gone in range(1, n + 1):
        for _ in range(entries // n // k.SWAP_CLUSTER_MAX):
            memory.free_objects(phone, scenario, k.SWAP_CLUSTER_MAX)
        found[f"entries_back_{gone}_of_{n}"] = 1 - float(phone["pool_objects"]) / entries
        found[f"pool_back_{gone}_of_{n}"] = 1 - float(phone["pool_pages"]) / whole
        if mode == "plain" or (mode == "pressure" and gone % 2):
            continue
        if mode == "compact":
            phone["pool_pages"] -= memory.fragmented_pages(phone, scenario)
        else:
            phone["file_pages"] = scenario["device"]["file_floor_pages"] + READ_MIB * MIB
            memory.reclaim(phone, scenario, READ_MIB * MIB, ENOUGH_PS, k.UNIT, k.UNIT)
        found[f"pool_back_then_{gone}_of_{n}"] = 1 - float(phone["pool_pages"]) / whole
    return found


MEASUREMENTS: Final[dict[str, Callable[[Settings, Mapping[str, Any]], Metrics]]] = {
    "contention": contention,
    "foreground": foreground,
    "starve": starve,
    "burst": burst,
    "pool": pool,
}
