"""Published exits: what is read, what is refused, and what is predicted of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments.calibration.exits import DATA, app, judge, of_use, predict, read
from experiments.calibration.wild import CLASSES, Victim, exit_times

HEADER = "device_class,rss_kb,swap_kb,in_flight"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "kills.csv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_the_shipped_data_is_whole() -> None:
    exits = read(DATA)
    assert len(exits) == 180
    assert len(of_use(exits, "fit")) + len(of_use(exits, "check")) == 180
    phones = {use: {one.row["source"] for one in of_use(exits, use)} for use in ("fit", "check")}
    assert not phones["fit"] & phones["check"]


def test_columns_are_kept_and_quantiles_added(tmp_path: Path) -> None:
    path = written(tmp_path, "low,90000,40000,0,x", "high,60000,,1,y", header=HEADER + ",note")
    out = tmp_path / "out.csv"
    outcome = CliRunner().invoke(app, [str(path), "--out", str(out), "--draws", "8"])
    assert outcome.exit_code == 0, outcome.output
    rows = list(csv.DictReader(out.open()))
    assert [row["note"] for row in rows] == ["x", "y"]
    for row in rows:
        assert 0 < float(row["ms_p10"]) <= float(row["ms_median"]) <= float(row["ms_p90"])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("tablet,1,1,0", "kills.csv:2: device_class: 'tablet'"),
        ("low,much,1,0", "kills.csv:2: rss_kb: 'much'"),
        ("low,1,-4,0", "kills.csv:2: swap_kb: '-4'"),
        ("low,1,1,99", "kills.csv:2: in_flight: '99'"),
        ("low,1,1", "kills.csv:2: in_flight: None"),
        ("low,1,1,0,more", "kills.csv:2: 4 columns"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"kills\.csv:2") as error:
        read(written(tmp_path, row))
    assert said in str(error.value)


def test_a_missing_column_or_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no column in_flight"):
        read(written(tmp_path, "low,1,1", header="device_class,rss_kb,swap_kb"))
    out = tmp_path / "out.csv"
    assert CliRunner().invoke(app, [str(tmp_path / "none.csv"), "--out", str(out)]).exit_code == 2
    own = written(tmp_path, "low,1,1,0")
    assert CliRunner().invoke(app, [str(own), "--out", str(own)]).exit_code == 2
    assert not out.exists()
    assert own.read_text().startswith(HEADER + "\n")


def test_what_is_not_told_is_none(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "low,1024,,,NA", header="\ufeff" + HEADER + ",exit_ms"))
    assert one.victim == Victim("low", 1.0, 0.0, 0)
    assert one.took_ms == 0.0


def test_an_app_larger_than_the_phone_and_more_company_than_it_holds() -> None:
    took = exit_times(Victim("low", 3_000, 4_000, 40), 4)
    assert (took > 1_000).all()


def test_bigger_apps_and_company_take_longer() -> None:
    for name in CLASSES:
        small, swapped, resident, crowded = (
            float(np.median(exit_times(victim, 24)))
            for victim in (
                Victim(name, 60, 20, 0), Victim(name, 60, 400, 0), Victim(name, 600, 20, 0), Victim(name, 60, 400, 3),
            )
        )  # fmt: skip
        assert small < swapped < crowded
        assert small < resident


def test_small_exits_are_short() -> None:
    """No constant that a small exit cannot meet: published minima are 16 ms."""
    for name in CLASSES:
        assert float(np.percentile(exit_times(Victim(name, 20, 2, 0), 48), 10)) < 20


def test_check_rows_are_predicted_within_the_targets() -> None:
    """A third of the rows at fewer draws; the stored summary has them all."""
    exits = of_use(read(DATA), "check")[::3]
    said = judge(exits, predict(exits, 24))
    assert said["median_factor"] <= 1.5
    assert said["p90_factor"] <= 2.5
