"""The letter's sentences that claim, doubt or ask something, and the rules by which figures answer them.

A rule sees figures with intervals and nothing else; it says true, false or true when, and in a sentence why. Nothing in
this module is a result: other runs give other verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from experiments.letter import rules_concerns, rules_exits, rules_release
from experiments.letter.runs import FIFO_FROM_MS
from experiments.letter.verdict import Figures, Verdict

Who = Literal["author", "reviewer"]


@dataclass(frozen=True)
class Sentence:
    """One sentence of the letter.

    Attributes:
        number: Its number among those that claim, doubt or ask something, in the letter's order.
        who: The patch's author or its reviewer.
        words: What it says, quoted (shortened where marked).
        runs: Which runs answer it: scenario, policies, what is varied.
        shown: Names of the figures to be shown; all that the verdict rests on can be found in ``figures.csv``.
        rule: Gives the verdict from the figures.
    """

    number: int
    who: Who
    words: str
    runs: str
    shown: tuple[str, ...]
    rule: Callable[[Figures], Verdict]


EXIT: Final = "one app killed on an idle phone without a reaper; 0 to 400 MiB of its memory in swap; clocks by schedutil or held up"
CAMERA: Final = "`camera_launch`, phone-8gb, eight victims of lmkd, every batch on one route"
BACKGROUND: Final = "drawn apps leave the front of a phone that starts another app every 40 s"
FIFO: Final = (
    f"four victims; SCHED_FIFO on all CPUs to the end, from {', '.join(map(str, FIFO_FROM_MS))} ms after the first kill"
)
HOG: Final = "hogs on some CPUs, throttled, with RT_RUNTIME_SHARE and without"
MIDDLE: Final = FIFO_FROM_MS[1]
BURST: Final = "the same with bursts of 300 to 1,200 MiB in 200 to 1,000 ms"

SENTENCES: Final[tuple[Sentence, ...]] = (
    Sentence(1, "author", "The main reasons for the prolonged exit of a background process is the time-consuming release of"
             " its swap entries.", EXIT,
             ("exit.swap_share, idle", "exit.other_share, idle", "exit.swap_share, clocks up", "exit.other_share, clocks up",
              "exit.swap_share of 100 MiB", "exit.change in background cpuset and weight, busy"),
             rules_exits.main_reason),
    Sentence(2, "reviewer", "The kernel really doesn't have a concept of a \"background process\". It's a userspace concept.",
             "the same kill by lmkd, by the activity manager, and by the latter with lmkd's cpuset",
             ("exit.change in foreground cpuset, idle", "exit.change in background cpuset"), rules_exits.userspace_concept),
    Sentence(3, "reviewer", "I expect that when Android \"backgrounds\" a process, it does lots of things to that process."
             " Perhaps scheduling priority, perhaps alteration of various MM tunables, etc.",
             "exits by cpuset and weight, idle and busy; swap shares with each tuning left out",
             ("exit.change in background cpuset", "exit.change in background cpuset and weight, busy",
              "swap_share.no compaction, 60s - as shipped"), rules_exits.lots_of_things),
    Sentence(4, "reviewer", "It would be better to identify what tuning alterations are made to such processes to bring about"
             " this behavior.", "as 3: which of them prolong the exit, which of them fill swap",
             ("exit.change in background cpuset and weight, busy", "swap_share.no compaction, 60s - as shipped",
              "swap_share.no freezer, 300s - as shipped"), rules_exits.identified),
    Sentence(5, "author", "The proportion of swap memory occupied by the background process increases with its duration in"
             " the background, and after a period of time, this value can reach 60% or more.", BACKGROUND,
             ("swap_share.0s", "swap_share.5s", "swap_share.60s", "swap_share.900s"), rules_exits.share_grows),
    Sentence(6, "reviewer", "What is it about the tuning of such processes which causes this behavior?",
             BACKGROUND + ": compaction, freezer, swappiness, cpuset left out, after 1 and 5 minutes",
             ("swap_share.no compaction, 60s - as shipped", "swap_share.no compaction, 300s - as shipped",
              "swap_share.no freezer, 300s - as shipped", "swap_share.swappiness 0, 60s - as shipped",
              "swap_share.no background cpuset, 60s - as shipped"), rules_exits.which_tuning),
    Sentence(7, "author", "The relatively lengthy path for releasing swap entries further contributes to the longer time"
             " required.", "cost of an entry beside a resident page's; the exit were the same pages resident",
             ("path.entry_over_resident_page, little core", "path.entry_over_resident_page, big core",
              "path.memory_per_cpu_resident_over_entry, big core", "exit.were_it_resident, idle",
              "exit.were_it_resident, clocks up"),
             rules_exits.lengthy_path),
    Sentence(8, "author", "When launching a large memory application such as a camera, system may enter a low memory state,"
             " which will triggers the killing of multiple background processes at the same time.",
             "`camera_launch` with no kill but lmkd's own, by size of the burst; `camera_target`, a vendor's booster",
             ("pressure.300 MiB: kills", "pressure.1200 MiB: kills", "pressure.1200 MiB: exiting_at_once",
              "pressure.booster: kills", "pressure.booster: exiting_at_once"),
             rules_release.killed_at_once),
    Sentence(9, "author", "Due to multiple exiting processes occupying multiple CPUs for concurrent execution, the current"
             " foreground application's CPU resources are tight and may cause issues such as lagging.",
             "`camera_launch` that allocates little, 0 to 8 victims, of lmkd or the activity manager, waited for or not",
             ("crowd.lmkd, beside, 8: launch_delay_ms", "crowd.activity manager, beside, 8: launch_delay_ms",
              "crowd.lmkd, beside, 8: frame_late_ms"), rules_release.foreground_lags),
    Sentence(10, "author", "This allows the exiting processes to complete quickly and release CPU resources.", CAMERA,
             ("routes.kworker - inline: last_exit_ms", "routes.kworker - inline: release_cpu_ms"), rules_release.exits_quickly),
    Sentence(11, "author", "We have validated this modification on the products and achieved the expected benefits.",
             "three presets: vivo's rule against mainline's (published: 30 launches 2.4 % faster)",
             ("products.camera_launch, %: launch_ms", "products.camera_target, %: launch_ms",
              "products.app_switching, %: launch_ms"), rules_release.validated),
    Sentence(12, "reviewer", "Why can't this be done in userspace? The exiting process does fork/exit and lets the child do"
             " all this asynchronous freeing?", CAMERA + ": a child per process at background weight, or at nice 0",
             ("routes.child - kworker: lag_ms", "routes.child - kworker: memory_back_ms",
              "bursts.1200 MiB in 200 ms, child - inline: peak_mib", "routes.child: unaccounted_cpu_ms",
              "routes.child - kworker: release_cpu_ms"), rules_release.in_userspace),
    Sentence(13, "author", "Alleviate the high system cpu load caused by multiple exiting processes running simultaneously.",
             CAMERA + ": CPU time of all who release",
             ("routes.inline: release_cpu_ms", "routes.kworker - inline: release_cpu_ms",
              "alone.kworker - inline, %: release_cpu_ms"), rules_release.cpu_load),
    Sentence(14, "author", "Reduce lock competition in swap entry free path by an asynchronous kworker instead of multiple"
             " exiting processes parallel execution.", CAMERA + ": CPU time spun on the lock; the same without the pool lock",
             ("routes.inline: spin_ms", "routes.kworker - inline: spin_ms", "routes.4 kworkers - inline: spin_ms",
              "patched.inline: spin_ms", "patched.kworker - inline: spin_ms"), rules_release.lock_competition),
    Sentence(15, "reviewer", "Why is lock contention reduced? The same amount of work needs to be done.",
             CAMERA + ", without reapers and with little to allocate: entries released, time spun",
             ("work.kworker over inline, %: entries", "work.kworker - inline: spin_ms",
              "work.4 kworkers - inline: spin_ms", "patched.kworker - inline: launch_delay_ms",
              "patched.2026 series - inline: launch_delay_ms"), rules_release.same_work),
    Sentence(16, "author", "Release memory occupied by exiting processes more efficiently.",
             CAMERA + ": time until the memory is back, and what is held until then",
             ("routes.kworker - inline: memory_back_ms", "routes.kworker - inline: held_mib_s",
              "routes.child - inline: memory_back_ms"), rules_release.memory_sooner),
    Sentence(17, "reviewer", "Probably it's slightly less efficient.", CAMERA + "; and one exit alone",
             ("work.cost of a deferred entry over inline, %", "alone.kworker - inline, %: release_cpu_ms",
              "routes.kworker - inline, %: release_cpu_ms"),
             rules_release.less_efficient),
    Sentence(18, "reviewer", "The process will exit while its resources are still allocated.",
             CAMERA + ": the victims' memory held when the last of them has exited",
             ("routes.kworker: held_at_exit_mib", "routes.kworker, nice 0: held_at_exit_mib",
              "routes.kworker, little: held_at_exit_mib", "routes.child: held_at_exit_mib"), rules_concerns.still_allocated),
    Sentence(19, "reviewer", "But its parent process assumes those resources are now all freed and the parent process then"
             " proceeds to allocate resources. This results in a time period where peak resource consumption is higher.",
             BURST,
             ("bursts.300 MiB in 200 ms, kworker - inline: peak_mib", "bursts.1200 MiB in 200 ms, kworker - inline: peak_mib",
              "bursts.1200 MiB in 200 ms, kworker, nice 0 - inline: peak_mib",
              "bursts.1200 MiB in 200 ms, kworker, little - inline: peak_mib",
              "bursts.1200 MiB in 200 ms, child - inline: peak_mib",
              "bursts.1200 MiB in 200 ms, child - inline: direct_reclaim_ms",
              "bursts.1200 MiB in 200 ms, child - inline: collateral_kills"), rules_concerns.higher_peak),
    Sentence(20, "reviewer", "If all CPUs are running in userspace with realtime policy (SCHED_FIFO, for example) then the"
             " kworker thread will not run, indefinitely.", FIFO + ", throttled and not; " + HOG,
             (f"fifo.kworker, unthrottled, from {MIDDLE} ms: back", f"fifo.inline, unthrottled, from {MIDDLE} ms: back",
              f"fifo.kworker, throttled, from {MIDDLE} ms: memory_back_ms",
              f"fifo.inline, throttled, from {MIDDLE} ms: memory_back_ms",
              f"fifo.kworker, throttled, from {MIDDLE} ms: kworker_starved_max_ms",
              "hog.kworker bound to the hog's CPU, own runtime: back", "hog.kworker bound to the hog's CPU, borrowed: back",
              "hog.kworker, little, a hog on each, borrowed: back", "hog.kworker, a hog elsewhere, borrowed: back"),
             rules_concerns.starved),
    Sentence(21, "reviewer", "Work which should have been accounted to the exiting process will instead go unaccounted.",
             CAMERA + ": CPU time charged to no process",
             ("routes.kworker: unaccounted_cpu_ms", "routes.kworker, bounded: unaccounted_cpu_ms",
              "routes.child: unaccounted_cpu_ms", "routes.inline: unaccounted_cpu_ms"), rules_concerns.unaccounted),
    Sentence(22, "reviewer", "So please fully address all these potential issues.", "18 to 21, route by route",
             ("routes.kworker - inline: lag_ms", "routes.child - inline: lag_ms",
              "routes.kworker, bounded - inline: lag_ms"), rules_concerns.addressed),
)  # fmt: skip
