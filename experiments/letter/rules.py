"""How figures answer a sentence: one rule each, in the letter's order."""

from __future__ import annotations

from typing import Final

from experiments.letter.runs import BURSTS_MIB, BURSTS_MS, FIFO_FROM_MS, ROUTES
from experiments.letter.scenes import TUNING
from experiments.letter.verdict import Figures, Verdict, down, flip, listed, show, times, up
from experiments.statistics import Estimate

FRAME_MS: Final = 16.7
WORTH_MIB: Final = 5.0
"""A peak higher by less is not worth a word on an 8 GB phone."""


# ---------------------------------------------------------------------------------------------------- what a background process is
def main_reason(f: Figures) -> Verdict:
    """Sentence 1."""
    wall, cpu, other = f["exit.swap_share_of_wall"], f["exit.swap_share_of_cpu"], f["exit.other_share_of_cpu"]
    present = 100 - cpu.value - other.value
    placed = f["exit.change in background cpuset and weight, busy"]
    beside = (
        f" Little cores and background weight on a busy phone, not swap, make it {show(times(placed), 'times')} as long."
        if up(placed, 100)
        else ""
    )
    parts = f"{show(cpu, '%')} of the exit's CPU time (other work of do_exit {show(other, '%')}, present pages {present:.0f} %)"
    if up(wall, 50):
        return Verdict("true", f"{show(wall, '%')} of the exit's time is swap release.")
    if up(cpu, max(other.high, present)):
        return Verdict(
            "true when",
            f"CPU time is meant: swap release is {parts}, but {show(wall, '%')} of the time from kill to exit, most of which a"
            f" dying process sleeps.{beside}",
        )
    return Verdict("false", f"it is {parts} and {show(wall, '%')} of its time.{beside}")


def userspace_concept(f: Figures) -> Verdict:
    """Sentence 2."""
    same, apart = f["exit.change in foreground cpuset, idle"], f["exit.change in background cpuset"]
    if max(abs(same.low), abs(same.high)) < 1 and up(apart, 1):
        return Verdict(
            "true", "given lmkd's cpuset, a victim of the activity manager exits like one of lmkd's"
            f" (difference {show(same, '%')}); in its own it takes {show(apart, '%')} longer. Nothing else tells them apart.",
        )  # fmt: skip
    return Verdict("false", f"with the same cpuset the exit still differs by {show(same, '%', 1)}.")


def scheduling_effects(f: Figures) -> list[str]:
    """Return what placement does to an exit, where it does something."""
    effects = []
    for name in ("background cpuset", "background cpuset and weight, busy"):
        change = f[f"exit.change in {name}"]
        if up(change, 5):
            effects.append(f"{name} ({show(change, '%')} longer)")
    return effects


def tuning_effects(f: Figures, seconds: int, sign: int) -> list[str]:
    """Return which tunings, left out alone, move the swap share after ``seconds`` down (-1) or up (1)."""
    effects = []
    for name in TUNING:
        figure = f.get(f"swap_share.{name}, {seconds}s - as shipped")
        if figure and "," not in name and (down(figure, -0.5) if sign < 0 else up(figure, 0.5)):
            effects.append(f"{name} ({show(figure, 'points', 1)})")
    return effects


def lots_of_things(f: Figures) -> Verdict:
    """Sentence 3."""
    placed, tuned = scheduling_effects(f), tuning_effects(f, 60, -1)
    if placed and tuned:
        return Verdict("true", f"scheduling: {listed(placed)}; memory, when left out: {listed(tuned)}.")
    return Verdict("false", f"scheduling changes {listed(placed)}, memory tuning {listed(tuned)}.")


def identified(f: Figures) -> Verdict:
    """Sentence 4."""
    return Verdict(
        "answered",
        f"the exit is prolonged by {listed(scheduling_effects(f))}; swap is filled by compaction and freezer: left out, the share"
        f" after a minute changes by {listed(tuning_effects(f, 60, -1))}.",
    )


def share_grows(f: Figures) -> Verdict:
    """Sentence 5."""
    start, soon, late = (f[f"swap_share.{seconds}s"] for seconds in (0, 5, 900))
    grown = f["swap_share.growth_after_5s"]
    if not up(late, 60):
        return Verdict("false", f"after 15 minutes it is {show(late, '%')}.")
    text = f"{show(start, '%')} in front, {show(soon, '%')} after 5 s, {show(late, '%')} after 15 minutes"
    if down(grown, 5):
        return Verdict(
            "true when", f"the first seconds are meant: {text}; it is a step at cached entry, not a slow growth."
        )
    return Verdict("true", f"{text}.")


def which_tuning(f: Figures) -> Verdict:
    """Sentence 6."""
    minute, later = tuning_effects(f, 60, -1), tuning_effects(f, 300, -1)
    without = f["swap_share.no compaction, 300s - as shipped"]
    idle = [
        name for name in TUNING
        if name != "as shipped" and "," not in name
        and all(not up(g) and not down(g) for s in (60, 300) for g in [f[f"swap_share.{name}, {s}s - as shipped"]])
    ]  # fmt: skip
    return Verdict(
        "answered",
        f"paging out at cached entry, and the freezer, which keeps pages from being touched again. Left out, they change the share"
        f" after one minute by {listed(minute)}, after five by {listed(later)}: without compaction, reclaim comes by in time"
        f" ({show(without, 'points', 1)} in the end). Of {listed(idle)} no effect was seen.",
    )


def lengthy_path(f: Figures) -> Verdict:
    """Sentence 7."""
    cost, memory, present = (
        f[name]
        for name in ("path.entry_over_present_page", "path.memory_per_cpu_present_over_entry", "exit.were_it_present")
    )
    text = (
        f"an entry costs {show(cost, 'times', 1)} what a present page does and gives back {show(memory, 'times', 1)} less memory per"
        f" microsecond; were the same pages present, the exit would change by {show(present, '%')}"
    )
    return Verdict("true" if down(present) and up(cost, 1) else "false", f"{text}.")


# ------------------------------------------------------------------------------------------------------------- the crowd
def killed_at_once(f: Figures) -> Verdict:
    """Sentence 8."""
    sizes = [mib for mib in BURSTS_MIB if up(f[f"pressure.{mib} MiB: exiting_at_once"], 2)]
    shown = "; ".join(
        f"{mib} MiB: {show(f[f'pressure.{mib} MiB: kills'], 'kills', 1)}, {show(f[f'pressure.{mib} MiB: exiting_at_once'], 'at once', 1)}"
        for mib in BURSTS_MIB
    )
    if sizes == list(BURSTS_MIB):
        return Verdict("true", f"{shown}.")
    if sizes:
        return Verdict("true when", f"the launch allocates {min(sizes)} MiB or more ({shown}).")
    return Verdict("false", f"{shown}.")


def foreground_lags(f: Figures) -> Verdict:
    """Sentence 9."""
    delayed = []
    for killer in ("lmkd", "activity manager"):
        counts = [n for n in (1, 2, 4, 8) if up(f[f"crowd.{killer}, beside, {n}: launch_delay_ms"])]
        if counts:
            worst = f[f"crowd.{killer}, beside, {max(counts)}: launch_delay_ms"]
            delayed.append(
                f"{min(counts)} and more victims of {killer} ({max(counts)}: {show(worst, 'ms')} of launch delay)"
            )
    frames = f["crowd.lmkd, beside, 8: frame_late_ms"]
    jank = (
        f"frames are late by {show(frames, 'ms')} more" if up(frames, FRAME_MS)
        else f"frames hardly notice ({show(frames, 'ms', 1)})"
    )  # fmt: skip
    if not delayed:
        return Verdict("false", f"no number of victims delays the launch beyond chance, and {jank}.")
    spared = "" if len(delayed) > 1 else " Victims left in the background group do not."
    return Verdict(
        "true when",
        f"{' and '.join(delayed)} compete with its threads at nice 0; {jank}: the UI thread has nice -10.{spared}",
    )


def exits_quickly(f: Figures) -> Verdict:
    """Sentence 10."""
    sooner, cpu = f["routes.kworker - inline: last_exit_ms"], f["routes.kworker - inline: release_cpu_ms"]
    text = f"the last of eight exits comes {show(flip(sooner), 'ms')} sooner, and all release takes {show(flip(cpu), 'ms')} less CPU time"
    return Verdict("true" if down(sooner) and down(cpu) else "false", f"{text}.")


def validated(f: Figures) -> Verdict:
    """Sentence 11."""
    found = {preset: f[f"products.{preset}, %: launch_ms"] for preset in ("camera_launch", "app_switching")}
    text = "; ".join(f"`{preset}` {show(change, '%', 1)}" for preset, change in found.items())
    won = [preset for preset, change in found.items() if down(change)]
    if len(won) == len(found):
        return Verdict("true", f"launch times change by {text}.")
    if won:
        return Verdict("true when", f"launches like `{won[0]}` are meant: {text}.")
    return Verdict(
        "open" if any(change.low < 0 for change in found.values()) else "false", f"launch times change by {text}."
    )


def in_userspace(f: Figures) -> Verdict:
    """Sentence 12."""
    lag, back = f["routes.child - kworker: lag_ms"], f["routes.child - kworker: memory_back_ms"]
    cpu, peak = f["routes.child - kworker: release_cpu_ms"], f["bursts.1200 MiB in 200 ms, child - inline: peak_mib"]
    quick = f["bursts.1200 MiB in 200 ms, child, nice 0 - inline: peak_mib"]
    good = "no worse for lag than the kworker beyond chance" if not up(lag) else "worse for lag than the kworker"
    return Verdict(
        "answered",
        f"it can: {good} ({show(lag, 'ms')}), and accounted. Its price: memory back {show(back, 'ms')} later, {show(cpu, 'ms')} more CPU"
        f" time (children contend, on slower cores), and after a large fast burst a peak {show(peak, 'MiB')} above inline's"
        f" ({show(quick, 'MiB')} at nice 0). It needs the dying to fork and share the address space, which no kernel offers to a task"
        " that was sent SIGKILL; process_mrelease from a helper is what there is.",
    )


def cpu_load(f: Figures) -> Verdict:
    """Sentence 13."""
    before, change = f["routes.inline: release_cpu_ms"], f["routes.kworker - inline: release_cpu_ms"]
    alone = f["alone.kworker - inline, %: release_cpu_ms"]
    text = (
        f"eight exits: {show(before, 'ms')} inline, {show(change, 'ms')} with the worker; one alone: {show(alone, '%')}"
    )
    if down(change):
        return Verdict("true" if down(alone) else "true when", f"several exit at once ({text}).")
    return Verdict("false", f"{text}.")


def lock_competition(f: Figures) -> Verdict:
    """Sentence 14."""
    before, change = f["routes.inline: spin_ms"], f["routes.kworker - inline: spin_ms"]
    four = f["routes.4 kworkers - inline: spin_ms"]
    patched, less = f["patched.inline: spin_ms"], f["patched.kworker - inline: spin_ms"]
    text = (
        f"{show(before, 'ms')} are spun inline, {show(flip(change), 'ms')} less with one worker, {show(flip(four), 'ms')} less with"
        f" four; without the pool lock (June 2026) {show(patched, 'ms')} are, {show(flip(less), 'ms')} less with one worker"
    )
    return Verdict("true" if down(change) and down(less) else "true when" if down(change) else "false", f"{text}.")


def same_work(f: Figures) -> Verdict:
    """Sentence 15."""
    work, spin = f["work.kworker over inline, %: entries"], f["work.kworker - inline: spin_ms"]
    gain = f["patched.kworker - inline: launch_delay_ms"]
    alike = abs(work.value) < 5
    if alike and down(spin):
        left = f" On a kernel without the pool lock deferring changes launch delay by {show(gain, 'ms')}."
        return Verdict(
            "answered",
            f"the same work it is (entries released: {show(work, '%', 1)}), but of one thread instead of eight: who waits for a"
            f" lock spins, and {show(flip(spin), 'ms')} of that are saved. With four workers part of it comes back.{left}",
        )
    return Verdict(
        "true" if alike else "false", f"entries released {show(work, '%', 1)}, time spun {show(spin, 'ms')}."
    )


def memory_sooner(f: Figures) -> Verdict:
    """Sentence 16."""
    sooner = {name: f[f"routes.{name} - inline: memory_back_ms"] for name in ROUTES if name != "inline"}
    held = f["routes.kworker - inline: held_mib_s"]
    won = [f"{name} ({show(change, 'ms')})" for name, change in sooner.items() if down(change)]
    lost = [f"{name} ({show(change, 'ms')})" for name, change in sooner.items() if up(change)]
    text = f"beside inline all memory is back earlier with {listed(won)}, later with {listed(lost)}; vivo's worker: {show(flip(held), 'MiB s')} less held"
    if down(sooner["kworker"]) and down(held):
        return Verdict("true when" if lost else "true", f"the drain is quick: {text}.")
    return Verdict("false", f"{text}.")


def less_efficient(f: Figures) -> Verdict:
    """Sentence 17."""
    alone, crowd = f["alone.kworker - inline, %: release_cpu_ms"], f["routes.kworker - inline, %: release_cpu_ms"]
    assumed = f["work.cost of a deferred entry over inline, %"]
    text = (
        f"the costs assumed here (queueing an entry, then the same work) make a deferred entry {show(assumed, '%', 1)} dearer;"
        f" CPU time for one exit alone changes by {show(alone, '%', 1)}, for eight at once by {show(crowd, '%')}"
    )
    if down(crowd):
        return Verdict("true when" if assumed.value > 0 or up(alone) else "false", f"nobody contends: {text}.")
    return Verdict("true" if up(alone) else "open", f"{text}.")


# ------------------------------------------------------------------------------------------------------- the three concerns
def still_allocated(f: Figures) -> Verdict:
    """Sentence 18."""
    held = {name: f[f"routes.{name}: held_at_exit_mib"] for name in ROUTES if name != "inline"}
    text = "; ".join(f"{name} {show(figure, 'MiB')}" for name, figure in held.items())
    holding = [name for name, figure in held.items() if up(figure, 1)]
    if len(holding) == len(held):
        return Verdict("true", f"held at the last exit: {text}.")
    return Verdict("true when" if holding else "false", f"the drain is slower than the exits ({text}).")


def higher_cells(f: Figures, route: str) -> list[tuple[int, int, Estimate]]:
    """Return bursts (MiB, ms) after which a route's peak is higher than inline's by more than is worth a word."""
    return [
        (mib, ms, figure)
        for mib in BURSTS_MIB
        for ms in BURSTS_MS
        for figure in [f[f"bursts.{mib} MiB in {ms} ms, {route} - inline: peak_mib"]]
        if up(figure) and figure.value > WORTH_MIB
    ]


def higher_peak(f: Figures) -> Verdict:
    """Sentence 19."""
    said, clean = [], []
    for route in ROUTES:
        if route != "inline":
            cells = higher_cells(f, route)
            if cells:
                mib, ms, worst = max(cells, key=lambda cell: cell[2].value)
                least = min(cell[0] for cell in cells)
                said.append(f"{route} from {least} MiB on (worst {show(worst, 'MiB')} after {mib} MiB in {ms} ms)")
            else:
                clean.append(route)
    where = f"bursts.{max(BURSTS_MIB)} MiB in {min(BURSTS_MS)} ms, child - inline: "
    follow = (
        f"With the child {show(f[where + 'direct_reclaim_ms'], 'ms')} more direct reclaim and {show(f[where + 'collateral_kills'], 'kills', 1)}"
        " follow the fastest."
    )
    if not said:
        return Verdict(
            "false", f"no burst raises any route's peak by more than {WORTH_MIB:.0f} MiB beyond chance. {follow}"
        )
    return Verdict(
        "true when",
        f"the burst is larger than what is free and outruns the drain: {'; '.join(said)}; not: {listed(clean)}. {follow}",
    )


def starved(f: Figures) -> Verdict:
    """Sentence 20."""
    never = [ms for ms in FIFO_FROM_MS if down(f[f"fifo.kworker, unthrottled, from {ms} ms: back"], 0.5)]
    inline = [ms for ms in FIFO_FROM_MS if down(f[f"fifo.inline, unthrottled, from {ms} ms: back"], 0.5)]
    gap = f["fifo.kworker, throttled, from 140 ms: kworker_starved_max_ms"]
    slow, exits = (f[f"fifo.{route}, throttled, from 140 ms: memory_back_ms"] for route in ("kworker", "inline"))
    child = f["fifo.child, throttled, from 140 ms: memory_back_ms"]
    text = (
        f"throttled, it gets its 5 % after gaps of up to {show(gap, 'ms')}: memory back after {show(slow, 'ms')}, inline after"
        f" {show(exits, 'ms')}, with the child after {show(child, 'ms')}"
    )
    if never:
        also = (
            "; the inline exit starves alike, and its parent with it"
            if inline == never
            else f"; the inline exit so if it begins {', '.join(map(str, inline))} ms after"
        )
        when = ", ".join(str(ms) for ms in never)
        return Verdict(
            "true when",
            f"RT throttling is off and the load begins before the drain has ended (begun {when} ms after the first kill){also}."
            f" {text[0].upper()}{text[1:]}.",
        )
    return Verdict("false", f"{text}.")


def unaccounted(f: Figures) -> Verdict:
    """Sentence 21."""
    found = {name: f[f"routes.{name}: unaccounted_cpu_ms"] for name in ROUTES}
    lost = [f"{name} {show(figure, 'ms')}" for name, figure in found.items() if up(figure)]
    kept = [name for name, figure in found.items() if figure.high == 0]
    if not lost:
        return Verdict("false", f"all is charged to its process: {listed(kept)}.")
    spin = f["routes.kworker - inline: spin_ms"]
    return Verdict(
        "true when", f"a kworker drains: {listed(lost)}; nothing with {listed(kept)}. What inline charges to the dying"
        f" holds {show(flip(spin), 'ms')} of spinning that is nobody's work.",
    )  # fmt: skip


def addressed(f: Figures) -> Verdict:
    """Sentence 22."""
    said = []
    for name in ROUTES:
        if name == "inline":
            continue
        left = []
        if higher_cells(f, name):
            left.append("peak")
        if up(f[f"routes.{name}: unaccounted_cpu_ms"]):
            left.append("accounting")
        route = "child" if name.startswith("child") else "kworker"
        if any(down(f[f"fifo.{route}, unthrottled, from {ms} ms: back"], 0.5) for ms in FIFO_FROM_MS):
            left.append("starvation without throttling")
        lag = f[f"routes.{name} - inline: lag_ms"]
        said.append(f"{name}: lag {show(lag, 'ms')}, leaves {listed(left)}")
    return Verdict("answered", "; ".join(said) + ".")
