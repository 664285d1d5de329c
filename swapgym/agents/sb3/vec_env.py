"""The native vector environments as Stable-Baselines3 wants them: a ``VecEnv`` over the lanes of one.

Stable-Baselines3 has no adapter of its own, and takes no Gymnasium vector environment. Its ``VecEnv`` resets a lane in
the very step that ended it, so only autoreset in the same step fits without dropping steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from swapgym.envs import vector_infos
from swapgym.envs.release import SwapReleaseVectorEnv
from swapgym.envs.vector_env import PhoneVectorEnv


class SB3VecEnv(VecEnv):
    """A Stable-Baselines3 ``VecEnv`` over a native vector environment.

    On a lane's last step its info is what the single environment gives there (:mod:`swapgym.envs.infos`), with
    ``terminal_observation`` and ``TimeLimit.truncated``; on all others it is an empty dict. Wrap it in ``VecMonitor``
    for episode statistics.

    The arrays of a step are its own, never a buffer that the next one writes: Stable-Baselines3 puts observations into
    its rollout only after the step that followed them.

    Attributes:
        envs: The native vector environment.
        elapsed_us: int64, shape ``(num_envs,)``: simulated time that the last step took.
        rewards: float32, shape ``(num_envs,)``: what the last step paid.
    """

    def __init__(self, envs: PhoneVectorEnv) -> None:
        """Wrap ``envs``.

        Raises:
            ValueError: If it does not reset lanes in the same step.
        """
        mode = envs.metadata["autoreset_mode"]
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(f"envs: autoreset_mode {mode.value!r}, must be {AutoresetMode.SAME_STEP.value!r}")
        self.envs = envs
        self._actions: npt.NDArray[np.int64] = np.zeros(envs.num_envs, dtype=np.int64)
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self.elapsed_us: npt.NDArray[np.int64] = np.zeros(envs.num_envs, dtype=np.int64)
        self.rewards: npt.NDArray[np.float32] = np.zeros(envs.num_envs, dtype=np.float32)
        self._now_us = self.elapsed_us

    def spawn_seeds(self, seed: int) -> None:
        """Seed the lanes' generators at the next reset, each by a stream of its own.

        ``seed()`` is Stable-Baselines3's: lane ``i`` gets ``seed + i``, so that runs of 64 lanes and of seeds next to
        each other share 63 lanes' scenarios. Streams that are spawned share none beyond chance.
        """
        streams = np.random.SeedSequence(seed).spawn(self.num_envs)
        self._seeds = [int(stream.generate_state(1, np.uint64)[0] >> np.uint64(1)) for stream in streams]

    def reset(self) -> npt.NDArray[np.float32]:
        """Reset all lanes, with the seeds and options that were set since the last reset."""
        names = {name for options in self._options for name in options}
        options = {name: [one.get(name) for one in self._options] for name in names}
        observations, infos = self.envs.reset(seed=self._seeds, options=options)
        self.reset_infos = vector_infos.rows(infos, np.arange(self.num_envs))
        self._now_us = infos["elapsed_us"]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Keep ``actions`` for :meth:`step_wait`: the step itself is one call."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step all lanes; return observations, rewards (float32), whether lanes ended, and infos."""
        before_us = self._now_us
        observations, rewards, terminated, truncated, batched = self.envs.step(self._actions)
        done = terminated | truncated
        self._now_us = batched["elapsed_us"]
        self.elapsed_us = self._now_us - before_us
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        ended = np.flatnonzero(done)
        if len(ended):
            told = batched.pop("final_info")
            self.elapsed_us[ended] = told["elapsed_us"][ended] - before_us[ended]
            last = vector_infos.rows(told, ended)
            first = vector_infos.rows(batched, ended)
            for lane, info, fresh in zip(ended.tolist(), last, first, strict=True):
                info["terminal_observation"] = fresh.pop("final_obs")
                info["TimeLimit.truncated"] = bool(truncated[lane] and not terminated[lane])
                infos[lane], self.reset_infos[lane] = info, fresh
        self.rewards = rewards.astype(np.float32)
        return observations, self.rewards.copy(), done, infos

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """Return every lane's frame."""
        return list(self.envs.render())

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of the lanes; all but ``phone`` and ``scenario`` they share.

        Raises:
            AttributeError: If the single environment has no such attribute.
        """
        lanes = self._lanes(indices)
        if attr_name in ("phone", "scenario"):
            return [getattr(self.envs, attr_name)(lane) for lane in lanes]
        value = getattr(self.envs.single, attr_name)
        return [value for _ in lanes]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse: lanes share their arguments, which are fixed when they are made.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError(
            f"{attr_name}: lanes share what they were made with; make another environment, or set_options() for resets"
        )

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of each lane: ``snapshot``, ``restore``, ``metrics``, ``digest``, ``render``.

        Raises:
            AttributeError: If lanes have no such method.
        """
        if method_name not in LANE_METHODS:
            raise AttributeError(f"method_name: {method_name!r}, must be one of {', '.join(sorted(LANE_METHODS))}")
        method = getattr(self.envs, LANE_METHODS[method_name])
        return [method(lane, *method_args, **kwargs) for lane in self._lanes(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return False for each lane: none is wrapped by itself."""
        return [False for _ in self._lanes(indices)]

    def _lanes(self, indices: VecEnvIndices) -> Iterable[int]:
        return self._get_indices(indices)


LANE_METHODS = {
    "snapshot": "snapshot",
    "restore": "restore",
    "metrics": "metrics",
    "digest": "digest",
    "render": "render_lane",
}
"""Methods of a single environment, and what the vector environment calls them for one lane."""


def make_sb3(num_envs: int, *, threads: int = 1, **kwargs: Any) -> SB3VecEnv:
    """Return ``num_envs`` lanes for Stable-Baselines3.

    Args:
        num_envs: Lanes.
        threads: Threads that share them.
        **kwargs: Of :class:`swapgym.envs.release.SwapReleaseEnv`.
    """
    return SB3VecEnv(SwapReleaseVectorEnv(num_envs, autoreset_mode=AutoresetMode.SAME_STEP, threads=threads, **kwargs))
