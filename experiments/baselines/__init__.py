"""The scale of the rewards: what always releasing inline under ``mainline`` costs on each preset.

``python -m experiments.baselines`` measures these reference costs on the train suite and writes them into the package
(``swapgym/envs/reference_costs.json``), episode by episode, so that any of them can be run again.
``python -m experiments.baselines --quick`` runs a few of them again and says whether they still cost the same; a
change of the phone or the workload that changes them makes new rewards, and so a new version of the environments.
"""

from experiments.baselines.measure import KERNEL, Episode, measure, stored_episodes

__all__ = ["KERNEL", "Episode", "measure", "stored_episodes"]
