"""What a run tells TensorBoard is what is documented, and says what the run did."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from typer.testing import CliRunner

from swapgym.agents.play import play
from swapgym.agents.policies import make
from swapgym.agents.sb3 import callbacks
from swapgym.agents.sb3.evaluation import Evaluation
from swapgym.agents.sb3.vec_env import make_sb3
from swapgym.agents.stored import tuned as tuned_policies
from swapgym.agents.task import KERNEL, PRESET, ROUTES, SPEC
from swapgym.agents.train import app
from swapgym.workload import suite

pytestmark = pytest.mark.xdist_group("tensorboard")  # one run serves all

EPISODES = suite("validation").first(1).of(PRESET)
OWN = ("episode", "defer", "policy", "eval", "figures", "custom_scalars__config__", "_hparams_")


def train(*arguments: str) -> None:
    given = ["--no-progress", "--lanes", "8", "--eval-episodes", "1", "--eval-every", "100000", *arguments]
    outcome = CliRunner().invoke(app, given)
    assert outcome.exit_code == 0, outcome.output


def events_of(folder: Path) -> Any:
    (file,) = (folder / "tensorboard").glob("events*")
    events = EventAccumulator(str(file))
    events.Reload()
    return events


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tuned_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "ppo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuned_policies, "TUNED", (tuned_folder,))
        train("--timesteps", "4096", "--bound", "--out", str(folder))
    return folder


@pytest.fixture(scope="module")
def events(run: Path) -> Any:
    return events_of(run)


def documented() -> list[str]:
    """Return the tags of the table in the module's docstring, as regular expressions."""
    tags = re.findall(r"^``(\S+)``", callbacks.__doc__ or "", re.MULTILINE)
    return [re.sub("<[a-z]+>", "[a-z0-9_]+", tag) for tag in tags]


def written(events: Any) -> set[str]:
    tags = events.Tags()
    return {*tags["scalars"], *tags["images"], *tags["tensors"], *events.summary_metadata}


def test_documented_tags_are_what_the_event_file_has(events: Any) -> None:
    patterns, there = documented(), written(events)
    assert len(patterns) >= 14
    for pattern in patterns:
        assert any(re.fullmatch(pattern, tag) for tag in there), f"documented, not written: {pattern}"
    for tag in there:
        if tag.split("/")[0] in OWN:
            assert any(re.fullmatch(pattern, tag) for pattern in patterns), f"written, not documented: {tag}"
    wanted = {f"episode/{name}" for name in callbacks.EPISODE}
    assert wanted | {"defer/all", "train/entropy_loss", "rollout/ep_rew_mean"} <= there
    assert {"figures/pareto", "figures/timeline"} == set(events.Tags()["images"])


def test_scalars_say_what_was_done(events: Any, run: Path, tuned_folder: Path) -> None:
    values = {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert all(0.0 <= value <= 1.0 for tag in values if tag.startswith("defer/") for value in values[tag])
    assert all(0.0 < value <= np.log(2) + 1e-6 for value in values["policy/entropy"])
    best = next(iter(tuned_policies.tuned(6.0, ROUTES, tuned_folder / KERNEL).values()))
    baselines = {"best_tuned": best} | {name: make(name, ROUTES) for name in ("always_inline", "always_defer")}
    for name, policy in baselines.items():
        (score,) = set(values[f"eval/{name}"])
        rows = play(SPEC, policy, "", EPISODES)
        assert score == pytest.approx(np.mean([row["score"] for row in rows]), rel=1e-5)
    (bound,) = set(values["eval/bound"])
    assert bound < min(values["eval/best_tuned"])
    history = json.loads((run / "curve.json").read_text())
    assert [one["score"] for one in history][-1] == pytest.approx(values["eval/score"][-1], rel=1e-6)
    assert history[-1]["frames"] == 4_096
    assert len({one["frames"] for one in history}) == len(history)


def test_the_layout_names_tags_that_are_written(events: Any) -> None:
    (event,) = events.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for category in layout.category for chart in category.chart}
    scores = charts["score on the validation suite"]
    assert scores == ["eval/score", "eval/best_tuned", "eval/always_inline", "eval/bound"]
    regimes = {f"defer/{name}" for name in callbacks.REGIMES}
    assert {tag for tags in charts.values() for tag in tags} - regimes <= written(events)


def test_hyperparameters_and_outcomes_are_comparable(events: Any) -> None:
    contents = events.PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(contents["_hparams_/session_start_info"]).session_start_info
    values = {name: value.number_value or value.string_value for name, value in start.hparams.items()}
    assert (values["algo"], values["n_envs"], values["learning_rate"]) == ("ppo", 8.0, "lin_0.0015")
    assert (values["policy_kwargs.net_arch"], values["ms_per_mib"], values["epochs"]) == ("[64, 64]", 6.0, "event")
    experiment = HParamsPluginData.FromString(contents["_hparams_/experiment"]).experiment
    outcomes = {metric.name.tag for metric in experiment.metric_infos}
    assert outcomes == set(callbacks.OUTCOMES)
    assert outcomes <= written(events)


def test_the_entropy_is_that_of_the_policy_where_it_has_been() -> None:
    lanes = make_sb3(4)
    model = PPO("MlpPolicy", VecMonitor(lanes), n_steps=16, batch_size=64, seed=3, device="cpu")
    # far from a coin, so that an entropy of the wrong distribution shows
    torch.nn.init.normal_(model.policy.action_net.weight, std=0.5)
    seen: list[float] = []

    class Watching(callbacks.DomainMetrics):
        def _on_rollout_end(self) -> None:
            super()._on_rollout_end()
            observations = torch.as_tensor(
                model.rollout_buffer.observations.reshape(-1, *model.observation_space.shape)
            )
            entropy = model.policy.get_distribution(observations).entropy()
            assert entropy is not None
            seen.append(entropy.mean().item())
            assert self.entropies[-1] == pytest.approx(seen[-1], abs=1e-5)

    model.learn(64, callback=Watching())
    assert 0.01 < seen[0] < 0.6


def test_entropies_by_hand() -> None:
    assert callbacks.entropy([[0.0], [1.0], [0.5], [1.0 + 1e-7]]) == pytest.approx([0.0, 0.0, np.log(2), 0.0])
    assert float(callbacks.entropy([0.1])) == pytest.approx(-(0.1 * np.log(0.1) + 0.9 * np.log(0.9)))
    assert float(callbacks.entropy([0.25, 0.25, 0.25])) == pytest.approx(np.log(4))


def test_epsilon_greedy_has_the_entropy_of_its_exploration(tmp_path: Path) -> None:
    changes = ["learning_starts=6000", "exploration_fraction=0.5", "exploration_final_eps=0.1", "batch_size=32"]
    told = [part for change in changes for part in ("--set", change)]
    train("--algo", "dqn", "--timesteps", "12000", "--no-figures", *told, "--out", str(tmp_path / "dqn"))
    values = [event.value for event in events_of(tmp_path / "dqn").Scalars("policy/entropy")]
    assert values[0] == pytest.approx(np.log(2), abs=1e-3)
    assert values[-1] == pytest.approx(float(callbacks.entropy([0.05])), abs=1e-3)


def test_nested_values_are_flat() -> None:
    given = {"a": {"b": [1, 2], "c": {"d": None}}, "e": 1.5, "f": True}
    assert callbacks.flat(given) == {"a.b": "[1, 2]", "a.c.d": None, "e": 1.5, "f": True}


def test_a_run_that_goes_on_keeps_its_evaluations_up_to_the_checkpoint() -> None:
    kept = [
        {"frames": frames, "score": score, "lag_ms": 1.0, "peak_mib": 1.0} for frames, score in ((8, 0.9), (16, 0.5))
    ]
    before = Evaluation(SPEC, EPISODES, 100, {})
    before.next, before.history = 110, kept[:1]
    evaluation = Evaluation(SPEC, EPISODES, 100, {})
    evaluation.go_on(json.loads(json.dumps(before.schedule())))
    assert evaluation.history == kept[:1]
    assert (evaluation.best, evaluation.next) == (0.9, 110)
