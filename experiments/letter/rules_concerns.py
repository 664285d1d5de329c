"""How figures answer the reviewer's three concerns and his demand: sentences 18 to 22, one rule each."""

from __future__ import annotations

from typing import Final

from experiments.letter.runs import BURSTS_MIB, BURSTS_MS, FIFO_FROM_MS, HOGS, ROUTES
from experiments.letter.verdict import Figures, Verdict, compared, down, listed, show, up
from swapgym.agents.statistics import Estimate

WORTH_MIB: Final = 5.0
"""A peak higher by less is not worth a word on an 8 GB phone."""


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
        f"After the fastest, the child has {compared(f[where + 'direct_reclaim_ms'], 'ms')} direct reclaim and"
        f" {compared(f[where + 'collateral_kills'], 'collateral kills', digits=1)} than inline."
    )
    if not said:
        return Verdict(
            "false", f"no burst raises any route's peak by more than {WORTH_MIB:.0f} MiB beyond chance. {follow}"
        )
    return Verdict(
        "true when",
        f"the burst is large: {'; '.join(said)}; not: {listed(clean)}. {follow}",
    )


def never_back(f: Figures, route: str) -> list[int]:
    """Return from when (ms) SCHED_FIFO load without throttling keeps a route's memory for good in most runs."""
    return [ms for ms in FIFO_FROM_MS if down(f[f"fifo.{route}, unthrottled, from {ms} ms: back"], 0.5)]


def hogged(f: Figures, how: str) -> list[str]:
    """Return the workers that never drain beside a SCHED_FIFO hog, throttled, in most runs."""
    return [case for case in HOGS if down(f[f"hog.{case}, {how}: back"], 0.5)]


def starved(f: Figures) -> Verdict:
    """Sentence 20."""
    never, inline = never_back(f, "kworker"), never_back(f, "inline")
    middle = FIFO_FROM_MS[1]
    gap = f[f"fifo.kworker, throttled, from {middle} ms: kworker_starved_max_ms"]
    slow, exits, child = (
        f[f"fifo.{route}, throttled, from {middle} ms: memory_back_ms"] for route in ("kworker", "inline", "child")
    )
    text = (
        f"throttled on every CPU, it gets its 5 % after gaps of up to {show(gap, 'ms')}: memory back after {show(slow, 'ms')},"
        f" inline after {show(exits, 'ms')}, with the child after {show(child, 'ms')}. Without such load the longest gap is"
        f" {show(f['routes.kworker, nice 0: kworker_starved_max_ms'], 'ms')} at nice 0 and"
        f" {show(f['routes.kworker, little: kworker_starved_max_ms'], 'ms')} on the little cores"
    )
    conditions = []
    if never:
        also = (
            f"the inline exit so if begun {', '.join(map(str, inline))} ms after" if inline else "the inline exit not"
        )
        conditions.append(
            "RT throttling is off and the load begins before the drain has ended (begun"
            f" {', '.join(map(str, never))} ms after the first kill; {also})"
        )
    borrowed = hogged(f, "borrowed")
    if borrowed:
        alone = hogged(f, "own runtime")
        conditions.append(
            f"RT throttling is on and runtime is borrowed (RT_RUNTIME_SHARE), for: {listed(borrowed)}; without borrowing, for:"
            f" {listed(alone)}"
        )
    if conditions:
        return Verdict("true when", f"{'; or '.join(conditions)}. {text[0].upper()}{text[1:]}.")
    return Verdict("false", f"{text}.")


def unaccounted(f: Figures) -> Verdict:
    """Sentence 21."""
    found = {name: f[f"routes.{name}: unaccounted_cpu_ms"] for name in ROUTES}
    lost = [f"{name} {show(figure, 'ms')}" for name, figure in found.items() if up(figure)]
    kept = [name for name, figure in found.items() if figure.high == 0]
    if not lost:
        return Verdict("false", f"all is charged to its process: {listed(kept)}.")
    spin = f["routes.inline: spin_ms"]
    return Verdict(
        "true when",
        f"a kworker drains: {listed(lost)}; nothing with {listed(kept)}. What inline charges to the dying holds"
        f" {show(spin, 'ms')} of spinning that is nobody's work.",
    )


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
        if never_back(f, "child" if name.startswith("child") else "kworker"):
            left.append("starvation without throttling")
        if any(
            case.startswith(f"{name}, a hog") or case.startswith(f"{name}, one hog") for case in hogged(f, "borrowed")
        ):
            left.append("starvation with borrowed runtime")
        lag = f[f"routes.{name} - inline: lag_ms"]
        said.append(f"{name}: lag {show(lag, 'ms')}, leaves {listed(left)}")
    return Verdict("answered", "; ".join(said) + ".")
