"""``swapgym/SwapRelease-v0``: one step per batch of an exiting process's swap entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded

from swapgym.envs import arguments
from swapgym.envs.docstrings import documented
from swapgym.envs.lane import begin_lane, step_lane
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.observations import N_PARTS, PARTS, observe
from swapgym.envs.rewards import DEFAULT_WEIGHTS, N_TERMS, Baseline, baseline_of, check_weights, step_weights
from swapgym.envs.snapshots import Snapshot, native
from swapgym.phone.constants import MS as US_PER_MS
from swapgym.phone.constants import RUN_END
from swapgym.phone.inputs import SCENARIO
from swapgym.phone.state import PHONE, phone_digest
from swapgym.render.panel import panel
from swapgym.workload import Drawn, draw, empty
from swapgym.workload.suites import TRAIN_SEEDS

Observation = npt.NDArray[np.float32]


@documented(arguments.MEANINGS)
class SwapReleaseEnv(gym.Env[Observation, np.int64]):
    """
    ## Description

    Processes are dying on a simulated phone. Each walks its address space and frees what it finds; whenever a batch of
    its swap entries is full (512 entries, 2 MiB of swapped memory, or as the kernel variant has it) somebody must say where
    they are released: **inline**, by the exiting thread, so that its parent waits for it and its CPU time is its own; or
    **deferred** to a kworker (or a forked child), so that the exit is notified sooner, while the compressed memory of a
    process already gone stays held until the worker gets to it. The decision follows Zhiguo Jiang's patch series "mm: tlb
    swap entries batch async release" (linux-mm, 31 Jul 2024), and the objections to it: higher peaks, starvation by
    real-time load, unaccounted CPU.

    One step is one decision: the phone runs on to the next one, of whichever process, some microseconds to seconds later.

    ## Action Space

    `Discrete(len(routes))`, by default `Discrete(2)`:

    $actions

    With `routes=3` the actions are `INLINE`, `KWORKER` and `USERSPACE`. A queue that is full, or that the variant does not
    have, falls back to `INLINE`; `metrics["fallbacks"]` counts it.

    ## Observation Space

    `Box` of float32, shape `($n_parts,)`: what a kernel could know at that moment. Parts of the process that asks are 0 where
    nobody asks (after the last decision). `swapgym.envs.observations.readings` turns an observation back into units.

    $observations

    ## Rewards

    Minus the cost that has accrued since the last decision. Two objectives: **lag** (ms) and **peak** (MiB), sums of the
    terms below; `info["reward_terms"]` has each, unscaled, as a cost.

    $terms

    `reward = -(weights[0] * lag / baseline.lag_ms + weights[1] * peak / baseline.peak_mib)`

    where the baseline is the mean cost of an episode of the drawn preset under `mainline`, always inline
    (`baselines.json`): that policy's mean return is about -1 with weights that sum to 1. Rewards telescope: what accrues before the first decision is
    paid with the first step and what accrues after the last one with the last step, so that an episode's return is the same
    formula of the episode's totals, `metrics["lag_ms"]` and `metrics["peak_mib"]`.

    ## Starting State

    The scenario (device, apps, kills, launches, load) is drawn from `preset` with a scenario seed, which `reset` draws from
    the environment's generator (a train seed, never one of the validation or test suites') or takes from `options={"scenario_seed": int}`; everything after that is deterministic. The
    phone is run to its first decision. `options={"preset": str}` takes the scenario from another preset.

    ## Episode End

    1. Termination: the scenario is over (some seconds of phone time).
    2. Truncation: `max_decisions` decisions were made.

    The last `info` holds `metrics` (`swapgym.envs.metrics`), `digest` (SHA-256 of the phone's final bytes), and what was
    drawn: `scenario_seed`, `preset` and `device`, as the `info` of `reset` does. Stepping on raises `gymnasium.error.ResetNeeded`.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("swapgym:swapgym/SwapRelease-v0", preset="camera_launch", routes=3)
    >>> env
    <PassiveEnvChecker<SwapReleaseEnv<swapgym/SwapRelease-v0>>>
    >>> observation, info = env.reset(seed=1)
    >>> observation.shape, env.action_space
    (($n_parts,), Discrete(3))

    ```

    $arguments

    `env.unwrapped` also has `snapshot()` and `restore(snapshot)` (episodes resume bit for bit), `phone` and `scenario` (the
    records themselves), `digest()` and `metrics()`.

    ## Vectorized environment

    ```python
    >>> import gymnasium as gym
    >>> envs = gym.make_vec("swapgym:swapgym/SwapRelease-v0", num_envs=2, vectorization_mode="sync")
    >>> envs
    SyncVectorEnv(swapgym/SwapRelease-v0, num_envs=2)

    ```

    ## Version History

    * v0: Initial version.
    """  # noqa: E501, D212, D415

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 10}  # noqa: RUF012 (Gymnasium's own form)

    @arguments.known_keywords()
    def __init__(
        self,
        preset: str = "mixed",
        device: str | None = None,
        kernel: str = "vivo-async",
        routes: int | Sequence[str] = arguments.DEFAULT_ROUTES,
        weights: Sequence[float] = DEFAULT_WEIGHTS,
        tick_us: int = 1000,
        max_decisions: int | None = None,
        hold_ms: int = 0,
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        """See the class's "Arguments".

        Raises:
            ValueError: If a value is unknown or out of range; the message names what is allowed.
            TypeError: If a keyword is unknown; the message names the nearest.
        """
        self.preset = preset
        self.device = device
        self.kernel = kernel
        self.overrides = arguments.check_overrides(overrides)
        self.routes = arguments.check_routes(routes)
        self.weights = check_weights(weights)
        self.tick_us = arguments.check_tick(tick_us)
        self.max_decisions = arguments.check_max_decisions(max_decisions)
        self.hold_us = arguments.check_hold(hold_ms) * US_PER_MS
        self.render_mode = arguments.check_render_mode(render_mode, self.metadata["render_modes"])
        self.action_space = spaces.Discrete(len(self.routes))
        self.observation_space = spaces.Box(
            np.array([part.low for part in PARTS], dtype=np.float32),
            np.array([part.high for part in PARTS], dtype=np.float32),
        )
        self._phones = np.zeros(1, PHONE)
        self._observations = np.zeros((1, N_PARTS), dtype=np.float32)
        self._paid = np.zeros((1, N_TERMS), dtype=np.int64)
        self._terms = np.zeros((1, N_TERMS), dtype=np.float64)
        self._observation_row = self._observations[0]
        self._terms_row = self._terms[0]
        self._scenarios = empty(1)
        self._take(self._draw(preset, 0))
        self._route_codes: tuple[int, ...] = ()
        self._steps = 0
        self._running = False

    # -------------------------------------------------------------------------------------------------- Gymnasium
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw a scenario and run it to its first decision.

        Args:
            seed: Seed of the environment's generator, from which scenario seeds are drawn.
            options: ``{"scenario_seed": int}`` names the scenario instead of drawing it; ``{"preset": str}`` takes it
                from another preset.

        Returns:
            The first observation, and ``info`` with ``scenario_seed``, ``preset`` and ``device`` as drawn.

        Raises:
            ValueError: If an option is unknown or its value not allowed.
        """
        super().reset(seed=seed)
        chosen = arguments.check_options(options)
        preset = chosen.get("preset", self.preset)
        scenario_seed = chosen.get("scenario_seed")
        if scenario_seed is None:
            scenario_seed = int(self.np_random.integers(TRAIN_SEEDS))
        self._scenarios = empty(1)
        self._take(self._draw(preset, scenario_seed))
        self._route_codes = arguments.route_codes(self.routes, self._scenarios[0])
        begin_lane(self._phones, self._scenarios, 0, self._observations, self._paid)
        self._steps = 0
        self._running = True
        return self._observation_row.copy(), self._identity()

    def step(self, action: int | np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Route the pending batch and run on to the next decision.

        Args:
            action: Index into ``routes``.

        Returns:
            Observation, reward, terminated, truncated, and ``info`` with ``reward_terms``; at the episode's end also
            ``metrics``, ``digest`` (SHA-256 of the phone's bytes), ``scenario_seed``, ``preset`` and ``device``.

        Raises:
            ResetNeeded: Before the first reset and after the episode's end.
            InvalidAction: If the action is not in the action space.
        """
        if not self._running:
            raise ResetNeeded("step: no episode is running; call reset() first, and after terminated or truncated")
        if type(action) is not int or not 0 <= action < len(self._route_codes):
            action = self._checked(action)
        status = step_lane(
            self._phones, self._scenarios, 0, self._route_codes[action], self.hold_us, self._observations, self._paid,
            self._terms,
        )  # fmt: skip
        self._steps += 1
        late, delay, stalls, relaunch, growth = self._terms_row.tolist()
        reward = -(self._lag_weight * (late + delay + stalls + relaunch) + self._peak_weight * growth)
        info: dict[str, Any] = {
            "reward_terms": {
                "frame_lateness_ms": late,
                "launch_delay_ms": delay,
                "stalls_ms": stalls,
                "relaunch_ms": relaunch,
                "demand_growth_mib": growth,
            }
        }
        terminated = status == RUN_END
        spent = self.max_decisions is not None and self._steps >= self.max_decisions
        truncated = spent and not terminated
        if terminated or truncated:
            self._running = False
            info |= {"metrics": self.metrics(), "digest": self.digest(), **self._identity()}
        return self._observation_row.copy(), reward, terminated, truncated, info

    def render(self) -> str | None:
        """Return a text panel of the phone where ``render_mode`` is ``"ansi"``."""
        if self.render_mode is None:
            gym.logger.warn('render: render_mode is None; make the environment with render_mode="ansi"')
            return None
        if self._steps == 0 and not self._running:
            raise ResetNeeded("render: no episode has been started; call reset() first")
        return panel(self._phones[0], self._scenarios[0])

    # -------------------------------------------------------------------------------------- looking in, going back
    @property
    def phone(self) -> np.void:
        """The PHONE record as it stands; for planners and renderers, to be read only."""
        record: np.void = self._phones[0]
        return record

    @property
    def scenario(self) -> np.void:
        """The SCENARIO record of the episode, future included; to be read only."""
        record: np.void = self._scenarios[0]
        return record

    @property
    def baseline(self) -> Baseline:
        """What rewards are scaled by: that of the drawn preset."""
        return baseline_of(self._drawn.preset)

    def digest(self) -> str:
        """Return the SHA-256 of the phone's bytes, in hexadecimal."""
        return phone_digest(self._phones)

    def metrics(self) -> dict[str, float]:
        """Return the episode's metrics so far: see :mod:`swapgym.envs.metrics`."""
        return episode_metrics(self._phones[0], self._scenarios[0])

    def snapshot(self) -> Snapshot:
        """Return the present moment of the episode. The generator that draws scenarios is not part of it."""
        return Snapshot(
            self._phones.copy(), self._scenarios, self._paid.copy(), self._steps, self._running, self._drawn
        )

    def restore(self, snapshot: Snapshot) -> Observation:
        """Go back to ``snapshot``, also that of another environment; return the observation there."""
        self._phones[:] = snapshot.phones
        self._scenarios = native(snapshot.scenarios, SCENARIO)
        self._paid[:] = snapshot.paid
        self._steps = snapshot.steps
        self._running = snapshot.running
        self._take(snapshot.drawn)
        self._route_codes = arguments.route_codes(self.routes, self._scenarios[0])
        observation = np.zeros(N_PARTS, dtype=np.float32)
        observe(self._phones[0], self._scenarios[0], observation)
        return observation

    # ----------------------------------------------------------------------------------------------------- private
    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a pickled or copied environment's state."""
        self.__dict__.update(state)
        self._phones = native(self._phones, PHONE)
        self._scenarios = native(self._scenarios, SCENARIO)
        self._observation_row = self._observations[0]
        self._terms_row = self._terms[0]

    def _take(self, drawn: Drawn) -> None:
        """Take what was drawn for the episode: rewards have the scale of its preset."""
        self._drawn = drawn
        self._lag_weight, self._peak_weight = step_weights(self.weights, drawn.preset)

    def _draw(self, preset: str, scenario_seed: int) -> Drawn:
        return draw(
            preset,
            scenario_seed,
            device=self.device,
            kernel=self.kernel,
            overrides=self.overrides,
            tick_us=self.tick_us,
            out=self._scenarios[0],
        )

    def _identity(self) -> dict[str, Any]:
        return {"scenario_seed": self._drawn.seed, "preset": self._drawn.preset, "device": self._drawn.device}

    def _checked(self, action: Any) -> int:
        if isinstance(action, bool) or not self.action_space.contains(action):
            allowed = ", ".join(f"{index} ({name})" for index, name in enumerate(self.routes))
            raise InvalidAction(f"step: action {action!r} of type {type(action).__name__}, must be one of {allowed}")
        return int(action)
