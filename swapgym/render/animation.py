"""Animations: a dashboard over its time as a GIF."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.render.extra import MissingExtra

COLORS: Final = 128
"""Colours of an animation: those of the dashboard and the shades of its text."""
MOST_FPS: Final = 50
"""A GIF counts in hundredths of a second, and browsers slow down what takes only one."""
SAMPLED: Final = 16
"""Frames that the colours are taken from."""


def save_gif(
    path: str | os.PathLike[str], frames: Iterable[npt.NDArray[np.uint8]], fps: float, *, overwrite: bool = False
) -> None:
    """Write an animation that begins anew at its end.

    It is written beside ``path`` and then renamed: a reader never sees half of it.

    Args:
        path: File to write.
        frames: Pictures, uint8, shape ``(height, width, 3)``, all of one size.
        fps: Pictures a second, above 0 and at most 50.
        overwrite: Replace a file that is there.

    Raises:
        MissingExtra: If Pillow is not installed.
        FileExistsError: If the file is there and not to be replaced.
        ValueError: If there is no frame, frames differ in size, or ``fps`` is out of range.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("Pillow") from error
    target = Path(path)
    if not 0 < fps <= MOST_FPS:
        raise ValueError(f"fps: {fps!r}, must be above 0 and at most {MOST_FPS}")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target}: exists already; pass overwrite=True to replace it")
    pictures = [Image.fromarray(np.ascontiguousarray(frame, dtype=np.uint8)) for frame in frames]
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) != 1:
        raise ValueError(f"frames: of sizes {sizes}, must be at least one, all of one size")
    colors = common_colors(pictures)
    small = [picture.quantize(palette=colors, dither=Image.Dither.NONE) for picture in pictures]
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("xb") as file:
            small[0].save(
                file, format="GIF", save_all=True, append_images=small[1:], duration=durations_ms(len(small), fps),
                loop=0, optimize=False, disposal=1,
            )  # fmt: skip
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target}: has come to exist meanwhile")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def common_colors(pictures: list[Any]) -> Any:
    """Return a picture whose palette suits all ``pictures``: colours that change between frames flicker."""
    from PIL import Image

    chosen = pictures[:: max(1, len(pictures) // SAMPLED)][-SAMPLED:] + pictures[-1:]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width, height * len(chosen)))
    for place, picture in enumerate(chosen):
        sheet.paste(picture, (0, place * height))
    return sheet.quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def durations_ms(frames: int, fps: float) -> list[int]:
    """Return how long each frame is shown, in steps of 10 ms that add up to the whole."""
    ends = [round(100 * frame / fps) for frame in range(frames + 1)]
    return [10 * (later - earlier) for earlier, later in itertools.pairwise(ends)]
