"""Where compiled kernels are kept, and how several processes that need the same ones compile them once.

A cache is code that is run when it is loaded. So its folder must belong to this user, to root or to the owner of the
package, and nobody else may write it. Numba looks only at the file of the function it loads, and a kernel carries the
code of the kernels it calls: the folder is named after the sources of all of them, so that a change in any compiles
all anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.compiler_lock import global_compiler_lock

PACKAGE = Path(__file__).parent.parent
PREFIX = "swapgym-kernels-"
SAID_AFTER_S = 2.0
"""Compiling that takes longer says so."""
UNUSED_S = 30 * 86_400.0
"""Folders of other sources that nobody has used for so long are removed."""


def folder_name() -> str:
    """Return the name of the folder: a hash of Numba's version and of all kernels' sources."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(PACKAGE.rglob("*.py")):
        text = source.read_bytes()
        if "phone" in source.relative_to(PACKAGE).parts or b"phone.jit" in text:
            digest.update(text)
    return f"{PREFIX}{digest.hexdigest()[:16]}"


def is_safe(folder: Path, mode: int, owners: Collection[int]) -> bool:
    """Make ``folder`` if it is not there; return whether one of ``owners`` has it and nobody else may write it."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in owners and not found.st_mode & 0o022


def cache_folder() -> Path | None:
    """Return the folder for compiled kernels, or None (and say so) where there is no safe one.

    It lies under NUMBA_CACHE_DIR, else beside the package, else in a folder of this user's own in the temporary one.
    """
    name, user = folder_name(), os.getuid()
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or PACKAGE / "__pycache__") / name
    if is_safe(folder, 0o755, (user, 0, PACKAGE.stat().st_uid)):
        return used(folder)
    own = Path(tempfile.gettempdir()) / f"swapgym-{user}"
    if is_safe(own, 0o700, (user,)) and is_safe(own / name, 0o700, (user,)):
        return used(own / name)
    say(f"{folder} and {own} are no safe folders for compiled kernels: each process compiles; set NUMBA_CACHE_DIR")
    return None


def used(folder: Path) -> Path:
    """Return ``folder``, marked as used now; those beside it that nobody uses any more are removed."""
    with contextlib.suppress(OSError):  # another user's folder, or a disk that is only read
        os.utime(folder)
        for other in folder.parent.glob(f"{PREFIX}*"):
            if time.time() - other.stat().st_mtime > UNUSED_S:
                shutil.rmtree(other, ignore_errors=True)
    return folder


def say(text: str) -> None:
    """Write one line to stderr."""
    print(f"swapgym: {text}", file=sys.stderr, flush=True)


class Turn:
    """This process's turn to compile: from the first kernel that is not in the cache until all it calls are there."""

    def __init__(self, folder: Path | None) -> None:
        """Take turns over ``folder``; over none, nobody waits."""
        self.folder = folder
        self.depth = 0
        self.since: float | None = None
        self.said = False
        self.lock: IO[str] | None = None

    @contextlib.contextmanager
    def compiling(self) -> Iterator[None]:
        """Surround the loading or compiling of a kernel; kernels that it calls are within."""
        with global_compiler_lock:
            self.depth += 1
            try:
                yield
            finally:
                self.depth -= 1
                if self.depth == 0:
                    self.leave()

    def take(self) -> bool:
        """Wait for the turn; return True where it has only now been taken, so that the cache is worth another look."""
        if self.since is not None:
            if not self.said and time.perf_counter() - self.since > SAID_AFTER_S:
                self.said = True
                say(f"compiling kernels, once; this takes up to a minute (kept in {self.folder})")
            return False
        if self.folder is not None:
            with contextlib.suppress(OSError):  # a folder that can only be read: compile without waiting
                self.lock = open(self.folder / "lock", "a")  # closed in leave
                fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.since = time.perf_counter()
        return True

    def leave(self) -> None:
        """Let the next process have the turn."""
        self.since = None
        if self.lock is not None:
            fcntl.flock(self.lock, fcntl.LOCK_UN)
            self.lock.close()
            self.lock = None


FOLDER = cache_folder()
TURN = Turn(FOLDER)


class KernelLocator(_CacheLocator):  # type: ignore[misc]
    """Puts a module's kernels into a folder of :data:`FOLDER`, whose name says of which sources they are."""

    def __init__(self, function: Any) -> None:
        """Locate ``function``."""
        self.path = str(FOLDER / function.__module__) if FOLDER else ""
        self.line = str(function.__code__.co_firstlineno)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return self.path

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        os.makedirs(self.path, exist_ok=True)

    def get_source_stamp(self) -> str:
        """Return nothing that could change: the folder's name is the stamp."""
        return ""

    def get_disambiguator(self) -> str:
        """Return the line of the function."""
        return self.line

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> KernelLocator:
        """Locate ``py_func``."""
        return cls(py_func)


class KernelCacheImpl(CompileResultCacheImpl):  # type: ignore[misc]
    """Numba's own format, at our place."""

    _locator_classes = (KernelLocator,)


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one kernel. What is missing is compiled by one process, while others wait for it."""

    _impl_class = KernelCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None where it is this process's turn to compile it."""
        found = super().load_overload(sig, target_context)
        if found is None and TURN.take():
            found = super().load_overload(sig, target_context)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, unless the folder can only be read."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)
