"""The Gymnasium environments over the phone and the workload.

A decision process is a ``spec``; ``observations``, ``costs``, ``epochs`` and ``infos`` say what is seen, paid, asked
and told; ``lane`` is one step of it on one phone of an array. ``phone_env`` and ``vector_env`` make it an environment,
and ``release``, ``governor`` and ``multi_objective`` are the ids. Nothing heavy is imported here.
"""
