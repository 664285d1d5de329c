"""The cases of the six measurements, and the order in which a repeat goes through them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import NamedTuple

UNMAP_MIB = (64, 128, 256, 512)
PERCENTS = (0, 50, 80, 100)
ROUNDS = {"unmap": 2, "contention": 4}
"""How often what is short is booted in each repeat: its cases scatter as widely as the long ones'."""
KINDS = {"resident": 0, "swapped": 100}
PROBED = {
    "swapcache_free_entries": (100, 64),
    "release_pages": (0, 0),
    "__mem_cgroup_uncharge_list": (0, 0),
    "free_unref_page_list": (0, 0),
    "free_pcppages_bulk": (0, 0),
}
"""Functions of the kernel whose instructions are counted: for how many per cent swapped, and for how many pages they
are called (0: it varies). All of the first runs under ``si->lock``, all of the last under ``zone->lock``; of
``release_pages`` what the next two do not take runs under ``lru_lock``. 64 is SWAP_SLOTS_CACHE_SIZE: the entries that
a CPU gathers before it takes ``si->lock``."""
COUNTS = (1, 2, 4)
GRAINS = (1, 16, 256)
FOREGROUND_NICE = (0, -10)
WAYS: dict[str, dict[str, int | str]] = {
    "nice0": {"way": "at_once", "victim_nice": 0},
    "nice19": {"way": "at_once", "victim_nice": 19},
    "one_by_one": {"way": "one_by_one"},
    "mrelease-20": {"way": "mrelease", "helper_nice": -20},
    "mrelease19": {"way": "mrelease", "helper_nice": 19},
}
"""How victims die beside a foreground task; of ``one_by_one``, 4 victims are what a single worker does."""
BURSTS: dict[str, dict[str, int | str]] = {
    "nice0": {"way": "at_once"},
    "one_by_one": {"way": "one_by_one"},
    "late": {"way": "late", "keeper_nice": 0},
    "late-20": {"way": "late", "keeper_nice": -20},
    "late19": {"way": "late", "keeper_nice": 19},
}
QUICK = (
    "unmap/64/*",
    "unmap_instructions/64/*",
    "contention/[12]/*",
    "pool/16/uniform/plain",
    "foreground/0/2/swapped/*",
    "starve/950000",
    "burst/nice0",
    "burst/late",
)


class Case(NamedTuple):
    """One case.

    Attributes:
        name: ``<measurement>/<what is varied>...``.
        measurement: What the payload calls it.
        settings: What the payload is told.
        icount: Whether it is booted with instructions counted.
    """

    name: str
    measurement: str
    settings: dict[str, int | str]
    icount: bool = False

    @property
    def group(self) -> str:
        """What is booted together: a measurement, instructions apart from times."""
        return self.name.partition("/")[0]

    @property
    def exits(self) -> int:
        """How many processes exit."""
        return int(self.settings.get("victims", self.settings.get("processes", 1)))


def probed(mib: int, function: str) -> str:
    """Return the name of the case that counts the instructions of one of :data:`PROBED`."""
    return f"unmap_instructions/{mib}/{PROBED[function][0]}/{function}"


def all_cases() -> list[Case]:
    """Return all cases of all measurements."""
    cases = []
    for mib in UNMAP_MIB:
        for percent in PERCENTS:
            settings: dict[str, int | str] = {"mib": mib, "percent": percent}
            cases.append(Case(f"unmap/{mib}/{percent}", "unmap", settings))
            # instructions per page do not depend on how often one looks: two sizes show that they do not on size
            if mib == 64 or (mib == 256 and percent in (0, 100)):
                name = f"unmap_instructions/{mib}/{percent}"
                cases.append(Case(name, "unmap", {**settings, "icount": 1}, icount=True))
        # what of it runs under locks; the probes that tell are not in what the whole takes
        if mib in (64, 256):
            for function, (percent, batch) in PROBED.items():
                settings = {"mib": mib, "percent": percent, "icount": 1, "probe": function, "batch": batch}
                cases.append(Case(probed(mib, function), "unmap", settings, icount=True))
    for n in COUNTS:
        for kind, percent in KINDS.items():
            settings = {"processes": n, "percent": percent, "mib": 128}
            cases.append(Case(f"contention/{n}/{kind}", "contention", settings))
    for grain in GRAINS:
        for data in ("uniform", "varied"):
            for mode in ("plain", "compact", "pressure"):
                settings = {"processes": 8, "grain": grain, "data": data, "mode": mode, "timeout": 600}
                cases.append(Case(f"pool/{grain}/{data}/{mode}", "pool", settings))
    cases += foreground_cases()
    for runtime in (950000, -1):
        cases.append(Case(f"starve/{runtime}", "starve", {"runtime_us": runtime, "mib": 64}))
    cases += [Case(f"burst/{name}", "burst", {"victims": 4, **told}) for name, told in BURSTS.items()]
    return cases


def foreground_cases() -> list[Case]:
    """Return the cases of measurement 4."""
    cases = []
    for nice in FOREGROUND_NICE:
        # nobody dies: what the machine makes late by itself
        cases.append(Case(f"foreground/{nice}/0/none/none", "foreground", {"nice": nice, "victims": 0}))
        for n in COUNTS:
            for kind, percent in KINDS.items():
                for way, told in WAYS.items():
                    if n == 1 and way == "one_by_one":
                        continue  # the same as at once
                    settings = {"nice": nice, "victims": n, "percent": percent, "mib": 256, **told}
                    cases.append(Case(f"foreground/{nice}/{n}/{kind}/{way}", "foreground", settings))
    return cases


def choose(cases: Iterable[Case], patterns: Sequence[str]) -> list[Case]:
    """Return the cases whose name or measurement is one of ``patterns`` (as of shells); all for no pattern.

    Raises:
        ValueError: A pattern fits no case.
    """
    given = list(cases)
    for pattern in patterns:
        if not any(fits(case, pattern) for case in given):
            raise ValueError(f"--only {pattern}: fits no case, must fit one such as {given[0].name}")
    return [case for case in given if not patterns or any(fits(case, pattern) for pattern in patterns)]


def fits(case: Case, pattern: str) -> bool:
    """Return whether ``pattern`` names the case or its group."""
    return fnmatchcase(case.name, pattern) or case.group == pattern


def interleaved(cases: Sequence[Case], repeat: int) -> list[list[Case]]:
    """Return the boots of a repeat: groups, and cases within them, in an order of the repeat's own.

    What drifts on the machine over a run then spreads over all cases, instead of falling on the last.
    """
    random = Random(repeat)
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    boots = [list(boot) for group, boot in groups.items() for _ in range(ROUNDS.get(group, 1))]
    random.shuffle(boots)
    for boot in boots:
        random.shuffle(boot)
    return boots
