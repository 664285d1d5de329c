"""Watch an agent decide: ``swapgym watch runs/ppo-r6-0``; a fixed policy by its name, as ``vivo``.

Plays one scenario in the terminal, a panel of the phone after each decision, and says what came of it beside always
inline and always defer in the very same scenario.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

import gymnasium as gym
import numpy as np
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swapgym.agents.evaluate import load_model
from swapgym.agents.play import Row, play
from swapgym.agents.policies import POLICIES, Policy, make
from swapgym.agents.stored import runs
from swapgym.agents.task import ENV_ID, ROUTES, SPEC
from swapgym.envs.spec import EnvSpec
from swapgym.workload import PRESETS
from swapgym.workload.config import unknown

DEFAULT: Final = "rt_aware"
SHOWN = ("score", "lag_ms", "peak_mib", "launch_delay_ms", "zombie_peak_mib")
"""Metrics of the table at the end."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    agent: Annotated[str, typer.Argument(help=f"Run folder, or one of {', '.join(POLICIES)}.")] = DEFAULT,
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = "camera_launch",
    seed: Annotated[int, typer.Option(min=0, help="Scenario seed.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.0, help="How long to show it; 0 only says what came of it.")] = 15.0,
) -> None:
    """Play a scenario with an agent, and show it."""
    try:
        config, policy = chosen(agent)
        if preset not in PRESETS:
            raise unknown("preset", preset, PRESETS)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    spec = runs.spec_of(config)
    baselines: dict[str, Policy] = {
        config["algo"]: policy,
        **{name: make(name, ROUTES) for name in ("always_inline", "always_defer")},
    }
    rows = {name: play(spec, one, name, [(preset, seed)])[0] for name, one in baselines.items()}
    if seconds > 0:
        show(config["env_id"], spec, policy, preset, seed, seconds)
    table = Table(title=f"{preset} {seed}, kernel {spec.kernel}, {spec.ms_per_mib:g} ms per MiB", box=None)
    table.add_column("policy", no_wrap=True)
    for column in ("deferred", *SHOWN):
        table.add_column(column.replace("_", "\n"), justify="right")
    for name, row in rows.items():
        table.add_row(name, f"{deferred(row):.0%}", *(f"{row[column]:.4g}" for column in SHOWN))
    console.print(table)


def chosen(agent: str) -> tuple[dict[str, Any], Policy]:
    """Return a run's configuration and model, or a fixed policy with its defaults, in the default task.

    Raises:
        FileNotFoundError: If there is neither.
    """
    if agent in POLICIES:
        return {"algo": agent, "env_id": ENV_ID, "env": SPEC.as_dict()}, make(agent, ROUTES)
    if not Path(agent).exists():
        raise FileNotFoundError(f"agent: {agent!r} is neither a run folder nor one of {', '.join(POLICIES)}")
    return load_model(Path(agent))


def show(env_id: str, spec: EnvSpec, policy: Policy, preset: str, seed: int, seconds: float) -> None:
    """Play the scenario in so many seconds, with a panel at each decision."""
    env: Any = gym.make(env_id, **spec.as_dict(), render_mode="ansi")
    scenario_us = 0
    observation, _ = env.reset(options={"scenario_seed": seed, "preset": preset})
    state, over = None, False
    with Live(console=console, refresh_per_second=20, transient=True) as live:
        while not over:
            actions, state = policy.predict(observation[None], state, deterministic=True)
            panel = Text(f"{env.render()}this victim: {spec.action_name(int(spec.flat_actions(actions)[0]))}")
            live.update(panel)
            phone, scenario = env.unwrapped.phone, env.unwrapped.scenario
            # as long as the phone took for it
            time.sleep(seconds * (int(phone["now_us"]) - scenario_us) / int(scenario["duration_us"]))
            scenario_us = int(phone["now_us"])
            observation, _, terminated, truncated, _ = env.step(np.asarray(actions)[0])
            over = terminated or truncated
    env.close()


def deferred(row: Row) -> float:
    """Return the share of an episode's batches that were not released inline."""
    return float((row["batches"] - row["batches_inline"]) / max(1, row["batches"]))
