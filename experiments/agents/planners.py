"""What the planners come to on the test suite, kept: ``python -m experiments.agents.planners --kernel KERNEL``.

The clairvoyant planner plays hundreds of plans of each episode, and the one that samples futures thousands of futures:
far more than all agents together. What they decided is kept as actions that replay, with the digest of the episode's
end, so that the agents can be measured again in a minute; what no longer replays is refused.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import Progress

from agents.evaluate import BOUND, ONLINE, PLANNERS
from agents.planning import mpc, search_all
from agents.planning.clairvoyant import STARTS
from agents.runner import Row, World, decode, encode, play
from agents.train import ROUTES
from agents.trained import Group
from agents.training.runs import put
from agents.tune import LAG_WEIGHTS
from swapgym.envs.arguments import route_codes
from swapgym.workload import draw, empty, kernel_variant, suite

RESULTS: Final = Path(__file__).parent / "results"
EVALUATIONS: Final = 600
SETTINGS: Final = mpc.Settings(futures=16, rounds=2, hold=64, caution=1.0)
"""Of those tried on train episodes, what brought most per future."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
Episodes = Sequence[tuple[str, int]]


class Recorded:
    """Takes the routes of a plan, one after the other."""

    def __init__(self, routes: Sequence[int], world: World) -> None:
        """Take a plan's routes in the episode's order."""
        scenario = empty(1)[0]
        draw("camera_launch", 0, kernel=world.kernel, overrides=world.overrides, out=scenario)
        codes = route_codes(world.routes, scenario)
        self.actions = iter([codes.index(route) for route in routes])

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[npt.NDArray[np.int64], Any]:
        """Return the next action, as a batch of one."""
        return np.array([next(self.actions)], dtype=np.int64), state


def world_of(group: Group) -> World:
    """Return the world of a group."""
    return World(kernel=group.kernel, routes=ROUTES, weights=(group.lag_weight, 1 - group.lag_weight))


def played(label: str, world: World, preset: str, seed: int, actions: str) -> Row:
    """Play recorded actions; return the episode's row."""
    return play(world, Recorded(decode(actions), world), label, [(preset, seed)])[0]


def plan(
    group: Group,
    episodes: Episodes,
    evaluations: int,
    settings: mpc.Settings,
    progress: Callable[[], None],
    workers: int,
) -> list[Row]:
    """Let both planners play every episode; return their rows."""
    world = world_of(group)
    bounds = search_all(episodes, world, evaluations, progress=progress, workers=workers)
    online = mpc.play_all(episodes, world, settings, workers=workers, progress=progress)
    return [
        played(label, world, one.preset, one.seed, encode(one.routes))
        for label, found in ((BOUND, bounds), (ONLINE, online))
        for one in found
    ]


def path_of(group: Group, folder: Path = RESULTS) -> Path:
    """Return where a group's plans are kept."""
    return folder / f"planners-{group.kernel}-w{group.lag_weight:g}.json"


def keep(path: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """Write rows as what replays."""
    plans = [[row["policy"], row["preset"], row["seed"], row["actions"], row["digest"]] for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n  ".join(json.dumps(one) for one in plans)
    text = json.dumps(about, indent=1).removesuffix("\n}") + f',\n "plans": [\n  {lines}\n ]\n}}\n'
    put(path, text.encode())


def kept(path: Path, group: Group, episodes: Episodes) -> list[Row] | None:
    """Return what the planners came to on ``episodes``, played again; None where it is not kept.

    Raises:
        ValueError: If an episode no longer ends as it did.
    """
    if not path.exists():
        return None
    plans = {
        (policy, preset, seed): (actions, digest)
        for policy, preset, seed, actions, digest in json.loads(path.read_text(encoding="utf-8"))["plans"]
    }
    rows = []
    for label in PLANNERS:
        for preset, seed in episodes:
            if (label, preset, seed) not in plans:
                return None
            actions, digest = plans[label, preset, seed]
            try:
                row = played(label, world_of(group), preset, seed, actions)
            except (StopIteration, ValueError):
                row = {"digest": ""}
            if row["digest"] != digest:
                raise ValueError(
                    f"{path}: {label} on {preset} {seed} ends otherwise than it did; run python -m"
                    " experiments.agents.planners again, or remove the file"
                )
            rows.append(row)
    return rows


@app.command()
def main(
    kernel: Annotated[str, typer.Option(help="Kernel variant.")] = "vivo-async",
    lag_weight: Annotated[list[float] | None, typer.Option(help="Preference weights; all tuned ones.")] = None,
    evaluations: Annotated[int, typer.Option(min=len(STARTS), help="Plans of the bound per episode.")] = EVALUATIONS,
    episodes: Annotated[int | None, typer.Option(min=1, help="Per preset; all of the suite by default.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for the plans.")] = RESULTS,
) -> None:
    """Let the planners play the test suite, and keep what they decided."""
    try:
        kernel_variant(kernel)
        pairs = list(suite("test") if episodes is None else suite("test").first(episodes))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for weight in lag_weight or LAG_WEIGHTS:
        began = time.monotonic()
        group = Group(kernel, weight)
        with Progress(console=console) as bar:
            task = bar.add_task(f"{kernel} w{weight:g}", total=2 * len(pairs))
            rows = plan(group, pairs, evaluations, SETTINGS, lambda task=task: bar.advance(task), workers)  # type: ignore[misc]
        about = {
            "command": f"python -m experiments.agents.planners --kernel {kernel} --lag-weight {weight:g}",
            "suite": "test", "evaluations": evaluations, "settings": dataclasses.asdict(SETTINGS),
            "base_rule": mpc.rule_of(world_of(group)).parameters(),
        }  # fmt: skip
        keep(path_of(group, out), rows, about)
        console.print(f"mpc's base rule: rt_aware {about['base_rule']}", highlight=False)
        for label in PLANNERS:
            mean = np.mean([row["score"] for row in rows if row["policy"] == label])
            console.print(f"{group.kernel} w{weight:g} {label}: {mean:.4f}", highlight=False)
        console.print(f"{time.monotonic() - began:.0f} s", highlight=False)


if __name__ == "__main__":
    app()
