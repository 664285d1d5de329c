"""How the kernels are compiled: one place, so that every kernel has the same arithmetic.

No ``fastmath`` (bits must not depend on the machine), no exception on division by zero (kernels guard it themselves),
the GIL released so that lanes can run on several threads. Compiled code is cached on disk:
:mod:`swapgym.phone.kernel_cache`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.sigutils import normalize_signature

from swapgym.phone.kernel_cache import FOLDER, TURN, KernelCache
from swapgym.phone.uncompiled import uncompiled

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` with Numba in nopython mode; the result is cached on disk and keeps its signature."""
    return _compiled(function, inline="never")


def inlined(function: F) -> F:
    """Compile ``function`` as part of the one kernel that calls it; by itself only where Python calls it.

    Numba compiles a kernel together with all that it calls: each level of calls compiles what is below once more.
    """
    return _compiled(function, inline="always")


def _compiled(function: F, inline: str) -> F:
    if numba.config.DISABLE_JIT:
        return uncompiled(function)
    dispatcher: Any = numba.njit(function, error_model="numpy", nogil=True, no_cfunc_wrapper=True, inline=inline)
    if FOLDER is not None:
        dispatcher._cache = KernelCache(function)
    compile_one = dispatcher.compile

    def compile_common(signature: Any) -> Any:
        arguments, _ = normalize_signature(signature)
        with TURN.compiling():
            return compile_one(tuple(_common(argument) for argument in arguments))

    dispatcher.compile = compile_common
    return cast(F, dispatcher)


def _common(argument: Any) -> Any:
    """Return the type that stands for ``argument``: no kernel is compiled for each literal and width of integer."""
    argument = numba.types.unliteral(argument)
    narrow = isinstance(argument, numba.types.Integer) and argument != numba.types.uint64
    return numba.types.int64 if narrow else argument
