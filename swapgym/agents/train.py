"""Train an agent: ``swapgym train --algo ppo --seed 0``; ``swapgym resume RUN`` goes on from its last checkpoint.

A run that is stopped and resumed, however often, has the same curve as one that was not: a checkpoint is the whole
learner, its lanes, every generator, and when to evaluate next, written between rollouts. On SIGTERM and Ctrl-C a run
writes one and ends with a code other than 0; SIGKILL loses what followed the last. What a run tells TensorBoard is
listed in :mod:`swapgym.agents.sb3.callbacks`.
"""

from __future__ import annotations

import shutil
from importlib import util
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from swapgym.agents.sb3 import algorithms
from swapgym.agents.stored import runs
from swapgym.agents.task import (
    ENV_ID,
    DeviceOption,
    EnvArgOption,
    EnvOption,
    EpochsOption,
    HoldOption,
    KernelOption,
    PresetOption,
    RateOption,
    assignments,
    spec_of,
)
from swapgym.workload import suite
from swapgym.workload.suites import VALIDATION_EPISODES

NEEDED: Final = ("torch", "stable_baselines3", "sb3_contrib", "tensorboard", "scipy", "matplotlib")
"""Libraries that a run needs before it ends: known to be there before anything is written."""
WITH_RESUME: Final = ("resume", "timesteps", "progress")
"""Options that go with ``--resume``."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    context: typer.Context,
    algo: Annotated[str, typer.Option(help=f"One of {', '.join(algorithms.ALGORITHMS)}.")] = "ppo",
    env: EnvOption = ENV_ID,
    env_arg: EnvArgOption = None,
    preset: PresetOption = None,
    kernel: KernelOption = None,
    device: DeviceOption = None,
    ms_per_mib: RateOption = None,
    epochs: EpochsOption = None,
    hold_ms: HoldOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Training seed.")] = 0,
    timesteps: Annotated[
        int | None, typer.Option(min=1, help="Frames in all; those of the hyperparameters by default.")
    ] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Lanes; those of the hyperparameters by default.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="A hyperparameter: key=value (repeat).")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/<algo>-r<rate>-<seed> by default.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Run folder to go on with; all else is taken from it.")] = None,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Frames between checkpoints.")] = 200_000,
    eval_every: Annotated[int, typer.Option(min=1, help="Frames between evaluations.")] = 200_000,
    eval_episodes: Annotated[int, typer.Option(help=f"Validation episodes per preset, to {VALIDATION_EPISODES}.")] = 10,
    figures: Annotated[bool, typer.Option(help="Draw figures at evaluations.")] = True,
    bound: Annotated[bool, typer.Option(help="Search the clairvoyant bound where none is stored.")] = False,
    progress: Annotated[bool, typer.Option(help="Show a progress bar; a line now and then without.")] = True,
) -> None:
    """Train an agent on the native vector environment."""
    if resume is not None:
        refuse_beside_resume(context)
        go_on(resume, timesteps, progress)
        return
    try:
        suite("validation").first(eval_episodes)
        spec = spec_of(
            env, env_arg or (), preset=preset, kernel=kernel, device=device, ms_per_mib=ms_per_mib, epochs=epochs,
            hold_ms=hold_ms,
        )  # fmt: skip
        values = algorithms.hyperparameters(algo, env, overridden(timesteps, lanes, changes or []))
        config = {
            "algo": algo, "env_id": env, "env": spec.as_dict(), "seed": seed, "hyperparameters": values,
            "checkpoint_every": checkpoint_every, "eval_every": eval_every, "eval_episodes": eval_episodes,
            "figures": figures, "bound": bound,
        }  # fmt: skip
        folder = out or Path("runs") / default_name(config)
        again = can_start(folder)
        require(*NEEDED)
        from swapgym.agents.sb3 import learner

        model = learner.fresh(config)
        evaluation = learner.evaluation_of(config, folder, console)
        if again:
            console.print(f"{folder}: ended before its first checkpoint; starts again", highlight=False)
            clear(folder)
        runs.describe(folder, config)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    run(model, evaluation, config, folder, progress)


def refuse_beside_resume(context: typer.Context) -> None:
    """Refuse options that a run that goes on has already.

    Raises:
        typer.BadParameter: If one is given; names it.
    """
    given = [
        name
        for name in context.params
        if name not in WITH_RESUME and getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise typer.BadParameter(f"resume: takes all but --timesteps and --progress from the run; leave out {names}")


def go_on(folder: Path, timesteps: int | None, progress: bool) -> None:
    """Go on with a run from its last checkpoint, to ``timesteps`` frames in all where they are named.

    Raises:
        typer.BadParameter: If the run cannot go on; says why, and what can be done.
    """
    try:
        config = runs.config_of(folder)
        if config["algo"] not in algorithms.ALGORITHMS:
            raise ValueError(f"resume: {folder} was made by swapgym improve, which goes on with it")
        require(*NEEDED)
        from swapgym.agents.sb3 import learner

        checkpoint = learner.load(folder)
        done, wanted = checkpoint.model.num_timesteps, config["hyperparameters"]["n_timesteps"]
        if timesteps is not None and timesteps <= done:
            raise ValueError(f"timesteps: {timesteps}, must be more than the {done} frames that {folder} has")
        if timesteps is None and done >= wanted and (folder / "finished").exists():
            raise ValueError(
                f"resume: {folder} is finished ({done} frames); --timesteps with a larger number goes on with it"
            )
        evaluation = learner.evaluation_of(config, folder, console)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    if timesteps is not None:
        config["hyperparameters"]["n_timesteps"] = timesteps
        runs.rewrite(folder, config)
    evaluation.go_on(checkpoint.schedules["evaluation"])
    run(checkpoint.model, evaluation, config, folder, progress, checkpoint.schedules["checkpoint"])


def run(
    model: Any, evaluation: Any, config: dict[str, Any], folder: Path, progress: bool, due: int | None = None
) -> None:
    """Train, and say how it ended; a run that was stopped ends the process as its signal would."""
    from swapgym.agents.sb3 import learner

    ended = learner.train(model, config, folder, evaluation, console if progress else None, due)
    console.print(f"{folder}: {ended.text}", highlight=False, soft_wrap=True)
    if ended.signal:
        console.print(f"go on with: swapgym resume {folder}", highlight=False, soft_wrap=True)
        raise typer.Exit(128 + ended.signal)


def default_name(config: dict[str, Any]) -> str:
    """Return a run folder's name: what differs between runs that one is likely to make."""
    stem = "" if config["env_id"] == ENV_ID else config["env_id"].rpartition("/")[2].partition("-")[0] + "-"
    return f"{stem}{config['algo']}-r{config['env']['ms_per_mib']:g}-{config['seed']}"


def can_start(folder: Path) -> bool:
    """Return whether a folder holds a run that may be started again: one without a checkpoint or a model.

    Raises:
        ValueError: If it holds one that may not.
    """
    if not (folder / "config.json").exists():
        return False
    if any((folder / name).exists() for name in ("checkpoint.pkl", "model.zip", "model.npz")):
        raise ValueError(f"out: {folder} holds a run already; go on with swapgym resume {folder}, or name another")
    return True


def clear(folder: Path) -> None:
    """Remove what a run without a checkpoint has left."""
    (folder / "curve.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)


def require(*libraries: str) -> None:
    """Check that libraries are installed, without loading them.

    Raises:
        ModuleNotFoundError: If one is not; names it.
    """
    for name in libraries:
        if util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def overridden(timesteps: int | None, lanes: int | None, changes: list[str]) -> dict[str, Any]:
    """Return the hyperparameters that options replace."""
    named = {"n_timesteps": timesteps, "n_envs": lanes}
    return assignments(changes, "set") | {name: value for name, value in named.items() if value is not None}
