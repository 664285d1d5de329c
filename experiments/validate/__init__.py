"""Stored episodes, played again from their actions: ``python -m experiments.validate FILE...``.

A record names preset, scenario seed, kernel, actions and the digest of the phone's final bytes. Whoever does not trust
a table can play any of its rows again and compare.
"""
