"""The simulator beside every published measurement it could be held against, by the same procedure.

``python -m experiments.calibration`` fits parameters on one row each (:mod:`.fit`), predicts the others (:mod:`.rows`),
180 exits of public device logs (:mod:`.exits`), lmkd's cadence, launches beside kills and vivo's claim
(:mod:`.android`), and writes ``calibration.md``, tables, figures and ``summary.json`` into
``experiments/calibration/results/``.
"""
