"""The main job, end to end on a few episodes: files, figures, summary, logs."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from matplotlib import image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from experiments import results as stored
from experiments.compare.__main__ import QUICK_EPISODES, app, compared
from experiments.compare.figures import pareto_front, spread_out
from experiments.compare.others import TUNED, agents_of, group_of, others_of
from experiments.compare.report import write_others
from experiments.compare.tables import COLUMNS, RATE, margins, other_scores, per_preset
from swapgym.agents.paired.network import PairedPolicy, threshold_network
from swapgym.agents.play import play_all, replay
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.task import KERNEL
from swapgym.envs.costs import Rates
from swapgym.workload import PRESETS, Drawn

POLICIES = ("always_inline", "always_defer", "vivo")
EPISODES = QUICK_EPISODES * len(PRESETS)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    chosen = [word for name in POLICIES for word in ("--policy", name)]
    outcome = CliRunner().invoke(app, ["--quick", "--workers", "1", "--out", str(folder), *chosen])
    assert outcome.exit_code == 0, outcome.output
    return folder


def episodes(folder: Path) -> list[dict[str, str]]:
    with (folder / "episodes.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.xdist_group("compare")
def test_the_summary_follows_from_the_episodes(results: Path) -> None:
    summary = json.loads((results / "summary.json").read_text())
    rows = episodes(results)
    for policy in POLICIES:
        own = [row for row in rows if row["policy"] == policy]
        for metric in ("lag_ms", "peak_mib", "score", "score@2", "score@20"):
            rate = Rates(float(metric.partition("@")[2] or RATE))
            if metric.startswith("score"):
                values = [
                    rate.score(drawn, (float(row["lag_ms"]), float(row["peak_mib"]), 0.0))
                    for row in own
                    for drawn in [Drawn(row["preset"], int(row["seed"]), row["device"], row["kernel"])]
                ]
            else:
                values = [float(row[metric]) for row in own]
            assert len(values) == EPISODES
            assert summary[f"{policy}.{metric}"] == pytest.approx(fmean(values), rel=1e-6)


@pytest.mark.xdist_group("compare")
def test_every_policy_met_the_same_scenarios(results: Path) -> None:
    rows = episodes(results)
    met = {p: [(r["preset"], r["seed"], r["device"]) for r in rows if r["policy"] == p] for p in POLICIES}
    assert met["always_inline"] == met["always_defer"] == met["vivo"]


@pytest.mark.xdist_group("compare")
def test_records_replay(results: Path) -> None:
    worlds = stored.read_worlds(results)
    for row in [row for row in episodes(results) if row["policy"] in ("vivo", "vivo-async")][::9]:
        spec = worlds[row["world"]]
        assert spec.kernel == row["kernel"]
        assert replay(spec, row["preset"], int(row["seed"]), row["actions"]) == row["digest"]


@pytest.mark.xdist_group("compare")
@pytest.mark.parametrize("name", ["lag_peak.png", "per_preset.png"])
def test_figures_are_pictures(results: Path, name: str) -> None:
    pixels = image.imread(results / name)
    assert min(pixels.shape[:2]) > 400
    assert np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0).shape[0] > 50


@pytest.mark.xdist_group("compare")
def test_logs_open(results: Path) -> None:
    run = EventAccumulator(str(results / "tensorboard" / "vivo"), size_guidance={"tensors": 0})
    run.Reload()
    summary = json.loads((results / "summary.json").read_text())
    (score,) = run.Tensors("suite/score")
    assert float(score.tensor_proto.float_val[0]) == pytest.approx(summary["vivo.score"], rel=1e-5)
    assert len(run.Tensors("episode/lag_ms")) == EPISODES
    assert b"| min_entries | 32 |" in run.Tensors("policy")[0].tensor_proto.string_val[0]
    whole = EventAccumulator(str(results / "tensorboard" / "compare"))
    whole.Reload()
    assert set(whole.Tags()["images"]) == {"lag_peak", "per_preset"}


@pytest.mark.xdist_group("compare")
def test_tables_name_every_policy(results: Path) -> None:
    for policy in POLICIES:
        assert f"| {policy} |" in (results / "table.md").read_text()
    assert "| vivo-async |" in (results / "variants.md").read_text()
    assert "**" in (results / "per_preset.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "vivvo"], "did you mean 'vivo'"),
        (["--suite", "tset"], "did you mean 'test'"),
        (["--kernel", "windows"], "must be one of 'mainline'"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    folder = tmp_path / "results"
    outcome = CliRunner().invoke(app, ["--quick", "--out", str(folder), *arguments])
    assert outcome.exit_code == 2
    assert message in " ".join(outcome.output.split())
    assert not folder.exists()


def test_pareto_front_by_hand() -> None:
    points = {"a": (0.0, 5.0), "b": (1.0, 3.0), "c": (2.0, 4.0), "d": (3.0, 1.0)}
    assert pareto_front(points) == ["a", "b", "d"]


def test_labels_are_spread_by_hand() -> None:
    assert spread_out([0.1, 0.5, 0.9], 0.2) == pytest.approx([0.1, 0.5, 0.9])
    # three at one height: as far up as down
    assert spread_out([0.5, 0.5, 0.5, 0.95], 0.1) == pytest.approx([0.4, 0.5, 0.6, 0.95])
    assert spread_out([0.0, 0.0, 1.0, 1.0], 0.1) == pytest.approx([0.0, 0.1, 0.9, 1.0])


def test_what_all_are_compared_with_comes_along() -> None:
    assert [player.label for _, player in compared("mainline", ["vivo", "vivo"])] == ["always_inline", "vivo"]
    assert [player.label for _, player in compared("mainline", ["vivo", "always_inline"])] == ["vivo", "always_inline"]


def test_margins_by_hand() -> None:
    # x is better in a by 1 on every seed, y in b by 3: y is the best over all
    scores = {("x", "a"): 1.0, ("y", "a"): 2.0, ("x", "b"): 5.0, ("y", "b"): 2.0}
    rows = [
        {c: 0.0 for c in COLUMNS} | {"policy": p, "preset": preset, "seed": seed, "score": score}
        for (p, preset), score in scores.items()
        for seed in range(3)
    ]
    overall_best, gains = margins(rows, per_preset(rows, "x"))
    assert overall_best == "y"
    assert gains == {"a": (-1.0, -1.0, -1.0), "b": (0.0, 0.0, 0.0)}


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Store an agent."""
    folder = tmp_path / "trained" / "paired-0"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"algo": "paired", "env": {}}))
    PairedPolicy(threshold_network("rt_load", 0.3)).save(folder / "model.npz")
    monkeypatch.setattr("experiments.compare.others.stored", lambda: {group_of(KERNEL): [folder]})
    return folder


@pytest.mark.usefixtures("agent")
def test_tuned_policies_and_stored_agents_play_too(
    tmp_path: Path, tuned_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tuned_folder,))
    players = others_of(KERNEL)
    labels = [player.label for _, player in players]
    assert labels == ["always_inline", *(TUNED + name for name in ("rt_aware", "rule", "always_defer")), "paired"]
    rows = play_all(players, [("rt_recording", 3), ("clear_all", 4)], workers=1)
    rows = [row | other_scores(row) for row in rows]
    summary = write_others(tmp_path, rows, "two scenarios, each in its own kernel.")
    assert summary["others.always_inline.score"] == pytest.approx(
        np.mean([row["score"] for row in rows if row["policy"] == "always_inline"])
    )
    text = (tmp_path / "others.md").read_text()
    assert all(f"| {label} |" in text for label in labels)
    assert others_of("mainline") == []
    # agents play without tuned policies
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path / "nowhere",))
    assert [player.label for _, player in others_of(KERNEL)] == ["always_inline", "paired"]


def test_with_nothing_stored_no_others_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned_policies, "TUNED", (tmp_path / "nowhere",))
    monkeypatch.setattr("experiments.compare.others.stored", dict)
    monkeypatch.setattr("experiments.compare.__main__.QUICK_EPISODES", 1)
    (tmp_path / "others.md").write_text("of another run")
    outcome = CliRunner().invoke(app, ["--quick", "--workers", "1", "--out", str(tmp_path)])
    assert outcome.exit_code == 0, outcome.output
    assert "no policy is tuned (swapgym tune)" in " ".join(outcome.output.split())
    assert not (tmp_path / "others.md").exists()
    assert not any(name.startswith("others.") for name in json.loads((tmp_path / "summary.json").read_text()))
    assert (tmp_path / "headline.md").exists()


def test_the_main_job_needs_no_torch(tmp_path: Path) -> None:
    """What it imports and plays is there with ``.[experiments]`` alone, which is what the README installs for it."""
    code = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "stable_baselines3", "sb3_contrib", "sklearn", "pytest", "hypothesis"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from experiments.compare.__main__ import app
app()
"""
    told = ["--quick", "--policy", "vivo", "--workers", "1", "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "summary.json").exists()


def test_agents_that_need_torch_are_left_out_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / name for name in ("paired-0", "ppo-0")]
    for folder, model in zip(folders, ("model.npz", "model.zip"), strict=True):
        folder.mkdir()
        (folder / model).touch()
    monkeypatch.setattr("experiments.compare.others.stored", lambda: {group_of(KERNEL): folders})
    assert agents_of(KERNEL) == (folders, [])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert agents_of(KERNEL) == (folders[:1], folders[1:])
