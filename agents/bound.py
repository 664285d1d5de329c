"""``python -m agents.bound`` is ``swapgym bound``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("bound")
