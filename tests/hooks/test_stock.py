"""The newcomer's script: a stock algorithm on the default task, a few thousand steps."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("algo", ["ppo", "dqn"])
def test_it_trains_and_says_what_came_of_it(algo: str) -> None:
    command = [sys.executable, "examples/stock_ppo.py", "--algo", algo, "--steps", "3000", "--episodes", "6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(.+?)\s+score (\S+)\s+lag\s+(\S+) ms\s+peak\s+(\S+) MiB$", done.stdout, re.MULTILINE)
    assert [row[0] for row in found] == ["always inline", "always defer", algo]
    inline, defer, own = (tuple(map(float, row[1:])) for row in found)
    assert inline != defer and min(*inline, *defer, *own) >= 0.0
    assert 0.2 < own[0] < 2.0, "a score is a cost over mainline's"
