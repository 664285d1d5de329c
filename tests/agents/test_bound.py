"""The stored bound is found again, replays, and is left out where it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents import bound
from agents.policies import make
from agents.runner import play
from agents.train import bound_of
from agents.tune import LAG_WEIGHTS
from swapgym.workload import suite

pytestmark = pytest.mark.xdist_group("bound")  # one run serves all

PAIRS = list(suite("validation").first(1))


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


@pytest.mark.parametrize("lag_weight", LAG_WEIGHTS)
def test_what_is_stored_is_found_and_can_be_done(path: Path, lag_weight: float) -> None:
    found = bound.stored(PAIRS, lag_weight, bound.KERNEL, path)
    assert found is not None
    assert [(one.preset, one.seed) for one in found] == PAIRS
    world = bound.world_of(lag_weight, bound.KERNEL)
    for name in ("always_inline", "vivo"):
        rows = play(world, make(name, world.routes), name, PAIRS)
        assert all(one.score <= row["score"] + 1e-9 for one, row in zip(found, rows, strict=True))
    # the same episodes, in the order that is asked for
    assert bound.stored(PAIRS[::-1], lag_weight, bound.KERNEL, path) == found[::-1]
    scale = [row["score"] for row in rows]
    assert bound.means(found)["score"] <= sum(scale) / len(scale)


def test_score_lag_and_peak_are_of_one_episode(path: Path) -> None:
    from swapgym.envs.rewards import baseline_of

    for lag_weight in LAG_WEIGHTS:
        for one in bound.stored(PAIRS, lag_weight, bound.KERNEL, path) or []:
            base = baseline_of(one.preset)
            expected = lag_weight * one.lag_ms / base.lag_ms + (1 - lag_weight) * one.peak_mib / base.peak_mib
            assert one.score == pytest.approx(expected, rel=1e-9)


def test_what_is_not_stored_for_all_episodes_is_none(path: Path, tmp_path: Path) -> None:
    assert bound.stored(list(suite("validation").first(2)), 0.5, bound.KERNEL, path) is None
    assert bound.stored(PAIRS, 0.4, bound.KERNEL, path) is None
    assert bound.stored(PAIRS, 0.5, "mainline", path) is None
    assert bound.stored(PAIRS, 0.5, bound.KERNEL, tmp_path / "nowhere.json") is None


def test_a_bound_of_another_phone_is_named(path: Path, tmp_path: Path) -> None:
    for column, value in ((0, "3I"), (1, "0" * 16)):
        other = changed(path, tmp_path, "records", 2, column, value)
        with pytest.raises(ValueError, match=f"{PAIRS[2][0]} {PAIRS[2][1]} ends otherwise.*run python -m agents.bound"):
            bound.stored(PAIRS, 0.5, bound.KERNEL, other)
        assert bound.stored(PAIRS[:2], 0.5, bound.KERNEL, other) is not None


def test_a_file_that_is_no_bound_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    for text in ("{", "{}", '{"entries": [{"lag_weight": 0.5}]}', "[]"):
        broken.write_text(text)
        with pytest.raises(ValueError, match=r"broken\.json: .* must be as python -m agents\.bound writes it"):
            bound.stored(PAIRS, 0.5, bound.KERNEL, broken)


def test_training_goes_on_without_a_stale_bound(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = changed(path, tmp_path, "records", 0, 1, "0" * 16)
    real = bound.stored
    monkeypatch.setattr(bound, "stored", lambda *given: real(*given, other))
    assert bound_of(PAIRS, 0.5, bound.KERNEL, search=False) is None
    assert "left out" in capsys.readouterr().out
    monkeypatch.setattr(bound, "stored", lambda *given: real(*given, path))
    found = bound.stored(PAIRS, 0.5, bound.KERNEL)
    assert found is not None
    assert bound_of(PAIRS, 0.5, bound.KERNEL, search=False) == bound.means(found)


def test_bad_input_is_named(tmp_path: Path) -> None:
    for told, message in (
        (["--episodes", "21"], "episodes: 21, must be from 1 to 20"),
        (["--evaluations", "3"], "'--evaluations'"),
    ):
        outcome = CliRunner().invoke(bound.app, [*told, "--out", str(tmp_path / "out.json")])
        assert outcome.exit_code == 2
        assert message in " ".join(outcome.output.replace("│", " ").split())
    assert not (tmp_path / "out.json").exists()
