"""``swapgym/MOSwapRelease-v0``: the default task with a vector of rewards, for MO-Gymnasium."""

from __future__ import annotations

from typing import ClassVar

from swapgym.envs.costs import N_OBJECTIVES
from swapgym.envs.phone_env import PhoneEnv
from swapgym.envs.spec import EnvSpec
from swapgym.envs.vector_env import PhoneVectorEnv


class MOSwapReleaseEnv(PhoneEnv):
    """
    ## Description

    `swapgym/SwapRelease-v1` with a reward for each objective, as [MO-Gymnasium](https://mo-gymnasium.farama.org) has it:
    `mo_gymnasium.make("swapgym:swapgym/MOSwapRelease-v0")`. With `paces=4` it is `SwapReleaseGovernor-v0` likewise
    (then with `parts` as there).

    $events

    ## Action Space

    `Discrete(2)`:

    $actions

    ## Observation Space

    `Box` of float32, shape `($n_parts,)`.

    $observations

    ## Rewards

    float64 of shape `(3,)`, `reward_space` on the environment: what the reference has cost of `lag_ms`, `peak_mib` and
    `unaccounted_cpu_ms` in the time since the last decision, less their growth, each over the reference cost (at
    `ms_per_mib` and `ms_per_cpu_ms`). With the weights `(1, ms_per_mib, ms_per_cpu_ms)` their sum is the reward of `SwapRelease-v1`.

    $terms

    Gymnasium itself knows only rewards that are numbers: its checker and its `SyncVectorEnv` refuse vectors. Native and
    `"async"` lanes take them, and so does MO-Gymnasium's `MOSyncVectorEnv`.

    ## Starting State, Episode End

    As in `SwapRelease-v1`.

    ## Info

    $infos

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("swapgym:swapgym/MOSwapRelease-v0")
    >>> observation, info = env.reset(seed=1)
    >>> env.step(1)[1].shape, env.unwrapped.reward_space.shape
    ((3,), (3,))

    ```

    $arguments

    ## Version History

    * v0: Initial version.
    """  # noqa: D212, D415, E501

    SPEC: ClassVar[EnvSpec] = EnvSpec(vector_reward=True)

    @property
    def reward_dim(self) -> int:
        """How many objectives there are, as MO-Gymnasium's own environments say it."""
        return N_OBJECTIVES


class MOSwapReleaseVectorEnv(PhoneVectorEnv):
    """
    ## Description

    `num_envs` episodes of `swapgym.envs.multi_objective.MOSwapReleaseEnv` side by side; rewards of shape
    `(num_envs, 3)`.

    $vector
    """  # noqa: D212, D415

    SINGLE: ClassVar[type[PhoneEnv]] = MOSwapReleaseEnv
