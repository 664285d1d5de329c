"""What is seen by looking on, again and again: exits, and how long their memory is held."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.phone import constants as k

LOOK_US: Final = 2_000
"""How often a run is looked at: the resolution of every time reported here."""


class Watch:
    """Looks at the victims of a run."""

    def __init__(self, victims: list[int], compression: int) -> None:
        """Watch these victims; ``compression`` is the scenario's."""
        self.victims = victims
        self.compression = compression
        self.first_kill_us = self.last_exit_us = self.back_us = -1
        self.now_us = 0
        self.held_page_us = 0
        self.held_at_exit = 0.0
        self.at_once = 0

    @property
    def settled(self) -> bool:
        """Whether all victims have exited and all their memory is back."""
        return self.last_exit_us >= 0 and self.back_us >= 0

    def look(self, phone: npt.NDArray[np.void]) -> None:
        """Look once at a PHONE record."""
        self.now_us = int(phone["now_us"])
        self.at_once = max(self.at_once, int(phone["n_exiting"]))
        own = phone["processes"][self.victims]
        killed = own[own["state"] > k.PROCESS_ALIVE]
        if len(killed) == 0:
            return
        if self.first_kill_us < 0:
            self.first_kill_us = int(killed["kill_us"].min())
        entries = int((killed["swap_entries"] + killed["queued_kworker"] + killed["queued_child"]).sum())
        held = int(killed["anon_pages"].sum()) + entries * k.UNIT / self.compression
        self.held_page_us += round(held * LOOK_US)
        over = len(killed) == len(self.victims)
        if self.last_exit_us < 0 and over and (own["state"] == k.PROCESS_DEAD).all():
            self.last_exit_us = self.now_us
            self.held_at_exit = held / k.PAGES_PER_MIB
        if self.back_us < 0 and over and held == 0:
            self.back_us = self.now_us

    def figures(self) -> dict[str, float]:
        """Return what was seen."""
        names = ("last_exit_ms", "memory_back_ms", "held_mib_s", "held_at_exit_mib", "back")
        found = dict.fromkeys(names, 0.0)
        if self.first_kill_us >= 0:
            for name, at_us in (("last_exit", self.last_exit_us), ("memory_back", self.back_us)):
                found[f"{name}_ms"] = ((at_us if at_us >= 0 else self.now_us) - self.first_kill_us) / k.MS
            found["held_mib_s"] = self.held_page_us / k.PAGES_PER_MIB / k.MS / k.MS
            found["held_at_exit_mib"] = self.held_at_exit
            found["back"] = float(self.back_us >= 0)
        return found | {"exiting_at_once": float(self.at_once)}
