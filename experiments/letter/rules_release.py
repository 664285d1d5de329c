"""How figures answer the letter on releasing several processes at once: sentences 8 to 17, one rule each."""

from __future__ import annotations

from typing import Final

from experiments.letter.runs import BOOSTER, BURSTS_MIB, PRODUCTS, ROUTES, VICTIMS
from experiments.letter.verdict import Figures, Verdict, compared, down, listed, show, up

FRAME_MS: Final = 16.7


def killed_at_once(f: Figures) -> Verdict:
    """Sentence 8."""
    sizes = [mib for mib in BURSTS_MIB if up(f[f"pressure.{mib} MiB: exiting_at_once"], 2)]
    shown = "; ".join(
        f"{mib} MiB: {show(f[f'pressure.{mib} MiB: kills'], 'kills', 1)}, {show(f[f'pressure.{mib} MiB: exiting_at_once'], 'at once', 1)}"
        for mib in BURSTS_MIB
    )
    booster = f"pressure.{BOOSTER}: "
    shown += (
        f"; a vendor's booster: {show(f[booster + 'kills'], 'kills', 1)},"
        f" {show(f[booster + 'exiting_at_once'], 'at once', 1)}"
    )
    if sizes == list(BURSTS_MIB):
        return Verdict("true", f"{shown}.")
    if sizes:
        return Verdict("true when", f"the launch allocates {min(sizes)} MiB or more ({shown}).")
    if up(f[booster + "exiting_at_once"], 2):
        return Verdict("true when", f"a vendor's booster kills, not lmkd ({shown}).")
    return Verdict("false", f"{shown}.")


def foreground_lags(f: Figures) -> Verdict:
    """Sentence 9."""
    delayed, leasts = [], []
    for killer in ("lmkd", "activity manager"):
        least = None  # from which number on all do
        for n in reversed(VICTIMS[1:]):
            if not up(f[f"crowd.{killer}, beside, {n}: launch_delay_ms"]):
                break
            least = n
        if least is not None:
            leasts.append(least)
            worst = f[f"crowd.{killer}, beside, {VICTIMS[-1]}: launch_delay_ms"]
            delayed.append(f"{least} and more victims of {killer} ({VICTIMS[-1]}: {show(worst, 'ms')} of launch delay)")
    frames = f["crowd.lmkd, beside, 8: frame_late_ms"]
    jank = (
        f"frames are late by {show(frames, 'ms')} more" if up(frames, FRAME_MS)
        else f"frames hardly notice ({show(frames, 'ms', 1)})"
    )  # fmt: skip
    if not delayed:
        return Verdict("false", f"no number of victims delays the launch beyond chance, and {jank}.")
    return Verdict(
        "true" if len(leasts) == 2 and max(leasts) <= 2 else "true when",
        f"{' and '.join(delayed)}: the launch is delayed beyond chance; {jank}.",
    )


def exits_quickly(f: Figures) -> Verdict:
    """Sentence 10."""
    sooner, cpu = f["routes.kworker - inline: last_exit_ms"], f["routes.kworker - inline: release_cpu_ms"]
    text = (
        f"the last of eight exits comes {compared(sooner, 'ms', 'later', 'sooner')}, and all release takes"
        f" {compared(cpu, 'ms')} CPU time"
    )
    return Verdict("true" if down(sooner) and down(cpu) else "false", f"{text}.")


def validated(f: Figures) -> Verdict:
    """Sentence 11."""
    found = {preset: f[f"products.{preset}, %: launch_ms"] for preset in PRODUCTS}
    text = "; ".join(f"`{preset}` {show(change, '%', 1)}" for preset, change in found.items())
    won = [preset for preset, change in found.items() if down(change)]
    if len(won) == len(found):
        return Verdict("true", f"launch times change by {text}.")
    if won:
        return Verdict("true when", f"launches like {' and '.join(f'`{one}`' for one in won)} are meant: {text}.")
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
        f"it can: {good} ({show(lag, 'ms')}), and accounted. Beside the kworker memory is back {compared(back, 'ms', 'later', 'sooner')},"
        f" with {compared(cpu, 'ms')} CPU time; after a large fast burst the peak is {compared(peak, 'MiB', 'above', 'below')} inline's"
        f" ({compared(quick, 'MiB', 'above', 'below')} at nice 0). It needs the dying to fork and share the address space, which no"
        " kernel offers to a task that was sent SIGKILL; process_mrelease from a helper is what there is.",
    )


def cpu_load(f: Figures) -> Verdict:
    """Sentence 13."""
    before, change = f["routes.inline: release_cpu_ms"], f["routes.kworker - inline: release_cpu_ms"]
    alone = f["alone.kworker - inline, %: release_cpu_ms"]
    text = f"eight exits: {show(before, 'ms')} inline, {compared(change, 'ms')} with the worker; one alone: {show(alone, '%')}"
    if down(change):
        return Verdict("true" if down(alone) else "true when", f"several exit at once ({text}).")
    return Verdict("false", f"{text}.")


def lock_competition(f: Figures) -> Verdict:
    """Sentence 14."""
    before, change = f["routes.inline: spin_ms"], f["routes.kworker - inline: spin_ms"]
    four = f["routes.4 kworkers - inline: spin_ms"]
    patched, less = f["patched.inline: spin_ms"], f["patched.kworker - inline: spin_ms"]
    text = (
        f"{show(before, 'ms')} are spun inline, {compared(change, 'ms')} with one worker, {compared(four, 'ms')} with four; without"
        f" the pool lock (June 2026) {show(patched, 'ms')} are, {compared(less, 'ms')} with one worker"
    )
    return Verdict("true" if down(change) and down(less) else "true when" if down(change) else "false", f"{text}.")


def same_work(f: Figures) -> Verdict:
    """Sentence 15."""
    work, spin = f["work.kworker over inline, %: entries"], f["work.kworker - inline: spin_ms"]
    gain = f["patched.kworker - inline: launch_delay_ms"]
    alike = abs(work.value) < 5
    if alike and down(spin):
        four = f["work.4 kworkers - inline: spin_ms"]
        return Verdict(
            "answered",
            f"the same work it is (entries released: {show(work, '%', 1)}), but of one thread instead of eight: who waits for a"
            f" lock spins, {compared(spin, 'ms')} with one worker and {compared(four, 'ms')} with four. On a kernel without the"
            f" pool lock deferring changes launch delay by {show(gain, 'ms')}.",
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
    text = (
        f"beside inline all memory is back earlier with {listed(won)}, later with {listed(lost)}; vivo's worker:"
        f" {compared(held, 'MiB s')} held"
    )
    if down(sooner["kworker"]) and down(held):
        return Verdict("true when" if lost else "true", f"the drain is quick: {text}.")
    if down(held) and not up(sooner["kworker"]):
        return Verdict("true when", f"what is held over time is meant, not when the last of it is back: {text}.")
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
