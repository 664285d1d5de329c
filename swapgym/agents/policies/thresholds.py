"""Rules of thumb with thresholds: what a kernel engineer would try first; tuned, they are the baselines to beat."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from swapgym.agents.policies.base import FixedPolicy, Mask, Readings, parameter


@dataclasses.dataclass(frozen=True)
class FreeMemory(FixedPolicy):
    """Defer only while free memory is ample: what is deferred is memory not given back."""

    name: ClassVar[str] = "free_memory"
    summary: ClassVar[str] = "defer while free memory is above a threshold, inline below"
    margin: float = parameter(1.0, -1.0, 8.0, "high watermarks", "free memory above the low watermark")

    def defers(self, readings: Readings) -> Mask:
        """Defer above the threshold."""
        return readings["free_margin"] > self.margin


@dataclasses.dataclass(frozen=True)
class MemoryPressure(FixedPolicy):
    """Defer only while nobody has been stalled on memory in the last second."""

    name: ClassVar[str] = "psi"
    summary: ClassVar[str] = "defer while PSI some is under a threshold, inline above"
    stall_us: float = parameter(10_000, 0, 1_000_000, "us per s", "PSI some; lmkd's own event is at 70 ms")

    def defers(self, readings: Readings) -> Mask:
        """Defer below the threshold."""
        return readings["psi_some"] <= self.stall_us


@dataclasses.dataclass(frozen=True)
class RealtimeAware(FixedPolicy):
    """Defer only while SCHED_FIFO load leaves a worker its CPU."""

    name: ClassVar[str] = "rt_aware"
    summary: ClassVar[str] = "inline under SCHED_FIFO load or with a starved worker, else defer"
    load: float = parameter(0.5, 0.0, 1.0, "1", "SCHED_FIFO load, mean of all CPUs")
    starved_us: float = parameter(20_000, 0, 1_000_000, "us", "how long the worker has had work and no CPU")

    def defers(self, readings: Readings) -> Mask:
        """Defer while a worker would run."""
        return (readings["rt_load"] <= self.load) & (readings["starved"] <= self.starved_us)


@dataclasses.dataclass(frozen=True)
class SlackAware(FixedPolicy):
    """Defer for whom somebody waits, or while the foreground is short of CPU; otherwise the exit may take its time."""

    name: ClassVar[str] = "slack_aware"
    summary: ClassVar[str] = "defer if a launch waits, frames are short of slack or CPUs of idleness, else inline"
    frame_slack: float = parameter(0.25, -2.0, 2.0, "vsyncs", "time to the next frame deadline")
    idle_cpus: float = parameter(0.25, 0.0, 1.0, "1", "share of CPUs without a fair task")

    def defers(self, readings: Readings) -> Mask:
        """Defer where inline release would be felt."""
        waits = readings["victim_awaited"] > 0.5
        late = readings["frame_slack"] < self.frame_slack
        crowded = readings["idle_cpus"] < self.idle_cpus
        return waits | late | crowded
