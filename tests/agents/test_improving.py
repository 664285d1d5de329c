"""Policy iteration by paired continuations: pairs are what they say, a fit finds what is there, runs go on alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from swapgym.envs.rewards import baseline_of
from typer.testing import CliRunner

from agents.evaluate import load_model
from agents.improve import app
from agents.improving.fit import fit, gains
from agents.improving.gather import Moments, gather, together
from agents.improving.network import HIDDEN, Network, PairedPolicy, threshold_network, worths
from agents.runner import World, play
from agents.tune import ROUTES
from swapgym.envs.lanes import Lanes
from swapgym.envs.observations import INDEX, N_PARTS
from swapgym.phone import constants as k
from swapgym.workload import draw

WORLD = World(routes=ROUTES)
RT = INDEX["rt_load"]
HOLD_US = 300_000
EPISODES = [("camera_launch", 7), ("clear_all", 8), ("low_ram", 9)]


def some_network(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    shapes = [(N_PARTS,), (HIDDEN[0], N_PARTS), HIDDEN[:1], (HIDDEN[1], HIDDEN[0]), HIDDEN[1:], HIDDEN[1:], (1,)]
    return Network(*(rng.normal(size=shape) for shape in shapes))


def test_the_network_is_what_numpy_makes_of_it() -> None:
    network = some_network()
    observations = np.random.default_rng(1).random((50, N_PARTS), dtype=np.float32)
    out = np.empty(50)
    worths(network, observations, out)
    first = np.maximum(observations @ network.first.T + network.first_bias, 0)
    second = np.maximum(first @ network.second.T + network.second_bias, 0)
    np.testing.assert_allclose(out, observations @ network.direct + second @ network.last + network.offset[0])


def test_the_start_is_a_rule() -> None:
    policy = PairedPolicy(threshold_network(RT, 0.3))
    observations = np.zeros((2, N_PARTS), dtype=np.float32)
    observations[1, RT] = 0.31
    assert policy.predict(observations)[0].tolist() == [1, 0]
    assert policy.predict(observations[1])[0] == 0


def test_a_stored_policy_decides_alike(tmp_path: Path) -> None:
    network = Network(*(array.astype(np.float32).astype(np.float64) for array in some_network()))
    PairedPolicy(network, {"a": 1}).save(tmp_path / "model.npz")
    again = PairedPolicy.load(tmp_path / "model.npz")
    assert again.about["a"] == 1
    observations = np.random.default_rng(2).random((40, N_PARTS), dtype=np.float32)
    assert again.worths(observations).tobytes() == PairedPolicy(network).worths(observations).tobytes()
    with np.load(tmp_path / "model.npz") as stored:
        arrays = dict(stored)
    arrays["about"] = np.array(json.dumps({"parts": ["other"]}))
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match="made for the parts"):
        PairedPolicy.load(tmp_path / "other.npz")


def end_of(preset: str, seed: int, network: Network, moment: int, route: int) -> tuple[list[float], np.ndarray]:
    """Play an episode through the lanes, by the network but for what is decided within HOLD_US of a moment."""
    policy = PairedPolicy(network)
    lanes = Lanes(1)
    draw(preset, seed, out=lanes.scenarios[0])
    lanes.begin()
    decisions, until_us, seen = 0, -1, np.zeros(N_PARTS)
    while len(lanes.waiting()):
        now_us = int(lanes.phones[0]["now_us"])
        if decisions == moment:
            until_us, seen = now_us + HOLD_US, lanes.observations[0].copy()
        taken = route if now_us < until_us else [k.INLINE, k.KWORKER][int(policy.predict(lanes.observations[0])[0])]
        lanes.step(np.array([taken], dtype=np.int64))
        decisions += 1
    total = lanes.phones[0]["total"]
    lag_us = sum(int(total[name]) for name in ("frame_late_us", "launch_delay_us", "stall_us", "relaunch_cost_us"))
    return [lag_us / k.MS, int(total["demand_peak_pages"]) / k.PAGES_PER_MIB], seen


def test_moments_are_what_the_lanes_come_to() -> None:
    network = threshold_network(RT, 0.3)
    preset, seed = EPISODES[0]
    found = gather(WORLD, network, [(preset, seed)], HOLD_US)
    rng = np.random.default_rng(seed)
    step = int(rng.integers(6, 36))
    first = int(rng.integers(step))
    baseline = baseline_of(preset)
    for row in (0, 2):
        inline, seen = end_of(preset, seed, network, first + row * step, k.INLINE)
        deferred, _ = end_of(preset, seed, network, first + row * step, k.KWORKER)
        more = (np.array(deferred) - inline) / [baseline.lag_ms, baseline.peak_mib]
        np.testing.assert_allclose(found.worths[row], more, atol=1e-12)
        assert found.observations[row].tobytes() == seen.tobytes()
    assert np.abs(found.worths).max() > 0


def test_workers_change_no_bit_and_three_routes_are_refused() -> None:
    episodes = EPISODES * 20
    network = threshold_network(RT, 0.3)
    one, two = (gather(WORLD, network, episodes, HOLD_US, workers) for workers in (1, 2))
    assert one.worths.tobytes() == two.worths.tobytes()
    assert one.observations.tobytes() == two.observations.tobytes()
    assert one.episodes.tolist() == two.episodes.tolist()
    assert len(together([one, two])) == 2 * len(one)
    assert together([one, two]).episodes.max() == 2 * len(episodes) - 1
    with pytest.raises(ValueError, match=r"routes: .* must be two"):
        gather(World(), network, episodes, HOLD_US)


def test_a_fit_finds_what_is_there() -> None:
    rng = np.random.default_rng(3)
    observations = rng.random((12_000, N_PARTS), dtype=np.float32)
    # deferring costs where part 4 is large, in lag only; noise three times as large
    lag = 0.02 * (observations[:, 4] - 0.6) + rng.normal(scale=0.02, size=12_000)
    moments = Moments(observations, np.stack([lag, np.zeros(12_000)], axis=1), np.arange(12_000) // 20)
    found = fit(moments, 1.0, seed=0)
    policy = PairedPolicy(found.network)
    probe = np.full((2, N_PARTS), 0.5, dtype=np.float32)
    probe[0, 4], probe[1, 4] = 0.1, 0.95
    assert policy.predict(probe)[0].tolist() == [1, 0]
    sure = found.margins[0]
    assert sure.gain < -3 * sure.gain_error < 0
    assert found.hindsight < sure.gain
    # the surer it must be, the less often it leaves deferring
    assert [one.inline for one in found.margins] == sorted((one.inline for one in found.margins), reverse=True)
    blind = fit(moments, 0.0, seed=0)
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
    assert model.about["iteration"] == min(curve, key=lambda row: row["score"])["iteration"]
    rows = play(WORLD, model, "paired", EPISODES)
    assert all(np.isfinite(row["score"]) for row in rows)


def test_first_moments_serve_another_weight(tmp_path: Path) -> None:
    share = ["--share", str(tmp_path / "moments"), "--iterations", "1"]
    run("--out", str(tmp_path / "first"), *share)
    run("--out", str(tmp_path / "second"), "--lag-weight", "0.2", *share)
    run("--out", str(tmp_path / "alone"), "--lag-weight", "0.2", "--iterations", "1")
    assert len(list((tmp_path / "moments").iterdir())) == 1
    assert (tmp_path / "second" / "curve.json").read_text() == (tmp_path / "alone" / "curve.json").read_text()
    assert (tmp_path / "second" / "curve.json").read_text() != (tmp_path / "first" / "curve.json").read_text()


def test_a_stored_run_or_another_s_is_not_gone_on_with(tmp_path: Path) -> None:
    config = {"algo": "paired", "kernel": "vivo-async", "lag_weight": 0.5, "seed": 0, "iterations": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "curve.json").write_text(json.dumps([{"score": 1.0}, {"score": 0.9}]))
    outcome = CliRunner().invoke(app, ["--resume", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "keeps only its model" in " ".join(outcome.output.replace("│", " ").split())
    (tmp_path / "config.json").write_text(json.dumps({**config, "algo": "ppo"}))
    outcome = CliRunner().invoke(app, ["--resume", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "made by agents.train" in " ".join(outcome.output.replace("│", " ").split())


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["--kernel", "vivo"])
    assert outcome.exit_code == 2
    assert "vivo-async" in outcome.output
    (tmp_path / "config.json").write_text("{}")
    outcome = CliRunner().invoke(app, ["--out", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "name another" in " ".join(outcome.output.replace("│", " ").split())
