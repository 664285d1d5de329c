"""The main job: every policy on the same scenarios of the test suite.

``python -m experiments.compare`` writes into ``experiments/compare/results/``: ``table.md`` and ``table.csv`` (all policies
within one kernel variant), ``variants.md`` and ``.csv`` (each variant's published rule in its own kernel), ``per_preset.md``,
``episodes.csv`` (a replayable record per episode), ``summary.json``, two figures and TensorBoard logs.
"""
