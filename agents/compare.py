"""``python -m agents.compare`` is ``swapgym compare``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("compare")
