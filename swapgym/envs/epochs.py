"""Decision epochs: the moments at which a policy is asked.

A policy is asked when a victim starts to unmap, and again at the victim's next batch when something that matters has
changed since (:data:`EVENTS`), at the latest after ``hold_ms``. Its answer stands for that victim's batches until
then. Where a policy sets the drain's pace too, it is also asked by the same rule while only a backlog is left.

The present state of everything that matters is one number, the **signature**: each event has its own bits of it. To
ask for an event or not is a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from swapgym.envs.arguments import check_names
from swapgym.phone import constants as k
from swapgym.phone.jit import kernel
from swapgym.workload.config import unknown

BACKLOG_STEP: Final = 8_192
"""Entries (32 MiB of swapped memory) from which on each doubling of the backlog is a step of it (judgement)."""


@dataclass(frozen=True)
class Event:
    """Something whose change asks for a decision.

    Attributes:
        name: Its name.
        shift: Its lowest bit in the signature.
        width: How many bits it has.
        usual: Whether it asks where ``epochs`` is ``"event"``.
        meaning: What it is, in one sentence.
    """

    name: str
    shift: int
    width: int
    usual: bool
    meaning: str

    @property
    def mask(self) -> int:
        """Its bits in the signature."""
        return ((1 << self.width) - 1) << self.shift


EVENTS: Final[tuple[Event, ...]] = (
    Event("kill", 0, 8, False, "another process was killed"),
    Event("exit", 8, 8, False, "another exit ended"),
    Event("launch", 16, 8, True, "a launch began, reached its gate, passed it (its burst begins), or ended"),
    Event("realtime", 24, 8, True, "SCHED_FIFO load came to a CPU or left it"),
    Event("watermark", 32, 2, True, "free memory crossed a watermark"),
    Event("backlog", 34, 5, False, "the backlog passed 32 MiB or another doubling of it, up or down"),
)
EVENT_NAMES: Final[tuple[str, ...]] = tuple(event.name for event in EVENTS)
USUAL: Final[tuple[str, ...]] = tuple(event.name for event in EVENTS if event.usual)
"""What asks by default. Kills, exits and steps of the backlog come in bunches while several victims die, and each asks
for every victim: two and a half times the decisions, each worth two thirds as much (``experiments/epochs``). In trials
of 200,000 frames PPO with its defaults learned less with them; that they are left out is a judgement."""
EVENT: Final = "event"
BATCH: Final = "batch"
_SHIFT: Final = {event.name: event.shift for event in EVENTS}
_KILL: Final = _SHIFT["kill"]
_EXIT: Final = _SHIFT["exit"]
_LAUNCH: Final = _SHIFT["launch"]
_REALTIME: Final = _SHIFT["realtime"]
_WATERMARK: Final = _SHIFT["watermark"]
_BACKLOG: Final = _SHIFT["backlog"]

MASK: Final = 0
HOLD_US: Final = 1
BACKLOG_TOO: Final = 2
"""Places in what kernels are told of epochs: int64, shape ``(3,)``."""


def check_epochs(epochs: str | Sequence[str]) -> str | tuple[str, ...]:
    """Return ``epochs``: ``"event"`` (the usual events), ``"batch"`` or a tuple of names of :data:`EVENTS`.

    Raises:
        ValueError: If it is anything else; names what is allowed.
    """
    if isinstance(epochs, str):
        if epochs not in (EVENT, BATCH):
            raise ValueError(f"{unknown('epochs', epochs, (EVENT, BATCH))}, or a list of names of {EVENT_NAMES}")
        return epochs
    return check_names("epochs", epochs, EVENT_NAMES)


def epoch_record(epochs: str | Sequence[str], hold_ms: int, backlog_too: bool) -> Any:
    """Return what kernels are told of epochs.

    Args:
        epochs: As :func:`check_epochs` returns it. ``"batch"`` asks at every batch, whatever ``hold_ms`` is; with
            ``backlog_too`` also at every tick while only a backlog is left.
        hold_ms: How long an answer stands at most.
        backlog_too: Ask also while only a backlog is left.
    """
    names = USUAL if isinstance(epochs, str) else epochs
    mask = sum(event.mask for event in EVENTS if event.name in names)
    hold_us = 0 if epochs == BATCH else hold_ms * k.MS
    return np.array([mask, hold_us, backlog_too], dtype=np.int64)


@kernel
def signature(phone: Any, scenario: Any) -> int:
    """Return the present signature of ``phone``: equal as long as no event has happened."""
    phases = 0
    for index in range(scenario.n_launches):
        phases += phone.launches[index].phase
    realtime = 0
    for cpu in range(scenario.device.n_cpus):
        if phone.cpus.rt_permille[cpu] > 0:
            realtime |= 1 << cpu
    free = phone.free_pages
    device = scenario.device
    zone = 0
    if free >= device.watermark_high:
        zone = 3
    elif free >= device.watermark_low:
        zone = 2
    elif free >= device.watermark_min:
        zone = 1
    step = 0
    steps = (phone.backlog_kworker + phone.backlog_child) // BACKLOG_STEP
    while steps > 0:
        step += 1
        steps >>= 1
    word = np.int64(phone.n_killed) << _KILL
    word |= np.int64(phone.total.exits) << _EXIT
    word |= np.int64(phases) << _LAUNCH
    word |= np.int64(realtime) << _REALTIME
    word |= np.int64(zone) << _WATERMARK
    word |= np.int64(step) << _BACKLOG
    return word  # type: ignore[return-value]  # a kernel's integer


@kernel
def is_epoch(phone: Any, scenario: Any, answer: Any, epochs: Any) -> bool:
    """Return whether the pending victim's policy is asked again.

    Args:
        phone: PHONE record with a pending batch.
        scenario: SCENARIO record.
        answer: ANSWER record: the last answer for this victim.
        epochs: What :func:`epoch_record` returned.
    """
    if phone.now_us >= answer.asked_us + epochs[HOLD_US]:
        return True
    return ((signature(phone, scenario) ^ answer.signature) & epochs[MASK]) != 0


@kernel
def only_backlog(phone: Any) -> bool:
    """Return whether there is a backlog, and no victim whose batches a policy could be asked for."""
    if phone.backlog_kworker + phone.backlog_child == 0:
        return False
    for position in range(phone.n_exiting):
        if phone.processes[phone.exiting[position]].exit_stage <= k.EXIT_UNMAP:
            return False
    return True
