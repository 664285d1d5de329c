"""Policy iteration by paired rollouts: pairs are what they say, a fit finds what is there, runs go on alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from swapgym.agents.improve import app
from swapgym.agents.paired.fit import fit, gains
from swapgym.agents.paired.gather import STATES, States, gather, together
from swapgym.agents.paired.network import HIDDEN, Network, PairedPolicy, advantages, threshold_network
from swapgym.agents.play import play
from swapgym.agents.stored.agents import load_model
from swapgym.envs.costs import Rates, costs_of, reference
from swapgym.envs.lanes import Lanes
from swapgym.envs.spec import RELEASE_PARTS, EnvSpec

SPEC = EnvSpec()
N_PARTS = len(RELEASE_PARTS)
RT = RELEASE_PARTS.index("rt_load")
KEEP_US = 300_000
EPISODES = [("camera_launch", 7), ("clear_all", 8), ("low_ram", 9)]


def some_network(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    shapes = [(N_PARTS,), (HIDDEN[0], N_PARTS), HIDDEN[:1], (HIDDEN[1], HIDDEN[0]), HIDDEN[1:], HIDDEN[1:], (1,)]
    return Network(*(rng.normal(size=shape) for shape in shapes))


def test_the_network_is_what_numpy_makes_of_it() -> None:
    network = some_network()
    observations = np.random.default_rng(1).random((50, N_PARTS), dtype=np.float32)
    out = advantages(network, observations)
    first = np.maximum(observations @ network.first.T + network.first_bias, 0)
    second = np.maximum(first @ network.second.T + network.second_bias, 0)
    np.testing.assert_allclose(out, observations @ network.direct + second @ network.last + network.offset[0])


def test_kernels_ask_the_very_network() -> None:
    policy = PairedPolicy(some_network())
    observations = np.random.default_rng(3).random((500, N_PARTS), dtype=np.float32)
    actions = policy.predict(observations)[0]
    assert actions.tolist() == (policy.advantages(observations) < 0.0).astype(int).tolist()
    assert 0 < actions.sum() < 500

    class Asked:
        predict = policy.predict

    assert policy.compiled(SPEC).n_actions == 2
    assert play(SPEC, policy, "", EPISODES) == play(SPEC, Asked(), "", EPISODES)


def test_the_start_is_a_rule() -> None:
    policy = PairedPolicy(threshold_network("rt_load", 0.3))
    observations = np.zeros((2, N_PARTS), dtype=np.float32)
    observations[1, RT] = 0.31
    assert policy.predict(observations)[0].tolist() == [1, 0]
    assert policy.predict(observations[1])[0] == 0


def test_a_stored_policy_decides_alike(tmp_path: Path) -> None:
    network = Network(*(array.astype(np.float32).astype(np.float64) for array in some_network()))
    PairedPolicy(network, about={"a": 1}).save(tmp_path / "model.npz")
    again = PairedPolicy.load(tmp_path / "model.npz")
    assert again.about["a"] == 1
    observations = np.random.default_rng(2).random((40, N_PARTS), dtype=np.float32)
    assert again.advantages(observations).tobytes() == PairedPolicy(network).advantages(observations).tobytes()
    with np.load(tmp_path / "model.npz") as stored:
        arrays = dict(stored)
    arrays["about"] = np.array(json.dumps({"parts": ["other"]}))
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match="parts: 'other' is unknown"):
        PairedPolicy.load(tmp_path / "other.npz")


def ends_of(spec: EnvSpec, preset: str, seed: int, network: Network, state: int) -> tuple[np.ndarray, np.ndarray]:
    """Play an episode through the lanes twice, by the network but for what is decided within KEEP_US of a state.

    Returns what deferring then costs more than inline, and what was seen at the state.
    """
    policy = PairedPolicy(network)
    codes = spec.actions()
    costs, seen = [], np.zeros(N_PARTS, np.float32)
    for kept in range(2):
        lanes = Lanes(1, spec)
        lanes.draw(0, seed, preset)
        lanes.begin()
        decisions, until_us = 0, -1
        while len(lanes.waiting()):
            now_us = int(lanes.phones[0]["now_us"])
            if decisions == state:
                until_us, seen = now_us + KEEP_US, lanes.observations[0].copy()
            action = kept if now_us < until_us else int(policy.predict(lanes.observations[0])[0])
            lanes.actions[0] = codes[action]
            lanes.step()
            decisions += 1
        costs.append(costs_of(lanes.phones[0]))
    return costs[1] - costs[0], seen


@pytest.mark.parametrize("epochs", ["event", "batch"])
def test_states_are_what_the_lanes_come_to(epochs: str) -> None:
    network = threshold_network("rt_load", 0.3)
    preset, seed = EPISODES[0]
    spec = SPEC.but(epochs=epochs)
    found = gather(spec, network, [(preset, seed)], KEEP_US)
    (row,) = play(spec, PairedPolicy(network), "", [(preset, seed)])
    spacing = -(-row["decisions"] // STATES)
    begun = int(np.random.default_rng(seed).integers(spacing))
    assert len(found) == len(range(begun, row["decisions"], spacing))
    for place in (0, 2, len(found) - 1):
        more, seen = ends_of(spec, preset, seed, network, begun + place * spacing)
        np.testing.assert_allclose(found.advantages[place], more, atol=1e-9)
        assert found.observations[place].tobytes() == seen.tobytes()
    assert np.abs(found.advantages).max() > 0
    assert (found.references == reference(preset, row["device"])).all()


def test_workers_change_no_bit_and_three_routes_are_refused() -> None:
    episodes = EPISODES * 20
    network = threshold_network("rt_load", 0.3)
    one, two = (gather(SPEC, network, episodes, KEEP_US, workers) for workers in (1, 2))
    assert one.advantages.tobytes() == two.advantages.tobytes()
    assert one.observations.tobytes() == two.observations.tobytes()
    assert one.episodes.tolist() == two.episodes.tolist()
    assert len(together([one, two])) == 2 * len(one)
    assert together([one, two]).episodes.max() == 2 * len(episodes) - 1
    with pytest.raises(ValueError, match=r"routes: .* must be two"):
        gather(EnvSpec(routes=3), network, episodes, KEEP_US)


def test_a_fit_finds_what_is_there() -> None:
    rng = np.random.default_rng(3)
    observations = rng.random((12_000, N_PARTS), dtype=np.float32)
    # deferring costs where part 4 is large, in peak only; noise three times as large
    peak = 0.02 * (observations[:, 4] - 0.6) + rng.normal(scale=0.02, size=12_000)
    rates = Rates(10.0)
    advantages = np.zeros((12_000, 3))
    advantages[:, 1] = peak * 1_500.0 / 10.0
    references = np.tile([500.0, 100.0, 0.0], (12_000, 1))
    states = States(observations, advantages, references, np.arange(12_000) // 20)
    np.testing.assert_allclose(states.scores(rates), peak)
    found = fit(states, rates, seed=0)
    policy = PairedPolicy(found.network)
    probe = np.full((2, N_PARTS), 0.5, dtype=np.float32)
    probe[0, 4], probe[1, 4] = 0.1, 0.95
    assert policy.predict(probe)[0].tolist() == [1, 0]
    sure = found.margins[0]
    assert sure.gain < -3 * sure.gain_error < 0
    assert found.hindsight < sure.gain
    # the surer it must be, the less often it leaves deferring
    assert [one.inline for one in found.margins] == sorted((one.inline for one in found.margins), reverse=True)
    blind = fit(states, Rates(0.0), seed=0)
    assert blind.margins[0].gain == pytest.approx(0.0, abs=1e-9)


def test_gains_by_hand() -> None:
    predicted, whole = np.array([0.2, 0.01, -0.3]), np.array([0.5, 0.4, 0.3])
    assert gains(predicted, whole, 0.1).tolist() == [-0.5, 0.0, 0.0]


def run(*arguments: str) -> str:
    small = ["--episodes", "8", "--iterations", "2", "--eval-episodes", "2"]
    outcome = CliRunner().invoke(app, [*(() if "--resume" in arguments else small), *arguments])
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_a_run_that_goes_on_ends_alike_and_is_never_worse_than_its_start(tmp_path: Path) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    run("--out", str(whole))
    run("--out", str(again))
    # as if it had been killed within the second iteration
    curve = json.loads((again / "curve.json").read_text())
    (again / "curve.json").write_text(json.dumps(curve[:2]))
    (again / "iteration-2.npz").unlink()
    run("--resume", str(again))
    assert (again / "curve.json").read_text() == (whole / "curve.json").read_text()
    assert (again / "iteration-2.npz").read_bytes() == (whole / "iteration-2.npz").read_bytes()
    curve = json.loads((whole / "curve.json").read_text())
    config, model = load_model(whole)
    assert config["algo"] == "paired"
    kept = next(row for row in curve if row["iteration"] == model.about["iteration"])
    assert kept["score"] == min(row["score"] for row in curve)
    rows = play(SPEC, model, "paired", EPISODES)
    assert all(np.isfinite(row["score"]) for row in rows)


def test_first_states_serve_another_rate(tmp_path: Path) -> None:
    share = ["--share", str(tmp_path / "states"), "--iterations", "1"]
    run("--out", str(tmp_path / "first"), *share)
    run("--out", str(tmp_path / "second"), "--ms-per-mib", "10", *share)
    run("--out", str(tmp_path / "alone"), "--ms-per-mib", "10", "--iterations", "1")
    assert len(list((tmp_path / "states").iterdir())) == 1
    assert (tmp_path / "second" / "curve.json").read_text() == (tmp_path / "alone" / "curve.json").read_text()
    assert (tmp_path / "second" / "curve.json").read_text() != (tmp_path / "first" / "curve.json").read_text()


def test_a_stored_run_or_another_s_is_not_gone_on_with(tmp_path: Path) -> None:
    config = {"algo": "paired", "env": {}, "seed": 0, "iterations": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "curve.json").write_text(json.dumps([{"score": 1.0}, {"score": 0.9}]))
    outcome = CliRunner().invoke(app, ["--resume", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "keeps only its model" in " ".join(outcome.output.replace("│", " ").split())
    (tmp_path / "config.json").write_text(json.dumps({**config, "algo": "ppo"}))
    outcome = CliRunner().invoke(app, ["--resume", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "made by swapgym train" in " ".join(outcome.output.replace("│", " ").split())


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--kernel", "vivo-asyn"])
    assert outcome.exit_code == 2
    assert "vivo-async" in outcome.output
    (tmp_path / "config.json").write_text("{}")
    outcome = CliRunner().invoke(app, ["--out", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "name another" in " ".join(outcome.output.replace("│", " ").split())
