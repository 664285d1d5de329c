"""How the kernels are compiled: one place, so that every kernel has the same arithmetic.

No ``fastmath`` (bits must not depend on the machine), no exception on division by zero (kernels guard it themselves),
the GIL released so that lanes can run on several threads.

Compiled code is cached on disk. Numba looks only at the file of the function it loads, and a kernel carries the code
of the kernels it calls, so the cache's folder is named after the sources of all of them: a change in any compiles all
anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def cache_folder() -> str:
    """Return the folder for compiled kernels: under NUMBA_CACHE_DIR, beside the package, or in the temporary folder."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(package.rglob("*.py")):
        text = source.read_bytes()
        if "phone" in source.relative_to(package).parts or b"phone.jit" in text:
            digest.update(text)
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or package / "__pycache__")
    if not os.access(base if base.exists() else base.parent, os.W_OK):
        base = Path(tempfile.gettempdir())
    return str(base / f"swapgym-kernels-{digest.hexdigest()[:16]}")


CACHE_FOLDER = cache_folder()


def kernel(function: F) -> F:
    """Compile ``function`` with Numba in nopython mode; the result is cached on disk and keeps its signature."""
    config: Any = numba.config
    others = config.CACHE_DIR
    config.CACHE_DIR = CACHE_FOLDER
    try:
        return cast(F, numba.njit(function, cache=True, error_model="numpy", nogil=True))
    finally:
        config.CACHE_DIR = others
