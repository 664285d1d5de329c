"""The measurement of a real kernel, as far as it goes without one: protocol, load guard, modules, archive, payload."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.real_kernel import build, cases, host, machine, measure, records, scenes
from experiments.real_kernel.machine import BusyMachineError, CpuTimes, Guard, Load

IDLE = Load(0.0, 1.0, 0.01, 0.0)
CONSOLE = """[    0.1] Linux version
@swapgym,info,kernel,6.1.0
@swapgym,begin,unmap/64/0
@swapgym,value,unmap/64/0,unmap_ns,1300.5,ns
@swapgym,end,unmap/64/0,1
@swapgym,begin,unmap/64/100
@swapgym,fail,unmap/64/100,VmSwap is 0, must be 16384
@swapgym,done,2
"""


def test_a_console_is_read() -> None:
    report = records.parse(CONSOLE)
    assert report.info == {"kernel": "6.1.0"}
    assert report.values == [records.Value("unmap/64/0", "unmap_ns", 1300.5, "ns")]
    assert report.failures == {"unmap/64/100": "VmSwap is 0, must be 16384"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("@swapgym,value,unmap/64/0,unmap_ns,fast,ns", r"line 4 .*could not convert"),
        ("@swapgym,value,unmap/64/0,unmap_ns,nan,ns", r"line 4 .*no finite number"),
        ("@swapgym,value,unmap/128/0,unmap_ns,1,ns", r"line 4 .*belongs to unmap/128/0"),
        ("xx@swapgym,value,unmap/64/0,unmap_ns,1,ns", r"line 4 .*elsewhere than at its beginning"),
        ("@swapgym,valu,unmap/64/0,unmap_ns,1,ns", r"line 4 .*none of info, begin"),
    ],
)
def test_a_malformed_line_is_named(line: str, message: str) -> None:
    lines = CONSOLE.splitlines()
    lines[3] = line
    with pytest.raises(records.MalformedLineError, match=message):
        records.parse("\n".join(lines))


def test_counts_and_the_last_line_are_checked() -> None:
    with pytest.raises(records.MalformedLineError, match="counts 3 values, 1 came"):
        records.parse(CONSOLE.replace("end,unmap/64/0,1", "end,unmap/64/0,3"))
    with pytest.raises(records.MalformedLineError, match="ends without"):
        records.parse(CONSOLE.replace("@swapgym,done,2", ""))


def test_what_is_stored_is_what_was_measured(tmp_path: Path) -> None:
    rows = records.records(records.parse(CONSOLE), "unmap", 3, 7, IDLE)
    records.store(tmp_path / "m.csv", rows)
    assert records.load(tmp_path / "m.csv") == rows
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"bad.csv: columns are"):
        records.load(tmp_path / "bad.csv")


def test_spreads_by_hand() -> None:
    rows = [records.Record("m", "c", r, r, "x", v, "ms", *IDLE) for r, v in enumerate((5.0, 1.0, 3.0))]
    (found,) = records.spreads(rows)
    assert (found.median, found.low, found.high, found.lowest, found.highest) == (3.0, 2.0, 4.0, 1.0, 5.0)


def test_a_busy_machine_is_refused() -> None:
    assert machine.load_average("0.42 0.10 0.05 1/200 300\n") == 0.42
    with pytest.raises(ValueError, match="does not start with three numbers"):
        machine.load_average("busy")
    assert Guard(0.3).start(0.1) == 0.1
    with pytest.raises(BusyMachineError, match=r"load average: 0.42, must be at most 0.30"):
        Guard(0.3).start(0.42)
    assert Guard(0.3, enforced=False).start(0.42) == 0.42
    assert not Guard(0.3).accepts(Load(0.0, 0.0, 0.2, 0.0))
    assert Guard(0.3).accepts(IDLE)
    stolen = Load(0.0, 0.0, 0.0, 0.14)
    assert not Guard().accepts(stolen)
    assert Guard().objections(stolen) == ["stolen 14% of the CPU time"]
    assert Guard(max_stolen=0.2).accepts(stolen)
    assert Guard(enforced=False).accepts(stolen)
    assert Guard().is_strict()
    assert not Guard(max_load=1.0).is_strict()
    assert not Guard(max_stolen=0.2).is_strict()
    assert not Guard(enforced=False).is_strict()


def test_full_results_are_only_replaced_by_a_whole_run(tmp_path: Path) -> None:
    assert measure.destination(None, whole=True) == measure.RESULTS
    assert measure.destination(None, whole=False) == measure.RESULTS / "quick"
    assert measure.destination(measure.RESULTS, whole=False) == measure.RESULTS / "quick"
    assert measure.destination(tmp_path, whole=False) == tmp_path
    trials = (["--quick"], ["--busy"], ["--only", "starve"], ["--repeats", "1"], ["--max-load", "9"])
    for trial in trials:
        outcome = CliRunner().invoke(measure.app, [*trial, "--out", str(measure.RESULTS)])
        assert outcome.exit_code == 2
        assert "this run is a trial" in " ".join(outcome.output.split())
    words = measure.command_line(["--only", "unmap/64/*", "--kernel", "/a/b.deb", "--out=/c/d"])
    assert words == "python -m experiments.real_kernel.measure --only 'unmap/64/*' --kernel b.deb --out=d"


def test_a_package_is_found_by_its_name_whatever_version_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "run", lambda command, folder: "")
    with pytest.raises(build.BuildError, match=r"apt-get download linux=1 left 0 packages"):
        build.fetch_package(tmp_path, "linux=1")
    (tmp_path / "linux_1_amd64.deb").touch()
    for wanted in ("linux", "linux=1", "linux:amd64", "linux/stable"):
        assert build.fetch_package(tmp_path, wanted) == tmp_path / "linux_1_amd64.deb"


def test_the_share_of_others_by_hand() -> None:
    # of 20 CPU-seconds 12 were busy, 10 of them ours
    assert machine.share_of_others(CpuTimes(100, 0, 200), CpuTimes(112, 0, 220), 10.0) == pytest.approx(0.1)
    times = machine.cpu_times("cpu  100 0 200 700 0 0 0 50 0 0\ncpu0 1 2 3\n")
    assert times.busy * 700 == pytest.approx(300 * (times.passed - times.busy - times.stolen))


def test_the_emulators_threads_are_told_apart() -> None:
    named = {10: "qemu-system-x86", 11: "CPU 0/TCG", 12: "CPU 1/TCG", 13: "call_rcu"}
    assert host.virtual_cpus(named) == {11: 0, 12: 1}
    assert host.virtual_cpus({11: "ALL CPUs/TCG"}) == {}


def test_what_has_no_virtual_cpus_is_not_waited_for_for_ever() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        assert host.place(process, 1, patience_s=30) == "not placed: no virtual CPUs"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as process:
        assert len(host.threads(process.pid)) == 1
        assert host.place(process, 1, patience_s=0.1) == "not placed: no virtual CPUs"
        assert host.place(process, 10_000).startswith("not placed: ")
        process.kill()


def test_stalls_are_looked_for_on_every_cpu() -> None:
    found = host.stalls(0.2)
    assert found["per_cpu_second"] >= 0
    assert 0 <= found["share"] <= 1
    assert found["longest_ms"] == 0 or found["longest_ms"] >= host.STALL_MS


def test_modules_come_after_what_they_need() -> None:
    files = {
        "zram": b"\0depends=zsmalloc,lzo_rle\0",
        "zsmalloc": b"\0depends=\0",
        "lzo_rle": b"\0depends=lzo\0",
        "lzo": b"",
    }
    order = build.load_order(["zram"], files.__getitem__)
    assert order == ["zsmalloc", "lzo", "lzo_rle", "zram"]
    files["lzo"] = b"\0depends=zram\0"
    with pytest.raises(build.BuildError, match="need each other: zram -> lzo_rle -> lzo -> zram"):
        build.load_order(["zram"], files.__getitem__)
    names = ["linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-31-cloud-amd64", "linux-image-6.12.1-cloud-amd64"]
    assert build.newest(names) == names[1]
    with pytest.raises(build.BuildError, match="--kernel"):
        build.newest([])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_the_archive_is_one_that_cpio_reads(tmp_path: Path) -> None:
    plan = build.plan_archive([("unmap/64/0", "unmap", {"mib": 64})])
    (tmp_path / "archive").write_bytes(plan)
    shown = build.run(["cpio", "-i", "--to-stdout", "-F", str(tmp_path / "archive")], tmp_path)
    assert shown == "unmap/64/0 unmap mib=64\n"
    with pytest.raises(ValueError, match="must not be empty nor hold white space"):
        build.plan_archive([("a case", "unmap", {})])


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_payload_compiles_without_a_warning(tmp_path: Path) -> None:
    try:
        program = build.compile_payload(tmp_path)
    except build.BuildError as error:
        if "cannot find -lc" in str(error):
            pytest.skip("the C library's static half is not installed")
        raise
    assert program.read_bytes()[:4] == b"\x7fELF"


def test_cases_cover_the_six_measurements_and_repeats_shuffle_them() -> None:
    every = cases.all_cases()
    names = [case.name for case in every]
    assert len(set(names)) == len(names)
    groups = {case.group for case in every}
    assert groups == {"unmap", "unmap_instructions", "contention", "pool", "foreground", "starve", "burst"}
    assert all(cases.choose(every, [pattern]) for pattern in cases.QUICK)
    with pytest.raises(ValueError, match="--only nothing: fits no case"):
        cases.choose(every, ["nothing"])
    exits = {case.name: case.exits for case in every}
    assert (exits["foreground/0/0/none/none"], exits["contention/4/swapped"], exits["starve/-1"]) == (0, 4, 1)
    assert (exits["burst/late"], exits["pool/1/varied/plain"]) == (scenes.N_VICTIMS, scenes.N_POOL)
    one, other = cases.interleaved(every, 0), cases.interleaved(every, 1)
    assert {case.name for boot in one for case in boot} == set(names)
    rounds = Counter(boot[0].group for boot in one)
    assert rounds == {group: cases.ROUNDS.get(group, 1) for group in groups}
    assert {len(boot) for boot in one} == {sum(case.group == group for case in every) for group in groups}
    assert [boot[0].group for boot in one] != [boot[0].group for boot in other]
    assert all(len({case.group for case in boot}) == 1 for boot in one)
