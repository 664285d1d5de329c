"""From episodes to tables: scores by policy, paired differences with intervals, by preset and by device."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.table import Table

from swapgym import files
from swapgym.agents.play import Row
from swapgym.agents.records import COLUMNS, write_worlds
from swapgym.agents.sb3 import algorithms
from swapgym.agents.statistics import Scores, difference, interquartile_mean
from swapgym.envs.spec import EnvSpec

PAIRED: Final = "paired"
BOUND: Final = "clairvoyant"
ONLINE: Final = "mpc"
PLANNERS: Final = (BOUND, ONLINE)
"""What rows of planners are called."""
LEARNED: Final = (*algorithms.ALGORITHMS, PAIRED)


def by_policy(rows: Sequence[Row], episodes: Sequence[tuple[str, int]]) -> dict[str, Scores]:
    """Return scores by policy, shape ``(seeds, episodes)``, episodes in their order."""
    place = {pair: position for position, pair in enumerate(episodes)}
    found: dict[str, dict[str, Scores]] = {}
    for row in rows:
        runs_of = found.setdefault(row["policy"], {})
        scores = runs_of.setdefault(row["run"], np.full(len(episodes), np.nan))
        scores[place[row["preset"], row["seed"]]] = row["score"]
    return {policy: np.stack(list(scores.values())) for policy, scores in found.items()}


def best_of(scores: Mapping[str, Scores], names: Sequence[str] | None = None) -> str:
    """Return the policy of the lowest mean score among ``names``; by default among what neither learned nor planned."""
    chosen = [name for name in scores if name not in (*LEARNED, *PLANNERS)] if names is None else names
    return min(chosen, key=lambda name: float(scores[name].mean()))


def summarise(
    rows: Sequence[Row], episodes: Sequence[tuple[str, int]], against: str | None = None
) -> list[dict[str, Any]]:
    """Return a row per policy, best first: seeds, mean, interquartile mean, paired difference from one of them.

    Args:
        rows: Of all policies on the same episodes.
        episodes: Those, in their order.
        against: The policy that differences are from; by default the best fixed one.
    """
    scores = by_policy(rows, episodes)
    presets = [preset for preset, _ in episodes]
    against = against or best_of(scores)
    runs = {row["policy"] for row in rows if row["run"]}
    table = []
    for name, own in scores.items():
        gap = difference(own, scores[against], presets)
        table.append(
            {
                "policy": name,
                "seeds": len(own) if name in runs else 0,
                "score": float(own.mean()),
                "score_iqm": interquartile_mean(own.mean(axis=0)),
                "difference": gap.value,
                "low": gap.low,
                "high": gap.high,
                "against": against,
            }
        )
    return sorted(table, key=lambda row: row["score"])


def breakdown(
    rows: Sequence[Row], episodes: Sequence[tuple[str, int]], against: str | None = None
) -> list[dict[str, Any]]:
    """Return a row per policy and preset, and per policy and device: paired difference from one of them.

    Args:
        rows: Of all policies on the same episodes.
        episodes: Those, in their order.
        against: See :func:`summarise`; the same policy everywhere.
    """
    scores = by_policy(rows, episodes)
    against = against or best_of(scores)
    devices = {(row["preset"], row["seed"]): row["device"] for row in rows}
    found = []
    for by, values in (("preset", [preset for preset, _ in episodes]), ("device", [devices[one] for one in episodes])):
        for value in dict.fromkeys(values):
            places = [place for place, own in enumerate(values) if own == value]
            presets = [episodes[place][0] for place in places]
            for name, own in scores.items():
                gap = difference(own[:, places], scores[against][:, places], presets)
                found.append(
                    {
                        "by": by, "value": value, "episodes": len(places), "policy": name,
                        "score": float(own[:, places].mean()), "difference": gap.value, "low": gap.low,
                        "high": gap.high, "against": against,
                    }
                )  # fmt: skip
    return found


def shown(title: str, table: Sequence[Mapping[str, Any]]) -> Table:
    """Return what :func:`summarise` found as people read it."""
    found = Table(title=title)
    for column in ("policy", "seeds", "score", f"minus {table[0]['against']}", "95 %"):
        found.add_column(column, justify="left" if column == "policy" else "right", overflow="fold")
    for row in table:
        interval = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
        found.add_row(
            row["policy"], str(row["seeds"] or ""), f"{row['score']:.4f}", f"{row['difference']:+.4f}", interval
        )
    return found


def shown_by_place(parts: Sequence[Mapping[str, Any]], policies: Sequence[str]) -> Table:
    """Return what :func:`breakdown` found of ``policies`` as people read it."""
    found = Table(title=f"score minus that of {parts[0]['against']}, by preset and by device")
    for column in ("where", "scenarios", "policy", "difference", "95 %"):
        found.add_column(column, justify="left" if column == "policy" else "right", overflow="fold")
    for row in parts:
        if row["policy"] in policies:
            interval = f"[{row['low']:+.4f}, {row['high']:+.4f}]"
            found.add_row(row["value"], str(row["episodes"]), row["policy"], f"{row['difference']:+.4f}", interval)
    return found


def write(
    folder: Path,
    rows: Sequence[Row],
    table: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
    specs: Sequence[EnvSpec] = (),
) -> None:
    """Write records, the decision processes they were played in, tables, and what was compared."""
    tables = (("episodes", rows, COLUMNS), ("table", table, tuple(table[0])), ("breakdown", parts, tuple(parts[0])))
    for name, lines, columns in tables:
        files.write_csv(folder / f"{name}.csv", lines, columns)
    write_worlds(folder, specs)
    files.write(folder / "evaluation.json", json.dumps(dict(about), indent=1) + "\n")
