"""Does the choice matter, where, and can it be seen in time? ``python -m experiments.decision_relevance``.

Three looks: the clairvoyant bound against the best fixed policy (:mod:`.bound`); where deferring helps, hurts or
does not matter (:mod:`.regimes`); and how much of what hindsight would choose can be told from the observation at the
moment of the decision (:mod:`.online`).
"""
