"""Watch a policy decide: ``swapgym watch runs/ppo-r6-0``; a fixed policy by its name, as ``swapgym watch vivo``.

Plays one scenario in the terminal, a panel of the phone after each decision, and says what came of it beside always
inline and always defer in the very same scenario. Unless a seed names it, the scenario is a representative one: of the
validation scenarios, that in which the policy's difference from always inline is the median.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import gymnasium as gym
import numpy as np
import typer
from gymnasium.error import InvalidAction
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swapgym.agents.compare import TrustOption
from swapgym.agents.play import Row, play
from swapgym.agents.players import FORMS, Contestant, contestants
from swapgym.agents.policies import make
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
from swapgym.workload import suite

DEFAULT: Final = "rt_aware"
REFERENCE: Final = "always_inline"
BESIDE: Final = (REFERENCE, "always_defer")
SCENARIOS: Final = 10
"""Validation scenarios per preset among which a representative one is looked for."""
SHOWN = ("score", "lag_ms", "peak_mib", "launch_delay_ms", "zombie_peak_mib")
"""Metrics of the table at the end; all of them are better when lower."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


class Scenario(NamedTuple):
    """A scenario, and why it is this one."""

    preset: str
    seed: int
    why: str


@app.command()
def main(
    policy: Annotated[str, typer.Argument(help=f"Who is watched: {FORMS}.")] = DEFAULT,
    seed: Annotated[int | None, typer.Option(min=0, help="Scenario seed; a representative one by default.")] = None,
    seconds: Annotated[float, typer.Option(min=0.0, help="How long to show it; 0 only says what came of it.")] = 15.0,
    env: EnvOption = ENV_ID,
    env_arg: EnvArgOption = None,
    preset: PresetOption = None,
    kernel: KernelOption = None,
    device: DeviceOption = None,
    ms_per_mib: RateOption = None,
    trust: TrustOption = False,
) -> None:
    """Play a scenario with a policy, and show it."""
    try:
        (one,) = contestants(
            [policy], env, env_arg or (), trust=trust, preset=preset, kernel=kernel, device=device,
            ms_per_mib=ms_per_mib,
        )  # fmt: skip
        spec = dataclasses.replace(one.spec, max_decisions=None)
        scenario = representative(one) if seed is None else Scenario(spec.preset, seed, "as you named it")
        own = play(spec, one.policy, one.label, [scenario[:2]])
    except (ValueError, FileNotFoundError, InvalidAction) as error:
        raise typer.BadParameter(str(error)) from error
    rows = [*own, *(row for name in BESIDE if name != one.label for row in beside(one, name, [scenario[:2]]))]
    console.print(f"{own[0]['preset']} {scenario.seed}: {scenario.why}", highlight=False)
    if seconds > 0:
        show(one, scenario, seconds)
    console.print(table_of(rows, f"kernel {spec.kernel}, {spec.ms_per_mib:g} ms per MiB; lower is better"))


def beside(one: Contestant, name: str, episodes: Sequence[tuple[str, int]]) -> list[Row]:
    """Play a fixed policy in the world of a contestant, asked as often as the default task asks."""
    asked = SPEC.but(**{field: getattr(one.spec, field) for field in WORLD})
    return play(asked, make(name, ROUTES), name, episodes)


def representative(one: Contestant) -> Scenario:
    """Return the validation scenario in which a contestant's difference from always inline is the median."""
    episodes = suite("validation").first(SCENARIOS).of(one.spec.preset)
    own = play(dataclasses.replace(one.spec, max_decisions=None), one.policy, one.label, episodes)
    other = beside(one, REFERENCE, episodes)
    gaps = np.array([mine["score"] - theirs["score"] for mine, theirs in zip(own, other, strict=True)])
    chosen = int(np.argsort(gaps, kind="stable")[(len(gaps) - 1) // 2])
    preset, seed = episodes[chosen]
    why = (
        f"of {len(episodes)} validation scenarios of {one.spec.preset}, the one in which the difference of {one.label}"
        f" from always inline is the median ({gaps[chosen]:+.4f}; it is better in {int((gaps < 0).sum())} of them and"
        f" {float(gaps.mean()):+.4f} on average)"
    )
    return Scenario(preset, seed, why)


def table_of(rows: Sequence[Row], title: str) -> Table:
    """Return what came of a scenario."""
    table = Table(title=title, box=None)
    table.add_column("policy", no_wrap=True)
    for column in ("deferred", *SHOWN):
        table.add_column(column.replace("_", "\n"), justify="right")
    for row in rows:
        table.add_row(row["policy"], f"{deferred(row):.0%}", *(f"{row[column]:.4g}" for column in SHOWN))
    return table


def show(one: Contestant, scenario: Scenario, seconds: float) -> None:
    """Play the scenario in so many seconds, with a panel at each decision."""
    spec, policy = one.spec, one.policy
    env: Any = gym.make(ENV_ID, **spec.as_dict(), render_mode="ansi", disable_env_checker=True)
    scenario_us = 0
    observation, _ = env.reset(options={"scenario_seed": scenario.seed, "preset": scenario.preset})
    state, over = None, False
    with Live(console=console, refresh_per_second=20, transient=True) as live:
        while not over:
            actions, state = policy.predict(observation[None], state, deterministic=True)
            panel = Text(f"{env.render()}this victim: {spec.action_name(int(spec.flat_actions(actions)[0]))}")
            live.update(panel)
            phone, drawn = env.unwrapped.phone, env.unwrapped.scenario
            # as long as the phone took for it
            time.sleep(seconds * (int(phone["now_us"]) - scenario_us) / int(drawn["duration_us"]))
            scenario_us = int(phone["now_us"])
            action = np.asarray(actions)[0]
            observation, _, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
    env.close()


def deferred(row: Row) -> float:
    """Return the share of an episode's batches that were not released inline."""
    return float((row["batches"] - row["batches_inline"]) / max(1, row["batches"]))
