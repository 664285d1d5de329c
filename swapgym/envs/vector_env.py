"""Many episodes side by side, in one batch: what ``gymnasium.make_vec`` makes of an id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from gymnasium.error import ClosedEnvironmentError, InvalidAction, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from swapgym.envs import arguments, vector_infos
from swapgym.envs.docstrings import document
from swapgym.envs.lane import TOLD_GAINED, TOLD_REWARD
from swapgym.envs.lanes import Lanes, positive
from swapgym.envs.metrics import episode_metrics
from swapgym.envs.phone_env import Observation, PhoneEnv, recording_of
from swapgym.envs.snapshots import Snapshot
from swapgym.phone.constants import RUN_END
from swapgym.phone.state import phone_digest
from swapgym.workload import Drawn
from swapgym.workload.config import unknown
from swapgym.workload.suites import TRAIN_SEEDS

Observations = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
Seeds = int | Sequence[int | None] | None

ARGUMENTS: Final[dict[str, tuple[Any, str, str]]] = {
    "num_envs": (1, "int", "lanes"),
    "autoreset_mode": ("NextStep", "AutoresetMode | str", '`"NextStep"`, `"SameStep"` or `"Disabled"`'),
    "threads": (1, "int", "threads that share the lanes; no bit depends on it"),
    "max_episode_steps": (None, "int | None", "truncates, as the wrapper `TimeLimit` does"),
}
"""Arguments that a single environment does not have: default, type, meaning."""

DESCRIPTION: Final = """A step answers each lane and runs it on to its own next decision: lanes are asynchronous in
    simulated time. Observations, rewards, flags and infos are those of Gymnasium's `SyncVectorEnv` over as many single
    environments, bit for bit.

    ## Arguments

    $arguments

    ## Resets

    `reset(seed=)` takes an integer (lane `i` is seeded with `seed + i`), a list of one seed or `None` per lane, or
    `None`. `options` takes `scenario_seed` and `preset` as the single environment does, or a list of one or `None` per
    lane; and `reset_mask`, a boolean array: only these lanes are reset. With `"Disabled"` ended lanes go on that way.

    ## Infos

    Those of the single environment, an array over lanes for every key. With `"SameStep"` an episode's last ones are in
    `infos["final_info"]`, beside `infos["final_obs"]`. A lane that `max_episode_steps` cuts off has its metrics too,
    which `TimeLimit` around a single environment cannot give.

    `snapshot(lane)`, `restore(lane, snapshot)`, `metrics(lane)`, `digest(lane)`, `phone(lane)`, `scenario(lane)` and
    `render_lane(lane)` are the single environment's; snapshots go from one to the other."""


NOBODY: Final = np.zeros(0, np.int64)


class PhoneVectorEnv(VectorEnv[Observations, Any, npt.NDArray[Any]]):
    """``num_envs`` episodes side by side; subclasses name the single environment's class as ``SINGLE``."""

    SINGLE: ClassVar[type[PhoneEnv]]
    metadata: dict[str, Any] = {**PhoneEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give the class the signature of its spec, and its docstring the sections that the code has."""
        super().__init_subclass__(**kwargs)
        if cls.__doc__ is not None:
            cls.__doc__ = Template(cls.__doc__).safe_substitute(vector=DESCRIPTION)
        document(cls, cls.SINGLE.SPEC, ARGUMENTS)

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        """See the class's "Arguments".

        Raises:
            ValueError: If an argument is out of range; the message names what is allowed.
            TypeError: If a keyword is unknown; the message names the nearest.
        """
        for name in kwargs:
            if name not in self.SINGLE.SPEC.names():
                raise TypeError(
                    str(unknown("keyword argument", name, [*self.SINGLE.SPEC.names(), *ARGUMENTS, "render_mode"]))
                )
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        self.max_episode_steps = None if max_episode_steps is None else positive("max_episode_steps", max_episode_steps)
        self.num_envs = positive("num_envs", num_envs)
        self.single = self.SINGLE(render_mode=render_mode, **kwargs)
        self.env_spec = self.single.env_spec
        self.lanes = Lanes(self.num_envs, self.env_spec, threads)
        self.metadata = {**self.single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.single_action_space = self.single.action_space
        self.single_observation_space = self.single.observation_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.reward_space = self.single.reward_space
        self._actions = self.env_spec.actions()
        recordings = (recording_of(self.env_spec, render_mode) for _ in range(self.num_envs))
        self._recordings = [one for one in recordings if one is not None]
        self._infos = vector_infos.Infos(self.num_envs)
        self._scale = np.zeros((self.num_envs, 1))
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
            ClosedEnvironmentError: After :meth:`close`.
        """
        self._refuse_closed("reset")
        if options is not None and not isinstance(options, Mapping):
            raise ValueError(f"options: {options!r}, must be None or a mapping with 'scenario_seed' and 'preset'")
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
        self._show()
        return self.lanes.observations.copy(), self._tell(lanes)

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observations, npt.NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """Answer each lane and run it on to its next decision.

        Args:
            actions: One per lane. With ``"NextStep"`` those of lanes that ended in the step before are not read.

        Returns:
            Observations, rewards, terminations, truncations and infos of all lanes.

        Raises:
            ResetNeeded: If a lane has no episode to go on with.
            InvalidAction: If an action is not in the action space.
            ClosedEnvironmentError: After :meth:`close`.
        """
        self._refuse_closed("step")
        stepped = self._running.copy()
        whole = bool(stepped.all())
        if not whole:
            self._refuse_idle()
        self._answer(actions, stepped)
        self.lanes.step(None if whole else np.flatnonzero(stepped))
        self._steps += stepped
        rewards = self._rewards(stepped, whole)
        terminated = stepped & (self.lanes.statuses == RUN_END)
        truncated = stepped & self._truncated(terminated)
        done = terminated | truncated
        ended = np.flatnonzero(done)
        if self.autoreset_mode == AutoresetMode.SAME_STEP and len(ended):
            infos = self._renew(ended)
        else:
            if not whole:
                self._begin(np.flatnonzero(~stepped))
            self._running &= ~done
            self._ended = done.copy()
            infos = self._tell(self._infos.everybody, ended)
        self._show()
        return self.lanes.observations.copy(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...]:
        """Return the frame of every lane; with ``"human"`` the first one's is in a window, and all are None."""
        return tuple(self.render_lane(lane) for lane in range(self.num_envs))

    def render_lane(self, lane: int) -> Any:
        """Return the frame of one lane, as the single environment would render it."""
        if not self._recordings:
            return self.single.render()
        self._drawn_for(lane)
        return None if self.render_mode == "human" else self._recordings[lane].frame()

    def _show(self) -> None:
        if self.render_mode == "human" and self._drawn[0] is not None:
            self._recordings[0].show(self.metadata["render_fps"])

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads and close the window, where there are any."""
        self.lanes.close()
        for recording in self._recordings:
            recording.close()

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
        """Return the SHA-256 of a lane's phone, in hexadecimal.

        Raises:
            ResetNeeded: If the lane has not been reset yet.
        """
        self._drawn_for(lane)
        return phone_digest(self.lanes.phones[lane])

    def metrics(self, lane: int) -> dict[str, float]:
        """Return the metrics so far of a lane's episode: see :mod:`swapgym.envs.metrics`.

        Raises:
            ResetNeeded: If the lane has not been reset yet.
        """
        self._drawn_for(lane)
        return episode_metrics(self.lanes.phones[lane], self.lanes.scenarios[lane])

    def snapshot(self, lane: int) -> Snapshot:
        """Return the present moment of a lane's episode.

        Raises:
            ResetNeeded: If the lane has not been reset yet.
        """
        drawn = self._drawn_for(lane)
        return Snapshot(self.lanes.take(lane), int(self._steps[lane]), bool(self._running[lane]), drawn)

    def restore(self, lane: int, snapshot: Snapshot) -> Observation:
        """Put a lane where ``snapshot`` was taken, of whichever environment; return the observation there.

        As in the single environment's ``restore``.
        """
        self._take(lane, snapshot.drawn)
        self.lanes.put(lane, snapshot.records, snapshot.drawn, snapshot.running)
        self._steps[lane] = snapshot.steps
        self._running[lane] = snapshot.running
        self._ended[lane] = not snapshot.running
        if self._recordings:
            self._recordings[lane].resume(snapshot)
        return self.lanes.observations[lane].copy()

    # ----------------------------------------------------------------------------------------------------- private
    def _drawn_for(self, lane: int) -> Drawn:
        drawn = self._drawn[lane]
        if drawn is None:
            raise ResetNeeded(f"no episode has been started in lane {lane}; call reset() first")
        return drawn

    def _take(self, lane: int, drawn: Drawn) -> None:
        """Take what was drawn for a lane's episode: rewards have its scale."""
        self._drawn[lane] = drawn
        self._infos.take(lane, drawn)
        self._scale[lane] = 1.0 / self.env_spec.rates.reference_cost(drawn)

    def _begin(self, lanes: Indices, worlds: Sequence[Mapping[str, Any]] = ()) -> None:
        for position, lane in enumerate(lanes.tolist()):
            world = worlds[position] if worlds else {}
            seed = world.get("scenario_seed")
            if seed is None:
                seed = int(self._generator(lane).integers(TRAIN_SEEDS))
            drawn = self.lanes.draw(lane, seed, world.get("preset"))
            self._take(lane, drawn)
            if self._recordings:
                self._recordings[lane].begin(drawn)
        self.lanes.begin(lanes)
        self._steps[lanes] = 0
        self._running[lanes] = True
        self._ended[lanes] = False

    def _tell(self, lanes: Indices, ended: Indices = NOBODY) -> dict[str, Any]:
        """Return the infos of ``lanes``, of which ``ended`` are at their episodes' end."""
        metrics = [self.metrics(lane) for lane in ended.tolist()]
        digests = [self.digest(lane) for lane in ended.tolist()]
        return self._infos.tell(self.lanes, lanes, ended, metrics, digests)

    def _renew(self, ended: Indices) -> dict[str, Any]:
        """Begin the lanes that have ended; return the infos, those of the episodes' ends as ``final_info``."""
        flags = vector_infos.mask(ended, self.num_envs)
        last = self._tell(ended, ended)
        final = np.full(self.num_envs, None, dtype=object)
        for lane in ended.tolist():
            final[lane] = self.lanes.observations[lane].copy()
        self._begin(ended)
        infos = self._tell(self._infos.everybody)
        infos |= {"final_obs": final, "_final_obs": flags, "final_info": last, "_final_info": flags.copy()}
        return infos

    def _rewards(self, stepped: Flags, whole: bool) -> npt.NDArray[np.float64]:
        if self.env_spec.vector_reward:
            rewards = self.lanes.told[TOLD_GAINED].T * self._scale
        else:
            rewards = self.lanes.told[TOLD_REWARD].copy()
        if not whole:
            rewards[~stepped] = 0.0
        return rewards

    def _truncated(self, terminated: Flags) -> Flags:
        truncated = np.zeros_like(terminated)
        if self.env_spec.max_decisions is not None:
            truncated = (self._steps >= self.env_spec.max_decisions) & ~terminated
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

    def _answer(self, actions: Any, stepped: Flags) -> None:
        """Put ``actions`` where the lanes read them; those of lanes that are not ``stepped`` are not looked at."""
        flat = self.env_spec.flat_actions(actions, stepped)
        if len(flat) != self.num_envs:
            raise InvalidAction(f"step: {len(flat)} actions, must be one per lane ({self.num_envs})")
        self._actions.take(flat, axis=0, out=self.lanes.actions, mode="clip")  # clips what is not looked at
        for lane in np.flatnonzero(stepped).tolist() if self._recordings else ():
            self._recordings[lane].note(int(flat[lane]))

    def _refuse_closed(self, name: str) -> None:
        if self.closed:  # its threads would come to life again and stay
            raise ClosedEnvironmentError(f"{name}: the environment has been closed; make another one")

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
