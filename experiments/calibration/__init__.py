"""The simulator beside every published measurement it could be held against, by the same procedure.

``python -m experiments.calibration`` fits eight parameters on eight rows (:mod:`.fit`), predicts the others
(:mod:`.rows`), and writes ``calibration.md``, ``calibration.csv``, two figures and ``summary.json`` into
``experiments/calibration/results/``.
"""
