"""``python -m agents.store`` is ``swapgym store``."""

from __future__ import annotations

from swapgym.cli import main

if __name__ == "__main__":
    main("store")
