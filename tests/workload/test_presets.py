"""What presets draw: every one on every device and kernel, and the memory target of a camera booster by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.state import PHONE
from swapgym.workload import DEVICES, KERNELS, PRESETS, Preset, draw, empty
from swapgym.workload.memory import FIRST_APP
from swapgym.workload.streams import stream
from swapgym.workload.timeline import PSS_OF_FILES, choose_victims
from tests.episodes import Auditor

TARGET = PRESETS["camera_target"]


@pytest.mark.parametrize("device", sorted(DEVICES))
@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_every_preset_runs_on_every_device_and_kernel(device: str, kernel: str) -> None:
    phones, scenarios = np.zeros(1, PHONE), empty(1)
    auditor = Auditor(phones, scenarios)
    for place, preset in enumerate(sorted(PRESETS)):
        drawn = draw(preset, place, device=device, kernel=kernel, out=scenarios[0])
        assert (drawn.preset, drawn.device, drawn.kernel) == (preset, device, kernel)
        assert auditor.play(place, every=20) == []
        assert phones[0]["total"]["exits"] > 0, preset


def victims_of(scenario: Any) -> list[int]:
    """Return the victims of a scenario in the order of their kills."""
    events = scenario["events"][: scenario["n_events"]]
    return events["a"][events["kind"] == k.EVENT_KILL].tolist()


def last_pss(app: Any) -> float:
    """Return what a booster believes that killing an app frees: swapped pages at full size, files by their share."""
    return float(app["anon_pages"] + app["swap_entries"] + PSS_OF_FILES * app["file_pages"])


def available(scenario: Any) -> int:
    """Return free memory and reclaimable page cache at the start (pages)."""
    held = scenario["pool_pages"] + scenario["apps"]["anon_pages"].sum() + scenario["device"]["reserved_pages"]
    return int(scenario["device"]["ram_pages"] - held - scenario["device"]["file_floor_pages"])


@pytest.mark.parametrize("seed", range(40))
def test_a_booster_kills_until_the_sum_of_pss_meets_the_gap(seed: int) -> None:
    scenarios = empty(1)
    draw("camera_target", seed, out=scenarios[0])
    scenario = scenarios[0]
    victims = victims_of(scenario)
    # the coldest first, and no one left out
    assert sorted(victims) == list(range(FIRST_APP, FIRST_APP + len(victims)))
    sums = np.cumsum([last_pss(scenario["apps"][index]) for index in sorted(victims)])
    ram = int(scenario["device"]["ram_pages"])
    least = TARGET.memory_target[0] * ram - available(scenario)
    most = TARGET.memory_target[1] * ram - available(scenario) + TARGET.target_margin_mib[1] * k.PAGES_PER_MIB
    low, high = TARGET.victims
    apps = int(scenario["n_processes"]) - FIRST_APP
    assert low <= len(victims) <= high
    if len(victims) < min(high, apps - 4):
        assert sums[-1] >= least
    if len(victims) > low:
        assert sums[-2] < most


@pytest.mark.parametrize("seed", range(10))
def test_what_it_counts_is_more_than_what_comes_back(seed: int) -> None:
    scenarios, phones = empty(1), np.zeros(1, PHONE)
    draw("camera_target", seed, device="phone-8gb", kernel="mainline", out=scenarios[0])
    scenario = scenarios[0]
    scenario["n_launches"] = 0
    scenario["frames_on"] = 0
    kills = scenario["events"][scenario["events"]["kind"] == k.EVENT_KILL].copy()
    kills = kills[kills["time_us"] > 0]
    kills["c"] = -1
    scenario["events"][: len(kills)] = kills
    scenario["n_events"] = len(kills)
    engine.start(phones, scenarios, 0)
    before = int(phones[0]["free_pages"])
    while engine.advance(phones, scenarios, 0) == k.RUN_DECISION:
        engine.decide(phones, scenarios, 0, k.INLINE)
    victims = kills["a"]
    assert (phones[0]["processes"]["state"][victims] == k.PROCESS_DEAD).all()
    counted = sum(last_pss(scenario["apps"][index]) for index in victims)
    freed = int(phones[0]["free_pages"]) - before
    assert 0 < freed < 0.6 * counted
    # what is swapped frees a third and less of itself, its files nothing: they are page cache
    anon = scenario["apps"]["anon_pages"][victims].sum()
    swapped = scenario["apps"]["swap_entries"][victims].sum()
    assert freed <= anon + 1.01 * swapped * k.UNIT / scenario["compression"] + 1


def hand_made(device_ram: int = 100_000) -> Any:
    """Return a scenario of ten cached apps: 1,000 resident, 3,000 swapped, 400 file pages each."""
    scenario = empty(1)[0]
    scenario["device"]["ram_pages"] = device_ram
    scenario["device"]["reserved_pages"] = 50_000
    scenario["device"]["file_floor_pages"] = 5_000
    scenario["compression"] = 3 * k.UNIT
    scenario["n_processes"] = FIRST_APP + 10
    apps = scenario["apps"][FIRST_APP : FIRST_APP + 10]
    apps["anon_pages"], apps["swap_entries"], apps["file_pages"] = 1_000, 3_000, 400
    scenario["pool_pages"] = 10_000
    scenario["launches"][0]["burst_anon_pages"] = 10_000
    return scenario


def chosen(preset: Preset, scenario: Any, apps: int = 10) -> int:
    killable = np.arange(FIRST_APP, FIRST_APP + apps)
    return int(choose_victims(scenario, preset.to_record(), 0, stream(1, 5), killable, 0, apps))


@pytest.mark.parametrize(
    ("target", "margin_mib", "victims"),
    [
        # 100,000 pages less 50,000 reserved, 10,000 of the pool, 10 x 1,000 resident, 5,000 of the floor: 25,000
        (0.25, 0, 2),  # no gap: the least
        (0.25, 40, 3),  # 10,240 pages: 4,200 an app
        (0.40, 0, 4),  # 15,000
        (0.50, 0, 6),  # 25,000
        (0.90, 0, 7),  # 65,000: three apps are left alone
    ],
)
def test_a_booster_s_count_by_hand(target: float, margin_mib: float, victims: int) -> None:
    preset = dataclasses.replace(
        TARGET, memory_target=(target, target), target_margin_mib=(margin_mib, margin_mib), victims=(2, 20)
    )
    assert chosen(preset, hand_made()) == victims


def test_without_a_target_kills_cover_the_burst_by_what_they_free() -> None:
    preset = dataclasses.replace(TARGET, memory_target=(0.0, 0.0), freed_over_burst=(0.9, 0.9), victims=(1, 20))
    # each frees 1,000 + 3,000 / 3 of the 9,000 wanted
    assert chosen(preset, hand_made()) == 5


def test_some_launches_of_the_booster_wait_and_others_do_not() -> None:
    gated = []
    for seed in range(40):
        scenarios = empty(1)
        draw("camera_target", seed, out=scenarios[0])
        events = scenarios[0]["events"][: scenarios[0]["n_events"]]
        waits = events["c"][events["kind"] == k.EVENT_KILL] >= 0
        assert waits.all() or not waits.any()
        gated.append(bool(waits.all()))
    assert 8 < sum(gated) < 32


def test_its_kills_are_one_quick_loop() -> None:
    for seed in range(20):
        scenarios = empty(1)
        draw("camera_target", seed, out=scenarios[0])
        events = scenarios[0]["events"][: scenarios[0]["n_events"]]
        times = events["time_us"][events["kind"] == k.EVENT_KILL]
        assert np.ptp(times) <= 40_000
