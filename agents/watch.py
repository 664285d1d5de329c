"""Watch an agent decide: ``python -m agents.watch runs/ppo-w0.5-0``; a fixed policy by its name, as ``vivo``.

Plays one scenario in the terminal, a panel of the phone after each decision, and says what came of it beside always
inline and always defer in the very same scenario.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

import gymnasium as gym
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.evaluate import hold_of, load_model
from agents.policies import POLICIES, Policy, make
from agents.runner import World, decode, play
from agents.train import ENV_ID, ROUTES
from swapgym.phone.constants import INLINE
from swapgym.workload import MIXED, PRESET_NAMES
from swapgym.workload.config import unknown

WATCHED = tuple(name for name in PRESET_NAMES if name != MIXED)
DEFAULT: Final = "rt_aware"
SHOWN = ("score", "lag_ms", "peak_mib", "launch_delay_ms", "zombie_peak_mib")
"""Metrics of the table at the end."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    agent: Annotated[str, typer.Argument(help=f"Run folder, or one of {', '.join(POLICIES)}.")] = DEFAULT,
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(WATCHED)}.")] = "camera_launch",
    seed: Annotated[int, typer.Option(min=0, help="Scenario seed.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.0, help="How long to show it; 0 only says what came of it.")] = 15.0,
) -> None:
    """Play a scenario with an agent, and show it."""
    try:
        config, policy = chosen(agent)
        if preset not in WATCHED:
            raise unknown("preset", preset, WATCHED)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    weights = (config["lag_weight"], 1 - config["lag_weight"])
    world = World(kernel=config["kernel"], routes=ROUTES, weights=weights)
    rivals: dict[str, Policy] = {
        config["algo"]: policy,
        **{name: make(name, ROUTES) for name in ("always_inline", "always_defer")},
    }
    hold_ms = hold_of(config)
    rows = {name: play(world, rival, name, [(preset, seed)], hold_ms)[0] for name, rival in rivals.items()}
    if seconds > 0:
        show(world, policy, preset, seed, hold_ms, seconds)
    table = Table(title=f"{preset} {seed}, kernel {config['kernel']}, lag weight {config['lag_weight']:g}", box=None)
    table.add_column("policy", no_wrap=True)
    for column in ("deferred", *SHOWN):
        table.add_column(column.replace("_", "\n"), justify="right")
    for name, row in rows.items():
        table.add_row(name, f"{deferred(row['actions']):.0%}", *(f"{row[column]:.4g}" for column in SHOWN))
    console.print(table)


def chosen(agent: str) -> tuple[dict[str, Any], Policy]:
    """Return a run's configuration and model, or a fixed policy with its defaults, in the default kernel.

    Raises:
        FileNotFoundError: If there is neither.
    """
    if agent in POLICIES:
        return {"algo": agent, "kernel": World().kernel, "lag_weight": World().weights[0]}, make(agent, ROUTES)
    if not Path(agent).exists():
        raise FileNotFoundError(f"agent: {agent!r} is neither a run folder nor one of {', '.join(POLICIES)}")
    return load_model(Path(agent))


def show(world: World, policy: Policy, preset: str, seed: int, hold_ms: int, seconds: float) -> None:
    """Play the scenario in so many seconds, with a panel at each decision."""
    env: Any = gym.make(
        ENV_ID, preset=preset, kernel=world.kernel, routes=list(world.routes), weights=world.weights, hold_ms=hold_ms,
        render_mode="ansi",
    )  # fmt: skip
    scenario_us = 0
    observation, _ = env.reset(options={"scenario_seed": seed})
    state, over = None, False
    with Live(console=console, refresh_per_second=20, transient=True) as live:
        while not over:
            actions, state = policy.predict(observation[None], state, deterministic=True)
            panel = Text(f"{env.render()}this batch: {world.routes[int(actions[0])]}")
            live.update(panel)
            phone, scenario = env.unwrapped.phone, env.unwrapped.scenario
            # as long as the phone took for it
            time.sleep(seconds * (int(phone["now_us"]) - scenario_us) / int(scenario["duration_us"]))
            scenario_us = int(phone["now_us"])
            observation, _, terminated, truncated, _ = env.step(int(actions[0]))
            over = terminated or truncated
    env.close()


def deferred(actions: str) -> float:
    """Return the share of batches in run-length encoded ``actions`` that were not released inline."""
    routes = decode(actions)
    return sum(route != INLINE for route in routes) / max(1, len(routes))


if __name__ == "__main__":
    app()
