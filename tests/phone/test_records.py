"""Records are whole: every byte belongs to a field, so that a copy is the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from swapgym.phone.inputs import SCENARIO
from swapgym.phone.state import PHONE


def bytes_of_fields(dtype: np.dtype[Any]) -> int:
    """Return how many bytes of a record its fields hold, to the innermost."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return bytes_of_fields(base) * int(np.prod(shape))
    if dtype.names is None:
        return dtype.itemsize
    return sum(bytes_of_fields(dtype[name]) for name in dtype.names)


@pytest.mark.parametrize("dtype", [PHONE, SCENARIO], ids=["PHONE", "SCENARIO"])
def test_every_byte_belongs_to_a_field(dtype: np.dtype[Any]) -> None:
    assert bytes_of_fields(dtype) == dtype.itemsize


@pytest.mark.parametrize("dtype", [PHONE, SCENARIO], ids=["PHONE", "SCENARIO"])
def test_a_copy_is_the_same_bytes(dtype: np.dtype[Any]) -> None:
    original = np.frombuffer(np.random.default_rng(0).bytes(2 * dtype.itemsize), np.uint8).copy().view(dtype)
    assert original.copy().tobytes() == original.tobytes()
    other = np.zeros(2, dtype)
    other[:] = original[::-1]
    assert other[::-1].tobytes() == original.tobytes()
