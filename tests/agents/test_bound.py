"""The stored bound is found again, replays, and is left out where it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from swapgym.agents import bound
from swapgym.agents.planning.plans import per_batch
from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.sb3.learner import bound_of
from swapgym.agents.task import PRESET, RATES, SPEC
from swapgym.envs.costs import reference
from swapgym.workload import suite

pytestmark = pytest.mark.xdist_group("bound")  # one run serves all

PAIRS = suite("validation").first(1).of(PRESET)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bound") / "below" / "bound.json"
    told = ["--episodes", "1", "--evaluations", "12", "--workers", "1", "--out", str(out)]
    outcome = CliRunner().invoke(bound.app, told)
    assert outcome.exit_code == 0, outcome.output
    assert [one.name for one in out.parent.iterdir()] == [out.name], "nothing half written"
    return out


def changed(path: Path, tmp_path: Path, field: str, row: int, column: int, value: object) -> Path:
    entries = json.loads(path.read_text())
    for entry in entries["entries"]:
        entry[field][row][column] = value
    (tmp_path / "changed.json").write_text(json.dumps(entries))
    return tmp_path / "changed.json"


@pytest.mark.parametrize("rate", RATES)
def test_what_is_stored_is_found_and_can_be_done(path: Path, rate: float) -> None:
    spec = SPEC.but(ms_per_mib=rate)
    found = bound.stored(PAIRS, spec, path)
    assert found is not None
    assert [(one.preset, one.seed) for one in found] == PAIRS
    for name in ("always_inline", "vivo"):
        rows = play(per_batch(spec), make(name), name, PAIRS)
        assert all(one.score <= row["score"] + 1e-9 for one, row in zip(found, rows, strict=True))
    # the same episodes, in the order that is asked for
    assert bound.stored(PAIRS[::-1], spec, path) == found[::-1]
    scale = [row["score"] for row in rows]
    assert bound.means(found)["score"] <= sum(scale) / len(scale)


def test_score_lag_and_peak_are_of_one_episode(path: Path) -> None:
    for rate in RATES:
        for one in bound.stored(PAIRS, SPEC.but(ms_per_mib=rate), path) or []:
            lag_ms, peak_mib, _ = reference(one.preset, SPEC.device or "")
            expected = (one.lag_ms + rate * one.peak_mib) / (lag_ms + rate * peak_mib)
            assert one.score == pytest.approx(expected, rel=1e-9)


def test_what_is_not_stored_for_all_episodes_is_none(path: Path, tmp_path: Path) -> None:
    assert bound.stored(suite("validation").first(2).of(PRESET), SPEC, path) is None
    assert bound.stored(PAIRS, SPEC.but(ms_per_mib=3.0), path) is None
    assert bound.stored(PAIRS, SPEC.but(kernel="mainline"), path) is None
    assert bound.stored(PAIRS, SPEC.but(device=None), path) is None
    assert bound.stored(PAIRS, SPEC, tmp_path / "nowhere.json") is None


def test_a_bound_of_another_phone_is_named(path: Path, tmp_path: Path) -> None:
    for column, value in ((0, "3a"), (1, "0" * 16)):
        other = changed(path, tmp_path, "records", 1, column, value)
        with pytest.raises(ValueError, match=f"{PAIRS[1][0]} {PAIRS[1][1]} ends otherwise.*run swapgym bound"):
            bound.stored(PAIRS, SPEC, other)
        assert bound.stored(PAIRS[:1], SPEC, other) is not None


def test_a_file_that_is_no_bound_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    for text in ("{", "{}", '{"entries": [{"ms_per_mib": 6.0}]}', "[]"):
        broken.write_text(text)
        with pytest.raises(ValueError, match=r"broken\.json: .* must be as swapgym bound writes it"):
            bound.stored(PAIRS, SPEC, broken)


def test_training_goes_on_without_a_stale_bound(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(path, tmp_path, "records", 0, 1, "0" * 16)
    real = bound.stored
    monkeypatch.setattr(bound, "stored", lambda *given: real(*given, other))
    assert bound_of(PAIRS, SPEC, Console(), search=False) is None
    assert "left out" in capsys.readouterr().out
    monkeypatch.setattr(bound, "stored", lambda *given: real(*given, path))
    found = bound.stored(PAIRS, SPEC)
    assert found is not None
    assert bound_of(PAIRS, SPEC, Console(), search=False) == bound.means(found)


def test_bad_input_is_named(tmp_path: Path) -> None:
    for told, message in (
        (["--episodes", "21"], "episodes: 21, must be from 1 to 20"),
        (["--evaluations", "3"], "'--evaluations'"),
    ):
        outcome = CliRunner().invoke(bound.app, [*told, "--out", str(tmp_path / "out.json")])
        assert outcome.exit_code == 2
        assert message in " ".join(outcome.output.replace("│", " ").split())
    assert not (tmp_path / "out.json").exists()
