"""``python -m agents.watch``: see :mod:`swapgym.agents.watch`."""

from __future__ import annotations

from swapgym.agents.watch import app

if __name__ == "__main__":
    app()
