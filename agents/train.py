"""Train an agent: ``python -m agents.train --algo ppo --seed 0``; ``--resume RUN`` goes on from its last checkpoint.

A run that is killed and resumed has the same curve as one that was not: a checkpoint is the whole learner, its lanes
and every generator, written between rollouts. On SIGTERM and Ctrl-C a run writes one and ends; SIGKILL loses what
followed the last.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agents.policies import make
from agents.runner import World
from agents.training import algorithms, runs
from agents.tune import tuned
from swapgym.workload import suite

ENV_ID = "swapgym/SwapRelease-v0"
ROUTES = ("INLINE", "DEFER")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    algo: Annotated[str, typer.Option(help=f"One of {', '.join(algorithms.ALGORITHMS)}.")] = "ppo",
    env: Annotated[str, typer.Option(help="Environment id.")] = ENV_ID,
    preset: Annotated[str, typer.Option(help="Scenario preset.")] = "mixed",
    kernel: Annotated[str, typer.Option(help="Kernel variant.")] = "vivo-async",
    lag_weight: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of lag in the reward; peak has the rest.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    timesteps: Annotated[
        int | None, typer.Option(min=1, help="Frames; those of the hyperparameters by default.")
    ] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Lanes; those of the hyperparameters by default.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="A hyperparameter: key=value.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<algo>-w<weight>-<seed> by default.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Run folder to go on with; all else is taken from it.")] = None,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Frames between checkpoints.")] = 200_000,
    eval_every: Annotated[int, typer.Option(min=1, help="Frames between evaluations.")] = 200_000,
    eval_episodes: Annotated[int, typer.Option(min=1, help="Validation episodes per preset.")] = 5,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
) -> None:
    """Train an agent on the native vector environment."""
    try:
        if resume is not None:
            config = runs.config_of(resume)
            folder = resume
        else:
            values = algorithms.hyperparameters(algo, env, overridden(timesteps, lanes, changes or []))
            folder = out or Path("runs") / f"{algo}-w{lag_weight:g}-{seed}"
            if (folder / "config.json").exists():
                raise ValueError(f"out: {folder} holds a run already; go on with --resume {folder}, or name another")
            config = {
                "algo": algo, "env": env, "preset": preset, "kernel": kernel, "lag_weight": lag_weight, "seed": seed,
                "hyperparameters": values, "checkpoint_every": checkpoint_every, "eval_every": eval_every,
                "eval_episodes": eval_episodes,
            }  # fmt: skip
        model = load(folder) if resume is not None else learner(config)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    if resume is None:
        runs.describe(folder, config)
    ended = train(model, config, folder, progress)
    console.print(f"{folder}: {model.num_timesteps:,} frames, {ended}", highlight=False)


def overridden(timesteps: int | None, lanes: int | None, changes: list[str]) -> dict[str, Any]:
    """Return the hyperparameters that options replace."""
    named = {"n_timesteps": timesteps, "n_envs": lanes}
    return algorithms.assignments(changes) | {name: value for name, value in named.items() if value is not None}


def learner(config: dict[str, Any]) -> Any:
    """Return a fresh learner of a configuration."""
    import torch
    from stable_baselines3.common.vec_env import VecMonitor

    from agents.sb3_vec_env import make_sb3

    torch.set_num_threads(1)
    values = config["hyperparameters"]
    weights = (config["lag_weight"], 1 - config["lag_weight"])
    lanes = make_sb3(values["n_envs"], preset=config["preset"], kernel=config["kernel"], weights=weights)
    extra: dict[str, Any] = {}
    if values.get("discount_ms") is not None:
        from agents.training.discount import SemiMarkovRolloutBuffer

        extra["rollout_buffer_class"] = SemiMarkovRolloutBuffer
        extra["rollout_buffer_kwargs"] = {"clock": lanes, "discount_ms": float(values["discount_ms"])}
    given = algorithms.arguments(values)
    policy = given.pop("policy")
    return algorithms.algorithm(config["algo"])(
        policy, VecMonitor(lanes), seed=config["seed"], device="cpu", verbose=0, **given, **extra
    )


def load(folder: Path) -> Any:
    """Return the learner of a run's last checkpoint."""
    import torch

    torch.set_num_threads(1)
    return runs.load_checkpoint(folder)


def train(model: Any, config: dict[str, Any], folder: Path, progress: bool) -> str:
    """Train to the end of the configuration's frames; return how it ended."""
    from stable_baselines3.common.logger import configure

    from agents.training.callbacks import DomainMetrics, Evaluation, Keeper, Stopped

    began = time.monotonic()
    weights = (config["lag_weight"], 1 - config["lag_weight"])
    world = World(kernel=config["kernel"], routes=ROUTES, weights=weights)
    episodes = list(suite("validation").first(config["eval_episodes"]))
    if config["preset"] != "mixed":
        episodes = [pair for pair in episodes if pair[0] == config["preset"]]
    rivals = {
        "best_tuned": next(iter(tuned(nearest_weight(config["lag_weight"])).values())),
        "always_inline": make("always_inline", ROUTES),
    }
    keeper = Keeper(folder, config["checkpoint_every"])
    evaluation = Evaluation(world, episodes, config["eval_every"], rivals)
    keeper.next = model.num_timesteps + config["checkpoint_every"]
    evaluation.next = model.num_timesteps if model.num_timesteps == 0 else model.num_timesteps + config["eval_every"]
    model.set_logger(configure(str(folder / "tensorboard"), ["tensorboard"]))
    total = config["hyperparameters"]["n_timesteps"] - model.num_timesteps
    ended = "finished"
    try:
        if total > 0:
            model.learn(
                total, callback=[DomainMetrics(), evaluation, keeper], reset_num_timesteps=False, progress_bar=progress
            )
    except Stopped:
        ended = "stopped; go on with --resume"
    finally:
        keeper.restore_signals()
    if ended == "finished":
        keeper.model = model
        keeper.keep()
        evaluation.model = model
        score = evaluation.evaluate()
        model.logger.dump(model.num_timesteps)
        ended += f", validation score {score:.4f} (best tuned fixed policy {evaluation.reference['best_tuned']:.4f})"
    return f"{ended}, {time.monotonic() - began:.0f} s"


def nearest_weight(lag_weight: float) -> float:
    """Return the tuned preference weight nearest to ``lag_weight``."""
    from agents.tune import LAG_WEIGHTS

    return min(LAG_WEIGHTS, key=lambda weight: abs(weight - lag_weight))


if __name__ == "__main__":
    app()
