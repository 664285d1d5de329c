"""What is kept: run folders, agents worth keeping, tuned policies, bounds.

In a checkout it is kept here, in the repository. An installed package is not written to: what commands make is kept in
``stored`` of the folder one stands in, and read from there before what the package brought along.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent
IN_CHECKOUT: Final = (PACKAGE.parents[2] / "pyproject.toml").exists()
HOME: Final = PACKAGE if IN_CHECKOUT else Path("stored")
"""Where commands keep what they make."""
