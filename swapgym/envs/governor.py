"""``swapgym/SwapReleaseGovernor-v0``: the route of a victim's entries, and the pace at which deferred ones drain."""

from __future__ import annotations

from typing import ClassVar

from swapgym.envs.observations import PART_NAMES
from swapgym.envs.phone_env import PhoneEnv
from swapgym.envs.spec import EnvSpec
from swapgym.envs.vector_env import PhoneVectorEnv
from swapgym.phone.constants import PACE_NAMES


class SwapReleaseGovernorEnv(PhoneEnv):
    """
    ## Description

    The same phone and the same victims as in `swapgym/SwapRelease-v1`. Beside the route of a victim's swap entries, an
    action sets the **pace** at which deferred entries are drained, by what a kernel can do to its workers: their nice and
    their CPU mask, or no work at all. A kernel could defer all that dies during a launch and drain it after the launch; this
    environment asks whether it should.

    An action is taken at a victim's decision epochs (see `SwapRelease-v1`), and by the same events while only a backlog is
    left (with `epochs="batch"` at every tick then); its route stands for the victim's batches, its pace for all workers, until the next epoch. Where only a backlog
    is left the route is not read.

    $events

    ## Action Space

    `MultiDiscrete([2, 4])`: route, pace. With `flat=True` it is `Discrete(8)`, number `4 * route + pace`.

    $actions

    A queue that is full falls back to `INLINE`: `overrides={"kernel": {"queue_capacity": 65536}}` caps the backlog.

    ## Observation Space

    `Box` of float32, shape `($n_parts,)`: that of `SwapRelease-v1` and `drain_pace`.

    $observations

    ## Rewards

    As in `SwapRelease-v1`.

    $terms

    ## Starting State, Episode End

    As in `SwapRelease-v1`. What is not drained at the episode's end costs nothing further.

    ## Info

    $infos

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("swapgym:swapgym/SwapReleaseGovernor-v0", flat=True)
    >>> observation, info = env.reset(seed=1)
    >>> observation.shape, env.action_space
    (($n_parts,), Discrete(8))

    ```

    $arguments

    ## Version History

    * v0: Initial version.
    """  # noqa: D212, D415, E501

    SPEC: ClassVar[EnvSpec] = EnvSpec(paces=PACE_NAMES, parts=PART_NAMES)


class SwapReleaseGovernorVectorEnv(PhoneVectorEnv):
    """
    ## Description

    `num_envs` episodes of `swapgym.envs.governor.SwapReleaseGovernorEnv` side by side.

    $vector
    """  # noqa: D212, D415

    SINGLE: ClassVar[type[PhoneEnv]] = SwapReleaseGovernorEnv
