"""Evaluate runs beside fixed policies, tuned where there are such: ``swapgym evaluate runs/ppo-r6-*``.

All play the same scenarios of a suite, each run in the decision process that it was trained in. Runs of one algorithm
and rate are training seeds of one agent: its score on an episode is the mean over its seeds, and the interval of a
difference counts both episodes and seeds. The rows are replayable records: ``python -m experiments.validate`` plays
them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from swapgym import files
from swapgym.agents.paired.network import PairedPolicy
from swapgym.agents.play import Row, play
from swapgym.agents.policies import Policy, make
from swapgym.agents.sb3 import algorithms
from swapgym.agents.sb3.networks import lighter
from swapgym.agents.statistics import Scores, difference, interquartile_mean
from swapgym.agents.stored import runs
from swapgym.agents.stored.tuned import baselines
from swapgym.agents.task import ROUTES, SPEC
from swapgym.envs.spec import EnvSpec
from swapgym.workload import PRESET_NAMES, SUITES, suite
from swapgym.workload.config import unknown

PAIRED: Final = "paired"
BOUND: Final = "clairvoyant"
ONLINE: Final = "mpc"
PLANNERS: Final = (BOUND, ONLINE)
"""What rows of planners are called."""
LEARNED: Final = (*algorithms.ALGORITHMS, PAIRED)
COLUMNS: Final = (
    "policy", "run", "preset", "seed", "device", "kernel", "score", "lag_ms", "peak_mib", "launch_delay_ms",
    "collateral_kills",
    "unaccounted_cpu_ms", "zombie_mib_s", "decisions", "actions", "digest", "world",
)  # fmt: skip

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


def load_model(folder: Path) -> tuple[dict[str, Any], Policy]:
    """Return a run's configuration and its model's policy, as arrays where it can be.

    Raises:
        FileNotFoundError: If the folder is no run, or has no model yet.
    """
    folder = Path(folder)
    config = runs.config_of(folder)
    paired = config["algo"] == PAIRED
    path = folder / ("model.npz" if paired else "model.zip")
    if not path.exists():
        raise FileNotFoundError(f"{folder} has no {path.name}: it ended before its first checkpoint")
    if paired:
        return config, PairedPolicy.load(path)
    model = algorithms.algorithm(config["algo"]).load(path, device="cpu")
    return config, lighter(model, runs.spec_of(config))


def spec_of(folders: Sequence[Path]) -> EnvSpec:
    """Return what is compared: the default task with what all runs share: kernel, device, preset and rate.

    Raises:
        FileNotFoundError: If a folder is no run.
        ValueError: If the runs differ in one of them: their scores cannot be compared.
    """
    specs = [runs.spec_of(runs.config_of(Path(folder))) for folder in folders]
    names = ("kernel", "device", "preset", "ms_per_mib")
    found = {tuple(getattr(spec, name) for name in names) for spec in specs}
    if len(found) != 1:
        raise ValueError(f"runs: {', '.join(names)} of {sorted(map(str, found))}, must share one of each")
    return SPEC.but(**dict(zip(names, found.pop(), strict=True)))


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
    fixed, _ = baselines(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset)
    for name, policy in (fixed | {"always_inline": make("always_inline", ROUTES)}).items():
        rows += [row | {"run": ""} for row in play(spec, policy, name, episodes)]
    return rows


def by_policy(rows: Sequence[Row], episodes: Sequence[tuple[str, int]]) -> dict[str, Scores]:
    """Return scores by policy, shape ``(seeds, episodes)``, episodes in their order."""
    place = {pair: position for position, pair in enumerate(episodes)}
    found: dict[str, dict[str, Scores]] = {}
    for row in rows:
        runs_of = found.setdefault(row["policy"], {})
        scores = runs_of.setdefault(row["run"], np.full(len(episodes), np.nan))
        scores[place[row["preset"], row["seed"]]] = row["score"]
    return {policy: np.stack(list(scores.values())) for policy, scores in found.items()}


def summarise(rows: Sequence[Row], episodes: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return a row per policy, best first: seeds, mean, interquartile mean, difference to the best fixed one."""
    scores = by_policy(rows, episodes)
    presets = [preset for preset, _ in episodes]
    fixed = {name: own for name, own in scores.items() if name not in LEARNED}
    best = min(fixed, key=lambda name: fixed[name].mean())
    table = []
    for name, own in scores.items():
        gap = difference(own, fixed[best], presets)
        table.append(
            {
                "policy": name,
                "seeds": len(own) if name in LEARNED else 0,
                "score": float(own.mean()),
                "score_iqm": interquartile_mean(own.mean(axis=0)),
                "over_best_fixed": gap[0],
                "low": gap[1],
                "high": gap[2],
                "best_fixed": best,
            }
        )
    return sorted(table, key=lambda row: row["score"])


def breakdown(rows: Sequence[Row], episodes: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return a row per policy and preset, and per policy and device: paired difference to the best fixed policy of all.

    Args:
        rows: Of all policies on the same episodes.
        episodes: Those, in their order.
    """
    scores = by_policy(rows, episodes)
    fixed = [name for name in scores if name not in (*LEARNED, *PLANNERS)]
    best = min(fixed, key=lambda name: float(scores[name].mean()))
    devices = {(row["preset"], row["seed"]): row["device"] for row in rows}
    found = []
    for by, values in (("preset", [preset for preset, _ in episodes]), ("device", [devices[one] for one in episodes])):
        for value in dict.fromkeys(values):
            places = [place for place, own in enumerate(values) if own == value]
            presets = [episodes[place][0] for place in places]
            for name, own in scores.items():
                gap = difference(own[:, places], scores[best][:, places], presets)
                found.append(
                    {
                        "by": by, "value": value, "episodes": len(places), "policy": name,
                        "score": float(own[:, places].mean()), "over_best_fixed": gap[0], "low": gap[1],
                        "high": gap[2], "best_fixed": best,
                    }
                )  # fmt: skip
    return found


@app.command()
def main(
    run: Annotated[list[Path], typer.Argument(help="Run folders of one kernel, device, preset and rate.")],
    on: Annotated[str, typer.Option("--suite", help=f"One of {', '.join(SUITES)}.")] = "test",
    preset: Annotated[str | None, typer.Option(help=f"Of {', '.join(PRESET_NAMES)}; the runs' own by default.")] = None,
    episodes: Annotated[int | None, typer.Option(min=1, help="Per preset; all of the suite by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for records and table.")] = None,
) -> None:
    """Play runs and fixed policies on the same scenarios, and compare them."""
    try:
        if on not in SUITES:
            raise unknown("suite", on, SUITES)
        spec = spec_of(run)
        pairs = (suite(on) if episodes is None else suite(on).first(episodes)).of(preset or spec.preset)
        rows = play_runs(run, pairs)
    except (ValueError, FileNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    table = summarise(rows, pairs)
    fixed = baselines(spec.ms_per_mib, kernel=spec.kernel, preset=spec.preset)[1]
    if out is not None:
        about = {
            "suite": on, "episodes": len(pairs), "kernel": spec.kernel, "device": spec.device,
            "ms_per_mib": spec.ms_per_mib, "preset": preset or spec.preset, "fixed_policies": fixed,
        }  # fmt: skip
        write(out, rows, table, breakdown(rows, pairs), about)
    shown = Table(title=f"{on} suite, {len(pairs)} scenarios, {spec.ms_per_mib:g} ms per MiB; score: lower is better")
    for column in ("policy", "seeds", "score", "over best fixed", "95 %"):
        shown.add_column(column, justify="right")
    for row in table:
        interval = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
        seeds = str(row["seeds"] or "")
        shown.add_row(row["policy"], seeds, f"{row['score']:.4f}", f"{row['over_best_fixed']:+.4f}", interval)
    console.print(shown)
    console.print(by_preset(rows, pairs))
    console.print(f"fixed policies: {fixed}", highlight=False)


def by_preset(rows: Sequence[Row], episodes: Sequence[tuple[str, int]]) -> Table:
    """Return a table of what the agents are over the best fixed policy, by preset and by device."""
    parts = [row for row in breakdown(rows, episodes) if row["policy"] in LEARNED]
    shown = Table(title="over the best fixed policy")
    for column in ("where", "scenarios", "policy", "difference", "95 %"):
        shown.add_column(column, justify="right")
    for row in parts:
        interval = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
        shown.add_row(row["value"], str(row["episodes"]), row["policy"], f"{row['over_best_fixed']:+.4f}", interval)
    return shown


def write(
    folder: Path,
    rows: Sequence[Row],
    table: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Write records, tables and what was evaluated."""
    tables = (("episodes", rows, COLUMNS), ("table", table, tuple(table[0])), ("breakdown", parts, tuple(parts[0])))
    for name, lines, columns in tables:
        files.write_csv(folder / f"{name}.csv", lines, columns)
    files.write(folder / "evaluation.json", json.dumps(dict(about), indent=1) + "\n")
