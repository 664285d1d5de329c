"""Evaluate agents beside the fixed policies to beat, tuned where there are such: ``swapgym evaluate runs/ppo-r6-*``.

As ``swapgym compare`` does, which see, with the tuned policies and always inline beside those that are named, and
differences from the best of these. Runs of one algorithm and configuration are training seeds of one agent: its score
on an episode is the mean over its seeds, and the interval of a difference counts both episodes and seeds. The rows are
replayable records: ``python -m experiments.validate`` plays them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from gymnasium.error import InvalidAction

from swapgym.agents.compare import (
    EpisodesOption,
    OutOption,
    SuiteOption,
    TrustOption,
    console,
    played,
    scenarios,
    tell,
)
from swapgym.agents.play import Row, play
from swapgym.agents.players import FORMS, Contestant, contestants
from swapgym.agents.policies import FixedPolicy, make
from swapgym.agents.stored import runs
from swapgym.agents.stored.agents import load_model
from swapgym.agents.stored.tuned import baselines
from swapgym.agents.tables import best_of, by_policy
from swapgym.agents.task import (
    ENV_ID,
    ROUTES,
    SPEC,
    WORLD,
    DeviceOption,
    EnvArgOption,
    EnvOption,
    KernelOption,
    PresetOption,
    RateOption,
)
from swapgym.envs.spec import EnvSpec

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    run: Annotated[list[str], typer.Argument(help=f"Who is evaluated: run folders, or {FORMS}.")],
    on: SuiteOption = "test",
    episodes: EpisodesOption = None,
    env: EnvOption = ENV_ID,
    env_arg: EnvArgOption = None,
    preset: PresetOption = None,
    kernel: KernelOption = None,
    device: DeviceOption = None,
    ms_per_mib: RateOption = None,
    trust: TrustOption = False,
    out: OutOption = None,
) -> None:
    """Play agents and the fixed policies to beat on the same scenarios; lower scores are better."""
    try:
        found = contestants(
            run, env, env_arg or (), trust=trust, preset=preset, kernel=kernel, device=device, ms_per_mib=ms_per_mib
        )
        fixed, how = to_beat(found[0].spec)
        taken = {one.label for one in found}
        beside = [one for one in fixed if one.label not in taken]
        pairs = scenarios(on, episodes, found[0].spec.preset)
        rows = played([*found, *beside], pairs)
    except (ValueError, FileNotFoundError, InvalidAction) as error:
        raise typer.BadParameter(str(error)) from error
    best = best_of(by_policy(rows, pairs), [one.label for one in fixed])
    tell([*found, *beside], rows, pairs, best, {"suite": on, "fixed_policies": how}, out, found)
    console.print(f"fixed policies: {how}", highlight=False)


def to_beat(spec: EnvSpec) -> tuple[list[Contestant], str]:
    """Return the fixed policies to beat in the world of ``spec``, asked as often as the default task asks, and how."""
    asked = SPEC.but(**{name: getattr(spec, name) for name in WORLD})
    policies, how = fixed_policies(asked)
    return [Contestant(name, name, "", asked, policy) for name, policy in policies.items()], how


def fixed_policies(spec: EnvSpec) -> tuple[dict[str, FixedPolicy], str]:
    """Return the baselines and always inline, and what they are: tuned, or with their defaults."""
    found, how = baselines(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset)
    return found | {"always_inline": make("always_inline", ROUTES)}, how


def spec_of(folders: Sequence[Path]) -> EnvSpec:
    """Return what is compared: the default task with what all runs share: kernel, device, preset and rate.

    Raises:
        FileNotFoundError: If a folder is no run.
        ValueError: If the runs differ in one of them: their scores cannot be compared.
    """
    specs = [runs.spec_of(runs.config_of(Path(folder))) for folder in folders]
    found: dict[tuple[Any, ...], None] = dict.fromkeys(tuple(getattr(spec, name) for name in WORLD) for spec in specs)
    if len(found) != 1:
        raise ValueError(f"runs: {', '.join(WORLD)} of {sorted(map(str, found))}, must share one of each")
    return SPEC.but(**dict(zip(WORLD, next(iter(found)), strict=True)))


def play_runs(folders: Sequence[Path], episodes: Sequence[tuple[str, int]]) -> list[Row]:
    """Play every run, and the fixed policies to beat: those asked as often as the default task asks.

    Raises:
        FileNotFoundError: If a folder is no run, or has no model yet.
        ValueError: If the runs' scores cannot be compared.
    """
    spec = spec_of(folders)
    rows = []
    for folder in map(Path, folders):
        config, model = load_model(folder)
        found = play(runs.spec_of(config), model, config["algo"], episodes)
        rows += [row | {"run": folder.name} for row in found]
    for name, policy in fixed_policies(spec)[0].items():
        rows += [row | {"run": ""} for row in play(spec, policy, name, episodes)]
    return rows
