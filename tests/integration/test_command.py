"""The command ``swapgym``: what it says, what it refuses, and that importing the package stays light."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from swapgym import __version__
from swapgym.cli import COMMANDS, app

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, list(arguments))
    return outcome.exit_code, " ".join(outcome.output.replace("│", " ").split())


def test_every_command_says_what_it_does() -> None:
    code, said = run("--help")
    assert code == 0
    assert all(name in said for name in COMMANDS)
    for name in COMMANDS:
        code, said = run(name, "--help")
        assert code == 0, said
        assert "Usage:" in said
    assert run("--version") == (0, __version__)


def test_a_checkout_has_the_same_commands_as_modules() -> None:
    assert {path.stem for path in (ROOT / "agents").glob("*.py")} - {"__init__"} == set(COMMANDS)
    told = [sys.executable, "-m", "agents.compare", "vivoo"]
    done = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean 'vivo'" in " ".join(done.stderr.replace("│", " ").split())
    assert "swapgym compare" in done.stderr


def test_a_typo_is_refused() -> None:
    code, said = run("trian")
    assert code == 2
    assert "No such command 'trian'. Did you mean 'train'?" in " ".join(said.split())


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(name: str) -> object:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr(importlib, "import_module", failing)
    code, said = run("--help")
    assert code == 0
    assert "needs scipy, which is not installed: the extra train has it" in said


def test_importing_is_light() -> None:
    code = (
        "import sys, swapgym, swapgym.cli; heavy = {'torch', 'stable_baselines3', 'scipy', 'matplotlib', 'numba'};"
        " print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
