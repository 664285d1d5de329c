"""PPO in one file, after CleanRL: nothing but PyTorch and a Gymnasium vector environment.

    pip install swapgym torch
    python examples/cleanrl_ppo.py --steps 200000

Lanes reset themselves in the step after an episode's end (Gymnasium's ``NEXT_STEP``): the answer to that step is not
read and its reward is 0, so that it is no decision. It is left out of the loss, and advantages do not pass it; what it
starts from is the ended episode's last observation, whose value stands for the rest of an episode that was truncated.
"""

from __future__ import annotations

import argparse
from collections import deque

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

METRICS = ("lag_ms", "peak_mib", "launch_delay_ms", "collateral_kills")


def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> nn.Linear:
    """Return a layer with orthogonal weights."""
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


class Agent(nn.Module):
    """An actor and a critic."""

    def __init__(self, inputs: int, actions: int) -> None:
        """Make both."""
        super().__init__()
        self.actor = nn.Sequential(
            layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, actions, gain=0.01)
        )
        self.critic = nn.Sequential(layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, 1, gain=1.0))

    def value(self, observations: torch.Tensor) -> torch.Tensor:
        """Return what is still to come."""
        return self.critic(observations).squeeze(-1)


def advantages_of(
    rewards: torch.Tensor, values: torch.Tensor, terminated: torch.Tensor, resets: torch.Tensor, last: torch.Tensor,
    gamma: float, smoothing: float,
) -> torch.Tensor:  # fmt: skip
    """Return generalised advantages, all of shape ``(steps, lanes)``; those of steps that only reset are 0.

    Args:
        rewards: Of each step.
        values: Of the observation that each step starts from.
        terminated: Whether the episode was over with the step: nothing is still to come.
        resets: Whether the step was only a reset: nothing passes it.
        last: Values of the observations after the last step.
        gamma: Discount.
        smoothing: GAE's lambda.
    """
    advantages = torch.zeros_like(rewards)
    after = torch.zeros_like(last)
    following = last
    for step in reversed(range(len(rewards))):
        delta = rewards[step] + gamma * following * ~terminated[step] - values[step]
        after = (delta + gamma * smoothing * ~terminated[step] * after) * ~resets[step]
        advantages[step] = after
        following = values[step]
    return advantages


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="swapgym:swapgym/SwapRelease-v1")
    parser.add_argument("--steps", type=int, default=200_000, help="decisions in all")
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--length", type=int, default=128, help="decisions of each lane between updates")
    parser.add_argument("--sync", action="store_true", help="Gymnasium's SyncVectorEnv instead of the native lanes")
    parser.add_argument("--seed", type=int, default=0)
    for name, default in (("lr", 1e-3), ("gamma", 1.0), ("smoothing", 0.97), ("clip", 0.2), ("entropy", 0.002)):
        parser.add_argument(f"--{name}", type=float, default=default)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    envs = gym.make_vec(given.env, given.lanes, vectorization_mode="sync" if given.sync else None)
    assert envs.metadata["autoreset_mode"] == gym.vector.AutoresetMode.NEXT_STEP
    agent = Agent(envs.single_observation_space.shape[0], int(envs.single_action_space.n))
    optimizer = torch.optim.Adam(agent.parameters(), given.lr, eps=1e-5)
    shape = (given.length, given.lanes)
    observations = torch.zeros((*shape, envs.single_observation_space.shape[0]))
    actions, logs, rewards, values = torch.zeros(shape, dtype=torch.int64), *(torch.zeros(shape) for _ in range(3))
    terminated, resets = (torch.zeros(shape, dtype=torch.bool) for _ in range(2))
    returns, ends = np.zeros(given.lanes), deque(maxlen=100)
    observation = torch.as_tensor(envs.reset(seed=given.seed)[0])
    ended = torch.zeros(given.lanes, dtype=torch.bool)
    updates = max(1, given.steps // (given.length * given.lanes))
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = given.lr * (1.0 - update / updates)
        for step in range(given.length):
            observations[step], resets[step] = observation, ended
            with torch.no_grad():
                policy = Categorical(logits=agent.actor(observation))
                values[step] = agent.value(observation)
            actions[step] = policy.sample()
            logs[step] = policy.log_prob(actions[step])
            seen, reward, over, cut, infos = envs.step(actions[step].numpy())
            observation, ended = torch.as_tensor(seen), torch.as_tensor(over | cut)
            rewards[step], terminated[step] = torch.as_tensor(reward), torch.as_tensor(over)
            returns += reward
            for lane in np.flatnonzero(over | cut):
                ends.append([returns[lane], *(infos["metrics"][name][lane] for name in METRICS)])
                returns[lane] = 0.0
        with torch.no_grad():
            last = agent.value(observation)
            advantages = advantages_of(rewards, values, terminated, resets, last, given.gamma, given.smoothing)
        counts = torch.nonzero(~resets.flatten()).squeeze(-1)
        flat = [data.flatten(0, 1) for data in (observations, actions, logs, advantages, advantages + values)]
        for _ in range(8):
            for part in counts[torch.randperm(len(counts))].split(512):
                at, action, log, advantage, target = (data[part] for data in flat)
                policy = Categorical(logits=agent.actor(at))
                ratio = (policy.log_prob(action) - log).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                gain = torch.min(ratio * advantage, ratio.clamp(1 - given.clip, 1 + given.clip) * advantage).mean()
                loss = 0.5 * (agent.value(at) - target).square().mean() - gain - given.entropy * policy.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
        if ends:
            means = dict(zip(("return", *METRICS), np.mean(ends, axis=0), strict=True))
            told = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(f"{(update + 1) * given.length * given.lanes:>8}  {told}", flush=True)
    envs.close()


if __name__ == "__main__":
    main()
