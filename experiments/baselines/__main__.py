"""Command line of the reference costs: see :mod:`experiments.baselines`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from experiments.baselines.measure import KERNEL, Episode, measure, stored_episodes
from swapgym.envs import costs
from swapgym.workload import MIXTURES, PRESET_NAMES, suite

EPISODES = 64
QUICK_EPISODES = 2
TARGET = Path(costs.__file__).with_name("reference_costs.json")
SUMMARY = Path(__file__).with_name("results") / "summary.json"


def main(arguments: list[str] | None = None) -> int:
    """Measure the reference costs and store them, or with ``--quick`` compare a few episodes with what is stored."""
    parser = argparse.ArgumentParser(prog="python -m experiments.baselines", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run a few episodes again, store nothing")
    return compare() if parser.parse_args(arguments).quick else store()


def compare() -> int:
    """Play a few episodes of every preset again; return 1 where one costs something else than stored."""
    different = 0
    for preset in PRESET_NAMES:
        stored = stored_episodes(preset)[:QUICK_EPISODES]
        measured = list(measure(preset, train_seeds(preset)[:QUICK_EPISODES]))
        different += measured != stored
        print(f"{preset:<16} {'as stored' if measured == stored else f'stored {stored}, measured {measured}'}")
    return 1 if different else 0


def store() -> int:
    """Measure all presets on the first train scenarios; write ``reference_costs.json`` and the summary."""
    presets = {}
    for preset in PRESET_NAMES:
        presets[preset] = entry = summarise(list(measure(preset, train_seeds(preset))))
        print(f"{preset:<16} lag {entry['lag_ms']:9.1f} ms  peak {entry['peak_mib']:7.1f} MiB", flush=True)
    stored = {
        "command": "python -m experiments.baselines",
        "kernel": KERNEL,
        "route": "INLINE",
        "suite": "train",
        "columns": Episode._fields,
        "presets": presets,
    }
    TARGET.write_text(compact(stored), encoding="utf-8")
    SUMMARY.parent.mkdir(exist_ok=True)
    flat = {f"{preset}.{name}": presets[preset][name] for preset in presets for name in ("lag_ms", "peak_mib")}
    SUMMARY.write_text(json.dumps(flat, indent=2) + "\n", encoding="utf-8")
    return 0


def train_seeds(preset: str) -> list[int]:
    """Return the train seeds that a preset's reference cost is measured on; for a mixture the first of all."""
    if preset in MIXTURES:
        return list(range(EPISODES))
    return [seed for _, seed in suite("train").only(preset).first(EPISODES)]


def summarise(episodes: list[Episode]) -> dict[str, Any]:
    """Return the means of ``episodes``, and the episodes themselves."""
    count = len(episodes)
    return {
        "lag_ms": round(sum(episode.lag_ms for episode in episodes) / count, 3),
        "peak_mib": round(sum(episode.peak_mib for episode in episodes) / count, 3),
        "episodes": episodes,
    }


def compact(stored: dict[str, Any]) -> str:
    """Return ``stored`` as JSON with one episode per line."""
    text = json.dumps({**stored, "presets": None}, indent=2)
    blocks = []
    for preset, entry in stored["presets"].items():
        episodes = ",\n".join(f"        {json.dumps(episode)}" for episode in entry["episodes"])
        head = f'    "{preset}": {{\n      "lag_ms": {entry["lag_ms"]},\n      "peak_mib": {entry["peak_mib"]},\n'
        blocks.append(f'{head}      "episodes": [\n{episodes}\n      ]\n    }}')
    return text.replace('"presets": null', '"presets": {\n' + ",\n".join(blocks) + "\n  }") + "\n"


if __name__ == "__main__":
    sys.exit(main())
