"""Command line of the measurement: see :mod:`experiments.real_kernel`."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from experiments.real_kernel import build, host, machine
from experiments.real_kernel.cases import QUICK, Case, all_cases, choose, interleaved
from experiments.real_kernel.records import MalformedLineError, Record, Spread, parse, records, spreads, store
from experiments.results import provenance, write_csv, write_json

RESULTS = Path(__file__).parent / "results"
REPEATS = 5
"""Fewer are a trial."""
ATTEMPTS = 6
PAUSE_S = 30.0
"""After a boot that was refused; twice as long after each further one: a hypervisor is busy for minutes."""
CASE_S = {"icount": 120.0, "kvm": 60.0, "tcg": 120.0}
"""How long a case may take on average before a boot is given up, by accelerator."""

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console()


class Laboratory:
    """What is booted, and where its results go.

    Args:
        folder: For everything that is built.
        wanted_kernel: A package or its file; None: the newest.
        accelerator: ``tcg``, ``kvm`` or ``auto``.
        guard: Who refuses a busy machine.
        say: Takes what is to be shown.
    """

    def __init__(
        self,
        folder: Path,
        wanted_kernel: str | None,
        accelerator: str,
        guard: machine.Guard,
        say: Callable[[str], None],
    ) -> None:
        """Build everything and find out how to boot it."""
        self.folder, self.guard, self.say = folder, guard, say
        self.qemu = machine.version()
        program = build.compile_payload(folder)
        self.kernel = build.take_apart(build.fetch_package(folder, wanted_kernel), folder)
        self.base = build.initramfs(program.read_bytes(), self.kernel)
        wanted = ("kvm", "tcg") if accelerator == "auto" else (accelerator,)
        self.accelerator = machine.choose_accelerator(self.kernel, self.write_plan([]), wanted)
        self.info: dict[str, str] = {}
        self.stalls = host.stalls()
        self.threads: set[str] = set()
        self.boots = 0
        self.refused = 0
        self.failures: list[str] = []
        say(f"{self.kernel.package}, {self.qemu}, {self.accelerator}")

    def write_plan(self, cases: list[Case]) -> Path:
        """Write the initramfs of a boot."""
        told = [(case.name, case.measurement, {"algorithm": self.kernel.algorithm, **case.settings}) for case in cases]
        path = self.folder / "initramfs"
        path.write_bytes(self.base + build.plan_archive(told))
        return path

    def measure(self, cases: list[Case], repeat: int) -> list[Record]:
        """Boot once for ``cases`` of one group; again if others used the machine meanwhile.

        Raises:
            machine.BusyMachineError: They did so every time.
            machine.BootError: QEMU failed or took too long.
            MalformedLineError: The payload's report is not as it must be.
        """
        accelerator = "icount" if cases[0].icount else self.accelerator
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_S * 2 ** (attempt - 1))
            self.guard.wait_idle()
            began = time.monotonic()
            limit = 120 + CASE_S[accelerator] * len(cases)
            text, load, threads = machine.boot(accelerator, self.kernel.image, self.write_plan(cases), limit)
            (self.folder / f"console-{self.boots}-{cases[0].group}.txt").write_text(text, encoding="utf-8")
            number, self.boots = self.boots, self.boots + 1
            report = parse(text)
            # those with instructions counted have one CPU, and no times
            if not cases[0].icount:
                self.info |= report.info
                self.threads.add(threads)
            self.say(
                f"repeat {repeat}: {cases[0].group}, {len(cases)} cases, {time.monotonic() - began:.0f} s,"
                f" others {load.others:.1%}, stolen {load.stolen:.1%}"
            )
            if not self.guard.accepts(load):
                self.refused += 1
                self.say(f"  refused: {', '.join(self.guard.objections(load))}")
                continue
            for case, message in report.failures.items():
                self.failures.append(f"repeat {repeat}, {case}: {message}")
                self.say(f"  {case} failed: {message}")
            return records(report, cases[0].group, repeat, number, load)
        raise machine.BusyMachineError(f"{cases[0].group}: the machine was busy during all {ATTEMPTS} boots of it")

    def about(self) -> dict[str, Any]:
        """Return what the results came from."""
        return {
            **{key: value for key, value in provenance().items() if key in ("date", "machine", "python")},
            "kernel": self.info.get("kernel", ""),
            "kernel_package": self.kernel.package,
            "kernel_command_line": machine.COMMAND_LINE,
            "qemu": self.qemu,
            "compiler": machine.version("gcc"),
            "command": command_line(sys.argv[1:]),
            "limits": self.guard.limits(),
            "accelerator": self.accelerator,
            "qemu_options": {name: " ".join(machine.ACCELERATORS[name]) for name in (self.accelerator, "icount")},
            "cpus": self.info.get("cpus", ""),
            "stalls": self.stalls,
            "threads": "; ".join(sorted(self.threads)),
            "memory_mib": machine.MEMORY_MIB,
            "zram_algorithm": self.kernel.algorithm,
            "boots": self.boots,
            "boots_refused": self.refused,
            "guarded": self.guard.enforced,
            "failures": self.failures,
        }


@app.command()
def main(
    repeats: Annotated[int, typer.Option(min=1, help="How often each case is measured.")] = REPEATS,
    only: Annotated[list[str] | None, typer.Option(help="Only this measurement or case; * and ? fit any.")] = None,
    quick: Annotated[bool, typer.Option(help="A few small cases, once.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder; by default results/, or results/quick/ for all but a whole run.")
    ] = None,
    keep: Annotated[
        bool, typer.Option(help="Keep the folder in which everything is built, with the consoles.")
    ] = False,
    kernel: Annotated[str | None, typer.Option(help="Debian package of the kernel, or its file.")] = None,
    accelerator: Annotated[str, typer.Option(help="tcg, kvm or auto (kvm where it works).")] = "auto",
    max_load: Annotated[float, typer.Option(help="Highest load average at the start.")] = machine.MAX_LOAD,
    max_stolen: Annotated[
        float, typer.Option(help="Highest share of CPU time that the hypervisor may take during a boot.")
    ] = machine.MAX_STOLEN,
    busy: Annotated[bool, typer.Option(help="Measure on a busy machine too: a trial, and recorded as such.")] = False,
) -> None:
    """Measure a real kernel and store what was measured.

    The full results are only ever replaced by those of a run that is whole: all cases, at least five times, none
    failed, within the guard's limits. All else is a trial.
    """
    began = time.monotonic()
    guard = machine.Guard(max_load, max_stolen=max_stolen, enforced=not busy)
    full = not quick and not only and repeats >= REPEATS and guard.is_strict()
    folder = Path(tempfile.mkdtemp(prefix="real_kernel-"))
    try:
        if accelerator not in ("auto", "tcg", "kvm"):
            raise ValueError(f"--accelerator {accelerator}: must be auto, tcg or kvm")
        cases = choose(choose(all_cases(), QUICK) if quick else all_cases(), only or [])
        if out and out.resolve() == RESULTS.resolve() and not full:
            raise ValueError(f"--out {out}: holds the full results, and this run is a trial")
        load_before = guard.start()
        laboratory = Laboratory(folder, kernel, accelerator, guard, lambda text: console.print(text, highlight=False))
        started = datetime.now(UTC)
        rows: list[Record] = []
        last = (1 if quick else repeats) - 1
        for repeat in range(last + 1):
            for boot in interleaved(cases, repeat):
                rows += laboratory.measure(boot, repeat)
            # what is stored is whole repeats: a run that breaks off leaves those that it finished
            target = destination(out, full and repeat == last and not laboratory.failures)
            about = laboratory.about() | {
                "repeats": repeat + 1,
                "began": started.isoformat(timespec="seconds"),
                "ended": datetime.now(UTC).isoformat(timespec="seconds"),
                "load_before": load_before,
                "load_after": machine.load_average(),
            }
            write_all(target, rows, about)
    except (ValueError, build.BuildError, machine.BootError, machine.BusyMachineError) as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, markup=not isinstance(error, MalformedLineError))
        raise typer.Exit(2) from error
    finally:
        if keep:
            console.print(f"kept: {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    show(spreads(rows))
    console.print(f"{len(rows)} numbers in {time.monotonic() - began:.0f} s; results in {target}", highlight=False)
    if laboratory.failures:
        console.print(f"[red]{len(laboratory.failures)} cases failed[/red]: see provenance.json", highlight=False)
        raise typer.Exit(1)


def destination(out: Path | None, whole: bool) -> Path:
    """Return where to write: ``out`` if given, but the full results only for a run that is ``whole``."""
    wanted = out or RESULTS
    return RESULTS / "quick" if wanted.resolve() == RESULTS.resolve() and not whole else wanted


def command_line(arguments: Sequence[str]) -> str:
    """Return the command line, to be kept beside results: of files only the names."""
    words = (re.sub(r"(^|=)/(\S*/)?", r"\1", word) for word in arguments)
    return shlex.join(["python", "-m", "experiments.real_kernel.measure", *words])


def write_all(folder: Path, rows: list[Record], about: dict[str, Any]) -> None:
    """Write measurements, their spread and where they come from."""
    if not rows:
        raise ValueError(f"nothing was measured: {'; '.join(about['failures'])}")
    store(folder / "measurements.csv", rows)
    write_csv(folder / "summary.csv", [spread._asdict() for spread in spreads(rows)])
    write_json(folder / "provenance.json", about)


MAIN_METRICS = (
    *(
        "unmap_ns",
        "unmap_instructions",
        "entries_per_ms",
        "cpu_ns_per_entry",
        "pool_back_4_of_8",
        "pool_back_then_4_of_8",
    ),
    *("late_frames", "late_sum_ms", "late_worst_ms", "dead_ms", "back_ms", "exit_alone_ms", "exit_ms", "burst_ms"),
    *("highest_use_mib", "direct_reclaim_pages", "stall_some_ms"),
)


def show(found: list[Spread]) -> None:
    """Print the main figures."""
    table = Table(title="median [lowest, highest]", box=None, padding=(0, 2, 0, 0))
    for column in ("case", "metric"):
        table.add_column(column, no_wrap=True)
    for column in ("median", "lowest", "highest"):
        table.add_column(column, justify="right")
    for spread in found:
        if spread.metric in MAIN_METRICS:
            numbers = (f"{value:.4g}" for value in (spread.median, spread.lowest, spread.highest))
            table.add_row(spread.case, f"{spread.metric} ({spread.unit})", *numbers)
    console.print(table)


if __name__ == "__main__":
    app()
