"""``python -m agents.train`` is ``swapgym train``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("train")
