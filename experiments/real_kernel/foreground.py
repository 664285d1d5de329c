"""Measurement 4 re-enacted: a foreground task beside victims that are killed in different ways.

Which victim wakes where after the kill, what the scheduler expects of each, and where its tick falls, decides with whom
the task has to share its CPU, and for how long. So every repeat is played from what it began from, as measured. What
nobody measured, when RCU's thread next looks, is drawn; the medians over draws, and of those over repeats, are what is
predicted.
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
    TICK_US,
    Metrics,
    Settings,
    Watcher,
    at_pace,
    kill,
    last_exit_ms,
    machine,
    play,
    until_gone,
    victims,
)
from swapgym.phone import constants as k
from swapgym.phone.balancer import LOAD_FULL

DRAWS: Final = 5
"""Of each repeat."""
PERIOD_MS: Final = 1_000 / 60
FRAMES_BEFORE: Final = 12
FRAMES_AFTER: Final = 12
BACK: Final = 0.95
"""As in payload/foreground.c."""
FRAME_WORK_MS: Final = 6.5
"""Its 6 ms, and what it takes to wake up and to go to sleep: ``frame_cpu_ms`` as measured where nobody dies."""
LIMIT_MS: Final = 8_000
HELPER_CALL_US: Final = 500
"""CPU time of the helper from its first run until it has a victim's address space: in traces of the measured kernel one
that found none was gone 0.4 to 0.9 ms after it first ran."""


class Begin(NamedTuple):
    """What one repeat began from.

    Attributes:
        pace: How long everything took, over the median of measurement 1.
        killed_us: From a tick of the scheduler to the kill.
        killer: On which CPU the killer ran.
        task: On which the foreground task slept before the frame in which it kills.
        rcu: On which RCU's thread slept.
        victims: On which each victim woke, in the order in which they are killed.
        victims_util: What was expected of a victim when it runs (util_est, of 1).
        helper: On which CPU the helper of process_mrelease woke.
        helper_waited_us: How long it then waited until it ran. If the last victim wakes on its CPU just before it, both
            are awake before the switch, and the victim, which woke first, is picked (their vruntimes are the same): the
            helper waits for a tick. Else it preempts whom it finds, if its nice is lower. Which it is tenths of a
            millisecond decide, as an emulator has them.
        helper_util: What was expected of it.
    """

    pace: float = 1.0
    killed_us: int = 0
    killer: int = 1
    task: int = 0
    rcu: int = 0
    victims: tuple[int, ...] = ()
    victims_util: float = 1.0
    helper: int = 0
    helper_waited_us: int = 0
    helper_util: float = 0.5


def draws() -> list[int]:
    """Return when RCU's thread first looks whether swap entries were freed (us), which nobody measured: for all repeats."""
    random = Random(DRAWS)
    return [random.randrange(0, GRACE_PERIOD_US, TICK_US) for _ in range(DRAWS)]


def foreground(settings: Settings, changes: Mapping[str, Any], begins: Sequence[Begin] = (Begin(),)) -> Metrics:
    """Return the medians over repeats, with a deadline of one vsync and of two.

    Args:
        settings: Of the case.
        changes: Costs of the kernel at the median pace of measurement 1.
        begins: What each repeat began from.
    """
    repeats = [repeat(settings, at_pace(changes, begin.pace), begin) for begin in begins]
    return {metric: median(one[metric] for one in repeats) for metric in repeats[0]}


def repeat(settings: Settings, changes: Mapping[str, Any], begin: Begin) -> Metrics:
    """Return the medians over all draws of one repeat."""
    found: Metrics = {}
    for vsyncs, suffix in ((1, ""), (2, "_two")):
        played = [beside_frames(settings, changes, vsyncs, suffix, begin, rcu_us) for rcu_us in draws()]
        found |= {metric: median(one[metric] for one in played) for metric in played[0]}
    return found


def beside_frames(
    settings: Settings, changes: Mapping[str, Any], vsyncs: int, suffix: str, begin: Begin, rcu_us: int
) -> Metrics:
    """Return the metrics of one play."""
    device: dict[str, Any] = {
        "ui_nice": int(settings.get("nice", 0)),
        "victim_nice": int(settings.get("victim_nice", 0)),
        "deadline_vsyncs": vsyncs,
    }
    helper_nice = int(settings.get("helper_nice", 0))
    if settings.get("way") == "mrelease":
        wakeup_us = begin.helper_waited_us // TICK_US * TICK_US if helper_nice < device["victim_nice"] else 0
        device |= {
            "n_reapers": 1, "reapers_queue": True, "reaper_nice": helper_nice, "reaper_wakeup_us": wakeup_us,
            "reaper_call_us": HELPER_CALL_US,
        }  # fmt: skip
    board = machine(changes, LIMIT_MS, device)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"] = round(FRAME_WORK_MS * k.MS)
    dying = victims(board, settings, int(settings["victims"]))
    killed_ms = FRAMES_BEFORE * PERIOD_MS + begin.killed_us / k.MS
    watchers = kill(board, dying, killed_ms, settings.get("way") == "one_by_one")
    watchers.append(killing(begin.killer, killed_ms))

    def begun(board: Board) -> None:
        board.phone["frame"]["next_vsync_us"] = begin.killed_us
        board.phone["noise_next_us"][GRACE_PERIOD] = rcu_us
        places = {k.TASK_UI: begin.task, k.TASK_REAPER: begin.helper, k.TASK_NOISE + GRACE_PERIOD: begin.rcu}
        expected = {k.TASK_REAPER: begin.helper_util}
        for index, woke in zip(dying, begin.victims, strict=True):
            places[k.TASK_EXIT + index] = woke
            expected[k.TASK_EXIT + index] = begin.victims_util
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


def killing(killer: int, killed_ms: float) -> Watcher:
    """Return who holds CPU ``killer`` while the victims are killed: before everybody, and then asleep again."""

    def watch(board: Board) -> bool:
        since_us = int(board.phone["now_us"]) - killed_ms * k.MS
        board.phone["rt_permille"][killer] = 1_000 if 0 <= since_us < TICK_US else 0
        return True

    return watch


def back_ms(free: Sequence[tuple[float, int]], since_ms: float) -> float:
    """Return how long after ``since_ms`` most of the memory that comes back is back (ms)."""
    before = [pages for ms, pages in free if ms <= since_ms][-1]
    wanted = before + BACK * (free[-1][1] - before)
    return next(ms for ms, pages in free if ms > since_ms and pages >= wanted) - since_ms
