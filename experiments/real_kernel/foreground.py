"""Measurement 4 re-enacted: a foreground task beside victims that are killed in different ways.

Which victim slept where before the kill, what the scheduler expected of a helper, and where its tick fell, nobody
measured, and much hangs on it: with whom the task has to share its CPU, and for how long. So each case is played from
several draws of that, and the medians are what is predicted, as medians over repeats are what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from statistics import median
from typing import Any, Final, NamedTuple

from experiments.calibration.board import Board
from experiments.real_kernel.stage import (
    GRACE_PERIOD,
    GRACE_PERIOD_US,
    N_CPUS,
    TICK_US,
    Metrics,
    Settings,
    kill,
    last_exit_ms,
    machine,
    play,
    until_gone,
    victims,
)
from swapgym.phone import constants as k
from swapgym.phone.balancer import IMBALANCE_PCT, LOAD_FULL

DRAWS: Final = 25
"""Medians of fewer still change by much with others: those of nine by half."""
PERIOD_MS: Final = 1_000 / 60
FRAMES_BEFORE: Final = 12
FRAMES_AFTER: Final = 12
BACK: Final = 0.95
"""As in payload/foreground.c."""
FRAME_WORK_MS: Final = 6.5
"""Its 6 ms, and what it takes to wake up and to go to sleep: ``frame_cpu_ms`` as measured where nobody dies."""
LIMIT_MS: Final = 8_000
UI_RUNNABLE: Final = 0.35
"""PELT average of its being runnable when a frame begins: 6.5 ms in every 16.67 ms, with a half-life of 32 ms."""
FORKED_UTIL: Final = (0.5, 0.01)
"""What may be expected of a fork that has hardly run: half of what its CPU has to spare at most, and next to nothing by
what others have left there (post_init_entity_util_avg). In boots of the measured kernel either was seen by its effect;
which it is in a case is not known."""


class Draw(NamedTuple):
    """What a case is played from.

    Attributes:
        phase_us: From a tick of the scheduler to the vsync at which the victims are killed.
        ui: On which CPU the task sleeps. The helper of process_mrelease sleeps there too: both were forked while who
            measures held the other CPU, from which it kills.
        victims: On which the victims slept.
        helper_util: What is expected of the helper when it runs (util_est, of 1).
        kthread: On which CPU RCU's kthread slept.
        kthread_us: When it first looks whether swap entries were freed.
    """

    phase_us: int
    ui: int
    victims: tuple[int, ...]
    helper_util: float
    kthread: int
    kthread_us: int


def draws(n_victims: int) -> list[Draw]:
    """Return the draws for a case: the same for all cases with so many victims."""
    random = Random(n_victims)
    return [
        Draw(
            random.randrange(0, 4 * k.MS, TICK_US),
            random.randrange(N_CPUS),
            tuple(random.randrange(N_CPUS) for _ in range(n_victims)),
            random.choice(FORKED_UTIL),
            random.randrange(N_CPUS),
            random.randrange(0, GRACE_PERIOD_US, TICK_US),
        )
        for _ in range(DRAWS)
    ]


def woken_on(slept: int, ui: int, nice: int, ui_nice: int) -> int:
    """Return the CPU on which a victim or the helper wakes: where it slept, or the killer's (wake_affine_weight).

    The task has just woken then, so that no CPU is idle. The killer's it is if that has, with the one who wakes, less
    load than the other without. A sleeper's load counts as it was when it went to sleep; that of the killer's CPU, on
    which nobody fair runs, as 0.

    Args:
        slept: Where.
        ui: The task's CPU; the killer is on the other.
        nice: Of the one who wakes.
        ui_nice: Of the task.
    """
    own = k.NICE_TO_WEIGHT[nice + 20]
    drawing = k.NICE_TO_WEIGHT[ui_nice + 20] * UI_RUNNABLE
    leaves = own * 100 < (drawing - own) * (100 + (IMBALANCE_PCT - 100) // 2)
    return 1 - ui if leaves else slept


def foreground(settings: Settings, changes: Mapping[str, Any]) -> Metrics:
    """Return the medians over all draws, with a deadline of one vsync and of two."""
    found: Metrics = {}
    for vsyncs, suffix in ((1, ""), (2, "_two")):
        played = [beside_frames(settings, changes, vsyncs, suffix, draw) for draw in draws(int(settings["victims"]))]
        found |= {metric: median(one[metric] for one in played) for metric in played[0]}
    return found


def beside_frames(settings: Settings, changes: Mapping[str, Any], vsyncs: int, suffix: str, draw: Draw) -> Metrics:
    """Return the metrics of one play."""
    device: dict[str, Any] = {
        "ui_nice": int(settings.get("nice", 0)),
        "victim_nice": int(settings.get("victim_nice", 0)),
        "deadline_vsyncs": vsyncs,
    }
    if settings.get("way") == "mrelease":
        device |= {"n_reapers": 1, "reapers_queue": True, "reaper_nice": int(settings["helper_nice"])}
    board = machine(changes, LIMIT_MS, device)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"] = round(FRAME_WORK_MS * k.MS)
    dying = victims(board, settings, int(settings["victims"]))
    killed_ms = FRAMES_BEFORE * PERIOD_MS + draw.phase_us / k.MS
    watchers = kill(board, dying, killed_ms, settings.get("way") == "one_by_one")

    def begun(board: Board) -> None:
        board.phone["frame"]["next_vsync_us"] = draw.phase_us
        board.phone["noise_next_us"][GRACE_PERIOD] = draw.kthread_us
        ui_nice = device["ui_nice"]
        helper = woken_on(draw.ui, draw.ui, int(settings.get("helper_nice", 0)), ui_nice)
        places = {k.TASK_UI: draw.ui, k.TASK_REAPER: helper, k.TASK_NOISE + GRACE_PERIOD: draw.kthread}
        expected = {k.TASK_REAPER: draw.helper_util}
        for index, slept in zip(dying, draw.victims, strict=True):
            places[k.TASK_EXIT + index] = woken_on(slept, draw.ui, device["victim_nice"], ui_nice)
            # what each got of a CPU while all filled and put out their pages
            expected[k.TASK_EXIT + index] = min(1.0, N_CPUS / len(dying))
        for task, cpu in places.items():
            board.phone["tasks"][task]["cpu"] = cpu
            board.phone["entities"][task]["cpu"] = cpu
        for task, util in expected.items():
            board.phone["entities"][task]["util_est"] = round(util * LOAD_FULL)

    if dying:
        watchers.append(until_gone(dying, FRAMES_AFTER * PERIOD_MS))
    free = play(board, begun=begun, watchers=watchers)
    total = board.phone["total"]
    found = {
        f"late_frames{suffix}": float(total["frames_janky"]),
        f"late_sum{suffix}_ms": float(total["frame_late_us"]) / k.MS,
        f"late_worst{suffix}_ms": float(total["frame_late_max_us"]) / k.MS,
    }
    if dying:
        charged = total["charged_ns"]
        found["dead_ms"] = last_exit_ms(board, dying) - killed_ms
        found["back_ms"] = back_ms(free, killed_ms)
        found["victims_cpu_ms"] = float(charged[k.CHARGE_EXIT]) / 1e6
        found["helper_cpu_ms"] = float(charged[k.CHARGE_LMKD_REAPER]) / 1e6
    return found


def back_ms(free: Sequence[tuple[float, int]], since_ms: float) -> float:
    """Return how long after ``since_ms`` most of the memory that comes back is back (ms)."""
    before = [pages for ms, pages in free if ms <= since_ms][-1]
    wanted = before + BACK * (free[-1][1] - before)
    return next(ms for ms, pages in free if ms > since_ms and pages >= wanted) - since_ms
