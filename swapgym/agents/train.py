"""Train an agent: ``swapgym train --algo ppo --seed 0``; ``--resume RUN`` goes on from its last checkpoint.

A run that is killed and resumed has the same curve as one that was not: a checkpoint is the whole learner, its lanes
and every generator, written between rollouts. On SIGTERM and Ctrl-C a run writes one and ends; SIGKILL loses what
followed the last. What a run tells TensorBoard is listed in :mod:`swapgym.agents.sb3.callbacks`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from swapgym.agents.policies import FixedPolicy, make
from swapgym.agents.sb3 import algorithms
from swapgym.agents.stored import runs
from swapgym.agents.stored.tuned import command, nearest
from swapgym.agents.task import ANY, DEVICE, ENV_ID, KERNEL, PRESET, ROUTES, SPEC, device_of
from swapgym.envs.epochs import BATCH, EVENT
from swapgym.envs.spec import EnvSpec
from swapgym.workload import KERNELS, PRESET_NAMES, suite
from swapgym.workload.suites import VALIDATION_EPISODES

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    algo: Annotated[str, typer.Option(help=f"One of {', '.join(algorithms.ALGORITHMS)}.")] = "ppo",
    env: Annotated[str, typer.Option(help="Environment id.")] = ENV_ID,
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESET_NAMES)}.")] = PRESET,
    kernel: Annotated[str, typer.Option(help=f"One of {', '.join(KERNELS)}.")] = KERNEL,
    device: Annotated[str, typer.Option(help=f"Device profile; {ANY} lets each preset draw its own.")] = DEVICE,
    ms_per_mib: Annotated[float, typer.Option(min=0.0, help="Lag (ms) that a MiB of peak is worth.")] = SPEC.ms_per_mib,
    epochs: Annotated[str, typer.Option(help=f"When the agent is asked: {EVENT} or {BATCH}.")] = EVENT,
    hold_ms: Annotated[int, typer.Option(min=0, help="How long an answer stands at most.")] = SPEC.hold_ms,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    timesteps: Annotated[
        int | None, typer.Option(min=1, help="Frames; those of the hyperparameters by default.")
    ] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Lanes; those of the hyperparameters by default.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="A hyperparameter: key=value.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<algo>-r<rate>-<seed> by default.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Run folder to go on with; all else is taken from it.")] = None,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Frames between checkpoints.")] = 200_000,
    eval_every: Annotated[int, typer.Option(min=1, help="Frames between evaluations.")] = 200_000,
    eval_episodes: Annotated[int, typer.Option(help=f"Validation episodes per preset, to {VALIDATION_EPISODES}.")] = 10,
    figures: Annotated[bool, typer.Option(help="Draw figures at evaluations.")] = True,
    bound: Annotated[bool, typer.Option(help="Search the clairvoyant bound where none is stored.")] = False,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
) -> None:
    """Train an agent on the native vector environment."""
    try:
        if resume is not None:
            config = runs.config_of(resume)
            folder = resume
        else:
            suite("validation").first(eval_episodes)
            spec = SPEC.but(
                preset=preset, kernel=kernel, device=device_of(device), ms_per_mib=ms_per_mib, epochs=epochs,
                hold_ms=hold_ms,
            )  # fmt: skip
            values = algorithms.hyperparameters(algo, env, overridden(timesteps, lanes, changes or []))
            folder = out or Path("runs") / f"{algo}-r{ms_per_mib:g}-{seed}"
            if (folder / "config.json").exists():
                raise ValueError(f"out: {folder} holds a run already; go on with --resume {folder}, or name another")
            config = {
                "algo": algo, "env_id": env, "env": spec.as_dict(), "seed": seed, "hyperparameters": values,
                "checkpoint_every": checkpoint_every, "eval_every": eval_every, "eval_episodes": eval_episodes,
                "figures": figures, "bound": bound,
            }  # fmt: skip
        model = load(folder) if resume is not None else learner(config)
        evaluation = evaluation_of(config, folder)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    if resume is None:
        runs.describe(folder, config)
    ended = train(model, config, folder, evaluation, progress)
    console.print(f"{folder}: {model.num_timesteps:,} frames, {ended}", highlight=False)


def overridden(timesteps: int | None, lanes: int | None, changes: list[str]) -> dict[str, Any]:
    """Return the hyperparameters that options replace."""
    named = {"n_timesteps": timesteps, "n_envs": lanes}
    return algorithms.assignments(changes) | {name: value for name, value in named.items() if value is not None}


def learner(config: dict[str, Any]) -> Any:
    """Return a fresh learner of a configuration."""
    import torch
    from stable_baselines3.common.vec_env import VecMonitor

    from swapgym.agents.sb3.vec_env import make_sb3

    torch.set_num_threads(1)
    values = config["hyperparameters"]
    lanes = make_sb3(values["n_envs"], **config["env"])
    extra: dict[str, Any] = {}
    if values.get("discount_ms") is not None:
        from swapgym.agents.sb3.discount import SemiMarkovRolloutBuffer

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


def evaluation_of(config: dict[str, Any], folder: Path) -> Any:
    """Return the evaluation of a run: episodes, baselines, and the bound where it is stored or asked for."""
    from swapgym.agents.sb3.evaluation import Evaluation

    spec = runs.spec_of(config)
    episodes = suite("validation").first(config["eval_episodes"]).of(spec.preset)
    baselines: dict[str, FixedPolicy] = {name: make(name, ROUTES) for name in ("always_inline", "always_defer")}
    best = next(iter(nearest(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset).values()), None)
    if best is not None:
        baselines = {"best_tuned": best, **baselines}
    else:
        missing = (
            f"no policy is tuned, best_tuned is left out: {command(spec.kernel, spec.preset, spec.device)} tunes them"
        )
        console.print(missing, style="yellow", highlight=False)
    return Evaluation(
        spec,
        episodes,
        config["eval_every"],
        baselines,
        bound=bound_of(episodes, spec, search=config.get("bound", False)),
        watched=episodes[0] if config.get("figures", True) else None,
        folder=folder,
    )


def bound_of(episodes: list[tuple[str, int]], spec: EnvSpec, *, search: bool) -> dict[str, float] | None:
    """Return the clairvoyant bound's means: as stored, or else searched if it is asked for."""
    from swapgym.agents import bound

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


def train(model: Any, config: dict[str, Any], folder: Path, evaluation: Any, progress: bool) -> str:
    """Train to the end of the configuration's frames; return how it ended."""
    from stable_baselines3.common.logger import configure

    from swapgym.agents.sb3.callbacks import Checkpoints, DomainMetrics, Hyperparameters, Stopped

    began = time.monotonic()
    checkpoints = Checkpoints(folder, config["checkpoint_every"])
    checkpoints.next = model.num_timesteps + config["checkpoint_every"]
    evaluation.begin(model.num_timesteps)
    model.set_logger(configure(str(folder / "tensorboard"), ["tensorboard"]))
    total = config["hyperparameters"]["n_timesteps"] - model.num_timesteps
    told = [Hyperparameters(config), DomainMetrics(), evaluation, checkpoints]
    ended = "finished"
    try:
        if total > 0:
            model.learn(total, callback=told, reset_num_timesteps=False, progress_bar=progress)
    except Stopped:
        ended = "stopped; go on with --resume"
    finally:
        checkpoints.restore_signals()
    if ended == "finished":
        checkpoints.model = model
        checkpoints.keep()
        evaluation.model = model
        score = evaluation.evaluate()
        model.logger.dump(model.num_timesteps)
        best, name = min((means["score"], name) for name, means in evaluation.reference.items())
        ended += f", validation score {score:.4f} (best fixed policy {best:.4f}, {name})"
    return f"{ended}, {time.monotonic() - began:.0f} s"
