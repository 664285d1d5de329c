"""The README's two commands are what it says they are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands() -> list[str]:
    top = (ROOT / "README.md").read_text().split("\n---\n")[0]
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", top, re.DOTALL)]


def test_two_commands_of_one_line_each() -> None:
    found = commands()
    assert len(found) == 2
    for command in found:
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && . .venv/bin/activate && pip install")
    assert found[0].endswith("python -m experiments.compare")


def test_ci_runs_exactly_the_second() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert commands()[1] in lines
    assert [line for line in lines if "pytest" in line and not line.startswith("#")] == [commands()[1]]


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "experiments" / "README.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_headline_is_the_last_run_s() -> None:
    page = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- headline.*?-->\n(.*?)<!-- /headline -->", page, re.DOTALL)
    assert found
    assert found[1] == (ROOT / "experiments" / "compare" / "results" / "headline.md").read_text()
