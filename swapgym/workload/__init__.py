"""Everything exogenous: devices, kernel variants, apps, presets, suites, and the scenarios drawn from them."""

from __future__ import annotations

from swapgym.phone.device import DeviceProfile
from swapgym.phone.kernel_variant import KernelVariant
from swapgym.workload.builder import PhoneBuilder
from swapgym.workload.config import config_hash
from swapgym.workload.devices import DEVICES, device_profile
from swapgym.workload.kernels import KERNELS, kernel_variant
from swapgym.workload.presets import CAMERA, MIXED, MIXTURES, PRESET_NAMES, PRESETS, Preset, preset, presets_of
from swapgym.workload.scenario import DEFAULT_KERNEL, Drawn, check_configuration, draw, drawn_preset, empty
from swapgym.workload.suites import SUITES, Suite, suite

__all__ = [
    "CAMERA",
    "DEFAULT_KERNEL",
    "DEVICES",
    "KERNELS",
    "MIXED",
    "MIXTURES",
    "PRESETS",
    "PRESET_NAMES",
    "SUITES",
    "DeviceProfile",
    "Drawn",
    "KernelVariant",
    "PhoneBuilder",
    "Preset",
    "Suite",
    "check_configuration",
    "config_hash",
    "device_profile",
    "draw",
    "drawn_preset",
    "empty",
    "kernel_variant",
    "preset",
    "presets_of",
    "suite",
]
