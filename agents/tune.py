"""``python -m agents.tune``: see :mod:`swapgym.agents.tune`."""

from __future__ import annotations

from swapgym.agents.tune import app

if __name__ == "__main__":
    app()
