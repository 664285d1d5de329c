"""``python -m agents.store``: see :mod:`swapgym.agents.store`."""

from __future__ import annotations

from swapgym.agents.store import app

if __name__ == "__main__":
    app()
