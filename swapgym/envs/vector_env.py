"""``gym.make_vec("swapgym/SwapRelease-v0")``: many episodes of :class:`SwapReleaseEnv` side by side, in one batch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from swapgym.envs import arguments
from swapgym.envs.lanes import Lanes
from swapgym.envs.metrics import METRIC_NAMES, episode_metrics
from swapgym.envs.observations import observe
from swapgym.envs.release_env import SwapReleaseEnv
from swapgym.envs.rewards import TERM_NAMES
from swapgym.envs.snapshots import Snapshot
from swapgym.phone.constants import RUN_DECISION, RUN_END
from swapgym.workload import Drawn, draw
from swapgym.workload.suites import TRAIN_SEEDS

Observations = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
StepReturn = tuple[Observations, npt.NDArray[np.float64], Booleans, Booleans, dict[str, Any]]


class SwapReleaseVectorEnv(VectorEnv[Observations, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """
    ## Description

    ``num_envs`` episodes of :class:`swapgym.envs.release_env.SwapReleaseEnv`. A step sends each lane's pending batch on its
    route and runs each lane on to its own next decision: lanes are asynchronous in simulated time. Observations, rewards,
    flags and infos are those of Gymnasium's ``SyncVectorEnv`` over as many single environments, bit for bit.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> envs = gym.make_vec("swapgym:swapgym/SwapRelease-v0", num_envs=3, preset="camera_launch", autoreset_mode="SameStep")
    >>> observations, infos = envs.reset(seed=1)
    >>> observations.shape, envs.metadata["autoreset_mode"]
    ((3, 32), <AutoresetMode.SAME_STEP: 'SameStep'>)

    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `num_envs` | `int` | `1` | lanes |
    | `autoreset_mode` | `AutoresetMode` or `str` | `"NextStep"` | `"NextStep"`, `"SameStep"` or `"Disabled"` |
    | `threads` | `int` | `1` | threads that share the lanes; the bits do not depend on it |
    | `max_episode_steps` | `int` or `None` | `None` | truncates, as the wrapper `TimeLimit` does |
    | others | | | those of the single environment |

    ## Resets

    `reset(seed=)` takes an integer (lane `i` is seeded with `seed + i`), one seed or `None` per lane, or `None`. `options` takes
    `scenario_seed` and `preset` as the single environment does, or a list of them with one entry per lane, and `reset_mask`, a
    boolean array: only these lanes are reset. With autoreset disabled that is how ended lanes go on.

    ## Infos

    As `SyncVectorEnv` has them: `infos["reward_terms"]` on every step, and where an episode ends `metrics`, `digest`, and what
    was drawn. With `"SameStep"` these come as `infos["final_info"]`, beside `infos["final_obs"]`. A lane cut off by
    `max_episode_steps` has them too; `TimeLimit` over the single environment cannot.
    """  # noqa: D212, D400, D415

    metadata: dict[str, Any] = {**SwapReleaseEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        max_episode_steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        """See the class's "Arguments".

        Raises:
            ValueError: If an argument is out of range; the message names what is allowed.
            TypeError: If an argument is unknown.
        """
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.max_episode_steps = arguments.check_steps("max_episode_steps", max_episode_steps)
        self.lanes = Lanes(arguments.check_count("num_envs", num_envs), arguments.check_count("threads", threads))
        self.single = SwapReleaseEnv(**kwargs)
        self.num_envs = self.lanes.n
        self.metadata = {**SwapReleaseEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = self.single.render_mode
        self.single_action_space = self.single.action_space
        self.single_observation_space = self.single.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
