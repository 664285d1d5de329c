"""Work over worker processes: results in the order of the jobs, whatever the processes do, and progress as it is made.

Work is sent to the processes by name, so it must be a function of a module. They are made by a fork server, since a
process with threads (torch, Numba) must not be forked.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Job = TypeVar("Job")
Result = TypeVar("Result")


class Workers:
    """Worker processes that several lots of jobs can share; 1 is this process alone."""

    def __init__(self, workers: int = 2) -> None:
        """Take the number of processes; they are made when ``with`` is entered."""
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        """Make the processes."""
        if self.workers > 1:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("forkserver"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; jobs that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def all(
        self, work: Callable[[Job], Result], jobs: Sequence[Job], each: Callable[[int, Result], None] | None = None
    ) -> list[Result]:
        """Do all jobs; return their results in the order of the jobs.

        Args:
            work: Does one job.
            jobs: The jobs.
            each: Called here with a job's number and its result, as soon as it is done.
        """
        done: dict[int, Result] = {}

        def note(number: int, result: Result) -> None:
            done[number] = result
            if each is not None:
                each(number, result)

        if self._pool is None:
            for number, job in enumerate(jobs):
                note(number, work(job))
        else:
            futures = {self._pool.submit(work, job): number for number, job in enumerate(jobs)}
            for future in as_completed(futures):
                note(futures[future], future.result())
        return [done[number] for number in range(len(jobs))]


def spread(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int = 2,
    each: Callable[[int, Result], None] | None = None,
) -> list[Result]:
    """Do all jobs over ``workers`` processes that are made for them: see :meth:`Workers.all`."""
    with Workers(workers if len(jobs) > 1 else 1) as pool:
        return pool.all(work, jobs, each)


def progress_bar(console: Console | None = None) -> Progress:
    """Return the bar that commands show: what, how far, how many, how long, how long still."""
    from rich import progress

    columns: tuple[Any, ...] = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    return progress.Progress(*columns, console=console)
