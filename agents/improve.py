"""``python -m agents.improve``: see :mod:`swapgym.agents.improve`."""

from __future__ import annotations

from swapgym.agents.improve import app

if __name__ == "__main__":
    app()
