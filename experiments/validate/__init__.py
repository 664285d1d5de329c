"""Stored episodes, played again from their actions: ``python -m experiments.validate FILE...``.

A record names preset, scenario seed, kernel, actions and the digest of the phone's final bytes; ``worlds.json`` beside
its table has the decision process that ``world`` names. Whoever does not trust a table can play any of its rows again
and compare.
"""
