"""Verdicts, and how to ask figures for them: is the whole interval on one side?"""

from __future__ import annotations

from typing import Literal, NamedTuple

from swapgym.agents.statistics import Estimate

Label = Literal["true", "false", "true when", "answered", "open"]
Figures = dict[str, Estimate]


class Verdict(NamedTuple):
    """What the figures say.

    ``answered`` is for questions; ``open`` says that the intervals do not decide.
    """

    label: Label
    why: str


def up(figure: Estimate, level: float = 0.0) -> bool:
    """Return whether all of the interval is above ``level``."""
    return figure.low > level


def down(figure: Estimate, level: float = 0.0) -> bool:
    """Return whether all of the interval is below ``level``."""
    return figure.high < level


def times(change: Estimate) -> Estimate:
    """Return a change in percent as a factor."""
    return Estimate(*(1 + value / 100 for value in change))


def flip(figure: Estimate) -> Estimate:
    """Return a figure with its sign turned: "less by" instead of "changed by"."""
    return Estimate(-figure.value, -figure.high, -figure.low)


def show(figure: Estimate, unit: str = "", digits: int = 0) -> str:
    """Return a figure with its interval."""
    unit = f" {unit}" if unit else ""
    if figure.low == figure.high:
        return f"{figure.value:.{digits}f}{unit}"
    return f"{figure.value:.{digits}f}{unit} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def compared(figure: Estimate, unit: str, more: str = "more", less: str = "less", digits: int = 0) -> str:
    """Return a difference in words: so much more, or so much less."""
    if figure.value >= 0:
        return f"{show(figure, unit, digits)} {more}"
    return f"{show(flip(figure), unit, digits)} {less}"


def listed(words: list[str]) -> str:
    """Return words joined by commas, "nothing" for none."""
    return ", ".join(words) if words else "nothing"
