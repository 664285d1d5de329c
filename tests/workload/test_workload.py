"""Scenarios are whole, streams independent, suites disjoint, and bad input is named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from swapgym.phone import constants as k
from swapgym.phone import engine
from swapgym.phone.audit import audit
from swapgym.phone.device import DeviceProfile
from swapgym.phone.kernel_variant import KernelVariant
from swapgym.phone.settings import check
from swapgym.phone.state import PHONE
from swapgym.workload import DEVICES, KERNELS, MIXTURES, PRESETS, SUITES, draw, empty, suite
from swapgym.workload.apps import miss_ratio, return_probability
from swapgym.workload.config import override
from swapgym.workload.streams import APPS, BACKGROUND, integer, lognormal, normal, random, stream

PHONES = [name for name in DEVICES if name.startswith("phone")]


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("device", [None, *PHONES])
def test_every_scenario_is_whole(preset: str, device: str | None) -> None:
    for seed in range(40):
        scenarios, phones = empty(1), np.zeros(1, PHONE)
        drawn = draw(preset, seed, device=device, out=scenarios[0])
        scenario = scenarios[0]
        engine.start(phones, scenarios, 0)
        assert audit(phones[0], scenario) == []
        assert device is None or drawn.device == device
        assert phones[0]["free_pages"] >= scenario["device"]["watermark_min"]
        assert phones[0]["file_pages"] >= scenario["device"]["file_floor_pages"]
        events = scenario["events"][: scenario["n_events"]]
        assert (np.diff(events["time_us"]) >= 0).all()
        kills = events[events["kind"] == k.EVENT_KILL]
        assert len(kills) >= 1
        assert len(set(kills["a"])) == len(kills)
        assert (scenario["apps"]["present"][kills["a"]] == 1).all()
        assert (kills["time_us"] < scenario["duration_us"]).all()
        assert (scenario["apps"]["swap_entries"][kills["a"]] > 0).all()
        launches = scenario["launches"][: scenario["n_launches"]]
        assert (launches["nominal_us"] > 0).all()
        assert scenario["n_processes"] < k.MAX_PROCESSES


def test_a_scenario_is_a_function_of_its_seed() -> None:
    one, two = empty(2), empty(2)
    for lane in range(2):
        draw("mixed", 5 + lane, out=one[lane])
    two[:] = one[::-1]  # what a record held before leaves no trace
    for lane in range(2):
        draw("mixed", 5 + lane, out=two[lane])
    assert one.tobytes() == two.tobytes()
    assert one[0].tobytes() != one[1].tobytes()


def test_streams_do_not_shift_each_other() -> None:
    assert random(stream(3, APPS)) == random(stream(3, APPS))
    assert random(stream(3, APPS)) != random(stream(3, BACKGROUND))
    assert random(stream(3, APPS)) != random(stream(4, APPS))
    words = {int(stream(seed, number)[0]) for seed in range(200) for number in range(1, 11)}
    assert len(words) == 2_000


def test_splitmix_is_splitmix() -> None:
    state = np.zeros(1, np.uint64)
    state[0] = 1234567
    # the generator's published first outputs for this seed (Vigna's splitmix64.c)
    for word in (6457827717110365317, 3203168211198807973, 9817491932198370423):
        assert random(state) == (word >> 11) * 2.0**-53


def test_draws_have_the_distributions_they_are_named_after() -> None:
    rng = stream(1, APPS)
    flat = np.array([random(rng) for _ in range(20_000)])
    bell = np.array([normal(rng) for _ in range(20_000)])
    dice = np.array([integer(rng, 1, 6) for _ in range(20_000)])
    logs = np.array([lognormal(rng, 300.0, 0.6, 60.0, 1_500.0) for _ in range(20_000)])
    assert stats.kstest(flat, "uniform").pvalue > 1e-3
    assert stats.kstest(bell, "norm").pvalue > 1e-3
    assert stats.chisquare(np.bincount(dice, minlength=7)[1:]).pvalue > 1e-3
    assert np.median(logs) == pytest.approx(300, rel=0.02)
    assert (logs.min(), logs.max()) == (60.0, 1_500.0)


def test_the_kernel_does_not_change_what_happens() -> None:
    one, two = empty(1), empty(1)
    draw("camera_launch", 9, kernel="mainline", out=one[0])
    draw("camera_launch", 9, kernel="zsmalloc-deferred", out=two[0])
    assert one["kernel"].tobytes() != two["kernel"].tobytes()
    for name in one.dtype.names or ():
        if name != "kernel":
            assert one[name].tobytes() == two[name].tobytes()


def test_suites_are_disjoint_and_balanced() -> None:
    seeds = {name: {seed for _, seed in one} for name, one in SUITES.items()}
    assert not seeds["train"] & seeds["validation"]
    assert not seeds["train"] & seeds["test"]
    assert not seeds["validation"] & seeds["test"]
    assert not seeds["camera"] & (seeds["train"] | seeds["validation"] | seeds["test"])
    assert max(seeds["train"]) < 2**31 <= min(seeds["validation"] | seeds["test"])
    for name, one in SUITES.items():
        pairs = list(one)
        assert len(pairs) == len(one) == len(set(pairs))
        assert {preset for preset, _ in pairs} == set(MIXTURES["camera"] if name == "camera" else PRESETS), name
    assert set(suite("test").of("camera")) == {pair for pair in suite("test") if pair[0] in MIXTURES["camera"]}
    assert list(suite("test").only("low_ram")) == [pair for pair in suite("test") if pair[0] == "low_ram"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "camera_lunch"}, r"preset: 'camera_lunch' is unknown \(did you mean 'camera_launch'\?\)"),
        (
            {"device": "phone-9gb"},
            r"device: 'phone-9gb' is unknown \(did you mean 'phone-[0-9]+gb'\?\), must be one of",
        ),
        ({"kernel": "vivo"}, r"kernel: 'vivo' is unknown.*'vivo-async'"),
        ({"seed": -1}, r"seed: -1, must be an integer from 0"),
        ({"overrides": {"kernel": {"batch": 3}}}, r"overrides.kernel: 'batch' is unknown.*must be one of"),
        ({"overrides": {"kernel": {"batch_entries": 0}}}, r"batch_entries: 0, must be from 1 to 65536 entries"),
        ({"overrides": {"device": {"ram_mib": 1e12}}}, r"ram_mib"),
        ({"overrides": {"devise": {}}}, r"overrides: 'devise' is unknown \(did you mean 'device'\?\)"),
        ({"overrides": {"device": {"capacity": [2000]}}}, r"capacity: 2000, must be an integer from 1 to 1024"),
        ({"overrides": {"kernel": {"defer_route": "KWORKR"}}}, r"did you mean 'KWORKER'"),
        ({"overrides": {"kernel": {"entry_inline_lock_share": 1.2}}}, r"entry_inline_lock_share: 1.2, must be from 0"),
        ({"overrides": {"kernel": {"entry_inline_a72_ns": 900.0}}}, r"'entry_inline_a72_ns' is unknown"),
        ({"overrides": {"device": {"schedutil": 1}}}, r"schedutil: 1 of type int, must be of type bool"),
        ({"overrides": {"device": {"swappiness": 1.5}}}, r"swappiness: 1.5, must be an integer from 0 to 200"),
        ({"overrides": {"device": {"domain": [0, 0]}}}, r"DeviceProfile.domain: \(0, 0\), must give each of 8 CPUs"),
        (
            {"device": "phone-8gb", "overrides": {"device": {"min_clock": [0.0, 0.5, 0.5]}}},
            r"min_clock: .*must name 1 to 4 shares",
        ),
        ({"overrides": {"device": {"background_cpus": []}}}, r"background_cpus: \(\), must name CPUs from 0 to 7"),
        (
            {"overrides": {"device": {"watermark_high_share": 0.001}}},
            r"watermark_high_share: 0.001, must be at least watermark_low_share \(0.01\)",
        ),
        (
            {"device": "phone-4gb", "overrides": {"device": {"reserved_share": 0.8, "ram_mib": 900}}},
            r"ram_mib = 900, reserved_share = 0.8, watermark_min_mib = .* must leave at least 64 MiB",
        ),
    ],
)
def test_bad_input_is_named(arguments: dict, message: str) -> None:
    scenarios = empty(1)
    with pytest.raises((ValueError, TypeError), match=message):
        draw(**({"preset": "mixed", "seed": 1, "out": scenarios[0]} | arguments))
    assert not scenarios.view(np.uint8).any(), "nothing is half written"


@pytest.mark.parametrize("config", [*DEVICES.values(), *KERNELS.values()], ids=lambda config: config.name)
def test_every_device_and_kernel_is_in_range_and_copies_as_itself(config: DeviceProfile | KernelVariant) -> None:
    check(config)
    assert override(type(config)(), dataclasses.asdict(config)) == config
    assert {**DEVICES, **KERNELS}[config.name] is config


def test_overrides_reach_the_record() -> None:
    scenarios = empty(1)
    changes = {"kernel": {"kworker_nice": 5, "zspage_return": 0.5}, "device": {"swappiness": 7, "rt_throttling": False}}
    draw("app_switching", 1, overrides=changes, out=scenarios[0])
    assert scenarios[0]["kernel"]["kworker_nice"] == 5
    assert scenarios[0]["kernel"]["zspage_return"] == 512
    assert scenarios[0]["device"]["swappiness"] == 7


def test_an_override_beats_the_preset() -> None:
    scenarios = empty(1)
    for seed in range(20):
        draw("rt_recording", seed, overrides={"device": {"rt_throttling": True}}, out=scenarios[0])
        assert scenarios[0]["device"]["rt_throttling"] == 1


def test_throttling_matters_in_rt_recording() -> None:
    ends = []
    for throttling in (True, False):
        scenarios, phones = empty(12), np.zeros(12, PHONE)
        for lane in range(12):
            changes = {"device": {"rt_throttling": throttling}}
            draw("rt_recording", lane, overrides=changes, out=scenarios[lane])
            engine.start(phones, scenarios, lane)
            while engine.advance(phones, scenarios, lane) == k.RUN_DECISION:
                engine.decide(phones, scenarios, lane, k.KWORKER)
        ends.append(phones["total"]["charged_ns"][:, k.CHARGE_RT].astype(float))
    assert (ends[0] < ends[1]).sum() >= 2


def test_override_goes_deep_and_leaves_the_rest() -> None:
    @dataclasses.dataclass(frozen=True)
    class Inner:
        a: int = 1
        b: int = 2

    @dataclasses.dataclass(frozen=True)
    class Outer:
        inner: Inner = Inner()
        c: int = 3

    assert override(Outer(), {"inner": {"b": 5}}) == Outer(Inner(1, 5), 3)
    with pytest.raises(ValueError, match=r"inner: 'd' is unknown"):
        override(Outer(), {"inner": {"d": 5}})


def test_a_relaunch_is_likelier_for_a_warmer_app() -> None:
    probabilities = [return_probability(depth) for depth in range(1, 33)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[-1] == 0.0
    # the published hits: 0.44 at depth 3, 0.76 at 5, and the law beyond
    assert (1 - miss_ratio(3), 1 - miss_ratio(5)) == pytest.approx((0.44, 0.76))
    assert 1 - miss_ratio(7) == pytest.approx(0.86, abs=0.01)
    assert 1 - miss_ratio(13) == pytest.approx(0.95, abs=0.005)
