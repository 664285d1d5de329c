"""Policies and agents for swapgym; run from the checkout, not installed."""
