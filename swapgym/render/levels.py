"""The dashboard's panels of levels: who holds memory, the backlog, and lag so far."""

from __future__ import annotations

from typing import Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.render import palette
from swapgym.render.canvas import Box, Canvas
from swapgym.render.parts import Item, legend, name_panel, scale_mark
from swapgym.render.view import MIB, View

CUT_MIB: Final = 256
"""The stack of memory begins at a multiple of this."""


def draw_memory(canvas: Canvas, box: Box, view: View) -> None:
    """Draw who holds memory, hung from the top: free memory, zombie memory below it, and so on."""
    device = view.history.hardware
    name_panel(canvas, box, "memory", "GiB")
    samples = view.samples
    base = int(np.min(samples["anon"], initial=device.ram)) * 3 // 4 + device.reserved if len(samples) else 0
    base = int(base / MIB) // CUT_MIB * CUT_MIB * k.PAGES_PER_MIB
    levels = samples["anon"] + device.reserved
    pool = samples["pool"] - samples["zombie"]
    tops = [levels]
    for more in (samples["buffers"], samples["file"], pool, samples["zombie"], samples["free"]):
        tops.append(tops[-1] + more)
    shares = (np.array(tops) - base) / (device.ram - base)
    columns = view.per_column(shares.T).T
    canvas.stack(box, columns, list(palette.MEMORY.values()))
    for pages in device.watermarks[:2]:
        y = box.top + box.height * pages / (device.ram - base)
        canvas.dashes(box.left, box.right, y, palette.WATERMARK)
    marks = nice_marks(base / MIB / 1024, device.ram / MIB / 1024)
    for gib in marks:
        y = box.bottom - box.height * (gib * 1024 * MIB - base) / (device.ram - base)
        scale_mark(canvas, box, min(max(y, box.top + canvas.px(4)), box.bottom - canvas.px(4)), f"{gib:g}")
    rows: list[Item] = []
    for name in reversed(palette.MEMORY):
        pages = view.last(name) - (view.last("zombie") if name == "pool" else 0)
        shown = palette.MEMORY[name] if pages or name != "zombie" else None
        rows.append((palette.MEMORY_NAMES[name], f"{pages / MIB:,.0f} MiB", shown))
    legend(canvas, box, rows)
    y = box.top + canvas.px(6 + 14 * len(rows))
    canvas.dashes(box.right + canvas.px(12), box.right + canvas.px(21), y, palette.WATERMARK)
    low, high = (pages / MIB for pages in device.watermarks[:2])
    canvas.text(box.right + canvas.px(26), y, "watermarks min, low", 10.5, palette.MUTED)
    canvas.text(box.right + canvas.px(184), y, f"{low:.0f}, {high:.0f}", 10.5, palette.INK, "right")


def nice_marks(low: float, high: float) -> list[float]:
    """Return two to five round numbers from ``low`` to ``high``."""
    step = next(step for step in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0) if (high - low) / step <= 4.5)
    first = int(np.ceil(low / step))
    return [place * step for place in range(first, int(high / step) + 1)]


def draw_backlog(canvas: Canvas, box: Box, view: View) -> None:
    """Draw the memory of queued entries: of victims already gone (zombie memory), and above it of others."""
    name_panel(canvas, box, "backlog", "MiB")
    zombie, backlog = view.samples["zombie"] / MIB, view.samples["backlog"] / MIB
    top = round_up(max(50.0, float(backlog.max(initial=0.0))))
    canvas.stack(box, view.per_column(np.stack([zombie, backlog], axis=1) / top).T, [palette.ZOMBIE, palette.BACKLOG])
    scale_mark(canvas, box, box.top + canvas.px(4), f"{top:,}")
    left_mib = (view.last("backlog") - view.last("zombie")) / MIB
    entries = view.last("backlog_kworker") + view.last("backlog_child")
    rows: list[Item] = [
        (
            "of the gone (zombie)",
            f"{view.last('zombie') / MIB:,.0f} MiB",
            palette.ZOMBIE if view.last("zombie") else None,
        ),
        ("of those exiting", f"{left_mib:,.0f} MiB", palette.BACKLOG if left_mib > 0 else None),
    ]
    legend(canvas, box, rows)
    y = box.top + canvas.px(6 + 14 * len(rows))
    canvas.text(box.right + canvas.px(26), y, "queued entries", 10.5, palette.MUTED)
    canvas.text(box.right + canvas.px(184), y, f"{entries:,}", 10.5, palette.INK, "right")


def draw_lag(canvas: Canvas, box: Box, view: View) -> None:
    """Draw lag so far by its parts."""
    name_panel(canvas, box, "lag so far", "ms")
    parts = np.cumsum([view.samples[name] for name in palette.LAG], axis=0)
    top_us = round_up(max(100_000, view.last("lag_us")))
    columns = view.per_column((parts / top_us).T).T
    canvas.stack(box, columns, [color for _, color in palette.LAG.values()])
    scale_mark(canvas, box, box.top + canvas.px(4), f"{top_us / k.MS:,.0f}")
    rows: list[Item] = [
        (text, f"{view.last(name) / k.MS:,.0f} ms", color if view.last(name) else None)
        for name, (text, color) in palette.LAG.items()
    ]
    legend(canvas, box, rows)


def round_up(value: float) -> int:
    """Return the least of 1, 2, 3 or 5 times a power of ten that is not below ``value``."""
    power = 10 ** int(np.floor(np.log10(value)))
    return next(int(factor * power) for factor in (1, 2, 3, 5, 10) if factor * power >= value)
