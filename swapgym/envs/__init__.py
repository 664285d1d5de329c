"""The Gymnasium environments over the phone and the workload.

``lane`` is one step of the decision process on one phone of an array; ``release_env`` is the environment;
``observations``, ``rewards`` and ``metrics`` say what is seen, paid and reported. Nothing heavy is imported here.
"""
