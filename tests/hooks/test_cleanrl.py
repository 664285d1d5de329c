"""A loop after CleanRL: lanes that reset themselves are used as Gymnasium means it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/cleanrl_ppo.py"


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("cleanrl_ppo", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> str:
    command = [sys.executable, str(EXAMPLE), "--lanes", "4", "--length", "64", "--steps", "1024", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_native_and_sync_lanes_train_the_same_policy() -> None:
    native = run()
    assert native.count("collateral_kills") >= 3
    assert run("--sync") == native


def test_advantages_do_not_pass_an_end(example: Any) -> None:
    def column(*values: float) -> Any:
        return torch.tensor(values)[:, None]

    def flags(*values: int) -> Any:
        return torch.tensor(values, dtype=torch.bool)[:, None]

    rewards, values = column(1.0, 2.0, 0.0, 4.0), column(0.5, 0.25, 8.0, 0.125)
    settings: Any = (torch.tensor([16.0]), 0.5, 0.5)
    # the second step ends the episode, the third only resets
    ended = example.advantages_of(rewards, values, flags(0, 1, 0, 0), flags(0, 0, 1, 0), *settings)
    second = 2.0 - 0.25
    assert ended[:, 0].tolist() == [1.0 + 0.5 * 0.25 - 0.5 + 0.25 * second, second, 0.0, 4.0 + 8.0 - 0.125]
    # the second step is cut off: what its last observation is worth stands for the rest
    cut = example.advantages_of(rewards, values, flags(0, 0, 0, 0), flags(0, 0, 1, 0), *settings)
    second = 2.0 + 0.5 * 8.0 - 0.25
    assert cut[:, 0].tolist() == [1.0 + 0.5 * 0.25 - 0.5 + 0.25 * second, second, 0.0, 4.0 + 8.0 - 0.125]
