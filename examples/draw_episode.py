"""Play an episode and draw it: pictures of its dashboard, and an animation.

Run from the checkout: ``python examples/draw_episode.py --out pictures``. Pillow is needed (``swapgym[render]``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from swapgym.phone import constants as k
from swapgym.phone.engine import advance, decide, start
from swapgym.phone.state import PHONE
from swapgym.render import History, draw, save_gif
from swapgym.workload import draw as draw_scenario
from swapgym.workload import empty

FPS = 12


def play(
    preset: str, seed: int, kernel: str, route_of: Callable[[int], int], device: str | None = None
) -> tuple[History, str]:
    """Play an episode; return its history and a title.

    Args:
        preset: Preset.
        seed: Scenario seed.
        kernel: Kernel variant.
        route_of: Returns the route of a batch, by how many batches were decided before.
        device: Device profile; ``None`` draws one of the preset's.
    """
    phones, scenarios = np.zeros(1, PHONE), empty(1)
    drawn = draw_scenario(preset, seed, device=device, kernel=kernel, out=scenarios[0])
    start(phones, scenarios, 0)
    history = History(scenarios[0])
    decisions = 0
    while True:
        status = advance(phones, scenarios, 0, history.due_us)
        if status == k.RUN_DECISION:
            route = route_of(decisions)
            history.decide(int(phones[0]["now_us"]), int(phones[0]["pending"]), route)
            decide(phones, scenarios, 0, route)
            decisions += 1
            continue
        history.sample(phones[0])
        if status == k.RUN_END:
            return history, f"{drawn.preset} {drawn.seed}, {drawn.device}, {drawn.kernel}"


def main() -> None:
    """Play, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--preset", default="camera_launch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kernel", default="vivo-async-nice0")
    parser.add_argument("--policy", choices=("defer", "inline", "alternate"), default="defer")
    parser.add_argument("--times-ms", type=int, nargs="*", default=[400, 1_000, 2_500])
    parser.add_argument("--gif", action="store_true", help="write an animation too")
    parser.add_argument("--out", type=Path, default=Path("pictures"))
    args = parser.parse_args()

    from PIL import Image

    deferring = k.USERSPACE if args.kernel == "userspace-reaper" else k.KWORKER
    routes = {
        "defer": lambda _: deferring,
        "inline": lambda _: k.INLINE,
        "alternate": lambda decisions: (k.INLINE, deferring)[decisions // 40 % 2],
    }
    history, title = play(args.preset, args.seed, args.kernel, routes[args.policy])
    args.out.mkdir(parents=True, exist_ok=True)
    name = f"{args.preset}-{args.seed}-{args.policy}"
    for time_ms in args.times_ms:
        Image.fromarray(draw(history, time_ms * k.MS, title=title)).save(args.out / f"{name}-{time_ms}.png")
    if args.gif:
        times_us = np.arange(0, history.now_us, 1_000_000 // FPS)
        save_gif(args.out / f"{name}.gif", (draw(history, int(us), title=title) for us in times_us), FPS)


if __name__ == "__main__":
    main()
