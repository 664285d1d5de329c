"""Where the dashboard's parts go: header, panels from top to bottom, time axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from swapgym.phone import constants as k
from swapgym.render import events, levels, palette
from swapgym.render.canvas import Box, Canvas, Picture
from swapgym.render.history import History
from swapgym.render.view import MIB, View

HEADER: Final = 54
LEFT: Final = 112
RIGHT: Final = 196
GAP: Final = 9
FOOT: Final = 22
PANELS: Final[tuple[tuple[Callable[[Canvas, Box, View], None], int], ...]] = (
    (events.draw_launches, 32),
    (events.draw_frames, 36),
    (events.draw_victims, 84),
    (events.draw_cpus, 112),
    (levels.draw_memory, 128),
    (levels.draw_backlog, 46),
    (levels.draw_lag, 60),
)
"""Panels from top to bottom, and their heights in a picture 640 pixels high."""
WHOLE: Final = 640
STEPS_MS: Final = (50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000)


def compose(history: History, now_us: int | None, width: int, height: int, title: str) -> Picture:
    """Return the dashboard of a history as of ``now_us``, shape ``(height, width, 3)``."""
    scale = min(width / 960, height / WHOLE)
    canvas = Canvas(width, height, scale)
    left, right = canvas.px(LEFT), width - canvas.px(RIGHT)
    view = View(history, now_us, right - left)
    draw_header(canvas, width, view, title)
    gaps = canvas.px(GAP)
    room = height - canvas.px(HEADER) - canvas.px(FOOT) - gaps * (len(PANELS) - 1)
    whole = sum(part for _, part in PANELS)
    top = canvas.px(HEADER)
    boxes = []
    for draw_panel, part in PANELS:
        box = Box(left, top, right, top + round(room * part / whole))
        draw_panel(canvas, box, view)
        boxes.append(box)
        top = box.bottom + gaps
    draw_axis(canvas, boxes, view)
    return canvas.picture()


def draw_header(canvas: Canvas, width: int, view: View, title: str) -> None:
    """Write the title, and the numbers that say most."""
    canvas.text(canvas.px(16), canvas.px(18), "swapgym", 17)
    canvas.text(canvas.px(16), canvas.px(37), title, 11, palette.MUTED)
    tiles = (
        ("time", f"{view.now_us / 1e6:.3f} s", palette.INK),
        ("lag so far", f"{view.last('lag_us') / k.MS:,.0f} ms", palette.INK),
        ("peak so far", f"+{view.last('peak') / MIB:,.0f} MiB", palette.INK),
        ("free", f"{view.last('free') / MIB:,.0f} MiB", palette.INK),
        ("zombie", f"{view.last('zombie') / MIB:,.0f} MiB", palette.ZOMBIE if view.last("zombie") else palette.FAINT),
    )
    for place, (name, value, color) in enumerate(tiles):
        x = width - canvas.px(16) - canvas.px(104) * (len(tiles) - 1 - place)
        canvas.text(x, canvas.px(13), name, 10, palette.MUTED, "right")
        canvas.text(x, canvas.px(32), value, 17, color, "right")


def draw_axis(canvas: Canvas, boxes: list[Box], view: View) -> None:
    """Draw the time axis below the panels, and the instant across all of them."""
    foot = boxes[-1].bottom
    wide_ms = (view.to_us - view.from_us) / k.MS
    step_ms = next((step for step in STEPS_MS if wide_ms / step <= 8), STEPS_MS[-1])
    left = boxes[0].left
    for time_ms in range(-(-view.from_us // k.MS) // step_ms * step_ms, view.to_us // k.MS + 1, step_ms):
        if time_ms * k.MS < view.from_us:
            continue
        x = left + view.place(time_ms * k.MS)
        canvas.bar(x, foot, x + 1, foot + canvas.px(4), palette.FAINT)
        canvas.veil(x, boxes[0].top, foot, palette.INK, 0.10)
        canvas.text(x, foot + canvas.px(12), f"{time_ms / 1_000:g} s", 10, palette.MUTED, "middle")
    x = left + min(view.width - 1, view.place(view.now_us))
    for box in boxes:
        canvas.bar(x, box.top, x + 1, box.bottom, palette.CURSOR)
