"""``python -m agents.bound``: see :mod:`swapgym.agents.bound`."""

from __future__ import annotations

from swapgym.agents.bound import app

if __name__ == "__main__":
    app()
