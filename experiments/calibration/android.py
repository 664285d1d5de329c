"""What logs say of lmkd and of launches beside kills, predicted: nothing here is fitted.

lmkd's cadence is that of its own kills on phones under pressure. A launch beside kills is compared with the same launch
where there is memory enough for nobody to die. vivo's claim is a camera launch under its rule beside always inline.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

import numpy as np

from experiments.calibration.exits import DATA, read
from experiments.calibration.wild import resize
from swapgym.agents.play import Player, play_job
from swapgym.agents.statistics import Estimate, estimate
from swapgym.envs.epochs import BATCH
from swapgym.envs.spec import EnvSpec
from swapgym.phone import constants as k
from swapgym.workload import draw, suite
from swapgym.workload.builder import MIB, PhoneBuilder
from swapgym.workload.memory import FIRST_APP
from swapgym.workload.presets import PHONES, PRESETS

SEEDS: Final = range(120)
WITHIN_MS: Final = 500.0
SOON_MS: Final = 10.0
FIRST_SEED: Final = 6 << 40
"""Seeds of these phones: above those of all suites."""
BUSY_PRESETS: Final = ("app_switching", "service_restart", "low_ram", "rt_recording")
AROUND_US: Final = 1_000_000


@dataclass(frozen=True)
class Prediction:
    """One figure of the logs beside the simulated one."""

    name: str
    published: str
    simulated: str


def drawn(preset: str, number: int, device: str | None = None) -> PhoneBuilder:
    """Return scenario ``number`` of a preset on mainline, ready to be changed."""
    board = PhoneBuilder("phone-8gb", "mainline")
    name = device or PHONES[number % len(PHONES)]
    draw(preset, FIRST_SEED + number, device=name, kernel="mainline", out=board.scenario)
    return board


def keep_events(board: PhoneBuilder, kinds: tuple[int, ...]) -> None:
    """Leave only events of some kinds in a scenario."""
    scenario = board.scenario
    events = scenario["events"][: int(scenario["n_events"])]
    kept = events[np.isin(events["kind"], kinds)].copy()
    scenario["events"][: len(kept)] = kept
    scenario["n_events"] = len(kept)


def cadence() -> dict[str, float]:
    """Return lmkd's cadence: shares (%) and the median gap (ms) of its successive kills within half a second.

    Cached apps have the sizes of the logs' victims; launches find nobody killed for them, so that lmkd must.
    """
    after, before, gaps = 0, 0, []
    victims = [one.victim for one in read(DATA)]
    for number in SEEDS:
        board = drawn("app_switching", number)
        rng = np.random.default_rng(number)
        for slot in range(FIRST_APP, int(board.scenario["n_processes"])):
            if board.scenario["apps"][slot]["oom_score_adj"] >= k.CACHED_APP_ADJ:
                victim = victims[rng.integers(len(victims))]
                resize(board.scenario, slot, victim.rss_mib, victim.swap_mib, rng)
        keep_events(board, (k.EVENT_LAUNCH, k.EVENT_RT))
        board.run()
        own = board.phone["processes"][board.phone["processes"]["killer"] == k.KILLER_LMKD]
        own = own[np.argsort(own["kill_us"])]
        for one, following in itertools.pairwise(own):
            gap_ms = float(following["kill_us"] - one["kill_us"]) / k.MS
            if gap_ms <= WITHIN_MS:
                gaps.append(gap_ms)
                exit_us = one["exit_us"] if one["exit_us"] > 0 else 1 << 60
                since_ms = float(following["kill_us"] - exit_us) / k.MS
                after += 0 <= since_ms <= SOON_MS
                before += since_ms < 0
    pairs = max(1, len(gaps))
    return {
        "pairs": float(len(gaps)),
        "soon_after_exit": 100 * after / pairs,
        "before_exit": 100 * before / pairs,
        "median_gap_ms": float(np.median(gaps)) if gaps else float("nan"),
    }


def launch_ms(board: PhoneBuilder) -> float:
    """Run a phone; return the time (ms) of its first launch, or NaN where it did not end."""
    launch = board.run()["launches"][0]
    done = launch["phase"] == k.LAUNCH_DONE
    return float(launch["done_us"] - launch["start_us"]) / k.MS if done else float("nan")


def launches_beside_kills() -> list[float]:
    """Return, per launch with one to four kills inside, its time over that of the same launch with memory enough."""
    ratios = []
    for number in SEEDS:
        board = drawn("service_restart", number)
        with_kills = launch_ms(board)
        launch = board.phone["launches"][0]
        killed = board.phone["processes"][board.phone["processes"]["kill_us"] > 0]["kill_us"]
        inside = int(((killed >= launch["start_us"]) & (killed <= launch["done_us"])).sum())
        roomy = drawn("service_restart", number)
        keep_events(roomy, (k.EVENT_LAUNCH, k.EVENT_RT))
        roomy.scenario["launches"]["gate_timeout_us"] = 0
        roomy.device["ram_pages"] += 2_048 * MIB
        without = launch_ms(roomy)
        if 1 <= inside <= 4 and np.isfinite(with_kills) and np.isfinite(without):
            ratios.append(with_kills / without)
    return ratios


def hitches() -> tuple[int, int, int]:
    """Return how many frames were 63 ms late and more within a second of a single kill, without it, and before it.

    The kill is the scenario's first; every other is left out. Where it is left out too, what counts is the same second.
    """
    counts = []
    before_kill = 0
    for killed in (True, False):
        total = 0
        for number in SEEDS:
            board = drawn(BUSY_PRESETS[number % len(BUSY_PRESETS)], number)
            events = board.scenario["events"][: int(board.scenario["n_events"])]
            kill = events[events["kind"] == k.EVENT_KILL][0].copy()
            keep_events(board, (k.EVENT_LAUNCH, k.EVENT_RT))
            board.scenario["launches"]["gate_timeout_us"] = 0
            if killed:
                add_event(board, kill)
            board.start()
            board.go_on(until_ms=max(0.0, float(kill["time_us"] - AROUND_US) / k.MS))
            begin = late_frames(board)
            board.go_on(until_ms=float(kill["time_us"]) / k.MS)
            before = late_frames(board)
            board.go_on(until_ms=float(kill["time_us"] + AROUND_US) / k.MS)
            total += late_frames(board) - before
            before_kill += before - begin if killed else 0
        counts.append(total)
    return counts[0], counts[1], before_kill


def late_frames(board: PhoneBuilder) -> int:
    """Return how many frames were 63 ms late and more so far: the histogram's last, open bin."""
    return int(board.phone["total"]["late_histogram"][k.LATE_BINS - 1])


def busy_before() -> float:
    """Return the share (%) of CPU time that is not idle in the 200 ms before the first kill, mean over scenarios."""
    shares = []
    for number in SEEDS:
        board = drawn(tuple(PRESETS)[number % len(PRESETS)], number)
        events = board.scenario["events"][: int(board.scenario["n_events"])]
        first_ms = float(events[events["kind"] == k.EVENT_KILL]["time_us"][0]) / k.MS
        board.start()
        charged = []
        for until_ms in (max(0.0, first_ms - 200.0), first_ms):
            board.go_on(until_ms=until_ms)
            whole = board.phone["total"]["charged_ns"]
            charged.append((float(whole.sum()), float(whole[k.CHARGE_IDLE])))
        elapsed, idle = (charged[1][i] - charged[0][i] for i in range(2))
        shares.append(100 * (1 - idle / elapsed))
    return fmean(shares)


def add_event(board: PhoneBuilder, event: Any) -> None:
    """Put an event into a scenario, in its place in time."""
    scenario = board.scenario
    count = int(scenario["n_events"])
    scenario["events"][count] = event
    scenario["events"][count]["c"] = -1
    scenario["n_events"] = count + 1
    scenario["events"][: count + 1] = np.sort(scenario["events"][: count + 1], order="time_us")


def vivo_claim(episodes: int = 40) -> dict[str, Estimate]:
    """Return what vivo's rule changes in camera launches against always inline: launch time and lag, in percent."""
    spec = EnvSpec(device=None, kernel="vivo-async", epochs=BATCH)  # a kernel's rule is asked for every batch
    jobs = list(suite("test").only("camera_launch").first(episodes))
    rows = {name: play_job((spec, Player(name, name), jobs)) for name in ("always_inline", "vivo", "always_defer")}
    inline = rows["always_inline"]
    found = {}
    for name in ("vivo", "always_defer"):
        for column in ("launch_ms", "lag_ms"):
            whole = fmean(row[column] for row in inline)
            change = [100 * (b[column] - a[column]) / whole for a, b in zip(inline, rows[name], strict=True)]
            found[f"{name}.{column}"] = estimate({"all": change}, mean=True)
    return found


def predictions() -> tuple[list[Prediction], dict[str, float]]:
    """Return all of these as a table, and as numbers for the summary."""
    lmkd, ratios, claim = cadence(), launches_beside_kills(), vivo_claim()
    after, without, before = hitches()
    busy = busy_before()
    quartiles = np.percentile(ratios, (25, 50, 75))
    table = [
        Prediction("next kill within 10 ms of the exit", "57 %", f"{lmkd['soon_after_exit']:.0f} %"),
        Prediction("next kill before the exit", "16 %", f"{lmkd['before_exit']:.0f} %"),
        Prediction("median gap between kills", "50 ms", f"{lmkd['median_gap_ms']:.0f} ms"),
        Prediction(
            "launch with 1 to 4 kills inside, over without", "1.1 to 2.0 (weak)",
            f"{quartiles[1]:.2f} (quartiles {quartiles[0]:.2f} to {quartiles[2]:.2f}, {len(ratios)} launches)",
        ),
        Prediction(
            "frames 63 ms late and more in the second after a kill", "1.2 [0.6, 1.9] of those before, stalls of 0.5 s",
            f"{after}; {without} in the same second without the kill, {before} in the second before",
        ),
        Prediction("CPU time not idle before the first kill", "busy: 60 % at a camera launch", f"{busy:.0f} %"),
        Prediction("vivo's rule, camera launch time", "-20 % (headline), -2.4 % (30 apps, twice)",
                   show(claim["vivo.launch_ms"])),
        Prediction("always deferring, camera launch time", "", show(claim["always_defer.launch_ms"])),
    ]  # fmt: skip
    return table, {
        **named(lmkd), "launch_beside_kills_ratio": float(quartiles[1]), "hitches_after_kill": float(after),
        "hitches_without_kill": float(without), "hitches_before_kill": float(before), "busy_before_kill_percent": busy,
        **means(claim),
    }  # fmt: skip


def show(change: Estimate) -> str:
    """Return a change in percent with its interval."""
    return f"{change.value:+.1f} % [{change.low:+.1f}, {change.high:+.1f}]"


def named(lmkd: Mapping[str, float]) -> dict[str, float]:
    """Return the cadence's numbers under their names in the summary."""
    return {f"lmkd.{name}": value for name, value in lmkd.items()}


def means(claim: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the claim's numbers under their names in the summary."""
    return {f"claim.{name}_percent": value.value for name, value in claim.items()}
