"""TensorBoard event files without torch or TensorFlow: scalars, images and texts of one run."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class RunWriter:
    """One run: a folder that TensorBoard shows under its name."""

    def __init__(self, folder: Path) -> None:
        """Open an event file in ``folder``."""
        self._writer = EventFileWriter(str(folder))

    def __enter__(self) -> RunWriter:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Flush and close the file."""
        self._writer.close()

    def scalar(self, tag: str, value: float, step: int = 0) -> None:
        """Write one number."""
        self._add(scalar_pb(tag, np.float32(value)), step)

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """Write a text in Markdown."""
        self._add(text_pb(tag, markdown), step)

    def png(self, tag: str, path: Path, width: int, height: int, step: int = 0) -> None:
        """Write a PNG file as an image."""
        image = summary_pb2.Summary.Image(
            height=height, width=width, colorspace=4, encoded_image_string=path.read_bytes()
        )
        self._add(summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, image=image)]), step)

    def _add(self, summary: summary_pb2.Summary, step: int) -> None:
        self._writer.add_event(event_pb2.Event(wall_time=time.time(), step=step, summary=summary))
