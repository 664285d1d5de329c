"""Animations: a dashboard over its time as a GIF."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from swapgym.render.extra import MissingExtra

Picture = npt.NDArray[np.uint8]

EXACT: Final = 64
"""The most frequent colours, kept as they are: a dashboard's areas."""
SHADES: Final = 64
"""Colours that stand for all others: the edges of areas and text."""
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
    pictures = [np.asarray(frame, dtype=np.uint8) for frame in frames]
    shapes = sorted({picture.shape for picture in pictures})
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] != 3:
        raise ValueError(f"frames: of shapes {shapes}, must be at least one, all of one shape (height, width, 3)")
    colors = common_colors(pictures)
    small = []
    for places in nearest(pictures, colors):
        small.append(Image.fromarray(places))
        small[-1].putpalette(colors.tobytes())
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


def common_colors(pictures: list[Picture]) -> Picture:
    """Return colours that suit all ``pictures``, uint8, shape ``(n, 3)``: those that change between frames flicker."""
    from PIL import Image

    sheet = np.concatenate([*pictures[:: max(1, len(pictures) // SAMPLED)], pictures[-1]])
    codes, counts = np.unique(packed(sheet), return_counts=True)
    exact = codes[np.argsort(-counts, kind="stable")[:EXACT]]
    shades = Image.fromarray(sheet).quantize(SHADES, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    rest = np.array(shades.getpalette(), np.uint8).reshape(-1, 3)[:SHADES]
    return np.concatenate([np.stack([exact >> 16, exact >> 8 & 255, exact & 255], axis=1).astype(np.uint8), rest])


def packed(picture: Picture) -> npt.NDArray[np.int32]:
    """Return each pixel's colour as one number, shape ``(height, width)``."""
    channels = picture.astype(np.int32)
    return (channels[..., 0] << 16) + (channels[..., 1] << 8) + channels[..., 2]


def nearest(pictures: list[Picture], colors: Picture) -> Iterator[Picture]:
    """Yield for each picture the place of each pixel's nearest colour, uint8, shape ``(height, width)``.

    Pillow's own search is coarse: it makes white paper grey.
    """
    places = np.full(1 << 24, -1, np.int16)
    for picture in pictures:
        codes = packed(picture)
        new = np.unique(codes[places[codes] < 0])
        for some in np.array_split(new, 1 + len(new) // 4_096):
            wanted = np.stack([some >> 16, some >> 8 & 255, some & 255], axis=1)
            off = ((wanted[:, None, :] - colors.astype(np.int32)[None]) ** 2).sum(axis=-1)
            places[some] = off.argmin(axis=1)
        yield places[codes].astype(np.uint8)


def durations_ms(frames: int, fps: float) -> list[int]:
    """Return how long each frame is shown, in steps of 10 ms that add up to the whole."""
    ends = [round(100 * frame / fps) for frame in range(frames + 1)]
    return [10 * (later - earlier) for earlier, later in itertools.pairwise(ends)]
