"""``python -m agents.improve`` is ``swapgym improve``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("improve")
