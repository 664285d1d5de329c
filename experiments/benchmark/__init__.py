"""How fast it is, single, batched and in training, beside peers measured in the same rounds, and how cost grows.

``python -m experiments.benchmark`` writes into ``experiments/benchmark/results/``: ``benchmark.md``, a table of each
section (``single.csv``, ``lanes.csv``, ...: medians and quartiles), ``speed.png``, ``summary.json`` and
``provenance.json``.
"""
