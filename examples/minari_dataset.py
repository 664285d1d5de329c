"""Record a Minari dataset of episodes, and read it again.

    pip install swapgym "minari[create,hdf5]>=0.5.3" pillow
    python examples/minari_dataset.py --episodes 20 --folder /tmp/datasets

Every step's info is recorded: costs so far, and at the end all metrics of the episode.
"""

from __future__ import annotations

import argparse
import os

import gymnasium as gym
import numpy as np

DATASET = "swapgym/release/backlog-v0"


def act(observation: np.ndarray, backlog: int, rng: np.random.Generator, epsilon: float) -> int:
    """Defer as long as little is deferred already; now and then do anything."""
    return int(rng.integers(2)) if rng.random() < epsilon else int(observation[backlog] < 0.5)


def main() -> None:
    """Record and read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--folder", help="where Minari keeps its datasets; by default its own choice")
    given = parser.parse_args()
    if given.folder:
        os.environ["MINARI_DATASETS_PATH"] = given.folder
    import minari

    env = minari.DataCollector(gym.make("swapgym:swapgym/SwapRelease-v1"), record_infos=True, data_format="hdf5")
    backlog = env.unwrapped.parts.index("backlog")
    rng = np.random.default_rng(0)
    for seed in range(given.episodes):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            observation, _, terminated, truncated, _ = env.step(act(observation, backlog, rng, given.epsilon))
            ended = terminated or truncated
    if DATASET in minari.list_local_datasets():
        minari.delete_dataset(DATASET)
    env.create_dataset(
        DATASET,
        algorithm_name="defer while the backlog is small",
        description="Releases of swap entries on a simulated phone.",
        author="swapgym",
        author_email="swapgym@localhost",
        code_permalink="examples/minari_dataset.py",
        eval_env="swapgym/SwapRelease-v1",
        requirements=["swapgym"],
    )
    env.close()

    dataset = minari.load_dataset(DATASET)
    print(f"{dataset.total_episodes} episodes, {dataset.total_steps} steps")
    for episode in dataset.iterate_episodes():
        lag, peak = (episode.infos["metrics"][name][-1] for name in ("lag_ms", "peak_mib"))
        preset = episode.infos["preset"][0].decode()
        print(f"{preset:<16} return {episode.rewards.sum():7.3f}  lag {lag:7.1f} ms  peak {peak:6.1f} MiB")


if __name__ == "__main__":
    main()
