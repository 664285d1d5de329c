"""``python -m agents.evaluate`` is ``swapgym evaluate``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("evaluate")
