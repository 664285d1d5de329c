"""PPO of RLlib (its new API stack) that also reports what episodes cost.

pip install swapgym "ray[rllib]>=2.50,<3" torch
python examples/rllib_ppo.py --iterations 50 --runners 1
"""

from __future__ import annotations

import argparse
from typing import Any

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback

METRICS = ("lag_ms", "peak_mib", "launch_delay_ms", "collateral_kills")


class DomainMetrics(RLlibCallback):
    """Logs metrics of the episodes themselves, beside their returns."""

    def on_episode_end(self, *, episode: Any, metrics_logger: Any, **kwargs: Any) -> None:
        """Log the metrics of the last info: means over the episodes of an iteration."""
        metrics = episode.get_infos(-1)["metrics"]
        for name in METRICS:
            metrics_logger.log_value(("domain", name), metrics[name], reduce="mean", window=100)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--runners", type=int, default=0, help="processes that play; 0: the learner plays itself")
    parser.add_argument("--batch", type=int, default=4000, help="decisions per iteration")
    parser.add_argument("--ms-per-mib", type=float, default=3.0)
    given = parser.parse_args()
    ray.init(include_dashboard=False)
    config = (
        PPOConfig()
        .environment("swapgym:swapgym/SwapRelease-v1", env_config={"ms_per_mib": given.ms_per_mib})
        .env_runners(num_env_runners=given.runners, num_envs_per_env_runner=8)
        .training(train_batch_size_per_learner=given.batch, minibatch_size=256, num_epochs=6, gamma=1.0, lr=5e-4)
        .callbacks(DomainMetrics)
    )
    algorithm = config.build_algo()
    for iteration in range(given.iterations):
        told = algorithm.train()["env_runners"]
        costs = "  ".join(f"{name} {told['domain'][name]:.1f}" for name in METRICS)
        print(f"{iteration + 1:>4}  return {told['episode_return_mean']:.3f}  {costs}", flush=True)
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main()
