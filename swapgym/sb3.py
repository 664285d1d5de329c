"""For Stable-Baselines3 (which swapgym itself does not need): what a phone engineer reads of a training.

```python
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from swapgym.sb3 import DomainMetricsCallback

envs = make_vec_env("swapgym:swapgym/SwapRelease-v1", n_envs=8)
PPO("MlpPolicy", envs).learn(100_000, callback=DomainMetricsCallback())
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stable_baselines3.common.callbacks import BaseCallback

from swapgym.envs.metrics import METRIC_NAMES
from swapgym.workload.config import unknown

METRICS: Final = (
    "lag_ms", "peak_mib", "unaccounted_cpu_ms", "frame_late_ms", "launch_delay_ms", "stall_ms", "relaunch_ms", "kills",
    "collateral_kills", "exit_latency_mean_ms", "zombie_peak_mib", "kworker_starved_ms", "fallbacks",
)  # fmt: skip
"""What is logged by default."""


class DomainMetricsCallback(BaseCallback):
    """Logs metrics of the episodes themselves as ``domain/<name>``, beside Stable-Baselines3's return and length.

    Each is the mean over the episodes that ended since the last log; a log without an ended episode has none. Works
    with every ``VecEnv`` (``make_vec_env``, ``SubprocVecEnv``, ``VecNormalize``, ...) and with on- and off-policy
    algorithms.
    """

    def __init__(self, metrics: Sequence[str] = METRICS, verbose: int = 0) -> None:
        """Log ``metrics``.

        Args:
            metrics: Names of :data:`swapgym.envs.metrics.METRICS`.
            verbose: As every callback has it.

        Raises:
            ValueError: If there is no such metric; names the nearest.
        """
        super().__init__(verbose)
        for name in metrics:
            if name not in METRIC_NAMES:
                raise unknown("metrics", name, METRIC_NAMES)
        self.metrics = tuple(metrics)

    def _on_step(self) -> bool:
        for done, info in zip(self.locals["dones"], self.locals["infos"], strict=True):
            if done:
                self._note(info)
        return True

    def _note(self, info: Mapping[str, Any]) -> None:
        # a TimeLimit cuts episodes off without the environment's knowing: then only the costs so far are told
        known = info["metrics"] if info["digest"] else info
        for name in self.metrics:
            if name in known:
                self.logger.record_mean(f"domain/{name}", float(known[name]))
