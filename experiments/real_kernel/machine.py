"""The machine that measures: how busy it is, and QEMU on it."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.real_kernel import host
from experiments.real_kernel.build import BuildError, Kernel

QEMU = "qemu-system-x86_64"
MEMORY_MIB = 4096
CPUS = 2
MAX_LOAD = 0.3
MAX_OTHERS = 0.05
MAX_STOLEN = 0.05
"""Limits of the guard: load average at the start, and shares of the CPU time of a boot."""
# preempt=full: as Android's kernels are configured; mitigations=off: phones have none of the x86 ones; no transparent
# huge pages, which Android does not use for apps; autogroup would turn nice into a matter of sessions
COMMAND_LINE = (
    "console=ttyS0 quiet loglevel=7 panic=-1 psi=1 preempt=full mitigations=off transparent_hugepage=never noautogroup"
    " clearcpuid=112,297"
)
# -cx16: a locked cmpxchg16b, with which SLUB frees, stops all other virtual CPUs of an emulated machine
# clearcpuid: string instructions are emulated byte by byte, and clearing a page would cost as much as all else
ACCELERATORS = {
    "kvm": ("-accel", "kvm", "-cpu", "host", "-smp", str(CPUS)),
    "tcg": ("-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", str(CPUS)),
    # one instruction is one nanosecond of the guest's clock, and one tick of its time stamp counter
    "icount": ("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-cpu", "max,-cx16", "-smp", "1"),
}


class BusyMachineError(RuntimeError):
    """Something else runs: what would be measured is not the kernel."""


class BootError(RuntimeError):
    """QEMU did not end by itself, or without the payload's last line."""


class CpuTimes(NamedTuple):
    """CPU time since the machine was started, in seconds over all CPUs: used, stolen by the hypervisor, and passed."""

    busy: float
    stolen: float
    passed: float


class Load(NamedTuple):
    """How busy the machine was around a boot.

    Attributes:
        before: Load average of one minute before (of boots after the first, the boot before is part of it).
        after: The same afterwards; two virtual CPUs at work bring it to 2 by themselves.
        others: Share of the CPU time during the boot that neither QEMU nor this program used.
        stolen: Share that the hypervisor below took.
    """

    before: float
    after: float
    others: float
    stolen: float


class Boot(NamedTuple):
    """A boot that ended by itself.

    Attributes:
        console: What the kernel and the payload wrote.
        load: Of the machine around it.
        threads: Whether QEMU's threads were placed, see :func:`experiments.real_kernel.host.place`.
    """

    console: str
    load: Load
    threads: str


def load_average(text: str | None = None) -> float:
    """Return the load average of one minute (of ``text`` in the form of /proc/loadavg)."""
    text = Path("/proc/loadavg").read_text(encoding="ascii") if text is None else text
    found = re.match(r"(\d+\.\d+) \d+\.\d+ \d+\.\d+ ", text)
    if not found:
        raise ValueError(f"/proc/loadavg: {text!r} does not start with three numbers")
    return float(found[1])


def cpu_times(text: str | None = None) -> CpuTimes:
    """Return the CPU times of the machine (of ``text`` in the form of /proc/stat)."""
    text = Path("/proc/stat").read_text(encoding="ascii") if text is None else text
    found = re.match(r"cpu +((?:\d+ )+)", text.replace("\n", " ", 1))
    if not found:
        raise ValueError("/proc/stat does not start with a line of all CPUs")
    user, nice, system, idle, waiting, hard, soft, stolen = (
        int(number) / os.sysconf("SC_CLK_TCK") for number in found[1].split()[:8]
    )
    busy = user + nice + system + hard + soft
    return CpuTimes(busy, stolen, busy + idle + waiting + stolen)


def own_time() -> float:
    """Return the CPU time of this process and of its children that have ended, in seconds."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Guard:
    """Refuses to measure while something else runs, and records how it was.

    Args:
        max_load: Highest load average of one minute at the start.
        max_others: Highest share of the CPU time that others may use, before and during a boot.
        max_stolen: Highest share that the hypervisor below may take during a boot: nobody on this machine shows it.
        enforced: Whether to refuse; if not, only to record.
        look_s: For how long to look before a boot.
        patience_s: How long to wait for the machine to become idle before a boot.
    """

    def __init__(
        self,
        max_load: float = MAX_LOAD,
        max_others: float = MAX_OTHERS,
        max_stolen: float = MAX_STOLEN,
        enforced: bool = True,
        look_s: float = 1,
        patience_s: float = 120,
    ) -> None:
        """Look at nothing yet."""
        self.max_load, self.max_others, self.max_stolen = max_load, max_others, max_stolen
        self.enforced = enforced
        self.look_s, self.patience_s = look_s, patience_s

    def start(self, load: float | None = None) -> float:
        """Return the load average at the start (or take ``load`` for it).

        Raises:
            BusyMachineError: It is above what is allowed.
        """
        is_load = load_average() if load is None else load
        if self.enforced and is_load > self.max_load:
            raise BusyMachineError(
                f"load average: {is_load:.2f}, must be at most {self.max_load:.2f}: wait until nothing else runs, or"
                " measure with --busy, which the results will say"
            )
        return is_load

    def wait_idle(self) -> None:
        """Return when others use little.

        Raises:
            BusyMachineError: They do not stop.
        """
        end = time.monotonic() + self.patience_s
        while self.enforced:
            times, own = cpu_times(), own_time()
            time.sleep(self.look_s)
            others = share_of_others(times, cpu_times(), own_time() - own)
            if others <= self.max_others:
                return
            if time.monotonic() > end:
                raise BusyMachineError(
                    f"others use {others:.0%} of the CPU time, must be at most {self.max_others:.0%}"
                )

    def accepts(self, load: Load) -> bool:
        """Return whether what was measured under ``load`` counts."""
        return not self.enforced or not self.objections(load)

    def objections(self, load: Load) -> list[str]:
        """Return in words what of ``load`` is above the limits, enforced or not."""
        shares = (("others used", load.others, self.max_others), ("stolen", load.stolen, self.max_stolen))
        return [f"{name} {share:.0%} of the CPU time" for name, share, limit in shares if share > limit]

    def is_strict(self) -> bool:
        """Return whether it refuses at least what it refuses by default."""
        default = Guard().limits()
        return self.enforced and all(limit <= default[name] for name, limit in self.limits().items())

    def limits(self) -> dict[str, float]:
        """Return the limits, to be kept beside results."""
        return {"max_load": self.max_load, "max_others": self.max_others, "max_stolen": self.max_stolen}


def share_of_others(before: CpuTimes, after: CpuTimes, own: float) -> float:
    """Return the share of the CPU time between two looks that others used, when we used ``own`` seconds of it."""
    passed = after.passed - before.passed
    return max(0.0, after.busy - before.busy - own) / passed if passed > 0 else 0.0


def version(program: str = QEMU) -> str:
    """Return the first line of what a program says of its version."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"{program} does not run (Debian: qemu-system-x86): {error}") from error
    return done.stdout.splitlines()[0]


def qemu_command(accelerator: str, kernel: Path, initrd: Path) -> list[str]:
    """Return the command that boots: no network, no disk, the serial console on standard output."""
    return [
        *(QEMU, *ACCELERATORS[accelerator], "-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config"),
        # touched before the kernel boots: what a case takes must not depend on which pages others have used before it
        *("-machine", "memory-backend=ram", "-object", f"memory-backend-ram,id=ram,size={MEMORY_MIB}M,prealloc=on"),
        *("-display", "none", "-serial", "stdio", "-no-reboot", *host.THREAD_NAMES),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-append", COMMAND_LINE),
    ]


def boot(accelerator: str, kernel: Path, initrd: Path, timeout_s: float) -> Boot:
    """Boot until the payload turns the machine off; return its console and how the machine was around it.

    Raises:
        BootError: It did not end in time, or QEMU failed.
    """
    before, times, own = load_average(), cpu_times(), own_time()
    command = qemu_command(accelerator, kernel, initrd)
    placed = "not placed: one thread for all virtual CPUs"
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            if accelerator != "icount":
                placed = host.place(process, CPUS)
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            console = process.communicate()[0].decode(errors="replace")
            raise BootError(
                f"no end after {timeout_s:.0f} s under {accelerator}; its last lines:\n{tail(console)}"
            ) from error
        except BaseException:
            process.kill()
            raise
    console = output.decode(errors="replace")
    if process.returncode:
        said = errors.decode(errors="replace")
        raise BootError(f"QEMU: exit code {process.returncode}: {said}\n{tail(console)}")
    now = cpu_times()
    passed = now.passed - times.passed
    stolen = (now.stolen - times.stolen) / passed if passed > 0 else 0.0
    load = Load(before, load_average(), share_of_others(times, now, own_time() - own), stolen)
    return Boot(console, load, placed)


def tail(console: str, lines: int = 15) -> str:
    """Return the last lines of a console."""
    return "\n".join(console.splitlines()[-lines:])


def choose_accelerator(kernel: Kernel, initrd: Path, wanted: Sequence[str] = ("kvm", "tcg")) -> str:
    """Return the first accelerator that boots an empty plan; a /dev/kvm that is there need not work."""
    refusals = []
    for accelerator in wanted:
        if accelerator == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
            refusals.append("kvm: no /dev/kvm")
            continue
        try:
            console = boot(accelerator, kernel.image, initrd, timeout_s=30 if accelerator == "kvm" else 120).console
        except BootError as error:
            refusals.append(f"{accelerator}: {error}")
            continue
        if "@swapgym,done,0" in console:
            return accelerator
        refusals.append(f"{accelerator}: the payload did not end:\n{tail(console)}")
    raise BootError("no accelerator boots:\n" + "\n".join(refusals))
