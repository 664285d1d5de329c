"""The kernels' cache: a safe folder or none, one process that compiles, one line that says so."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from swapgym.phone import kernel_cache
from swapgym.phone.kernel_cache import cache_folder, folder_name


@pytest.fixture
def fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return this user's folder in a temporary place of the test's; the folder of choice is a file, so of no use."""
    taken = tmp_path / "taken"
    taken.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(taken))
    monkeypatch.setattr(kernel_cache.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path / f"swapgym-{os.getuid()}"


def test_the_folder_in_the_temporary_place_is_this_users_alone(fallback: Path) -> None:
    assert cache_folder() == fallback / folder_name()
    assert fallback.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_is_refused(fallback: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fallback.mkdir()
    fallback.chmod(0o777)
    assert cache_folder() is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "no safe folders for compiled kernels" in said


def test_a_link_is_refused(fallback: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    fallback.symlink_to(tmp_path / "elsewhere")
    assert cache_folder() is None


def test_a_folder_of_another_user_is_refused(fallback: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fallback.mkdir(mode=0o700)
    other = os.getuid() + 1
    fallback.rename(fallback.with_name(f"swapgym-{other}"))
    monkeypatch.setattr(kernel_cache.os, "getuid", lambda: other)
    assert cache_folder() is None


def test_a_folder_of_choice_that_others_may_write_is_not_taken(fallback: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = fallback.parent / "shared"
    (shared / folder_name()).mkdir(parents=True)
    (shared / folder_name()).chmod(0o777)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(shared))
    assert cache_folder() == fallback / folder_name()


PROGRAM = """
import sys, time
from swapgym.phone import jit, kernel_cache
kernel_cache.SAID_AFTER_S = float(sys.argv[1])

@jit.kernel
def inner(x):
    return x + 1

@jit.kernel
def outer(x):
    return inner(x) * 2

saved = []
save = kernel_cache.KernelCache.save_overload
def count(self, sig, data):
    saved.append(sig)
    time.sleep(0.5)
    save(self, sig, data)
kernel_cache.KernelCache.save_overload = count
assert outer(1) == 4
print(len(saved))
"""


def start(tmp_path: Path, said_after_s: float) -> subprocess.Popen[str]:
    """Start a process that needs two kernels of its own, under a cache of the test's."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, str(program), str(said_after_s)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    processes = [start(tmp_path, 60.0) for _ in range(3)]
    results = [process.communicate(timeout=120) for process in processes]
    assert sorted(int(out) for out, _ in results) == [0, 0, 2]
    assert [err for _, err in results] == ["", "", ""]


def test_a_long_compilation_says_so_in_one_line_and_a_warm_start_says_nothing(tmp_path: Path) -> None:
    _, cold = start(tmp_path, -1.0).communicate(timeout=120)
    _, warm = start(tmp_path, -1.0).communicate(timeout=120)
    assert cold.startswith("swapgym: compiling kernels, once") and cold.count("\n") == 1
    assert warm == ""


def test_literals_and_widths_of_integers_share_a_kernel() -> None:
    from numba.core import types

    from swapgym.phone.jit import _common

    assert _common(types.literal(3)) == _common(types.int32) == types.int64
    assert _common(types.float64) == types.float64
    assert _common(types.uint8) == _common(types.int16) == types.int64
    assert _common(types.uint64) == types.uint64


def test_warm_up_reaches_what_environments_call() -> None:
    program = "from swapgym.warm_up import warm_up; assert warm_up() > 0"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_folders_that_nobody_uses_any_more_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    month_ago = time.time() - kernel_cache.UNUSED_S - 60
    for name in ("swapgym-kernels-old", "swapgym-kernels-new", "others", folder_name()):
        (tmp_path / name / "inside").mkdir(parents=True)
        if name != "swapgym-kernels-new":
            os.utime(tmp_path / name, (month_ago, month_ago))
    assert cache_folder() == tmp_path / folder_name()
    left = {folder.name for folder in tmp_path.iterdir()}
    assert left == {"swapgym-kernels-new", "others", folder_name()}
