"""Tests libraries that are too heavy, or too particular, for the development environment: each in one of its own.

python -m tests.hooks.environments              # all of them: some minutes and gigabytes
python -m tests.hooks.environments mo minari    # some
python -m tests.hooks.environments wheel    # swapgym itself from its wheel, without a checkout
python -m tests.hooks.environments zoo --folder ~/.cache/swapgym-hooks    # kept for the next time
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
OPTIONS: Final = ("-o", "addopts=--import-mode=importlib --strict-markers", "--confcutdir=tests/hooks", "-q", "-rs")
"""How tests are run without what only the development environment has."""


WHEEL: Final = "wheel"
"""Not a library: swapgym itself, installed as its users install it."""


@dataclass(frozen=True)
class Environment:
    """A library's environment. Its name is that of the dependency group to install.

    Attributes:
        library: Module that must be importable in the end.
        tests: Which of ``tests/hooks``.
        more: What else to install.
    """

    library: str
    tests: tuple[str, ...]
    more: tuple[str, ...] = ()


ENVIRONMENTS: Final[dict[str, Environment]] = {
    "zoo": Environment("rl_zoo3", ("test_rl_zoo3.py", "test_stable_baselines3.py", "test_gymnasium.py")),
    "rllib": Environment("ray.rllib", ("test_rllib.py", "test_gymnasium.py")),  # requires an older Gymnasium
    "mo": Environment("mo_gymnasium", ("test_mo_gymnasium.py",)),
    "minari": Environment("minari", ("test_minari.py",), ("pyarrow",)),
}


COMMANDS: Final = (
    "train --algo ppo --seed 0 --timesteps 2000 --lanes 8 --eval-episodes 1 --out RUN",
    "resume RUN --timesteps 4000",
    "evaluate RUN --suite validation --episodes 2",
    "compare vivo:min_exiting=3 RUN RUN/model.zip --trust --suite validation --episodes 2 --out COMPARED",
    "watch RUN --seconds 0",
    "tune --samples 1 --rules 2 --episodes 1 --again 1 --workers 1",
    "store RUN",
)
"""What an installed package must be able to do, in an empty folder."""


def test(name: str, folder: Path) -> bool:
    """Make the environment ``name`` in ``folder``, where it is not there already, and run its tests."""
    environment = ENVIRONMENTS[name]
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    newer = ["-m", "pip", "install", "-q", "pip>=25.1"]
    install = ["-m", "pip", "install", "-q", "-e", str(ROOT), "--group", name, "pytest", *environment.more]
    tests = [f"tests/hooks/{file}" for file in environment.tests]
    for command in (newer, install, ["-c", f"import {environment.library}"], ["-m", "pytest", *OPTIONS, *tests]):
        if not succeeds([str(python), *command], ROOT):
            return False
    return True


def test_wheel(folder: Path) -> bool:
    """Install the wheel with ``[train]`` in an environment of its own, and use it where there is no checkout."""
    python, empty = folder / "bin" / "python", folder / "empty"
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip"]
    with tempfile.TemporaryDirectory(prefix="swapgym-wheel-") as built:
        if not succeeds([*pip, "wheel", "-q", "--no-deps", "-w", built, str(ROOT)], ROOT):
            return False
        (wheel,) = Path(built).glob("*.whl")
        tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        if any(not name.startswith("swapgym") for name in tops):
            print(f"{wheel.name} holds {', '.join(sorted(tops))}, must hold swapgym alone")
            return False
        if not succeeds([*pip, "install", "-q", f"{wheel}[train]"], ROOT):
            return False
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir()
    return all(succeeds([str(folder / "bin" / "swapgym"), *told.split()], empty) for told in COMMANDS)


def succeeds(command: list[str], where: Path) -> bool:
    """Return whether a command ends well."""
    return subprocess.run(command, cwd=where, env=clean(), check=False).returncode == 0


def clean() -> dict[str, str]:
    """Return this process's environment variables less those that lead to packages of another Python."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def main() -> None:
    """Test what is asked for; the exit code is the number of environments that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join((*ENVIRONMENTS, WHEEL))}; by default all"
    )
    parser.add_argument("--folder", type=Path, help="where environments are made and kept; by default nowhere")
    given = parser.parse_args()
    for name in given.names:
        if name not in (*ENVIRONMENTS, WHEEL):
            parser.error(f"{name!r}: must be one of {', '.join((*ENVIRONMENTS, WHEEL))}")
    passed: dict[str, bool] = {}
    for name in given.names or (*ENVIRONMENTS, WHEEL):
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="swapgym-hooks-") as nowhere:
            folder = (given.folder or Path(nowhere)) / name
            passed[name] = test_wheel(folder) if name == WHEEL else test(name, folder)
    for name, good in passed.items():
        print(f"{name:<8} {'passed' if good else 'FAILED'}")
    sys.exit(list(passed.values()).count(False))


if __name__ == "__main__":
    main()
