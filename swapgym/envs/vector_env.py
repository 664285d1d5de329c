"""``gym.make_vec("swapgym/SwapRelease-v0")``: many episodes of :class:`SwapReleaseEnv` side by side, in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Unpack

import numpy as np
import numpy.typing as npt
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from swapgym.envs import arguments, vector_infos
from swapgym.envs.docstrings import documented
from swapgym.envs.lanes import Lanes, positive
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.observations import observe
from swapgym.envs.release_env import Observation, SwapReleaseEnv
from swapgym.envs.rewards import TERM_NAMES, Baseline, baseline_of, step_weights
from swapgym.envs.snapshots import Snapshot
from swapgym.phone.constants import RUN_DECISION, RUN_END
from swapgym.phone.state import phone_digest
from swapgym.workload import Drawn, draw
from swapgym.workload.config import unknown
from swapgym.workload.suites import TRAIN_SEEDS

Observations = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
Seeds = int | Sequence[int | None] | None


MEANINGS: Final[dict[str, str]] = {
    "num_envs": "lanes",
    "autoreset_mode": '`"NextStep"`, `"SameStep"` or `"Disabled"`',
    "threads": "threads that share the lanes; no bit depends on it",
    "max_episode_steps": "truncates, as the wrapper `TimeLimit` does",
}
"""What the arguments are that a single environment does not have."""


@documented(MEANINGS)
class SwapReleaseVectorEnv(VectorEnv[Observations, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """
    ## Description

    `num_envs` episodes of `swapgym.envs.release_env.SwapReleaseEnv`, the lanes. A step sends each lane's pending batch on
    its route and runs each lane on to its own next decision: lanes are asynchronous in simulated time. Observations,
    rewards, flags and infos are those of Gymnasium's `SyncVectorEnv` over as many single environments, bit for bit.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> envs = gym.make_vec("swapgym:swapgym/SwapRelease-v0", num_envs=3, preset="camera_launch", autoreset_mode="SameStep")
    >>> observations, infos = envs.reset(seed=1)
    >>> observations.shape, envs.metadata["autoreset_mode"]
    ((3, $n_parts), <AutoresetMode.SAME_STEP: 'SameStep'>)

    ```

    $arguments

    and those of the single environment.

    ## Resets

    `reset(seed=)` takes an integer (lane `i` is seeded with `seed + i`), a list of one seed or `None` per lane, or `None`.
    `options` takes `scenario_seed` and `preset` as the single environment does, or a list of one or `None` per lane; and
    `reset_mask`, a boolean array: only these lanes are reset. With `"Disabled"` that is how ended lanes go on.

    ## Infos

    `infos["reward_terms"]` on every step; where an episode ends also `metrics`, `digest`, and what had been drawn. With
    `"SameStep"` the last step's are in `infos["final_info"]`, beside `infos["final_obs"]`. A lane that `max_episode_steps`
    cuts off has them too, which `TimeLimit` around a single environment cannot give.

    `snapshot(lane)`, `restore(lane, snapshot)`, `metrics(lane)`, `digest(lane)`, `phone(lane)`, `scenario(lane)` and
    `render_lane(lane)` are the single environment's; snapshots go from one to the other.
    """  # noqa: E501, D212, D415

    metadata: dict[str, Any] = {**SwapReleaseEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    @arguments.known_keywords(arguments.MEANINGS)
    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        max_episode_steps: int | None = None,
        **kwargs: Unpack[arguments.EnvArguments],
    ) -> None:
        """See the class's "Arguments".

        Raises:
            ValueError: If an argument is out of range; the message names what is allowed.
            TypeError: If a keyword is unknown; the message names the nearest.
        """
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        self.max_episode_steps = None if max_episode_steps is None else positive("max_episode_steps", max_episode_steps)
        self.num_envs = positive("num_envs", num_envs)
        self.single = SwapReleaseEnv(**kwargs)
        self.lanes = Lanes(self.num_envs, threads, self.single.hold_us)
        self.metadata = {**SwapReleaseEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = self.single.render_mode
        self.single_action_space = self.single.action_space
        self.single_observation_space = self.single.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._codes = np.array(arguments.route_codes(self.single.routes, self.single.scenario), dtype=np.int64)
        self._lag_weights, self._peak_weights = np.zeros(self.num_envs), np.zeros(self.num_envs)
        self._generators: list[np.random.Generator | None] = [None] * self.num_envs
        self._generator_seeds = [-1] * self.num_envs
        self._drawn: list[Drawn | None] = [None] * self.num_envs
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._running = np.zeros(self.num_envs, dtype=np.bool_)
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)

    # -------------------------------------------------------------------------------------------------- Gymnasium
    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Draw a scenario for each lane and run it to its first decision.

        Args:
            seed: Of the lanes' generators, from which scenario seeds are drawn: lane ``i`` gets ``seed + i`` or
                ``seed[i]``.
            options: See the class's "Resets".

        Returns:
            The observations of all lanes, those not reset as they stand, and what was drawn for those that were.

        Raises:
            ValueError: If an option is unknown or its value not allowed, or seeds are too few or too many.
        """
        chosen = dict(options or {})
        lanes = self._masked(chosen.pop("reset_mask", None))
        if isinstance(seed, int | np.integer):
            seed = [int(seed) + lane for lane in range(self.num_envs)]
        seeds = self._per_lane("seed", seed)
        each = {name: self._per_lane(f"options[{name!r}]", value) for name, value in chosen.items()}
        worlds = [
            arguments.check_options({name: each[name][lane] for name in each if each[name][lane] is not None})
            for lane in lanes.tolist()
        ]
        for lane in lanes.tolist():
            if seeds[lane] is not None:
                self._generators[lane], self._generator_seeds[lane] = seeding.np_random(seeds[lane])
        self._begin(lanes, worlds)
        return self.lanes.observations.copy(), self._identities(lanes)

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observations, npt.NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """Send each lane's pending batch on its route and run each lane on to its next decision.

        Args:
            actions: One per lane. With ``"NextStep"`` those of lanes that ended in the step before are not read.

        Returns:
            Observations, rewards, terminations, truncations and infos of all lanes.

        Raises:
            ResetNeeded: If a lane has no episode to go on with.
            InvalidAction: If an action is not in the action space.
        """
        stepped = self._running.copy()
        whole = bool(stepped.all())
        if not whole:
            self._refuse_idle()
        routes = self._routes(actions, stepped)
        self.lanes.step(routes, None if whole else np.flatnonzero(stepped))
        self._steps += stepped
        terms = self.lanes.terms.T.copy()
        terms[:, ~stepped] = 0.0
        late, delay, stalls, relaunch, growth = terms
        rewards = -(self._lag_weights * (late + delay + stalls + relaunch) + self._peak_weights * growth)
        rewards[~stepped] = 0.0  # not -0.0
        terminated = stepped & (self.lanes.statuses == RUN_END)
        truncated = stepped & self._truncated(terminated)
        done = terminated | truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and done.any():
            infos = self._renew(done, terms)
        else:
            infos = _term_infos(terms, stepped) if stepped.any() else {}
            if not whole or done.any():
                infos |= self._settle(~stepped, done)
        return self.lanes.observations.copy(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...]:
        """Return the frame of every lane."""
        return tuple(self.render_lane(lane) for lane in range(self.num_envs))

    def render_lane(self, lane: int) -> Any:
        """Return the frame of one lane, as the single environment would render it."""
        self.single.restore(self.snapshot(lane))
        return self.single.render()

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads."""
        self.lanes.close()

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]  # as SyncVectorEnv has it
        """The lanes' generators."""
        return tuple(self._generator(lane) for lane in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seeds of the lanes' generators; -1 where a generator's seed is unknown."""
        return tuple(self._generator_seeds)

    # -------------------------------------------------------------------------------------- looking in, going back
    def phone(self, lane: int) -> np.void:
        """Return the PHONE record of a lane as it stands, to be read only."""
        record: np.void = self.lanes.phones[lane]
        return record

    def scenario(self, lane: int) -> np.void:
        """Return the SCENARIO record of a lane, future included, to be read only."""
        record: np.void = self.lanes.scenarios[lane]
        return record

    def digest(self, lane: int) -> str:
        """Return the SHA-256 of a lane's phone, in hexadecimal."""
        return phone_digest(self.lanes.phones[lane])

    def metrics(self, lane: int) -> dict[str, float]:
        """Return the metrics so far of a lane's episode: see :mod:`swapgym.envs.metrics`."""
        return episode_metrics(self.lanes.phones[lane], self.lanes.scenarios[lane])

    def snapshot(self, lane: int) -> Snapshot:
        """Return the present moment of a lane's episode.

        Raises:
            ResetNeeded: If the lane has not been reset yet.
        """
        drawn = self._drawn_for(lane)
        rows = slice(lane, lane + 1) if lane >= 0 else slice(lane + self.num_envs, lane + self.num_envs + 1)
        return Snapshot(
            self.lanes.phones[rows].copy(),
            self.lanes.scenarios[rows].copy(),
            self.lanes.paid[rows].copy(),
            int(self._steps[lane]),
            bool(self._running[lane]),
            drawn,
        )

    def restore(self, lane: int, snapshot: Snapshot) -> Observation:
        """Put a lane where ``snapshot`` was taken, of whichever environment; return the observation there."""
        self.lanes.phones[lane] = snapshot.phones[0]
        self.lanes.scenarios[lane] = snapshot.scenarios[0]
        self.lanes.paid[lane] = snapshot.paid[0]
        self.lanes.statuses[lane] = RUN_DECISION if snapshot.running else RUN_END
        self._steps[lane] = snapshot.steps
        self._running[lane] = snapshot.running
        self._ended[lane] = not snapshot.running
        self._take(lane, snapshot.drawn)
        observe(self.lanes.phones[lane], self.lanes.scenarios[lane], self.lanes.observations[lane])
        return self.lanes.observations[lane].copy()

    def baseline(self, lane: int) -> Baseline:
        """Return what a lane's rewards are scaled by: that of the preset drawn for it.

        Raises:
            ResetNeeded: If the lane has not been reset yet.
        """
        return baseline_of(self._drawn_for(lane).preset)

    # ----------------------------------------------------------------------------------------------------- private
    def _drawn_for(self, lane: int) -> Drawn:
        drawn = self._drawn[lane]
        if drawn is None:
            raise ResetNeeded(f"no episode has been started in lane {lane}; call reset() first")
        return drawn

    def _take(self, lane: int, drawn: Drawn) -> None:
        """Take what was drawn for a lane's episode: rewards have the scale of its preset."""
        self._drawn[lane] = drawn
        self._lag_weights[lane], self._peak_weights[lane] = step_weights(self.single.weights, drawn.preset)

    def _begin(self, lanes: Indices, worlds: Sequence[Mapping[str, Any]] = ()) -> None:
        single = self.single
        drawn: list[Drawn] = []
        for position, lane in enumerate(lanes.tolist()):
            world = worlds[position] if worlds else {}
            seed = world.get("scenario_seed")
            if seed is None:
                seed = int(self._generator(lane).integers(TRAIN_SEEDS))
            drawn.append(
                draw(
                    world.get("preset", single.preset),
                    seed,
                    device=single.device,
                    kernel=single.kernel,
                    overrides=single.overrides,
                    tick_us=single.tick_us,
                    out=self.lanes.scenarios[lane],
                )
            )
            self._take(lane, drawn[-1])
        self.lanes.begin(lanes)
        self._steps[lanes] = 0
        self._running[lanes] = True
        self._ended[lanes] = False

    def _settle(self, renewed: Flags, done: Flags) -> dict[str, Any]:
        """Begin the lanes that ended in the step before, take note of those that are done; return infos of both."""
        infos = self._ends(np.flatnonzero(done))
        if renewed.any():
            self._begin(np.flatnonzero(renewed))
        self._running &= ~done
        self._ended = done.copy()
        return infos | self._identities(np.flatnonzero(renewed | done))

    def _renew(self, done: Flags, terms: npt.NDArray[np.float64]) -> dict[str, Any]:
        """Begin the lanes that are done; return the infos, those of the episodes' ends as ``final_info``."""
        lanes = np.flatnonzero(done)
        last = _term_infos(np.where(done, terms, 0.0), done) | self._ends(lanes) | self._identities(lanes)
        final = np.full(self.num_envs, None, dtype=object)
        for lane in lanes.tolist():
            final[lane] = self.lanes.observations[lane].copy()
        self._begin(lanes)
        infos = self._identities(lanes)
        infos |= {"final_obs": final, "_final_obs": done.copy(), "final_info": last, "_final_info": done.copy()}
        if not done.all():
            infos |= _term_infos(np.where(done, 0.0, terms), ~done)
        return infos

    def _ends(self, lanes: Indices) -> dict[str, Any]:
        if len(lanes) == 0:
            return {}
        metrics = [self.metrics(lane) for lane in lanes.tolist()]
        digests = [self.digest(lane) for lane in lanes.tolist()]
        return {
            **vector_infos.table("metrics", metrics, lanes, self.num_envs),
            **vector_infos.column("digest", digests, lanes, self.num_envs),
        }

    def _identities(self, lanes: Indices) -> dict[str, Any]:
        if len(lanes) == 0:
            return {}
        drawn = [self._drawn[lane] for lane in lanes.tolist()]
        values = {
            "scenario_seed": [one.seed for one in drawn if one],
            "preset": [one.preset for one in drawn if one],
            "device": [one.device for one in drawn if one],
        }
        infos: dict[str, Any] = {}
        for name, column in values.items():
            infos |= vector_infos.column(name, column, lanes, self.num_envs)
        return infos

    def _truncated(self, terminated: Flags) -> Flags:
        truncated = np.zeros_like(terminated)
        if self.single.max_decisions is not None:
            truncated = (self._steps >= self.single.max_decisions) & ~terminated
        if self.max_episode_steps is not None:
            truncated |= self._steps >= self.max_episode_steps  # TimeLimit cuts off what has ended, too
        return truncated

    def _generator(self, lane: int) -> np.random.Generator:
        generator = self._generators[lane]
        if generator is None:
            generator, self._generator_seeds[lane] = seeding.np_random()
            self._generators[lane] = generator
        return generator

    def _per_lane(self, name: str, value: Any) -> Sequence[Any]:
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, str) or not isinstance(value, Sequence):
            return [value] * self.num_envs
        if len(value) != self.num_envs:
            raise ValueError(f"{name}: {len(value)} values, must be one per lane ({self.num_envs}) or one for all")
        return value

    def _masked(self, mask: Any) -> Indices:
        if mask is None:
            return np.arange(self.num_envs)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(f"options['reset_mask']: {mask!r}, must be a boolean array of shape ({self.num_envs},)")
        if not mask.any():
            raise ValueError("options['reset_mask']: no lane is True, must be at least one")
        return np.flatnonzero(mask)

    def _routes(self, actions: Any, stepped: Flags) -> npt.NDArray[np.int64]:
        """Return the routes of ``actions``; those of lanes that are not ``stepped`` are not looked at."""
        array = np.asarray(actions)
        if array.shape != (self.num_envs,) or array.dtype.kind not in "iu":
            found = f"shape {array.shape}, dtype {array.dtype}"
            raise InvalidAction(f"step: actions of {found}, must be integers of shape ({self.num_envs},)")
        if array.min() < 0 or array.max() >= len(self._codes):
            for lane in np.flatnonzero(stepped & ((array < 0) | (array >= len(self._codes)))).tolist():
                allowed = ", ".join(f"{index} ({name})" for index, name in enumerate(self.single.routes))
                raise InvalidAction(f"step: action {array[lane]} of lane {lane}, must be one of {allowed}")
        return self._codes.take(array, mode="clip")

    def _refuse_idle(self) -> None:
        idle = ~self._running
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:
            idle &= ~self._ended
        if idle.any():
            lanes = np.flatnonzero(idle).tolist()
            how = "reset(), or reset(options={'reset_mask': mask}) for some lanes"
            raise ResetNeeded(f"step: no episode is running in lanes {lanes}; call {how} first")


def check_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Return ``mode`` as Gymnasium's enumeration.

    Raises:
        ValueError: If there is no such mode; names all there are.
    """
    for known in AutoresetMode:
        if mode in (known, known.value):
            return known
    raise unknown("autoreset_mode", mode, [known.value for known in AutoresetMode])


def _term_infos(terms: npt.NDArray[np.float64], flags: Flags) -> dict[str, Any]:
    return vector_infos.named("reward_terms", TERM_NAMES, terms, flags)
