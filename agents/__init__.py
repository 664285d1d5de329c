"""Commands of :mod:`swapgym.agents` for who works in a checkout: ``python -m agents.train`` is ``swapgym train``."""
