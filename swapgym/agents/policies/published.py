"""The rules of the kernels that were published, and the two that need no rule."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from swapgym.agents.policies.base import Actions, FixedPolicy, Mask, Readings, State, as_batch, everywhere, parameter


@dataclasses.dataclass(frozen=True)
class AlwaysInline(FixedPolicy):
    """Mainline: the exiting thread releases everything itself."""

    name: ClassVar[str] = "always_inline"
    summary: ClassVar[str] = "mainline: the exiting thread frees every batch itself"

    def defers(self, readings: Readings) -> Mask:
        """Defer nothing."""
        return everywhere(readings, False)


@dataclasses.dataclass(frozen=True)
class AlwaysDefer(FixedPolicy):
    """Everything goes to the variant's own worker."""

    name: ClassVar[str] = "always_defer"
    summary: ClassVar[str] = "every batch to the kworker"

    def defers(self, readings: Readings) -> Mask:
        """Defer everything."""
        return everywhere(readings, True)


@dataclasses.dataclass(frozen=True)
class Vivo(FixedPolicy):
    """v3 of "mm: tlb swap entries batch async release" (Zhiguo Jiang, 5 Aug 2024).

    A dying task with at least 32 swap entries starts to defer when two processes exit at once; once it defers, all its
    remaining entries go to the worker.
    """

    name: ClassVar[str] = "vivo"
    summary: ClassVar[str] = "vivo v3: from two exits on, one-way"
    min_entries: float = parameter(32, 1, 100_000, "entries", "SWAP_CLUSTER_MAX")
    min_exiting: float = parameter(2, 1, 32, "processes", "NR_MIN_EXITING_PROCESSES")

    def defers(self, readings: Readings) -> Mask:
        """Defer with company, and stay with it."""
        # half a process of slack: the observation is a float32 fraction
        company = readings["exiting"] > self.min_exiting - 0.5
        enough = readings["victim_swap_left"] > self.min_entries - 0.5
        return (readings["victim_last_route"] > 0.5) | (company & enough)


@dataclasses.dataclass(frozen=True)
class BoundedPool(FixedPolicy):
    """The bounded buffers of "mm/zsmalloc: reduce zs_free() latency" (Wenchao Hao, 21 Apr 2026): full means inline."""

    name: ClassVar[str] = "bounded_pool"
    summary: ClassVar[str] = "2026 series: defer while the backlog is under its bound, else inline"
    bound: float = parameter(32_768, 512, 1_000_000, "entries", "128 MB >> PAGE_SHIFT")

    def defers(self, readings: Readings) -> Mask:
        """Defer while there is room."""
        return readings["backlog"] < self.bound


@dataclasses.dataclass(frozen=True)
class UserspaceReaper(FixedPolicy):
    """What the letter asks for: a forked child, or a process_mrelease helper, frees at background weight."""

    name: ClassVar[str] = "userspace_reaper"
    summary: ClassVar[str] = "every batch to a forked child at background weight"

    def deferral(self) -> str:
        """Return the child's route, which is the variant's own where it is called DEFER."""
        return "USERSPACE" if "USERSPACE" in self.routes else "DEFER"

    def defers(self, readings: Readings) -> Mask:
        """Defer everything."""
        return everywhere(readings, True)


@dataclasses.dataclass(frozen=True)
class Random(FixedPolicy):
    """A coin for each decision, the same for the same observation: a policy has no hidden state."""

    name: ClassVar[str] = "random"
    summary: ClassVar[str] = "a coin for each decision"
    seed: int = 0

    def predict(
        self,
        observation: npt.ArrayLike,
        state: State = None,
        episode_start: npt.ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Actions, State]:
        """Return uniformly drawn actions, seeded by the observations themselves so that an episode replays."""
        batch, single = as_batch(observation, self.parts)
        words = batch.astype(np.float32).view(np.uint32).astype(np.uint64)
        mixed = np.full(len(batch), 0x9E3779B97F4A7C15 + int(self.seed), dtype=np.uint64)
        for column in words.T:
            mixed ^= column
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed ^= mixed >> np.uint64(29)
        actions = (mixed % np.uint64(len(self.routes))).astype(np.int64)
        return (actions[0] if single else actions), state

    def defers(self, readings: Readings) -> Mask:
        """Not asked: :meth:`predict` draws among all routes."""
        return everywhere(readings, False)
