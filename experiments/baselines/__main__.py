"""Command line of the reference costs: see :mod:`experiments.baselines`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from experiments.baselines.measure import KERNEL, Episode, measure, stored_episodes
from swapgym.envs import costs
from swapgym.workload import DEVICES, PRESETS

EPISODES = 256
FIRST = 2
TARGET = Path(costs.__file__).with_name("reference_costs.json")
SUMMARY = Path(__file__).with_name("results") / "summary.json"


def main(arguments: list[str] | None = None) -> int:
    """Measure the reference costs and store them, or with ``--quick`` compare a few episodes with what is stored."""
    parser = argparse.ArgumentParser(prog="python -m experiments.baselines", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run a few episodes again, store nothing")
    return compare() if parser.parse_args(arguments).quick else store()


def compare() -> int:
    """Play the first episodes of every mean again; return 1 where one costs something else than stored."""
    different = 0
    for preset in PRESETS:
        for device in DEVICES:
            stored = stored_episodes(preset, device)
            measured = list(measure(preset, device, range(FIRST)))
            different += measured != stored
            print(f"{preset:<16} {device:<10} {'as stored' if measured == stored else f'{stored}, now {measured}'}")
    return 1 if different else 0


def store() -> int:
    """Measure all presets on all devices; write ``reference_costs.json`` and the summary."""
    presets: dict[str, dict[str, Any]] = {}
    for preset in PRESETS:
        presets[preset] = {}
        for device in DEVICES:
            presets[preset][device] = entry = summarise(list(measure(preset, device, range(EPISODES))))
            lag, peak = entry["lag_ms"], entry["peak_mib"]
            print(f"{preset:<16} {device:<10} lag {lag:9.1f} ms  peak {peak:7.1f} MiB", flush=True)
    stored = {
        "command": "python -m experiments.baselines",
        "kernel": KERNEL,
        "route": "INLINE",
        "scenario_seeds": f"0 to {EPISODES - 1}",
        "columns": Episode._fields,
        "presets": presets,
    }
    TARGET.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    SUMMARY.parent.mkdir(exist_ok=True)
    flat = {
        f"{preset}.{device}.{name}": presets[preset][device][name]
        for preset in presets
        for device in DEVICES
        for name in ("lag_ms", "peak_mib")
    }
    SUMMARY.write_text(json.dumps(flat, indent=2) + "\n", encoding="utf-8")
    return 0


def summarise(episodes: list[Episode]) -> dict[str, Any]:
    """Return the means of ``episodes``, and the first of them."""
    count = len(episodes)
    return {
        "lag_ms": round(sum(episode.lag_ms for episode in episodes) / count, 3),
        "peak_mib": round(sum(episode.peak_mib for episode in episodes) / count, 3),
        "first": episodes[:FIRST],
    }


if __name__ == "__main__":
    sys.exit(main())
