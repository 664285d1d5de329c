"""What the planners come to on the default task, kept: ``python -m experiments.agents.planners --kernel KERNEL``.

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

from experiments.task import EPISODES, scenarios
from swapgym.agents.parallel import progress_bar
from swapgym.agents.planning import mpc, search_all
from swapgym.agents.planning.clairvoyant import STARTS
from swapgym.agents.planning.plans import per_batch
from swapgym.agents.play import Row, decode, encode, play
from swapgym.agents.tables import BOUND, ONLINE, PLANNERS
from swapgym.agents.task import KERNEL, PRESET, RATES, SPEC
from swapgym.envs.spec import EnvSpec
from swapgym.files import write
from swapgym.workload import kernel_variant

RESULTS: Final = Path(__file__).parent / "results"
EVALUATIONS: Final = 600
SETTINGS: Final = mpc.Settings(futures=16, rounds=2, hold=64, caution=1.0)
"""Of those tried on train episodes, what brought most per future."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
Episodes = Sequence[tuple[str, int]]


class Recorded:
    """Takes the actions of a plan, one after the other."""

    def __init__(self, actions: Sequence[int]) -> None:
        """Take a plan's actions in the episode's order."""
        self.actions = iter(actions)

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[npt.NDArray[np.int64], Any]:
        """Return the next action, as a batch of one."""
        return np.array([next(self.actions)], dtype=np.int64), state


def played(label: str, spec: EnvSpec, preset: str, seed: int, actions: str) -> Row:
    """Play recorded actions, one for every batch; return the episode's row."""
    return play(per_batch(spec), Recorded(decode(actions)), label, [(preset, seed)])[0]


def plan(
    spec: EnvSpec,
    episodes: Episodes,
    evaluations: int,
    settings: mpc.Settings,
    progress: Callable[[], None],
    workers: int,
) -> list[Row]:
    """Let both planners play every episode; return their rows."""
    bounds = search_all(episodes, spec, evaluations, progress=progress, workers=workers)
    online = mpc.play_all(episodes, spec, settings, workers=workers, progress=progress)
    return [
        played(label, spec, one.preset, one.seed, encode(one.actions))
        for label, found in ((BOUND, bounds), (ONLINE, online))
        for one in found
    ]


def path_of(spec: EnvSpec, folder: Path = RESULTS) -> Path:
    """Return where the plans of a decision process are kept."""
    return folder / f"planners-{spec.kernel}-r{spec.ms_per_mib:g}.json"


def keep(path: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """Write rows as what replays."""
    plans = [[row["policy"], row["preset"], row["seed"], row["actions"], row["digest"]] for row in rows]
    lines = ",\n  ".join(json.dumps(one) for one in plans)
    text = json.dumps(about, indent=1).removesuffix("\n}") + f',\n "plans": [\n  {lines}\n ]\n}}\n'
    write(path, text)


def kept(path: Path, spec: EnvSpec, episodes: Episodes) -> list[Row] | None:
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
                row = played(label, spec, preset, seed, actions)
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
    kernel: Annotated[str, typer.Option(help="Kernel variant.")] = KERNEL,
    ms_per_mib: Annotated[list[float] | None, typer.Option(help="Rates; all that are tuned for by default.")] = None,
    evaluations: Annotated[int, typer.Option(min=len(STARTS), help="Plans of the bound per episode.")] = EVALUATIONS,
    episodes: Annotated[int, typer.Option(min=1, help="Test scenarios per preset.")] = EPISODES,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for the plans.")] = RESULTS,
) -> None:
    """Let the planners play the default task's test scenarios, and keep what they decided."""
    try:
        kernel_variant(kernel)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    pairs = scenarios(PRESET, episodes)
    for rate in ms_per_mib or RATES:
        began = time.monotonic()
        spec = SPEC.but(kernel=kernel, ms_per_mib=rate)
        with progress_bar(console) as bar:
            task = bar.add_task(f"{kernel} r{rate:g}", total=2 * len(pairs))
            rows = plan(spec, pairs, evaluations, SETTINGS, lambda task=task: bar.advance(task), workers)  # type: ignore[misc]
        about = {
            "command": f"python -m experiments.agents.planners --kernel {kernel} --ms-per-mib {rate:g}",
            "suite": "camera", "evaluations": evaluations, "settings": dataclasses.asdict(SETTINGS),
            "base_rule": mpc.rule_of(spec).parameters(),
        }  # fmt: skip
        keep(path_of(spec, out), rows, about)
        console.print(f"mpc's base rule: rt_aware {about['base_rule']}", highlight=False)
        for label in PLANNERS:
            mean = np.mean([row["score"] for row in rows if row["policy"] == label])
            console.print(f"{kernel} r{rate:g} {label}: {mean:.4f}", highlight=False)
        console.print(f"{time.monotonic() - began:.0f} s", highlight=False)


if __name__ == "__main__":
    app()
