"""What a dashboard shows of an episode, made when somebody looks: the episode is played again from its answers.

Stepping an environment that can render costs no more than noting the answers. A frame replays, through the same
kernels, what has happened since the last one, and stops on the way to look at the phone. Determinism makes what is
seen what has happened.
"""

from __future__ import annotations

from typing import Any

from swapgym.envs.lane import answer_lane, clear_lane, run_lane
from swapgym.envs.lanes import Lanes
from swapgym.envs.snapshots import Snapshot
from swapgym.envs.spec import EnvSpec
from swapgym.phone.constants import RUN_PAUSED
from swapgym.render import History, Window, draw, panel
from swapgym.workload import Drawn


class Recording:
    """One episode as it is watched.

    Attributes:
        lanes: The lane that the episode is played again on.
        history: What was seen so far.
    """

    def __init__(self, spec: EnvSpec, render_mode: str) -> None:
        """Make ready to record episodes of ``spec`` for a ``render_mode``."""
        self.render_mode = render_mode
        self.lanes = Lanes(1, spec)
        self.history: History | None = None
        self._actions = spec.actions()
        self._to_play: list[int] = []
        self._to_draw: Drawn | None = None
        self._title = ""
        self._window: Window | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the window behind: a copy opens its own."""
        return {**self.__dict__, "_window": None}

    def begin(self, drawn: Drawn) -> None:
        """Begin another episode."""
        self.history = None
        self._to_draw = drawn
        self._to_play = []
        self._title = f"{drawn.preset} {drawn.seed} on {drawn.device}, {drawn.kernel}"

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot; what was before it is not seen."""
        self.begin(snapshot.drawn)
        self._to_draw = None
        self.lanes.put(0, snapshot.records, snapshot.drawn, snapshot.running)
        self.history = self._new_history()

    def note(self, action: int) -> None:
        """Take note of a flat action."""
        self._to_play.append(action)

    def catch_up(self) -> History:
        """Play what has been noted; return the history up to now."""
        lanes = self.lanes
        if self._to_draw is not None:
            lanes.draw(0, self._to_draw.seed, self._to_draw.preset)
            self._to_draw = None
            clear_lane(lanes.phones, lanes.scenarios, lanes.lanes, 0)
            self.history = self._new_history()
            self._run(self.history)
        if self.history is None:
            raise RuntimeError("a recording must begin before it is watched")
        for action in self._to_play:
            phone = lanes.phones[0]
            route, pace = self._actions[action].tolist()
            if route < 0:
                route = int(lanes.scenarios[0]["kernel"]["defer_route"])
            victim = int(phone["pending"])
            self.history.decide(int(phone["now_us"]), victim, route if victim >= 0 else -1, pace)
            answer_lane(lanes.phones, lanes.scenarios, lanes.lanes, 0, self._actions[action])
            self._run(self.history)
        self._to_play = []
        return self.history

    def _new_history(self) -> History:
        history = History(self.lanes.scenarios[0])
        history.sample(self.lanes.phones[0])
        return history

    def _run(self, history: History) -> None:
        lanes = self.lanes
        while True:
            status = run_lane(lanes.phones, lanes.scenarios, lanes.lanes, 0, lanes.epochs, history.due_us)
            history.sample(lanes.phones[0])
            if status != RUN_PAUSED:
                return

    def frame(self) -> Any:
        """Return the frame of the render mode: a text panel or uint8 of shape ``(H, W, 3)``."""
        history = self.catch_up()
        if self.render_mode == "ansi":
            return panel(self.lanes.phones[0], self.lanes.scenarios[0])
        return draw(history, title=self._title)

    def show(self, fps: int) -> None:
        """Show the present frame in a window.

        Raises:
            swapgym.render.NoDisplay: If there is no display.
        """
        if self._window is None:
            self._window = Window("swapgym", fps)
        self._window.show(self.frame())

    def close(self) -> None:
        """Close the window, where there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None
