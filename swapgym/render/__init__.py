"""Pictures of an episode: what they need of it, a dashboard, a window, animations, and a panel of plain text.

Pillow and pygame-ce are wanted where they draw and not before: ``pip install swapgym[render]``.
"""

from __future__ import annotations

from swapgym.render.animation import save_gif
from swapgym.render.dashboard import draw
from swapgym.render.extra import MissingExtra
from swapgym.render.history import History
from swapgym.render.panel import panel
from swapgym.render.window import NoDisplay, Window, has_display

__all__ = ["History", "MissingExtra", "NoDisplay", "Window", "draw", "has_display", "panel", "save_gif"]
