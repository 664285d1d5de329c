"""Measurement 4 re-enacted: a foreground task beside victims that are killed in different ways.

Which victim wakes where after the kill, what the scheduler expects of each, and where its tick falls, decides with whom
the task has to share its CPU, and for how long. So every repeat is played from what it began from, as measured. What
nobody measured, how long each of RCU's grace periods takes, is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from swapgym.phone.pelt import LOAD_FULL

from experiments.calibration.board import Board
from experiments.real_kernel.stage import (
    GRACE_PERIOD,
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

DRAWS: Final = 5
"""Of each repeat."""
PERIOD_MS: Final = 1_000 / 60
FRAMES_BEFORE: Final = 12
FRAMES_AFTER: Final = 12
BACK: Final = 0.95
"""As in payload/foreground.c."""
FRAME_WORK_MS: Final = 6.26
"""Its 6 ms, and what it takes to wake up and to go to sleep: ``frame_cpu_ms`` as measured where nobody dies."""
SCHED_TICK_US: Final = 4_000
LIMIT_MS: Final = 8_000
HELPER_CALL_US: Final = 300
"""CPU time of the helper from its first run until it has a victim's address space. By its own clock, which starts when
it is back from SIGSTOP, it is gone after 0.06 to 0.13 ms if it finds none; in traces of the measured kernel it lost to
a victim that first ran 0.05 ms after it on the other CPU, and found one that had run for 0.14 ms before it."""
LONG_AGO_US: Final = 1_000_000
AT_ONCE_US: Final = 250
"""A helper that waited for longer until it first ran did not preempt who had its CPU."""


class Begin(NamedTuple):
    """What one repeat began from.

    Attributes:
        pace: How long everything took, over the median of measurement 1.
        killed_us: From a tick of the scheduler to the first kill.
        killed_late_us: From the vsync at which the killer meant to kill to the first kill. It is assumed to have been
            at work since then: a timer that was late itself would be counted as its work.
        kills_took_us: From the first kill until all were told to die.
        killer: On which CPU the killer ran.
        task: On which the foreground task slept, seven frames before the kill.
        rcu: On which RCU's thread slept then.
        victims: On which each victim woke, in the order in which they are killed.
        victims_us: How long after the first kill each woke; 0 where they are killed one by one.
        victims_util: What was expected of each when it runs (util_est, of 1).
        helper: On which CPU the helper of process_mrelease woke.
        helper_us: How long after the first kill.
        helper_preempts: Whether it ran at once. If the last victim wakes on its CPU just before it, both are awake
            before the switch, and the victim, which woke first, is picked (their vruntimes are the same): the helper
            waits for a tick. Which it is hundredths of a millisecond decide, as an emulator has them.
        helper_util: What was expected of it.
        balanced_us: How long before the first kill each CPU last looked whether to take tasks from others. It is
            assumed not to look again within 60 ms, as after one that found nothing, so that the task may have to stay
            where the victims have woken.
    """

    pace: float = 1.0
    killed_us: int = 0
    killed_late_us: int = 0
    kills_took_us: int = 0
    killer: int = 1
    task: int = 0
    rcu: int = 0
    victims: tuple[int, ...] = ()
    victims_us: tuple[int, ...] = ()
    victims_util: tuple[float, ...] = ()
    helper: int = 0
    helper_us: int = 0
    helper_preempts: bool = True
    helper_util: float = 0.5
    balanced_us: tuple[int, ...] = (LONG_AGO_US, LONG_AGO_US)


def foreground(settings: Settings, changes: Mapping[str, Any], begin: Begin) -> Metrics:
    """Return the medians over all draws of one repeat, with a deadline of one vsync and of two.

    Args:
        settings: Of the case.
        changes: Costs of the kernel at the median pace of measurement 1.
        begin: What the repeat began from.

    Raises:
        ValueError: It has not as many victims as the case.
    """
    told = (begin.victims, begin.victims_us, begin.victims_util)
    if {len(of_each) for of_each in told} != {int(settings["victims"])}:
        raise ValueError(f"victims {', '.join(map(str, told))}: must be those of {settings['victims']}")
    own = at_pace(changes, begin.pace)
    found: Metrics = {}
    for vsyncs, suffix in ((1, ""), (2, "_two")):
        played = [beside_frames(settings, own, vsyncs, suffix, begin, draw) for draw in range(DRAWS)]
        found |= {metric: median(one[metric] for one in played) for metric in played[0]}
    return found


def beside_frames(
    settings: Settings, changes: Mapping[str, Any], vsyncs: int, suffix: str, begin: Begin, draw: int = 0
) -> Metrics:
    """Return the metrics of one play."""
    device: dict[str, Any] = {
        "ui_nice": int(settings.get("nice", 0)),
        "victim_nice": int(settings.get("victim_nice", 0)),
        "deadline_vsyncs": vsyncs,
    }
    if settings.get("way") == "mrelease":
        device |= {
            "n_reapers": 1, "reapers_queue": True, "reaper_nice": int(settings["helper_nice"]),
            "reaper_call_us": HELPER_CALL_US,
        }  # fmt: skip
    board = machine(changes, LIMIT_MS, device)
    board.scenario["frames_on"] = 1
    board.scenario["frame_ui_us"] = round(FRAME_WORK_MS * k.MS)
    dying = victims(board, settings, int(settings["victims"]))
    # whole scheduler ticks later than it was, so that the first vsync is not before the start
    later_us = (1 + begin.killed_late_us // SCHED_TICK_US) * SCHED_TICK_US
    vsync_us = later_us + begin.killed_us - begin.killed_late_us
    killed_ms = FRAMES_BEFORE * PERIOD_MS + (later_us + begin.killed_us) / k.MS
    late_ms = begin.killed_late_us / k.MS
    # an event happens in the first tick that begins after it: half a tick earlier it is the nearest one
    half_ms = TICK_US / 2 / k.MS
    if settings.get("way") == "one_by_one":
        watchers = kill(board, dying, killed_ms - half_ms, True)
    else:
        watchers = []
        for woke_us, one in sorted(zip(begin.victims_us, dying, strict=True)):
            board.kill(one, ms=killed_ms + woke_us / k.MS - half_ms)
    watchers.append(killing(begin, killed_ms, settings.get("way") == "mrelease"))

    def begun(board: Board) -> None:
        board.phone["frame"]["next_vsync_us"] = vsync_us
        board.phone["noise_spread"][GRACE_PERIOD] = draw * k.UNIT // DRAWS
        places = {k.TASK_UI: begin.task, k.TASK_REAPER: begin.helper, k.TASK_NOISE + GRACE_PERIOD: begin.rcu}
        expected = {k.TASK_REAPER: begin.helper_util}
        for index, woke, util in zip(dying, begin.victims, begin.victims_util, strict=True):
            places[k.TASK_EXIT + index] = woke
            expected[k.TASK_EXIT + index] = util
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
        found["dead_ms"] = last_exit_ms(board, dying) - killed_ms + late_ms
        found["back_ms"] = back_ms(free, killed_ms) + late_ms
        found["victims_cpu_ms"] = float(charged[k.CHARGE_EXIT]) / 1e6
        found["helper_cpu_ms"] = float(charged[k.CHARGE_LMKD_REAPER]) / 1e6
    return found


def killing(begin: Begin, killed_ms: float, helped: bool) -> Watcher:
    """Return who has the killer's CPU to itself from when it wakes until the kills are over, and then wakes the helper.

    It goes before everybody. Of victims that are killed one by one, each kill but the first takes it a tick.
    """
    killed_us = round(killed_ms * k.MS)
    balanced_us = [(killed_us - ago_us) // SCHED_TICK_US * SCHED_TICK_US for ago_us in begin.balanced_us]
    helper_us = killed_us + begin.helper_us - TICK_US // 2

    def watch(board: Board) -> bool:
        phone, scenario = board.phone, board.scenario
        now_us, left = int(phone["now_us"]), int(phone["next_event"])
        kills = left < int(scenario["n_events"]) and scenario["events"]["time_us"][left] <= now_us
        awake = killed_us - begin.killed_late_us <= now_us <= killed_us + begin.kills_took_us
        phone["rt_permille"][begin.killer] = 1_000 if kills or awake else 0
        if killed_us <= now_us < killed_us + TICK_US:
            # in jiffies, which a tick begins
            phone["run_queues"]["balance_us"][: len(balanced_us)] = balanced_us
        scenario["device"]["n_reapers"] = helped and now_us >= helper_us
        if helper_us <= now_us < helper_us + TICK_US and not begin.helper_preempts:
            # just behind those that are placed as it is (place_entity)
            queue = phone["run_queues"][begin.helper]
            behind = int(scenario["device"]["sched_latency_us"]) * k.NS_PER_US // 2
            phone["entities"]["vruntime"][k.TASK_REAPER] = int(queue["min_vruntime"]) - behind + 1
        return True

    return watch


def back_ms(free: Sequence[tuple[float, int]], since_ms: float) -> float:
    """Return how long after ``since_ms`` most of the memory that comes back is back (ms)."""
    before = [pages for ms, pages in free if ms <= since_ms][-1]
    wanted = before + BACK * (free[-1][1] - before)
    return next(ms for ms, pages in free if ms > since_ms and pages >= wanted) - since_ms
