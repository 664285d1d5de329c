"""Settings are declared once, with range, unit and source, and each fills the record that kernels read."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.phone.device import DEVICE, DeviceProfile
from swapgym.phone.kernel_variant import KERNEL, KernelVariant
from swapgym.phone.settings import check, fields_of

NUMBERS = [
    (kind, item)
    for kind in (DeviceProfile, KernelVariant)
    for item in dataclasses.fields(kind)
    if "low" in item.metadata
]
FILLING = [(kind, item) for kind, item in NUMBERS if item.metadata["into"]]
NAMES = [f"{kind.__name__}.{item.name}" for kind, item in NUMBERS]


@pytest.mark.parametrize(("kind", "item"), NUMBERS, ids=NAMES)
def test_every_number_has_a_range_a_unit_and_a_meaning(kind: type, item: dataclasses.Field[Any]) -> None:
    low, high = item.metadata["low"], item.metadata["high"]
    assert low <= item.default <= high and low < high
    assert item.metadata["unit"] and len(item.metadata["meaning"]) >= 5
    step = 1 if isinstance(item.default, int) else 0.001
    for value in (high + step, low - step, float("nan"), float("inf"), "1", True, None):
        with pytest.raises((ValueError, TypeError), match=rf"{kind.__name__}\.{item.name}: "):
            dataclasses.replace(kind(), **{item.name: value})


@pytest.mark.parametrize(("kind", "item"), FILLING, ids=[item.name for _, item in FILLING])
def test_every_number_reaches_the_record(kind: type, item: dataclasses.Field[Any]) -> None:
    low, high = item.metadata["low"], item.metadata["high"]
    scale = item.metadata["per"]
    seen = []
    for value in (low, high):
        settings = kind()
        object.__setattr__(settings, item.name, value)  # alone at its end, whatever the others then leave
        record = settings.to_record() if kind is DeviceProfile else settings.to_record(DeviceProfile())
        filled = record[item.metadata["into"]]
        filled = int(filled if item.metadata["at"] is None else filled[item.metadata["at"]])
        assert filled == round(value * scale)
        seen.append(filled)
    assert seen[0] < seen[1]


@pytest.mark.parametrize("kind", [DeviceProfile, KernelVariant])
@pytest.mark.parametrize("on", [False, True])
def test_every_switch_reaches_the_record(kind: type, on: bool) -> None:
    switches = [item for item in dataclasses.fields(kind) if isinstance(item.default, bool)]
    assert switches
    settings = kind(**{item.name: on for item in switches})
    record = settings.to_record() if kind is DeviceProfile else settings.to_record(DeviceProfile())
    for item in switches:
        assert record[item.metadata["into"]] == on
        with pytest.raises(TypeError, match=rf"{item.name}: 1 of type int, must be True or False"):
            kind(**{item.name: 1})
    check(settings)


def test_a_field_of_a_record_is_declared_once() -> None:
    for kind, dtype in ((DeviceProfile, DEVICE), (KernelVariant, KERNEL)):
        declared = [field.name for field in fields_of(kind)]
        assert len(set(declared)) == len(declared)
        assert set(declared) <= set(dtype.names or ())
    parts = [(item.metadata["into"], item.metadata["at"]) for _, item in NUMBERS if item.metadata["at"] is not None]
    assert sorted(parts) == [(f"{part}_ps", at) for part in ("core", "memory") for at in range(k.N_COSTS)]


def test_devices_scale_the_two_parts_of_a_cost() -> None:
    variant = KernelVariant(compress_memory_ns=1_000, compress_core_ns=4_000, lock_handoff=0.5)
    record = variant.to_record(DeviceProfile(memory_factor=3.0, core_speed=0.5))
    assert record["memory_ps"][k.COST_COMPRESS] == 3_000_000
    assert record["core_ps"][k.COST_COMPRESS] == 8_000_000
    assert record["lock_handoff"] == 512


def test_masks_domains_and_watermarks_of_a_device() -> None:
    record = DeviceProfile(
        capacity=(300, 300, 1_024), domain=(0, 0, 1), min_clock=(0.5, 0.25), top_app_cpus=(2,), foreground_cpus=(1, 2),
        background_cpus=(0, 1), ram_mib=1_000, reserved_share=0.25, zram_share=0.5, watermark_min_mib=10,
        watermark_low_share=0.01, watermark_high_share=0.02, refresh_hz=90,
    ).to_record()  # fmt: skip
    assert (record["n_cpus"], record["n_domains"]) == (3, 2)
    assert record["capacity"].tolist() == [300, 300, 1_024, 0, 0, 0, 0, 0]
    assert record["min_clock"].tolist() == [512, 256, 0, 0]
    assert (record["top_app_mask"], record["foreground_mask"], record["background_mask"]) == (0b100, 0b110, 0b011)
    pages = np.array([record[name] for name in ("watermark_min", "watermark_low", "watermark_high", "reserved_pages")])
    assert (pages / k.PAGES_PER_MIB).tolist() == [10, 20, 30, 250]
    assert record["swap_slots"] == 500 * k.PAGES_PER_MIB
    assert record["vsync_us"] == 11_111
