"""Does the choice matter? Lag and peak of inline, deferral and simple rules, by kernel variant and preset.

``python -m experiments.tradeoff`` plays eight simple rules on the test suite in every kernel variant that can defer. It
writes ``tradeoff.md``, ``tradeoff.csv`` and ``summary.json`` into ``experiments/tradeoff/results/``.
"""
