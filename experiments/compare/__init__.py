"""The main job: every policy on the same scenarios of the test suite.

``python -m experiments.compare`` writes into ``experiments/compare/results/``:

- ``table.md``, ``table.csv``: all policies within one kernel variant, and their paired differences from always inline;
- ``variants.md``, ``variants.csv``: each kernel variant with its published rule;
- ``others.md``, ``others.csv``: tuned policies, stored agents and planners on the default task in that kernel, if there
  are any;
- ``per_preset.md``, ``per_preset.csv``: the breakdown by preset;
- ``episodes.csv``: a replayable record per episode, ``worlds.json``: in which decision process; ``summary.json``: the
  main numbers;
- ``lag_peak.png``, ``per_preset.png``, and ``tensorboard/``.
"""
