"""Do stock algorithms learn the default task? Stable-Baselines3's PPO and DQN, with its defaults, by its own recipes.

PPO trains on ``make_vec_env("swapgym/SwapRelease-v1", n_envs=8)``, DQN on ``gym.make`` of the same; beside them PPO
with the wrapper :class:`swapgym.wrappers.RelativeReward`, and PPO with ``centered=False``, to say what either does to
learning. Nothing is tuned. Each run is scored on validation scenarios as it goes, and at its end on the default task's
own test suite, beside always inline and always defer on the same scenarios.
"""
