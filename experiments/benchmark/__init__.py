"""Steps per second of one environment through ``gym.make``, beside peers measured in the same rounds.

``python -m experiments.benchmark`` writes into ``experiments/benchmark/results/``: ``single.md`` and ``single.csv``
(medians and quartiles), ``rounds.csv`` (every measurement), ``summary.json`` and ``provenance.json``.
"""
