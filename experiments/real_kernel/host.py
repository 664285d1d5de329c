"""The machine below: where the emulator's threads run on it, and how often it loses its own CPUs to a hypervisor.

Left to themselves, two busy virtual CPUs make QEMU's main thread wait for a CPU, and with it every timer and every
interrupt of the measured kernel; and one virtual CPU that wakes the other may have to share its CPU with it for
milliseconds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

THREAD_NAMES = ("-name", "swapgym,debug-threads=on")
PATIENCE_S = 120
"""QEMU starts its virtual CPUs after it has touched the machine's memory."""
LOOK_S = 0.02


def threads(pid: int) -> dict[int, str]:
    """Return the threads of a process and their names; none if it is gone."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").glob("*"):
        try:
            found[int(folder.name)] = (folder / "comm").read_text(encoding="ascii").strip()
        except OSError:
            continue  # it has just ended
    return found


def virtual_cpus(named: dict[int, str]) -> dict[int, int]:
    """Return the threads that are virtual CPUs, and their numbers, of threads with QEMU's names for them."""
    matches = ((thread, re.match(r"CPU (\d+)/", name)) for thread, name in named.items())
    return {thread: int(match[1]) for thread, match in matches if match}


def place(process: subprocess.Popen[bytes], n_cpus: int, patience_s: float = PATIENCE_S) -> str:
    """Give every virtual CPU a CPU of its own, and let QEMU's main thread run before them.

    Args:
        process: QEMU, started with :data:`THREAD_NAMES`.
        n_cpus: Virtual CPUs.
        patience_s: How long to wait until they run.

    Returns:
        ``placed``, or why not: the machine has too few CPUs, or does not allow it.
    """
    if len(os.sched_getaffinity(0)) < n_cpus:
        return f"not placed: {len(os.sched_getaffinity(0))} CPUs for {n_cpus} virtual ones"
    end = time.monotonic() + patience_s
    while len(found := virtual_cpus(threads(process.pid))) < n_cpus:
        if process.poll() is not None or time.monotonic() > end:
            return "not placed: no virtual CPUs"
        time.sleep(LOOK_S)
    own = sorted(os.sched_getaffinity(0))
    try:
        # first what may be forbidden: nothing is placed by half
        os.sched_setscheduler(process.pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        for thread, number in found.items():
            os.sched_setaffinity(thread, {own[number]})
    except OSError as error:
        return f"not placed: {error.strerror}"
    return "placed"


SPINNER = """
import os, sys, time
cpu, seconds, least = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
os.sched_setaffinity(0, {cpu})
now = time.monotonic()
end = now + seconds
while now < end:
    before, now = now, time.monotonic()
    if now - before >= least:
        print(1e3 * (now - before))
"""
STALL_MS = 2.0


def stalls(seconds: float = 20) -> dict[str, float]:
    """Return how often an otherwise idle machine does nothing for a while: what nobody who runs on it can avoid.

    Args:
        seconds: For how long to look, on every CPU at once.

    Returns:
        ``per_cpu_second``: interruptions of at least :data:`STALL_MS`, by a hypervisor or anything else;
        ``longest_ms``; ``share`` of the time.
    """
    cpus = sorted(os.sched_getaffinity(0))
    spinners = [
        subprocess.Popen(
            [sys.executable, "-c", SPINNER, str(cpu), str(seconds), str(STALL_MS / 1e3)],
            stdout=subprocess.PIPE, text=True,
        )
        for cpu in cpus
    ]  # fmt: skip
    found = [float(line) for spinner in spinners for line in spinner.communicate()[0].split()]
    if any(spinner.returncode for spinner in spinners):
        raise RuntimeError("a program that only looks at the clock failed")
    passed = seconds * len(cpus)
    return {
        "per_cpu_second": len(found) / passed,
        "longest_ms": max(found, default=0.0),
        "share": sum(found) / 1e3 / passed,
    }
