"""The simulated machine on which measured cases are re-enacted, tick by tick, and what may happen between ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from experiments.calibration.board import Board
from swapgym.phone import constants as k
from swapgym.phone import engine

DEVICE: Final = "emulated-x86"
KERNEL: Final = "linux-6.1-emulated"
N_CPUS: Final = 2
TICK_US: Final = 250
GRACE_PERIOD: Final = 0
"""Which of the background threads is RCU's ``rcu_preempt``."""
GRACE_PERIOD_US: Final = 8_220
"""How often it runs while swap entries are freed: ``dead_ms`` over ``rcu_runs`` of a single swapped victim, without the
runs of a single present one, where there are few."""
GRACE_PERIOD_NS: Final = 112_000
"""For how long: ``rcu_cpu_ms`` over ``rcu_runs``, likewise. Beside several that release on both CPUs it is twice as
long, and ksoftirqd, which calls back, runs there too: left out."""
RELEASE: Final = ("resident_", "entry_")
"""Costs that a look at the pace says something of: it releases pages too."""
NEVER_KILLED: Final = -1
"""oom_score_adj of processes that lmkd must leave alone: the measured machine has none."""

Settings = Mapping[str, int | str]
Metrics = dict[str, float]
Watcher = Callable[[Board], bool]
"""Looks at a board between ticks, and may change what is to come; returns whether to go on."""


def machine(changes: Mapping[str, Any], ms: int, device: Mapping[str, Any] | None = None) -> Board:
    """Return the measured machine, idle but for the kthread that RCU wakes while swap entries are freed."""
    whole = {"exit_signal_ms": 0.0, "exit_wait_ms": 0.0, "kworker_wakeup_us": 0, "child_fork_us": 0}
    quiet = {"psi_partial_stall_ms": 1_000, "psi_complete_stall_ms": 1_000}
    board = Board(
        DEVICE, KERNEL, device_changes={**quiet, **(device or {})}, kernel_changes={**whole, **changes}, ms=ms,
        tick_us=TICK_US,
    )  # fmt: skip
    everywhere = (1 << N_CPUS) - 1
    board.scenario["noise"][GRACE_PERIOD] = (GRACE_PERIOD_US, 0, GRACE_PERIOD_NS, 0, everywhere, 1)
    return board


def at_pace(changes: Mapping[str, Any], pace: float) -> dict[str, Any]:
    """Return costs for a machine on which releasing a page takes ``pace`` times as long; other costs stay."""
    return {name: value * pace if name.startswith(RELEASE) else value for name, value in changes.items()}


def victims(board: Board, settings: Settings, n: int) -> list[int]:
    """Put ``n`` victims on the board, so many per cent of each swapped."""
    mib, share = int(settings.get("mib", 256)), int(settings.get("percent", 100)) / 100
    return [board.app(swap_mib=mib * share, anon_mib=mib * (1 - share)) for _ in range(n)]


def play(
    board: Board,
    route: int = k.INLINE,
    begun: Callable[[Board], None] = lambda board: None,
    watchers: Sequence[Watcher] = (),
) -> list[tuple[float, int]]:
    """Run a board tick by tick; return free memory as pairs of time (ms) and pages.

    Args:
        board: What to run, to its end or until a watcher ends it.
        route: What every batch gets.
        begun: May change the machine before the first tick.
        watchers: Called after every tick.
    """
    phone, scenario = board.phone, board.scenario
    end_us = int(scenario["duration_us"])
    board.phones[:] = 0
    engine.start(board.phones, board.scenarios, 0)
    begun(board)
    free = [(0.0, int(phone["free_pages"]))]
    going = True
    while going and phone["now_us"] < end_us:
        # a scenario that ends with the tick: the only thing that its length decides
        scenario["duration_us"] = phone["now_us"] + phone["tick_us"]
        while engine.advance(board.phones, board.scenarios, 0) == k.RUN_DECISION:
            engine.decide(board.phones, board.scenarios, 0, route)
        free.append((float(phone["now_us"]) / k.MS, int(phone["free_pages"])))
        phone["phase"] = engine.PHASE_TICK
        going = all([watcher(board) for watcher in watchers])
    phone["phase"] = engine.PHASE_OVER
    scenario["duration_us"] = end_us
    return free


def kill(board: Board, dying: list[int], ms: float, in_turn: bool) -> list[Watcher]:
    """Let ``dying`` be killed at ``ms``, all at once or each once the one before is gone; return who sees to that."""
    end_ms = float(board.scenario["duration_us"]) / k.MS
    for number, one in enumerate(dying):
        board.kill(one, ms=end_ms if in_turn and number else ms)
    return [one_by_one(dying)] if in_turn else []


def one_by_one(dying: list[int]) -> Watcher:
    """Return who kills each of ``dying`` once the one before is gone.

    The scenario must kill the first, and the others next, at its end.
    """

    def watch(board: Board) -> bool:
        killed = 1 + sum(int(board.phone["processes"][index]["kill_us"]) > 0 for index in dying[1:])
        if killed < len(dying) and board.phone["processes"][dying[killed - 1]]["exit_us"] > 0:
            board.scenario["events"][int(board.phone["next_event"])]["time_us"] = board.phone["now_us"]
        return True

    return watch


def once_gone(dying: list[int]) -> Watcher:
    """Return who lets all events that are left happen once the last of ``dying`` is gone."""

    def watch(board: Board) -> bool:
        if all(board.phone["processes"][index]["exit_us"] for index in dying):
            left = slice(int(board.phone["next_event"]), int(board.scenario["n_events"]))
            board.scenario["events"]["time_us"][left] = board.phone["now_us"]
        return True

    return watch


def until_gone(dying: list[int], more_ms: float = 0.0) -> Watcher:
    """Return who ends a board ``more_ms`` after the last of ``dying`` is gone."""

    def watch(board: Board) -> bool:
        exits_us = [int(board.phone["processes"][index]["exit_us"]) for index in dying]
        return not all(exits_us) or int(board.phone["now_us"]) < max(exits_us) + more_ms * k.MS

    return watch


def last_exit_ms(board: Board, dying: list[int]) -> float:
    """Return when the last of ``dying`` was gone (ms from the start)."""
    return max(float(board.phone["processes"][index]["exit_us"]) for index in dying) / k.MS
