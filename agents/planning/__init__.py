"""Planners: what could be done with an episode by whom knows it beforehand, as a bound for everybody who does not."""

from __future__ import annotations

from agents.planning.clairvoyant import Found, search, search_all
from agents.planning.plans import Stage, plan_of

__all__ = ["Found", "Stage", "plan_of", "search", "search_all"]
