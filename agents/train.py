"""``python -m agents.train``: see :mod:`swapgym.agents.train`."""

from __future__ import annotations

from swapgym.agents.train import app

if __name__ == "__main__":
    app()
