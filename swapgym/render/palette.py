"""Colours of the dashboard, after Okabe and Ito and after Tol: told apart by colour-blind readers too."""

from __future__ import annotations

from typing import Final

from swapgym.phone import constants as k

Color = tuple[int, int, int]


def rgb(code: str) -> Color:
    """Return ``#rrggbb`` as three bytes."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


PAPER: Final = rgb("#FFFFFF")
PANEL: Final = rgb("#F5F6F8")
GRID: Final = rgb("#E3E6EA")
FRAME: Final = rgb("#C3C9D1")
INK: Final = rgb("#1B2430")
MUTED: Final = rgb("#5C6773")
FAINT: Final = rgb("#98A2AE")
CURSOR: Final = rgb("#1B2430")

ZOMBIE: Final = rgb("#8C1D4F")
"""Memory held for processes already gone: nothing else has this colour."""
BACKLOG: Final = rgb("#E4B9CF")
"""Memory of queued entries whose process is not gone yet."""

MEMORY: Final = {
    "anon": rgb("#B7C0CC"),
    "buffers": rgb("#8D99A8"),
    "file": rgb("#D5E3EE"),
    "pool": rgb("#7FA8C9"),
    "zombie": ZOMBIE,
    "free": rgb("#FFFFFF"),
}
"""From the bottom of the stack to its top."""
MEMORY_NAMES: Final = {
    "free": "free",
    "zombie": "zombie",
    "pool": "zram pool",
    "file": "page cache",
    "buffers": "buffers",
    "anon": "anonymous",
}
WATERMARK: Final = rgb("#C2410C")

INLINE: Final = rgb("#E07B00")
KWORKER: Final = rgb("#009E73")
CHILD: Final = rgb("#A65BC4")
FRAMES: Final = rgb("#0065A8")
LAUNCH: Final = rgb("#56B4E9")
RECLAIM: Final = rgb("#7A4A2B")
BACKGROUND: Final = rgb("#CBD0D7")
REALTIME: Final = rgb("#20262E")

ROUTES: Final = {k.INLINE: INLINE, k.KWORKER: KWORKER, k.USERSPACE: CHILD}
ROUTE_NAMES: Final = {k.INLINE: "inline", k.KWORKER: "kworker", k.USERSPACE: "userspace"}

CLASSES: Final = {
    "frames": (FRAMES, (k.CHARGE_FRAMES,)),
    "launch": (LAUNCH, (k.CHARGE_LAUNCH,)),
    "exits": (INLINE, (k.CHARGE_EXIT,)),
    "lmkd reaper": (rgb("#F2C14E"), (k.CHARGE_LMKD_REAPER,)),
    "kworker": (KWORKER, (k.CHARGE_KWORKER,)),
    "child": (CHILD, (k.CHARGE_CHILD,)),
    "reclaim": (RECLAIM, (k.CHARGE_KSWAPD, k.CHARGE_COMPACTOR, k.CHARGE_DIRECT_RECLAIM)),
    "background": (BACKGROUND, (k.CHARGE_BACKGROUND, k.CHARGE_CACHED)),
    "real-time": (REALTIME, (k.CHARGE_RT,)),
}
"""Who runs: colour, and the CHARGE_* that are drawn in it."""

PHASES: Final = {
    "start": LAUNCH,
    "gate": rgb("#F2C14E"),
    "burst": FRAMES,
}
LATE: Final = rgb("#D1344B")
LAG: Final = {
    "launch_delay_us": ("launch delay", LAUNCH),
    "frame_late_us": ("late frames", FRAMES),
    "stall_us": ("stalls", RECLAIM),
    "relaunch_cost_us": ("relaunches", rgb("#9AA3AE")),
}
"""Parts of lag, from the bottom of the stack to its top."""

PACES: Final = (rgb("#E8EDEB"), rgb("#B5DCCF"), rgb("#5DB89A"), rgb("#006B4E"))
PACE_NAMES: Final = tuple(name.lower() for name in k.PACE_NAMES)
