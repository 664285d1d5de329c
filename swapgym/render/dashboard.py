"""The dashboard: one picture of an episode as of an instant, all of its panels on one time axis."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.render.extra import MissingExtra
from swapgym.render.history import History

WIDTH: Final = 960
HEIGHT: Final = 640
SMALLEST: Final = (640, 400)


def draw(
    history: History, now_us: int | None = None, size: tuple[int, int] = (WIDTH, HEIGHT), title: str = ""
) -> npt.NDArray[np.uint8]:
    """Draw an episode.

    Args:
        history: The episode so far.
        now_us: Draw what was known at this instant; ``None`` is the last one.
        size: Width and height in pixels, at least 640 x 400.
        title: What is said of the episode in the header: preset, device, kernel.

    Returns:
        The picture, uint8, shape ``(height, width, 3)``.

    Raises:
        MissingExtra: If Pillow is not installed.
        ValueError: If ``size`` is too small.
    """
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingExtra("Pillow") from error
    from swapgym.render import layout

    width, height = int(size[0]), int(size[1])
    if width < SMALLEST[0] or height < SMALLEST[1]:
        raise ValueError(f"size: {size!r}, must be at least {SMALLEST[0]} x {SMALLEST[1]} pixels")
    picture: Any = layout.compose(history, now_us, width, height, title)
    return picture
