"""A picture to draw on: text, bars, marks with smooth edges, and areas given by heights per column."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from swapgym.render import palette
from swapgym.render.palette import Color

SMOOTH: Final = 4
TEXT_SMOOTH: Final = 3
"""Marks and text are drawn this much larger and then shrunk."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: ``left`` and ``top`` are in it, ``right`` and ``bottom`` are not."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Return its width."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Return its height."""
        return self.bottom - self.top


@functools.cache
def font(size: int) -> Any:
    """Return Pillow's own font, so that pictures are the same everywhere."""
    return ImageFont.load_default(size)


@functools.lru_cache(maxsize=2_048)
def words(text: str, size: int) -> Any:
    """Return the mask of a line of text, ``size`` pixels high; drawn large and shrunk, letters keep their distances."""
    large = font(size * TEXT_SMOOTH)
    ascent, descent = large.getmetrics()
    high = -(-(ascent + descent) // TEXT_SMOOTH)
    wide = -(-round(large.getlength(text)) // TEXT_SMOOTH) + 1
    mask = Image.new("L", (wide * TEXT_SMOOTH, high * TEXT_SMOOTH))
    ImageDraw.Draw(mask).text((0, 0), text, 255, large)
    return mask.reduce(TEXT_SMOOTH)


@functools.cache
def mark(kind: str, size: int) -> Any:
    """Return the mask of a mark (``cross``, ``ring``, ``dot`` or ``down``) of ``size`` pixels."""
    whole = size * SMOOTH
    mask = Image.new("L", (whole, whole))
    pen = ImageDraw.Draw(mask)
    line = max(1, round(whole * 0.22))
    edge = line // 2
    if kind == "cross":
        pen.line((edge, edge, whole - edge, whole - edge), 255, line)
        pen.line((edge, whole - edge, whole - edge, edge), 255, line)
    elif kind == "ring":
        pen.ellipse((0, 0, whole - 1, whole - 1), outline=255, width=line)
    elif kind == "dot":
        pen.ellipse((0, 0, whole - 1, whole - 1), 255)
    else:
        pen.polygon(((0, 0), (whole - 1, 0), (whole // 2, whole - 1)), 255)
    return mask.resize((size, size), Image.Resampling.LANCZOS)


class Canvas:
    """A picture under way.

    Attributes:
        scale: By how much it is larger than the picture that sizes are given for.
    """

    def __init__(self, width: int, height: int, scale: float) -> None:
        """Begin a white picture."""
        self.scale = scale
        self._image = Image.new("RGB", (width, height), palette.PAPER)
        self._pen = ImageDraw.Draw(self._image)

    def px(self, length: float) -> int:
        """Return a length in pixels of this picture."""
        return round(length * self.scale)

    def text(
        self, x: float, y: float, text: str, size: float = 11, color: Color = palette.INK, anchor: str = "left"
    ) -> None:
        """Write ``text`` beside a point at mid-height; ``anchor`` is ``left``, ``right`` or ``middle``."""
        mask = words(text, max(7, self.px(size)))
        left = x - mask.width * {"left": 0.0, "middle": 0.5, "right": 1.0}[anchor]
        self._image.paste(color, (round(left), round(y - mask.height / 2)), mask)

    def bar(
        self, left: float, top: float, right: float, bottom: float, color: Color, outline: Color | None = None
    ) -> None:
        """Fill a rectangle, at least a pixel wide and high."""
        x, y = round(left), round(top)
        self._pen.rectangle((x, y, max(x, round(right) - 1), max(y, round(bottom) - 1)), color, outline)

    def dashes(self, left: int, right: int, y: float, color: Color, dash: int = 4, gap: int = 3) -> None:
        """Draw a dashed level line."""
        for x in range(left, right, dash + gap):
            self._pen.line((x, round(y), min(x + dash, right) - 1, round(y)), color)

    def put_mark(self, kind: str, x: float, y: float, size: float, color: Color) -> None:
        """Put a mark with its middle at a point."""
        side = max(3, self.px(size))
        self._image.paste(color, (round(x - side / 2), round(y - side / 2)), mark(kind, side))

    def paste(self, box: Box, picture: Picture) -> None:
        """Copy a picture of the box's size, shape ``(height, width, 3)``."""
        self._image.paste(Image.fromarray(picture), (box.left, box.top))

    def stack(self, box: Box, tops: npt.NDArray[Any], colors: list[Color], ground: Color = palette.PANEL) -> None:
        """Fill a box with areas on top of each other.

        Args:
            box: Where.
            tops: Upper edge of each area from the lowest to the highest (share of the box's height), shape
                ``(areas, width)``.
            colors: Colour of each area.
            ground: Colour above the highest.
        """
        high, wide = box.height, box.width
        # edges of the areas in rows from the top, from the lowest area's foot to the ground's upper edge
        edges = np.clip(high - tops.astype(np.float32) * high, 0, high)
        edges = np.concatenate([np.full((1, wide), high), edges, np.zeros((1, wide))])
        table = np.array([*colors, ground], np.float32)
        middles = np.arange(high, dtype=np.float32)[:, None] + 0.5
        area = np.zeros((high, wide), np.uint8)
        for edge in edges[1:-1]:
            area += middles < edge
        picture = table.astype(np.uint8)[area]
        # a row that an edge crosses is as much of each area as it holds
        columns = np.arange(wide)
        for edge in edges[1:-1]:
            row = np.minimum(edge.astype(np.int64), high - 1)
            held = np.minimum(row + 1, edges[:-1]) - np.maximum(row, edges[1:])
            picture[row, columns] = (np.maximum(held, 0).T @ table + 0.5).astype(np.uint8)
        self.paste(box, picture)

    def veil(self, x: float, top: int, bottom: int, color: Color, share: float) -> None:
        """Draw an upright line, through which what is below shows."""
        self._image.paste(color, (round(x), top), Image.new("L", (1, bottom - top), round(255 * share)))

    def picture(self) -> Picture:
        """Return the picture, shape ``(height, width, 3)``."""
        return np.array(self._image, dtype=np.uint8)
