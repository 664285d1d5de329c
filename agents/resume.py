"""``python -m agents.resume`` is ``swapgym resume``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("resume")
