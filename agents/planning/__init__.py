"""Planners: what could be done with an episode by whom knows it beforehand, and by whom knows only what may come."""

from __future__ import annotations

from agents.planning import mpc
from agents.planning.clairvoyant import Found, search, search_all
from agents.planning.mpc import Planner, Played, Settings
from agents.planning.plans import Stage, plan_of

__all__ = ["Found", "Planner", "Played", "Settings", "Stage", "mpc", "plan_of", "search", "search_all"]
