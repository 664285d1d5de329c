"""``swapgym/SwapRelease-v1``, the default task: where are a victim's swap entries released?"""

from __future__ import annotations

from typing import ClassVar

from swapgym.envs.phone_env import PhoneEnv
from swapgym.envs.spec import EnvSpec
from swapgym.envs.vector_env import PhoneVectorEnv


class SwapReleaseEnv(PhoneEnv):
    """
    ## Description

    Processes are dying on a simulated phone: a camera is started, and cached apps are killed to make room for it. Each
    victim walks its address space and frees what it finds. Its swap entries, compressed in zram, can be released
    **inline**, by the exiting thread, so that its parent waits for it and its CPU time is its own; or **deferred** to a
    kworker (or a forked child), so that the exit is notified sooner, while the compressed memory of a process already gone
    stays held until the worker gets to it. The decision follows Zhiguo Jiang's patch series "mm: tlb swap entries batch
    async release" (linux-mm, 31 Jul 2024), and the objections to it: higher peaks, starvation by real-time load,
    unaccounted CPU.

    One step is one **decision epoch**: a victim starts to unmap, or its next batch of swap entries is full and something
    that matters has changed since the last answer for it, or that answer is `hold_ms` old. An answer stands for that
    victim's batches until then. What matters is `epochs`:

    $events

    ## Action Space

    `Discrete(len(routes))`, by default `Discrete(2)`:

    $actions

    With `routes=3` the actions are `INLINE`, `KWORKER` and `USERSPACE`. A queue that is full, or that the variant does not
    have, falls back to `INLINE`; `metrics["fallbacks"]` counts it.

    ## Observation Space

    `Box` of float32, shape `($n_parts,)`: what a kernel or system_server could know at that moment. Parts of the victim
    are 0 where nobody asks (after the last decision). `swapgym.envs.observations.readings` turns an observation back into
    units; `parts` chooses others.

    $observations

    ## Rewards

    What the reference has cost in the time since the last decision, less what this episode has cost, over the reference:

    `cost = lag_ms + ms_per_mib * peak_mib + ms_per_cpu_ms * unaccounted_cpu_ms`

    `reward = elapsed / duration - cost / reference_cost`

    Objectives are sums of terms, each the growth of a counter:

    $terms

    The reference cost is what always releasing inline under `mainline` costs on the drawn preset and device, mean over
    episodes, at the same rates (`reference_costs.json`). An episode's return is 1 - score, where the score is its cost over
    the reference cost: a return of 0 is as good as mainline, and 1 is an episode that costs nothing. `centered=False` leaves
    out the first term; then the return is minus the score. It is there because rewards are discounted by decisions: without
    it, putting off what must be paid anyway looks like a gain (`swapgym.envs.costs`).

    `ms_per_mib` says what memory is worth: an app that lmkd kills frees some 140 MiB on these phones and costs some 980 ms
    to start again, weighed by how likely the person returns to it: 6 to 7 ms per MiB (`swapgym.envs.costs`).

    Rewards telescope: what accrues before the first decision is paid with the first step and what accrues after the last one
    with the last step, so that an episode's return is the same formula of its `metrics`.

    ## Starting State

    The scenario (device, apps, kills, launches, load) is drawn from `preset` with a scenario seed, which `reset` draws from
    the environment's generator (a train seed, never one of the validation or test suites') or takes from
    `options={"scenario_seed": int}`; everything after that is deterministic. The phone is run to its first decision.
    `options={"preset": str}` takes the scenario from another preset.

    ## Episode End

    1. Termination: the scenario is over (some seconds of phone time).
    2. Truncation: `max_decisions` decisions were made.

    Stepping on raises `gymnasium.error.ResetNeeded`.

    ## Info

    The same keys in `reset` and in every step:

    $infos

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("swapgym:swapgym/SwapRelease-v1", preset="camera_launch", routes=3)
    >>> env
    <PassiveEnvChecker<SwapReleaseEnv<swapgym/SwapRelease-v1>>>
    >>> observation, info = env.reset(seed=1)
    >>> observation.shape, env.action_space
    (($n_parts,), Discrete(3))

    ```

    $arguments

    `env.unwrapped` also has `snapshot()` and `restore(snapshot)` (episodes resume bit for bit), `phone` and `scenario` (the
    records themselves), `digest()` and `metrics()`.

    ## The default task

    A camera is started (`camera_launch`, `camera_target`) on a phone of 12 GB whose kernel defers to a worker of the normal
    pool (`vivo-async-nice0`, as the series of 2026 have it). Deferring all makes launches faster and the peak higher there;
    which costs less differs from episode to episode. `experiments/default_task` has the numbers, and those of other choices.

    ## Vectorized environment

    ```python
    >>> import gymnasium as gym
    >>> envs = gym.make_vec("swapgym:swapgym/SwapRelease-v1", num_envs=2, vectorization_mode="sync")
    >>> envs
    SyncVectorEnv(swapgym/SwapRelease-v1, num_envs=2)

    ```

    ## Version History

    * v1: epochs by event, one exchange rate, a phone calibrated on phones.
    * v0: never released.
    """  # noqa: D212, D415, E501

    SPEC: ClassVar[EnvSpec] = EnvSpec()


class SwapReleaseVectorEnv(PhoneVectorEnv):
    """
    ## Description

    `num_envs` episodes of `swapgym.envs.release.SwapReleaseEnv` side by side.

    $vector
    """  # noqa: D212, D415

    SINGLE: ClassVar[type[PhoneEnv]] = SwapReleaseEnv
