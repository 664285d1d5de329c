"""``python -m agents.evaluate``: see :mod:`swapgym.agents.evaluate`."""

from __future__ import annotations

from swapgym.agents.evaluate import app

if __name__ == "__main__":
    app()
