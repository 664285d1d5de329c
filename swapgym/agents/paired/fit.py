"""Regress a network on paired rollouts, and say what it is worth by how sure it must be to release inline."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapgym.agents.paired.gather import States
from swapgym.agents.paired.network import HIDDEN, Network, advantages
from swapgym.envs.costs import Rates

CLIP: Final = 0.15
"""Worths beyond are kills that one of two futures has and the other has not; fitted clipped, judged whole."""
JUDGES: Final = 4
"""Every fourth episode judges, the others fit."""
EPOCHS: Final = 40
BATCH: Final = 2_048
MARGINS: Final = (0.0, 0.001, 0.002, 0.004, 0.008, 0.016)


class Margin(NamedTuple):
    """What a margin is worth on episodes that did not fit the network.

    Attributes:
        margin: Predicted advantage of inline release (score) above which it is chosen.
        gain: Mean change of score per decision state against always deferring (below 0: better).
        gain_error: Standard error of that, over episodes.
        inline: Share of states released inline.
    """

    margin: float
    gain: float
    gain_error: float
    inline: float


class Fit(NamedTuple):
    """A fitted network.

    Attributes:
        network: Without a margin.
        margins: What each of ``MARGINS`` is worth.
        hindsight: Mean change of score per state of choosing by hindsight.
        r2: Of clipped advantages.
    """

    network: Network
    margins: tuple[Margin, ...]
    hindsight: float
    r2: float

    def cautious(self, margin: float) -> Network:
        """Return the network with a margin."""
        return self.network._replace(offset=self.network.offset - margin)


def fit(states: States, rates: Rates, seed: int) -> Fit:
    """Fit a network for what the objectives are worth.

    Args:
        states: Of a policy's episodes.
        rates: What the objectives are worth.
        seed: Of the network's first weights and the order of batches.
    """
    whole = states.scores(rates)
    clipped = np.clip(whole, -CLIP, CLIP)
    held = states.episodes % JUDGES == 0
    network = regress(states.observations, clipped, held, seed)
    predicted = advantages(network, states.observations)
    margins = []
    for margin in MARGINS:
        gained = per_episode(states.episodes[held], gains(predicted[held], whole[held], margin))
        error = float(gained.std(ddof=1) / np.sqrt(len(gained)))
        margins.append(Margin(margin, float(gained.mean()), error, float((predicted[held] > margin).mean())))
    unexplained = float(((clipped[held] - predicted[held]) ** 2).mean())
    return Fit(
        network=network,
        margins=tuple(margins),
        hindsight=float(-np.maximum(whole[held], 0.0).mean()),
        r2=1.0 - unexplained / max(float(clipped[held].var()), 1e-12),
    )


def gains(predicted: npt.NDArray[np.float64], whole: npt.NDArray[np.float64], margin: float) -> npt.NDArray[np.float64]:
    """Return the change of score at each state if it is released inline where that promises more than ``margin``."""
    return np.where(predicted > margin, -whole, 0.0)


def per_episode(episodes: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of each episode: its states share its fate."""
    _, index = np.unique(episodes, return_inverse=True)
    found: npt.NDArray[np.float64] = np.bincount(index, weights=values) / np.bincount(index)
    return found


def regress(
    observations: npt.NDArray[np.float32], targets: npt.NDArray[np.float64], held: npt.NDArray[np.bool_], seed: int
) -> Network:
    """Return the network of the least squared error on the states ``held`` back, of those after each epoch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    n_parts = observations.shape[1]
    layers = torch.nn.ModuleDict(
        {
            "direct": torch.nn.Linear(n_parts, 1),
            "first": torch.nn.Linear(n_parts, HIDDEN[0]),
            "second": torch.nn.Linear(HIDDEN[0], HIDDEN[1]),
            "last": torch.nn.Linear(HIDDEN[1], 1, bias=False),
        }
    )

    def forward(inputs: Any) -> Any:
        hidden = torch.relu(layers["second"](torch.relu(layers["first"](inputs))))
        return (layers["direct"](inputs) + layers["last"](hidden)).squeeze(1)

    scale = float(targets[~held].std()) or 1.0
    inputs = torch.from_numpy(observations)
    wanted = torch.from_numpy((targets / scale).astype(np.float32))
    fitting, judging = np.flatnonzero(~held), torch.from_numpy(np.flatnonzero(held))
    optimiser = torch.optim.AdamW(layers.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=3e-3, total_steps=EPOCHS * -(-len(fitting) // BATCH)
    )
    rng = np.random.default_rng(seed)
    best, least = layers_to_network(layers, scale), np.inf
    for _ in range(EPOCHS):
        order = torch.from_numpy(rng.permutation(fitting))
        for rows in order.split(BATCH):  # type: ignore[no-untyped-call]
            loss = torch.nn.functional.mse_loss(forward(inputs[rows]), wanted[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            error = float(torch.nn.functional.mse_loss(forward(inputs[judging]), wanted[judging]))
        if error < least:
            best, least = layers_to_network(layers, scale), error
    return best


def layers_to_network(layers: Any, scale: float) -> Network:
    """Return torch's layers as a :class:`Network`, whose output is in units of score."""

    def array(tensor: Any) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = tensor.detach().numpy().astype(np.float64)
        return found

    return Network(
        direct=array(layers["direct"].weight)[0] * scale,
        first=array(layers["first"].weight),
        first_bias=array(layers["first"].bias),
        second=array(layers["second"].weight),
        second_bias=array(layers["second"].bias),
        last=array(layers["last"].weight)[0] * scale,
        offset=array(layers["direct"].bias) * scale,
    )
