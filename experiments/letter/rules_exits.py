"""How figures answer the letter on exits and the background: sentences 1 to 7, one rule each."""

from __future__ import annotations

from typing import Final

from experiments.letter.apps import TUNING
from experiments.letter.verdict import Figures, Verdict, down, listed, show, times, up

CLOCKS: Final = {"idle": "on an idle phone", "clocks up": "with clocks up"}


def main_reason(f: Figures) -> Verdict:
    """Sentence 1."""
    parts, most, largest = [], [], []
    for clocks, where in CLOCKS.items():
        swap, other = f[f"exit.swap_share, {clocks}"], f[f"exit.other_share, {clocks}"]
        rest = 100 - swap.value - other.value
        parts.append(
            f"{where} swap release is {show(swap, '%')} of the exit's time, threads, mappings and files {show(other, '%')},"
            f" resident pages and waiting {rest:.0f} %"
        )
        if up(swap, 50):
            most.append(where)
        elif up(swap, max(other.high, rest)):
            largest.append(where)
    placed = f["exit.change in background cpuset and weight, busy"]
    text = f"of 400 MiB, {'; '.join(parts)}; of 100 MiB it is {show(f['exit.swap_share of 100 MiB'], '%')} on an idle phone."
    if up(placed, 100):
        text += (
            f" Little cores and background weight on a busy phone make the exit {show(times(placed), 'times')} as long."
        )
    if len(most) == len(CLOCKS):
        return Verdict("true", text)
    if most:
        return Verdict("true when", f"{listed(most)}: {text}")
    if largest:
        return Verdict("true when", f'"main" means the largest part, {listed(largest)}: {text}')
    return Verdict("false", text)


def userspace_concept(f: Figures) -> Verdict:
    """Sentence 2."""
    same, apart = f["exit.change in foreground cpuset, idle"], f["exit.change in background cpuset"]
    if max(abs(same.low), abs(same.high)) < 1 and up(apart, 1):
        return Verdict(
            "true",
            "given lmkd's cpuset, a victim of the activity manager exits like one of lmkd's on an idle phone (difference"
            f" {show(same, '%')}); in its own it takes {show(apart, '%')} longer.",
        )
    return Verdict("false", f"with the same cpuset the exit still differs by {show(same, '%', 1)}.")


def scheduling_effects(f: Figures) -> list[str]:
    """Return what placement does to an exit, where it does something."""
    effects = []
    for name in ("background cpuset", "background cpuset and weight, busy", "foreground cpuset, busy"):
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
        f"the exit is prolonged by {listed(scheduling_effects(f))}; swap is filled by what lowers its share after a minute when"
        f" left out: {listed(tuning_effects(f, 60, -1))}.",
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
        f"left out, these lower the swap share after one minute: {listed(minute)}; after five: {listed(later)}. Without"
        f" compaction reclaim comes by in time ({show(without, 'points', 1)} after five minutes). Of {listed(idle)} no effect"
        " was seen.",
    )


def lengthy_path(f: Figures) -> Verdict:
    """Sentence 7."""
    little, big = (f[f"path.entry_over_resident_page, {core} core"] for core in ("little", "big"))
    memory = f["path.memory_per_cpu_resident_over_entry, big core"]
    resident = {where: f[f"exit.were_it_resident, {clocks}"] for clocks, where in CLOCKS.items()}
    unit = "%"
    text = (
        f"an entry costs {show(little, 'times', 1)} what a resident page does on a little core and {show(big, 'times', 1)} on a"
        f" big one, where it gives back {show(memory, 'times')} less memory per microsecond; were the same pages resident, the"
        f" exit would change by {listed([f'{show(change, unit)} {where}' for where, change in resident.items()])}."
    )
    longer = [where for where, change in resident.items() if down(change)]
    if len(longer) == len(CLOCKS):
        return Verdict("true", text)
    return Verdict("true when", f"{listed(longer)}: {text}") if longer else Verdict("false", text)
