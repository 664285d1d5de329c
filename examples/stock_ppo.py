"""A stock algorithm on the default task, with Stable-Baselines3's defaults: does it learn anything?

    pip install "swapgym[train]"
    python examples/stock_ppo.py                      # some two minutes
    python examples/stock_ppo.py --steps 300000 --algo dqn

Prints what the trained policy costs beside always inline and always defer, on scenarios that it was not trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env

from swapgym.sb3 import DomainMetricsCallback

ENV_ID = "swapgym:swapgym/SwapRelease-v1"
TEST_SEED = 3 * 2**30
"""Scenario seeds from here on are never drawn in training."""


def evaluate(act: Callable[[Any], Any], episodes: int) -> tuple[float, float, float]:
    """Return mean score (cost over that of mainline's inline), lag (ms) and peak (MiB) of a policy."""
    env = gym.make(ENV_ID)
    rows = []
    for episode in range(episodes):
        observation, info = env.reset(options={"scenario_seed": TEST_SEED + episode})
        over, total = False, 0.0
        while not over:
            observation, reward, terminated, truncated, info = env.step(act(observation))
            total += float(reward)
            over = terminated or truncated
        rows.append((1.0 - total, info["lag_ms"], info["peak_mib"]))
    score, lag, peak = np.mean(rows, axis=0)
    return float(score), float(lag), float(peak)


def main() -> None:
    """Train and evaluate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algo", choices=("ppo", "dqn"), default="ppo")
    parser.add_argument("--steps", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=200, help="of the evaluation")
    args = parser.parse_args()
    model: PPO | DQN
    if args.algo == "ppo":
        model = PPO("MlpPolicy", make_vec_env(ENV_ID, n_envs=8, seed=args.seed), seed=args.seed, device="cpu")
    else:
        model = DQN("MlpPolicy", gym.make(ENV_ID), seed=args.seed, device="cpu")
    model.learn(args.steps, callback=DomainMetricsCallback())
    policies: dict[str, Callable[[Any], Any]] = {
        "always inline": lambda observation: 0,
        "always defer": lambda observation: 1,
        args.algo: lambda observation: model.predict(observation, deterministic=True)[0],
    }
    for name, act in policies.items():
        score, lag, peak = evaluate(act, args.episodes)
        print(f"{name:<14} score {score:.3f}  lag {lag:6.0f} ms  peak {peak:5.1f} MiB")


if __name__ == "__main__":
    main()
