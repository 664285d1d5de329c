"""Animations, read back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swapgym.render import History, MissingExtra, draw, save_gif

Image = pytest.importorskip("PIL.Image")

FRAMES = [np.full((20, 30, 3), 20 * place, np.uint8) for place in range(10)]


def test_an_episode_is_a_small_file(deferred: History, tmp_path: Path) -> None:
    path = tmp_path / "episode.gif"
    times_us = range(0, deferred.now_us, 100_000)
    save_gif(path, (draw(deferred, now_us) for now_us in times_us), fps=10)
    assert 50_000 < path.stat().st_size < 3_000_000
    assert list(tmp_path.iterdir()) == [path]
    with Image.open(path) as read:
        assert read.size == (960, 640) and read.n_frames == len(times_us) and read.info["loop"] == 0
        read.seek(20)
        shown = np.asarray(read.convert("RGB"), np.int64)
    # areas keep their colours, shades of edges and text are rounded
    off = np.abs(shown - draw(deferred, times_us[20])).max(axis=-1)
    assert (off == 0).mean() > 0.95 and off.mean() < 1.0


def test_frames_last_as_long_as_asked_for(tmp_path: Path) -> None:
    save_gif(tmp_path / "a.gif", FRAMES, fps=30)
    with Image.open(tmp_path / "a.gif") as read:
        durations = []
        for place in range(read.n_frames):
            read.seek(place)
            durations.append(read.info["duration"])
    assert sum(durations) == 330 and set(durations) == {30, 40}


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_gif(path, FRAMES, fps=10)
    assert path.read_text() == "mine"
    save_gif(path, FRAMES, fps=10, overwrite=True)
    assert path.read_bytes().startswith(b"GIF89a")


def test_failing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gif"
    path.write_text("mine")

    def broken() -> Iterator[Any]:
        yield FRAMES[0]
        raise KeyError("no frame")

    with pytest.raises(KeyError):
        save_gif(path, broken(), fps=10, overwrite=True)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_gif(path, FRAMES, fps=10, overwrite=True)
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("frames", "fps", "message"),
    [
        ([], 10, "frames: of shapes"),
        ([FRAMES[0], FRAMES[0][:5]], 10, "all of one shape"),
        (FRAMES, 0, "fps: 0"),
        (FRAMES, 100, "at most 50"),
    ],
)
def test_bad_input_is_refused(tmp_path: Path, frames: list[Any], fps: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save_gif(tmp_path / "a.gif", frames, fps)
    assert not list(tmp_path.iterdir())


def test_missing_pillow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"pip install swapgym\[render\]"):
        save_gif(tmp_path / "a.gif", FRAMES, fps=10)
