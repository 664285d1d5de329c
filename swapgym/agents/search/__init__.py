"""Searching policies by playing whole episodes: a judge that plays them, and evolution over integer trees."""
