"""The scale of scores and rewards: what always releasing inline under ``mainline`` costs on each preset and device.

``python -m experiments.baselines`` measures these reference costs on train scenarios and writes them into the package
(``swapgym/envs/reference_costs.json``), with the first episodes of each mean, so that they can be run again.
``python -m experiments.baselines --quick`` runs those again and says whether they still cost the same; a change of the
phone or the workload that changes them makes new rewards, and so a new version of the environments.
"""

from experiments.baselines.measure import KERNEL, Episode, measure, stored_episodes

__all__ = ["KERNEL", "Episode", "measure", "stored_episodes"]
