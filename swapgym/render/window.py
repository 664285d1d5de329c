"""A window that shows pictures, for ``render_mode="human"``."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from swapgym.render.extra import MissingExtra

UNSEEN: Final = ("offscreen", "dummy")
"""Drivers without a window; SDL takes one by itself where it finds no display."""


def has_display() -> bool:
    """Return whether a window may be opened here: SDL_VIDEODRIVER is set, or there is a display, or no need for one."""
    named = any(os.environ.get(name) for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"))
    return named or not sys.platform.startswith("linux")


class NoDisplay(RuntimeError):
    """No window can be opened here."""


class Window:
    """A window of its own, opened when the first picture is shown.

    Attributes:
        closed: The person has closed it, or :meth:`close` was called; pictures are not shown any more.
    """

    def __init__(self, title: str = "swapgym", fps: float | None = None) -> None:
        """Prepare a window.

        Args:
            title: What its bar says.
            fps: Pictures shown a second at most: :meth:`show` waits; ``None`` does not wait.

        Raises:
            MissingExtra: If pygame-ce is not installed.
            ValueError: If ``fps`` is not above 0.
        """
        if fps is not None and not fps > 0:
            raise ValueError(f"fps: {fps!r}, must be above 0")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
        except ImportError as error:
            raise MissingExtra("pygame-ce") from error
        self._pygame = pygame
        self._title = title
        self._fps = fps
        self._screen: Any = None
        self._clock: Any = None
        self.closed = False

    def show(self, picture: npt.NDArray[np.uint8]) -> bool:
        """Show a picture and see to the window's events.

        Args:
            picture: uint8, shape ``(height, width, 3)``.

        Returns:
            Whether the window is still open.

        Raises:
            NoDisplay: If there is no display to open a window on.
        """
        if self.closed:
            return False
        pygame = self._pygame
        size = (int(picture.shape[1]), int(picture.shape[0]))
        if self._screen is None or self._screen.get_size() != size:
            self._open(size)
        surface = pygame.image.frombuffer(np.ascontiguousarray(picture, dtype=np.uint8), size, "RGB")
        self._screen.blit(surface, (0, 0))
        pygame.display.flip()
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.close()
                return False
        if self._fps is not None:
            self._clock.tick(self._fps)
        return True

    def close(self) -> None:
        """Close the window; more than once does no harm."""
        if self._screen is not None:
            self._screen = None
            self._pygame.display.quit()
        self.closed = True

    def _open(self, size: tuple[int, int]) -> None:
        pygame = self._pygame
        reason = "SDL finds no display"
        try:
            pygame.display.init()
            seen = pygame.display.get_driver() not in UNSEEN or "SDL_VIDEODRIVER" in os.environ
            screen = pygame.display.set_mode(size) if seen else None
        except pygame.error as error:
            screen, reason = None, str(error)
        if screen is None:
            pygame.display.quit()
            raise NoDisplay(
                f"no window can be opened: {reason}; without a display use render_mode='rgb_array' or 'ansi', or set"
                " SDL_VIDEODRIVER=dummy"
            )
        pygame.display.set_caption(self._title)
        self._screen, self._clock = screen, pygame.time.Clock()
