"""One episode at a time on a simulated phone: what all single environments share. An id adds its spec and docstring."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from swapgym.envs import arguments
from swapgym.envs.docstrings import document
from swapgym.envs.infos import start_info, step_info
from swapgym.envs.lane import costs_view, step_lane, unchecked
from swapgym.envs.lanes import Lanes
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.snapshots import Snapshot
from swapgym.envs.spec import EnvSpec
from swapgym.phone.constants import RUN_END
from swapgym.phone.state import phone_digest
from swapgym.workload import Drawn
from swapgym.workload.suites import TRAIN_SEEDS

if TYPE_CHECKING:
    from swapgym.envs.recording import Recording

Observation = npt.NDArray[np.float32]
Reward = float | npt.NDArray[np.float64]

BOUND: Final = (
    "_answers", "_observation", "_now_us", "_paid", "_costs", "_gained",
)  # fmt: skip
"""What points into an environment's arrays."""


class PhoneEnv(gym.Env[Observation, Any]):
    """A decision process on one phone; subclasses name their spec as ``SPEC``.

    Attributes:
        SPEC: The spec of the id: the defaults of its arguments.
        env_spec: The spec of this environment.
        parts: Names of the observation's parts.
        reward_space: Where rewards come from; vector rewards have one number per objective.
    """

    SPEC: ClassVar[EnvSpec]
    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own form)
        "render_modes": ["ansi", "rgb_array", "human"],
        "render_fps": 10,
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the class the signature of its spec, and its docstring the sections that the code has."""
        super().__init_subclass__(**kwargs)
        document(cls, cls.SPEC)

    def __init__(self, render_mode: str | None = None, **kwargs: Any) -> None:
        """See the class's "Arguments".

        Raises:
            ValueError: If a value is unknown or out of range; the message names what is allowed.
            TypeError: If a keyword is unknown; the message names the nearest.
        """
        self.env_spec = self.SPEC.but(**kwargs)
        self.metadata = {**self.metadata, "render_modes": modes_here(self.metadata["render_modes"])}
        self.render_mode = arguments.check_render_mode(render_mode, self.metadata["render_modes"])
        self.parts = self.env_spec.parts
        self.action_space = self.env_spec.action_space
        self.observation_space = self.env_spec.observation_space  # type: ignore[assignment]  # of float32
        self.reward_space = self.env_spec.reward_space
        self.lanes = Lanes(1, self.env_spec)
        self._recording = recording_of(self.env_spec, self.render_mode)
        self._actions = self.env_spec.actions()
        self._most_steps = math.inf if self.env_spec.max_decisions is None else self.env_spec.max_decisions
        self._n_actions = len(self._actions) if self.env_spec.flat or not self.env_spec.pace_names else 0
        self._drawn: Drawn | None = None
        self._steps = 0
        self._running = False
        self._bind()

    def _bind(self) -> None:
        """Keep what every step reads: views of the arrays; :meth:`_take` adds what it calls."""
        lanes = self.lanes
        self._observation = lanes.observations[0]
        self._now_us, self._paid = lanes.phones["now_us"], lanes.lanes["reward"]
        self._costs = costs_view(lanes.lanes)
        self._gained = lanes.lanes["gained"][0] if self.env_spec.vector_reward else None
        self._answers: list[Callable[[], int]] = [] if self._drawn is None else self._calls()

    def _calls(self) -> list[Callable[[], int]]:
        """Return :func:`step_lane` with all its arguments, for each action."""
        lanes, before = self.lanes, (self.lanes.phones, self.lanes.scenarios, self.lanes.lanes, 0)
        after = (lanes.epochs, lanes.parts, lanes.observations)
        step = unchecked(step_lane, *before, self._actions[0], *after)
        return [partial(step, *before, action, *after) for action in self._actions]

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
            The first observation, and ``info``: see :mod:`swapgym.envs.infos`.

        Raises:
            ValueError: If an option is unknown or its value not allowed.
        """
        super().reset(seed=seed)
        chosen = arguments.check_options(options)
        scenario_seed = chosen.get("scenario_seed")
        if scenario_seed is None:
            scenario_seed = int(self.np_random.integers(TRAIN_SEEDS))
        self._take(self.lanes.draw(0, scenario_seed, chosen.get("preset")))
        self.lanes.begin()
        self._steps = 0
        self._running = True
        if self._recording is not None:
            self._recording.begin(self.drawn)
            self._show()
        return self._observation.copy(), start_info(self.drawn, int(self.phone["now_us"]))

    def step(self, action: Any) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """Take an answer and run on to the next decision.

        Args:
            action: In the action space.

        Returns:
            Observation, reward, terminated, truncated, and ``info``: see :mod:`swapgym.envs.infos`.

        Raises:
            ResetNeeded: Before the first reset and after the episode's end.
            InvalidAction: If the action is not in the action space.
        """
        if not self._running:
            raise ResetNeeded("step: no episode is running; call reset() first, and after its end or close()")
        if type(action) is not int or not 0 <= action < self._n_actions:
            action = self._checked(action)
        status = self._answers[action]()
        self._steps += 1
        info = step_info(self._info, self._now_us.item(), self._costs.tolist())
        terminated = status == RUN_END
        truncated = self._steps >= self._most_steps and not terminated
        if terminated or truncated:
            self._running = False
            info["metrics"] = self.metrics()
            info["digest"] = self.digest()
        if self._recording is not None:
            self._recording.note(action)
            self._show()
        reward: Reward = self._paid.item() if self._gained is None else self._gained * self._scale
        return self._observation.copy(), reward, terminated, truncated, info

    def render(self) -> Any:
        """Return the frame of ``render_mode``: a text panel (``"ansi"``) or uint8 of shape ``(H, W, 3)``.

        With ``"human"`` the window shows the last frame already, and nothing is returned.
        """
        if self._recording is None:
            modes = self.metadata["render_modes"]
            gym.logger.warn(f"render: render_mode is None; make the environment with one of {modes}")
            return None
        if self._steps == 0 and not self._running:
            raise ResetNeeded("render: no episode has been started; call reset() first")
        return None if self.render_mode == "human" else self._recording.frame()

    def _show(self) -> None:
        if self.render_mode == "human" and self._recording is not None:
            self._recording.show(self.metadata["render_fps"])

    def close(self) -> None:
        """End the episode and close the window, where there is one."""
        self._running = False
        if self._recording is not None:
            self._recording.close()

    # -------------------------------------------------------------------------------------- looking in, going back
    @property
    def phone(self) -> np.void:
        """The PHONE record as it stands; for planners and renderers, to be read only."""
        record: np.void = self.lanes.phones[0]
        return record

    @property
    def scenario(self) -> np.void:
        """The SCENARIO record of the episode, future included; to be read only."""
        record: np.void = self.lanes.scenarios[0]
        return record

    @property
    def drawn(self) -> Drawn:
        """What the episode's scenario was drawn from.

        Raises:
            ResetNeeded: Before the first reset.
        """
        if self._drawn is None:
            raise ResetNeeded("no episode has been started; call reset() first")
        return self._drawn

    def digest(self) -> str:
        """Return the SHA-256 of the phone's bytes, in hexadecimal.

        Raises:
            ResetNeeded: Before the first reset.
        """
        _ = self.drawn  # no episode, no phone
        return phone_digest(self.lanes.phones)

    def metrics(self) -> dict[str, float]:
        """Return the episode's metrics so far: see :mod:`swapgym.envs.metrics`.

        Raises:
            ResetNeeded: Before the first reset.
        """
        _ = self.drawn  # no episode, no phone
        return episode_metrics(self.lanes.phones[0], self.lanes.scenarios[0])

    def snapshot(self) -> Snapshot:
        """Return the present moment of the episode. The generator that draws scenarios is not part of it.

        Raises:
            ResetNeeded: Before the first reset.
        """
        return Snapshot(self.lanes.take(0), self._steps, self._running, self.drawn)

    def restore(self, snapshot: Snapshot) -> Observation:
        """Go back to ``snapshot``, also that of another environment; return the observation there.

        The phone, its kernel and device are the snapshot's; what is observed, asked and paid is this environment's.
        Where actions set no pace, the drain goes on at the kernel variant's own.
        """
        self._take(snapshot.drawn)
        self.lanes.put(0, snapshot.records, snapshot.drawn, snapshot.running)
        self._steps = snapshot.steps
        self._running = snapshot.running
        if self._recording is not None:
            self._recording.resume(snapshot)
        return self._observation.copy()

    # ----------------------------------------------------------------------------------------------------- private
    def __getstate__(self) -> dict[str, Any]:
        """Leave out what points into the arrays."""
        return {name: value for name, value in self.__dict__.items() if name not in BOUND}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a pickled or copied environment's state."""
        self.__dict__.update(state)
        self._bind()

    def _take(self, drawn: Drawn) -> None:
        """Take what was drawn for the episode: rewards have its scale."""
        self._drawn = drawn
        self._info = start_info(drawn)
        self._scale = 1.0 / self.env_spec.rates.reference_cost(drawn)
        if not self._answers:
            self._answers = self._calls()

    def _checked(self, action: Any) -> int:
        kind = np.asarray(action).dtype.kind if not isinstance(action, str | bytes) else "U"
        if kind in "iu" and self.action_space.contains(action):
            return int(self.env_spec.flat_actions(np.asarray(action)[None])[0])
        raise self.env_spec.invalid(action)


def modes_here(modes: list[str]) -> list[str]:
    """Return the render modes that can be had here: without a display all but ``"human"``."""
    from swapgym.render.window import has_display

    return [mode for mode in modes if mode != "human" or has_display()]


def recording_of(spec: EnvSpec, render_mode: str | None) -> Recording | None:
    """Return a recording where there is something to render; what draws is loaded only then."""
    if render_mode is None:
        return None
    from swapgym.envs.recording import Recording

    return Recording(spec, render_mode)
