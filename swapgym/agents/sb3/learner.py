"""A run's learner, its evaluation, and the training itself: what needs torch and Stable-Baselines3."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import torch
from gymnasium.vector import AutoresetMode
from rich.console import Console
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecMonitor

from swapgym.agents import bound
from swapgym.agents.policies import FixedPolicy, make
from swapgym.agents.sb3 import algorithms
from swapgym.agents.sb3.callbacks import DomainMetrics, Hyperparameters
from swapgym.agents.sb3.checkpoints import Checkpoints, Stopped
from swapgym.agents.sb3.discount import SemiMarkovRolloutBuffer
from swapgym.agents.sb3.evaluation import Evaluation
from swapgym.agents.sb3.progress import Progress
from swapgym.agents.sb3.vec_env import SB3VecEnv
from swapgym.agents.stored import runs
from swapgym.agents.stored.tuned import command, nearest
from swapgym.agents.task import ROUTES, SPEC, WORLD
from swapgym.envs.spec import EnvSpec
from swapgym.workload import suite


class Ended(NamedTuple):
    """How a training ended.

    Attributes:
        text: What is to be said of it.
        signal: Number of the signal that stopped it; 0 where it came to its end.
    """

    text: str
    signal: int


def lanes_of(config: dict[str, Any]) -> SB3VecEnv:
    """Return the lanes of a configuration: of its environment, with its arguments.

    Raises:
        ValueError: If Stable-Baselines3 cannot learn there.
    """
    if config["env"].get("vector_reward"):
        raise ValueError(
            f"env: {config['env_id']} rewards by a vector, must reward by one number: --env-arg vector_reward=false"
        )
    vector: Any = gym.envs.registration.load_env_creator(str(gym.spec(config["env_id"]).vector_entry_point))
    n_envs = config["hyperparameters"]["n_envs"]
    return SB3VecEnv(vector(n_envs, autoreset_mode=AutoresetMode.SAME_STEP, **config["env"]))


def fresh(config: dict[str, Any]) -> Any:
    """Return a fresh learner of a configuration.

    Raises:
        ValueError: If the algorithm refuses the environment or a hyperparameter.
    """
    torch.set_num_threads(1)
    values = config["hyperparameters"]
    lanes = lanes_of(config)
    extra: dict[str, Any] = {}
    if values.get("discount_ms") is not None:
        extra["rollout_buffer_class"] = SemiMarkovRolloutBuffer
        extra["rollout_buffer_kwargs"] = {"clock": lanes, "discount_ms": float(values["discount_ms"])}
    given = algorithms.arguments(values)
    policy = given.pop("policy")
    kind = algorithms.algorithm(config["algo"])
    try:
        model = kind(policy, VecMonitor(lanes), seed=config["seed"], device="cpu", verbose=0, **given, **extra)
    except (AssertionError, TypeError, ValueError) as error:
        hint = "; --env-arg flat=true gives it numbers as actions" if "action spaces" in str(error) else ""
        raise ValueError(f"{config['algo']}: {error}{hint}") from error
    lanes.spawn_seeds(config["seed"])  # in place of those that the learner has just set
    return model


def load(folder: Path) -> runs.Checkpoint:
    """Return a run's last checkpoint, generators set to where they were."""
    torch.set_num_threads(1)
    return runs.load_checkpoint(folder)


def evaluation_of(config: dict[str, Any], folder: Path, console: Console) -> Evaluation:
    """Return the evaluation of a run: episodes, baselines, and the bound where it is stored or asked for."""
    spec = runs.spec_of(config).but(max_decisions=None)
    episodes = suite("validation").first(config["eval_episodes"]).of(spec.preset)
    baselines: dict[str, FixedPolicy] = {name: make(name, ROUTES) for name in ("always_inline", "always_defer")}
    best = next(iter(nearest(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset).values()), None)
    if best is not None:
        baselines = {"best_tuned": best, **baselines}
    else:
        told = command(spec.kernel, spec.preset, spec.device)
        missing = f"no policy is tuned, best_tuned is left out: {told} tunes them"
        console.print(missing, style="yellow", highlight=False)
    return Evaluation(
        spec,
        episodes,
        config["eval_every"],
        baselines,
        asked=SPEC.but(**{name: getattr(spec, name) for name in WORLD}),
        bound=bound_of(episodes, spec, console, search=config.get("bound", False)),
        watched=episodes[0] if config.get("figures", True) else None,
        folder=folder,
    )


def bound_of(
    episodes: list[tuple[str, int]], spec: EnvSpec, console: Console, *, search: bool
) -> dict[str, float] | None:
    """Return the clairvoyant bound's means: as stored, or else searched if it is asked for."""
    if spec.pace_names:
        return None  # plans are of routes alone
    try:
        found = bound.stored(episodes, spec)
    except ValueError as error:
        # a reference line is no reason not to train
        console.print(f"the stored bound is left out: {error}", style="yellow", highlight=False)
        found = None
    if found is None and search:
        console.print(f"searching the bound of {len(episodes)} validation episodes", highlight=False)
        found = bound.searched(episodes, spec, bound.QUICK_EVALUATIONS)
    return bound.means(found) if found is not None else None


def train(
    model: Any,
    config: dict[str, Any],
    folder: Path,
    evaluation: Evaluation,
    console: Console | None,
    next_checkpoint: int | None = None,
) -> Ended:
    """Train to the end of the configuration's frames.

    Args:
        model: The learner.
        config: The run's configuration.
        folder: The run's folder.
        evaluation: The validation suite.
        console: Where a bar is shown; None prints lines.
        next_checkpoint: Frames at which the next checkpoint is due.
    """
    began, total = time.monotonic(), config["hyperparameters"]["n_timesteps"]
    checkpoints = Checkpoints(folder, config["checkpoint_every"], evaluation, next_checkpoint)
    progress = Progress(total, evaluation, console)
    model.set_logger(configure(str(folder / "tensorboard"), ["tensorboard"]))
    told = [Hyperparameters(config), DomainMetrics(), evaluation, progress, checkpoints]
    (folder / "finished").unlink(missing_ok=True)
    try:
        if total > model.num_timesteps:
            model.learn(total - model.num_timesteps, callback=told, reset_num_timesteps=False)
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        text = f"stopped by {name} after {model.num_timesteps:,} of {total:,} frames, checkpoint written"
        return Ended(text, stopped.number)
    finally:
        progress.end()
        checkpoints.restore_signals()
    evaluation.model = checkpoints.model = model
    score = evaluation.evaluate()
    model.logger.dump(model.num_timesteps)
    checkpoints.keep()
    (folder / "finished").touch()
    best, name = min((means["score"], name) for name, means in evaluation.reference.items())
    seconds = time.monotonic() - began
    return Ended(
        f"{model.num_timesteps:,} frames, finished, validation score {score:.4f} (lower is better; best fixed policy"
        f" {best:.4f}, {name}), {seconds:.0f} s",
        0,
    )
