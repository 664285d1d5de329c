"""Policy iteration by paired rollouts: ``swapgym improve --seed 0``.

Each iteration plays train episodes by the present policy, plays their decision states on by either route, and
regresses a network on the differences, those of earlier iterations too (:mod:`swapgym.agents.paired`). It starts from
a rule that is aware of SCHED_FIFO load. How sure a network must be to release inline, and which iteration is kept, is
chosen by the score on train episodes that nobody learns from: the start is among them, so that what chance found is
hardly kept. ``--resume`` goes on after the last whole iteration, with the same result. States of the first iteration
do not depend on what a MiB is worth: runs that name the same ``--share`` folder gather them once for all rates.
"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console

from swapgym.agents.paired.fit import fit
from swapgym.agents.paired.gather import States, gather, together
from swapgym.agents.paired.network import PairedPolicy, threshold_network
from swapgym.agents.parallel import progress_bar
from swapgym.agents.play import play
from swapgym.agents.stored import runs
from swapgym.agents.stored.agents import curve_of
from swapgym.agents.task import ANY, DEVICE, ENV_ID, KERNEL, PRESET, SPEC, device_of
from swapgym.envs.spec import EnvSpec
from swapgym.files import write
from swapgym.phone import constants as k
from swapgym.workload import PRESET_NAMES, Suite, config_hash

START: Final = 0.3
"""SCHED_FIFO load above which the start releases inline: a judgement; 0 to 1."""
SEEDS_PER_RUN: Final = 20_000
"""Scenario seeds per preset of a training seed: runs do not share episodes."""
FIRST_SEED: Final = 100_000
JUDGE_SEED: Final = 50_000
"""Beyond the train seeds that baselines are tuned on; those that choose among iterations are nobody's to learn from."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    kernel: Annotated[str, typer.Option(help="Kernel variant.")] = KERNEL,
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESET_NAMES)}.")] = PRESET,
    device: Annotated[str, typer.Option(help=f"Device profile; {ANY} lets each preset draw its own.")] = DEVICE,
    ms_per_mib: Annotated[float, typer.Option(min=0.0, help="Lag (ms) that a MiB of peak is worth.")] = SPEC.ms_per_mib,
    epochs: Annotated[str, typer.Option(help="When the policy is asked: event or batch.")] = str(SPEC.epochs),
    hold_ms: Annotated[int, typer.Option(min=0, help="How long an answer stands at most.")] = SPEC.hold_ms,
    seed: Annotated[int, typer.Option(min=0, help="Training seed.")] = 0,
    episodes: Annotated[int, typer.Option(min=8, help="Episodes per preset and iteration.")] = 500,
    iterations: Annotated[int, typer.Option(min=1)] = 2,
    keep_ms: Annotated[int, typer.Option(min=1, help="How long a rollout keeps its route.")] = 500,
    eval_episodes: Annotated[int, typer.Option(min=1, help="Episodes per preset that choose among networks.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes; the result does not depend on them.")] = 1,
    share: Annotated[Path | None, typer.Option(help="Folder that keeps first states for other rates.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/paired-r<rate>-<seed> by default.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Run folder to go on with; all else is taken from it.")] = None,
) -> None:
    """Improve a policy by paired rollouts, and store it with how it was made."""
    try:
        if resume is not None:
            folder, config = resume, runs.config_of(resume)
            if config["algo"] != "paired":
                raise ValueError(f"resume: {resume} was made by swapgym train, which goes on with it")
            if len(curve_of(folder)) > 1 and not (folder / "iteration-1.npz").exists():
                raise ValueError(f"resume: {resume} keeps only its model, as stored runs do; start another")
        else:
            spec = SPEC.but(
                preset=preset, kernel=kernel, device=device_of(device), ms_per_mib=ms_per_mib, epochs=epochs,
                hold_ms=hold_ms,
            )  # fmt: skip
            folder = out or Path("runs") / f"paired-r{ms_per_mib:g}-{seed}"
            if (folder / "config.json").exists():
                raise ValueError(f"out: {folder} holds a run already; go on with --resume {folder}, or name another")
            config = {
                "algo": "paired", "env_id": ENV_ID, "env": spec.as_dict(), "seed": seed, "episodes": episodes,
                "iterations": iterations, "keep_ms": keep_ms, "eval_episodes": eval_episodes,
            }  # fmt: skip
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    if resume is None:
        runs.describe(folder, config, "improve")
    began = time.monotonic()
    curve = improve(config, folder, workers, share)
    kept = min(curve, key=lambda row: row["score"])
    console.print(
        f"{folder}: score {kept['score']:.4f} after iteration {kept['iteration']:g} (start"
        f" {curve[0]['score']:.4f}), {time.monotonic() - began:.0f} s",
        highlight=False,
    )


def improve(config: dict[str, Any], folder: Path, workers: int, share: Path | None = None) -> list[dict[str, float]]:
    """Run all iterations that the folder has not got; return a row per iteration, the start's first."""
    spec = runs.spec_of(config)
    judges = Suite("train", JUDGE_SEED, config["eval_episodes"]).of(spec.preset)
    policy = PairedPolicy(threshold_network("rt_load", START, spec.parts), spec.parts)
    curve = curve_of(folder)
    if not curve:
        curve = [{"iteration": 0, **score(spec, policy, judges)}]
        keep(folder, policy, curve, config)
    pool: list[States] = []
    for iteration in range(1, config["iterations"] + 1):
        stored = folder / f"iteration-{iteration}.npz"
        kept_in = states_file(config, folder, iteration, share)
        pool.append(states_of(config, iteration, spec, policy, workers, kept_in))
        if iteration < len(curve):
            policy = PairedPolicy.load(stored)
            continue
        found = fit(together(pool), spec.rates, config["seed"])
        tried = [PairedPolicy(found.cautious(margin.margin), spec.parts) for margin in found.margins]
        scores = [score(spec, one, judges) for one in tried]
        best = min(range(len(tried)), key=lambda index: scores[index]["score"])
        tried[best].save(stored)
        policy = PairedPolicy.load(stored)  # rounded as stored, as a run that goes on has it
        numbers = {**found.margins[best]._asdict(), "hindsight": found.hindsight, "r2": found.r2}
        curve.append({"iteration": iteration, **scores[best], **numbers, "states": len(together(pool))})
        keep(folder, policy, curve, config)
        console.print(", ".join(f"{name} {value:.5g}" for name, value in curve[-1].items()), highlight=False)
    return curve


def states_file(config: dict[str, Any], folder: Path, iteration: int, share: Path | None) -> Path:
    """Return where an iteration's states are kept; only the first ones serve other rates too."""
    if share is None or iteration > 1:
        return folder / f"states-{iteration}.npz"
    told = {name: config[name] for name in ("seed", "episodes", "keep_ms")}
    of = config_hash(told, runs.spec_of(config).but(ms_per_mib=SPEC.ms_per_mib).as_dict())
    return share / f"states-{of}.npz"


def states_of(
    config: dict[str, Any], iteration: int, spec: EnvSpec, policy: PairedPolicy, workers: int, path: Path
) -> States:
    """Return an iteration's states: those kept, or else gathered and kept."""
    if path.exists():
        return States.load(path)
    first = FIRST_SEED + config["seed"] * SEEDS_PER_RUN + (iteration - 1) * config["episodes"]
    played = Suite("train", first, config["episodes"]).of(spec.preset)
    with progress_bar(console) as bar:
        task = bar.add_task(f"iteration {iteration}: states", total=len(played))
        keep_us = config["keep_ms"] * k.MS
        states = gather(spec, policy.network, played, keep_us, workers, partial(bar.advance, task))
    states.save(path)
    return states


def keep(folder: Path, policy: PairedPolicy, curve: list[dict[str, float]], config: dict[str, Any]) -> None:
    """Write the policy if it is the best so far, and the curve, which says that this iteration is done."""
    if curve[-1]["score"] <= min(row["score"] for row in curve):
        policy.about = {"config": config, "iteration": curve[-1]["iteration"]}
        policy.save(folder / "model.npz")
    write(folder / "curve.json", json.dumps(curve, indent=1) + "\n")


def score(spec: EnvSpec, policy: PairedPolicy, episodes: list[tuple[str, int]]) -> dict[str, float]:
    """Return a policy's mean score, lag and peak on ``episodes``."""
    rows = play(spec, policy, "", episodes)
    return {name: float(np.mean([row[name] for row in rows])) for name in ("score", "lag_ms", "peak_mib")}
