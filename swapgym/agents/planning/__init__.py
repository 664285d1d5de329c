"""Planners: what could be done with an episode by whom knows it beforehand, and by whom knows only what may come."""

from __future__ import annotations

from swapgym.agents.planning import mpc
from swapgym.agents.planning.clairvoyant import Found, search, search_all
from swapgym.agents.planning.mpc import Planner, Played, Settings
from swapgym.agents.planning.plans import Stage, plan_of

__all__ = ["Found", "Planner", "Played", "Settings", "Stage", "mpc", "plan_of", "search", "search_all"]
