"""What every panel is made of: its name, its scale, its legend, and bars on the time axis."""

from __future__ import annotations

from swapgym.render import palette
from swapgym.render.canvas import Box, Canvas
from swapgym.render.palette import Color
from swapgym.render.view import View

Item = tuple[str, str, Color | None]
"""A legend's name, value, and colour where there is something of it."""


def name_panel(canvas: Canvas, box: Box, name: str, unit: str = "") -> None:
    """Write what a panel shows at its left."""
    right = box.left - canvas.px(40)
    canvas.text(right, box.top + canvas.px(6), name, 11, palette.INK, "right")
    if unit:
        canvas.text(right, box.top + canvas.px(19), unit, 9.5, palette.FAINT, "right")


def legend(canvas: Canvas, box: Box, rows: list[Item], columns: int = 1, pitch: float = 14) -> None:
    """Write names and values with their colours at the right of a panel; without a colour, faintly."""
    left = box.right + canvas.px(12)
    wide = (canvas.px(172)) / columns
    for place, (name, value, color) in enumerate(rows):
        x = left + wide * (place % columns)
        y = box.top + canvas.px(6 + pitch * (place // columns))
        half = canvas.px(4)
        if color is None:
            canvas.bar(x, y - half, x + 2 * half, y + half, palette.PAPER, palette.GRID)
        else:
            canvas.bar(x, y - half, x + 2 * half, y + half, color, palette.FRAME if color == palette.PAPER else None)
        canvas.text(x + canvas.px(14), y, name, 10.5, palette.MUTED if color is not None else palette.FAINT)
        if value:
            canvas.text(x + wide, y, value, 10.5, palette.INK if color is not None else palette.FAINT, "right")


def scale_mark(canvas: Canvas, box: Box, y: float, text: str) -> None:
    """Write a value of the vertical scale beside its height."""
    canvas.text(box.left - canvas.px(5), y, text, 9, palette.FAINT, "right")


def span(
    canvas: Canvas, box: Box, view: View, from_us: int, to_us: int, top: float, bottom: float, color: Color
) -> None:
    """Draw a bar from an instant to another, as far as it lies on the time axis."""
    if to_us > from_us and to_us > view.from_us:
        left = box.left + max(0.0, view.place(from_us))
        canvas.bar(left, top, max(left + 1, box.left + min(view.width, view.place(to_us))), bottom, color)
