"""Costs: a part that waits for memory, on every core alike, and a part that the core's speed divides."""

from __future__ import annotations

import pytest

from swapgym.phone import constants as k
from swapgym.phone.costs import LONGEST_PS, affordable, average, on_core
from swapgym.phone.device import DeviceProfile
from swapgym.phone.sched.clocks import set_speeds
from swapgym.workload import KERNELS, PhoneBuilder, kernel_variant
from tests.phone.plain import plain, run_audited

A72 = 0.26
"""Cortex-A72 at 1.5 GHz over a Cortex-X1 at 2.8 GHz."""
A55 = 161 / 1024
"""Cortex-A55 at 1.8 GHz."""


def board_of(core_speed: float, kernel: str) -> PhoneBuilder:
    """Return a board of one held clock whose largest core has this speed."""
    profile = DeviceProfile(
        capacity=(1_024,) * 4, domain=(0,) * 4, min_clock=(1.0,), schedutil=False, core_speed=core_speed,
        top_app_cpus=(0, 1, 2, 3), foreground_cpus=(0, 1, 2, 3), background_cpus=(0, 1, 2, 3), n_reapers=0,
    )  # fmt: skip
    return PhoneBuilder(profile, kernel, ms=1_000)


def ns(board: PhoneBuilder, operation: int, speed: int = k.UNIT) -> float:
    return float(on_core(board.kernel, operation, speed)) / k.PS_PER_NS


@pytest.mark.parametrize(
    ("kernel", "operation", "core", "published_ns"),
    [
        ("mainline", k.COST_ENTRY_INLINE, A72, 900),
        ("mainline", k.COST_ENTRY_INLINE, A55, 963),
        ("mainline-no-pool-lock", k.COST_ENTRY_INLINE, A72, 854),
        ("zsmalloc-deferred", k.COST_ENTRY_ENQUEUE, A72, 262),
        ("zsmalloc-deferred", k.COST_ENTRY_ENQUEUE, A55, 283),
    ],
)
def test_entries_cost_what_is_published_of_two_cores(
    kernel: str, operation: int, core: float, published_ns: float
) -> None:
    assert ns(board_of(core, kernel), operation) == pytest.approx(published_ns, rel=0.01)


@pytest.mark.parametrize(("core", "published_ns"), [(A72, 900), (A55, 963)])
def test_an_exit_pays_that_for_each_entry(core: float, published_ns: float) -> None:
    took_ms = []
    for mib in (64, 128):
        board = board_of(core, "mainline")
        victim = board.app(mib)
        board.kill(victim)
        run_audited(board)
        took_ms.append(board.exit_ms(victim))
    # whatever else the exit does it does in both
    assert (took_ms[1] - took_ms[0]) * 1e6 / (64 * 256) == pytest.approx(published_ns, rel=0.01)


def test_the_parts_add_up() -> None:
    changes = {"compress_memory_ns": 1_000, "compress_core_ns": 4_000}
    board = plain(1, device={"core_speed": 0.5, "memory_factor": 2.0}, kernel=changes)
    # memory: 1,000 x 2; core: 4,000 on a core of half the speed, at full, at half and at a quarter of its clock
    for speed, core_ns in ((1_024, 8_000), (512, 16_000), (256, 32_000)):
        assert ns(board, k.COST_COMPRESS, speed) == 2_000 + core_ns


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_every_operation_of_every_kernel_costs_something(name: str) -> None:
    variant = kernel_variant(name)
    for operation, what in enumerate(k.COST_NAMES):
        board = board_of(1.0, name)
        parts = getattr(variant, f"{what}_memory_ns") + getattr(variant, f"{what}_core_ns")
        assert ns(board, operation) == pytest.approx(parts, rel=1e-3)
        assert parts > 0


@pytest.mark.parametrize(("clock", "exit_ms"), [(1_024, 10 + 5), (512, 10 + 10), (256, 10 + 20)])
def test_an_exit_at_a_lower_clock_pays_for_its_core_part(clock: int, exit_ms: float) -> None:
    changes = {"resident_anon_memory_ns": 1_000, "resident_anon_core_ns": 500}
    board = plain(1, kernel=changes)
    victim = board.app(anon_pages=10_000)
    board.kill(victim)
    board.start()
    board.phone["domains"]["clock"][0] = clock
    set_speeds(board.phone, board.scenario, 0)
    board.go_on()
    assert board.exit_ms(victim) == pytest.approx(exit_ms, abs=0.01)


# --------------------------------------------------------------------------------------------------------------- limits
def test_what_is_free_still_costs_a_picosecond_and_what_is_absurd_has_an_end() -> None:
    board = plain(1, kernel={"compress_memory_ns": 0, "swapin_memory_ns": 1e7}, device={"memory_factor": 10.0})
    assert on_core(board.kernel, k.COST_COMPRESS, k.UNIT) == 1
    assert on_core(board.kernel, k.COST_SWAPIN, k.UNIT) == LONGEST_PS


@pytest.mark.parametrize(
    ("left", "budget", "cost", "expected"),
    [
        (10, 100, 10, 10),
        (10, 99, 10, 9),
        (10, 0, 10, 0),
        (10, -50, 10, 0),
        (0, 100, 10, 0),
        (1 << 25, 10**9, 1 << 35, 0),
    ],
)
def test_a_budget_pays_whole_operations(left: int, budget: int, cost: int, expected: int) -> None:
    assert affordable(left, budget, cost) == expected


def test_a_running_average_begins_with_its_first_value() -> None:
    assert average(0, 800, 128) == 800
    assert average(800, 1_600, 128) == 900  # an eighth of the way
    assert average(0, 1 << 40, 128) == k.MOST_32


def test_names_of_costs_are_their_numbers() -> None:
    assert len(k.COST_NAMES) == k.N_COSTS == len(set(k.COST_NAMES))
    for number, name in enumerate(k.COST_NAMES):
        assert getattr(k, f"COST_{name.upper()}") == number
    assert len(k.CHARGE_NAMES) == k.N_CHARGES
    for number, name in enumerate(k.CHARGE_NAMES):
        assert getattr(k, f"CHARGE_{name.upper()}") == number
