"""Anything is compared with anything, in one world that is the environment's own, with paired intervals and records."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import VecMonitor
from typer.testing import CliRunner

from swapgym.agents import evaluate
from swapgym.agents.compare import app
from swapgym.agents.play import replay
from swapgym.agents.players import algorithm_in, contestants, options_of
from swapgym.agents.records import read_worlds
from swapgym.agents.sb3.vec_env import make_sb3
from swapgym.agents.statistics import difference
from swapgym.agents.task import SPEC
from swapgym.workload import suite

SMALL = ["--suite", "validation", "--episodes", "2"]
CODE = f"""
import dataclasses
from swapgym.agents.policies.base import FixedPolicy

def defer(observation):
    return 1

def wrong(observation):
    return 7

@dataclasses.dataclass(frozen=True)
class Share(FixedPolicy):
    name = "share"
    share: float = 0.0

    def defers(self, readings):
        return readings["{SPEC.parts[0]}"] > self.share

class Counting:
    def __init__(self, spec, start=0):
        self.spec, self.start = spec, start

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        return [self.start] * len(observation), state

nothing = 5
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("code") / "mine.py"
    path.write_text(CODE)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "small.zip"
    PPO("MlpPolicy", VecMonitor(make_sb3(2, hold_ms=50)), n_steps=8, batch_size=8, seed=0, device="cpu").save(path)
    return path


def compare(*arguments: str, fails: bool = False) -> str:
    outcome = CliRunner().invoke(app, [*SMALL, *arguments])
    assert outcome.exit_code == (2 if fails else 0), outcome.output
    return " ".join(outcome.output.replace("│", " ").split())


def table_in(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_default_world_is_the_environment_s() -> None:
    for env_id in ("swapgym/SwapRelease-v1", "swapgym/SwapReleaseGovernor-v0"):
        env: Any = gym.make(f"swapgym:{env_id}")
        (one,) = contestants(["vivo"], env_id)
        assert one.spec == env.unwrapped.env_spec
    assert contestants(["vivo"])[0].spec == SPEC


def test_everybody_plays_the_same_and_records_replay(mine: Path, model: Path, tmp_path: Path) -> None:
    code = [f"{mine}:{text}" for text in ("defer", "Share:share=0.5", "Counting:start=0")]
    texts = ["always_defer", "vivo:min_exiting=3", *code, "always_inline"]
    told = [*texts[:-1], f"{model}:hold_ms=50", "--trust", "--against", "always_inline", "--ms-per-mib", "10"]
    assert "lower is better" in compare(*told, "--out", str(tmp_path))
    rows = table_in(tmp_path / "episodes.csv")
    labels = {*texts, "small"}
    assert {row["policy"] for row in rows} == labels
    pairs = suite("validation").first(2).of(SPEC.preset)
    worlds = read_worlds(tmp_path)
    for name in labels:
        own = [row for row in rows if row["policy"] == name]
        assert [(row["preset"], int(row["seed"])) for row in own] == pairs
        spec = worlds[own[0]["world"]]
        assert (spec.ms_per_mib, spec.hold_ms) == (10.0, 50 if name == "small" else SPEC.hold_ms)
        assert replay(spec, own[0]["preset"], int(own[0]["seed"]), own[0]["actions"]) == own[0]["digest"]
    scores = {name: [float(row["score"]) for row in rows if row["policy"] == name] for name in labels}
    assert scores[code[0]] == scores["always_defer"]
    assert scores[code[2]] == scores["always_inline"]
    (row,) = (row for row in table_in(tmp_path / "table.csv") if row["policy"] == "vivo:min_exiting=3")
    own, reference = (np.array([scores[name]]) for name in ("vivo:min_exiting=3", "always_inline"))
    gap = difference(own, reference, [preset for preset, _ in pairs])
    assert [float(row[key]) for key in ("difference", "low", "high")] == pytest.approx(list(gap), abs=1e-8)
    assert {row["by"] for row in table_in(tmp_path / "breakdown.csv")} == {"preset", "device"}
    assert json.loads((tmp_path / "evaluation.json").read_text())["against"] == "always_inline"


def test_options_change_the_world_of_all(mine: Path) -> None:
    found = contestants(["vivo", f"{mine}:defer"], arguments=["tick_us=500"], kernel="mainline", device="any")
    for one in found:
        assert (one.spec.kernel, one.spec.device, one.spec.tick_us) == ("mainline", None, 500)


def test_a_module_is_imported_from_where_one_stands(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.parent)
    policy: Any = contestants(["mine:Share:share=0.25"])[0].policy
    assert policy.share == 0.25


def test_runs_that_differ_are_told_apart(tmp_path: Path, model: Path) -> None:
    for name, hold_ms, seed in (("one", 50, 0), ("two", 50, 1), ("three", 70, 0)):
        (tmp_path / name).mkdir()
        env = SPEC.but(hold_ms=hold_ms).as_dict()
        config = {"algo": "ppo", "env_id": "swapgym/SwapRelease-v1", "env": env, "seed": seed}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        (tmp_path / name / "model.zip").write_bytes(model.read_bytes())
    alike = contestants([str(tmp_path / name) for name in ("one", "two")])
    assert [(one.label, one.run) for one in alike] == [("ppo", "one"), ("ppo", "two")]
    apart = contestants([str(tmp_path / name) for name in ("one", "three")])
    assert [(one.label, one.run) for one in apart] == [("one", ""), ("three", "")]
    assert [one.spec.hold_ms for one in apart] == [50, 70]


def test_the_algorithm_of_a_model_is_read_without_loading_it(model: Path, tmp_path: Path) -> None:
    assert algorithm_in(model) == "ppo"
    DQN("MlpPolicy", VecMonitor(make_sb3(1)), buffer_size=10, device="cpu").save(tmp_path / "dqn.zip")
    assert algorithm_in(tmp_path / "dqn.zip") == "dqn"


def test_what_follows_a_colon() -> None:
    assert options_of("x", "a=1,b=[c, d],e=null,f=0.5") == {"a": 1, "b": ["c", "d"], "e": None, "f": 0.5}


def test_evaluate_puts_the_fixed_policies_beside(mine: Path) -> None:
    outcome = CliRunner().invoke(evaluate.app, [*SMALL, f"{mine}:defer"])
    assert outcome.exit_code == 0, outcome.output
    assert "always_inline" in outcome.output
    assert "fixed policies:" in outcome.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vivoo"], "policy: 'vivoo' is unknown (did you mean 'vivo'?)"),
        (["vivo:min_exit=3"], "'min_exit' is unknown"),
        (["vivo:min_exiting"], "must be key=value, separated by commas"),
        (["vivo:min_exiting=900"], "vivo.min_exiting: 900, must be from 1 to 32"),
        (["MODEL"], "--trust says that you trust where it is from"),
        (["MODEL:parts=[exiting]", "--trust"], "its observation_space is"),
        (["nowhere.zip", "--trust"], "there is no file nowhere.zip"),
        (["MINE:nobody"], "has no attribute 'nobody'"),
        (["MINE:nothing"], "int has no predict and cannot be called"),
        (["MINE:wrong"], "of type int64, must be one of 0 (INLINE), 1 (DEFER)"),
        (["MINE:Share:shar=1"], "unexpected keyword argument 'shar'"),
        (["no.module:x"], "No module named 'no'"),
        (["vivo", "--suite", "tset"], "did you mean 'test'"),
        (["vivo", "--env", "swapgym/SwapReleaseGovernor-v0"], "must be played with paces=0"),
    ],
)
def test_bad_input_is_named(arguments: list[str], message: str, mine: Path, model: Path) -> None:
    told = [word.replace("MODEL", str(model)).replace("MINE", str(mine)) for word in arguments]
    assert message in compare(*told, fails=True)
