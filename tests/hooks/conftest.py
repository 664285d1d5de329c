"""What the libraries' tests share. Nothing here needs more than swapgym and pytest: see ``environments``."""

from __future__ import annotations

import os

import swapgym  # noqa: F401 (registers the environments)

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # windows without a display
