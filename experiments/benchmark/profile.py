"""Where a tick's time goes, and where a step's.

The parts of a tick are timed inside the compiled engine: its own functions are taken as source, a reading of the cycle
counter is put behind each of their statements, and the result is compiled. Nothing is copied by hand, so nothing can
differ from the engine.
"""

from __future__ import annotations

import ast
import inspect
import platform
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import gymnasium as gym
import numba
import numpy as np
from numba.extending import intrinsic

from experiments.benchmark.lanes import SPEC
from experiments.benchmark.single import OURS, make
from swapgym.phone import engine
from swapgym.phone.constants import RUN_DECISION
from swapgym.phone.state import PHONE
from swapgym.workload import empty

EPISODES: Final = 60
STEPS: Final = 20_000
STEP_ROUNDS: Final = 5
SIMULATION: Final = "the kernel: answering and the ticks up to the next decision"
END: Final = "an episode's last step besides: metrics, digest"
INNER: Final = ("request_all", "join_all", "run")
"""Functions of the engine whose statements are timed one by one, inside ``begin_tick``."""
COMMON: Final = frozenset(
    {"request.request_cpu", "request.weight_of", "request.is_runnable", "request.charge", "stages.background_weight"}
)
"""What every part of a tick calls: it names none."""


@intrinsic  # type: ignore[untyped-decorator]
def cycles(typing_context: Any) -> Any:
    """Return the processor's cycle counter."""
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.readcyclecounter", (), ir.FunctionType(ir.IntType(64), []))
        return builder.call(function, [])

    return numba.types.int64(), generate


def label(statement: ast.stmt) -> str:
    """Return the name of the first function of another module that a statement calls, else its first line."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            if name not in COMMON:
                return name
    return ast.unparse(statement).splitlines()[0][:40]


def instrumented(function: Any, namespace: dict[str, Any], names: list[str]) -> Any:
    """Return a kernel of the engine with an argument ``spent`` more, into which it counts the cycles of each statement.

    Args:
        function: The kernel.
        namespace: Globals of its module; compiled functions are added to it.
        names: Labels of what is counted, in the order of ``spent``; appended to.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function.py_func)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    definition.args.args.append(ast.arg("spent"))
    for argument in definition.args.args:
        argument.annotation = None
    definition.returns = None
    body: list[ast.stmt] = []
    for statement in definition.body:
        inner = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        if inner and ast.unparse(statement.value.func) in INNER:  # type: ignore[attr-defined]
            statement.value.args.append(ast.Name("spent", ast.Load()))  # type: ignore[attr-defined]
            body.append(statement)
            continue
        body.append(statement)
        if not isinstance(statement, ast.Assign) and not (isinstance(statement, ast.Expr) and not inner):
            count = f"spent[{len(names)}] += cycles() - spent[-1]\nspent[-1] = cycles()"
            body += ast.parse(count).body
            names.append(label(statement))
    definition.body = body
    exec(compile(ast.fix_missing_locations(tree), f"<{definition.name}, timed>", "exec"), namespace)
    namespace[definition.name] = numba.njit(namespace[definition.name], error_model="numpy")
    return namespace[definition.name]


def timed_engine() -> tuple[Callable[..., Any], list[str]]:
    """Return a kernel that plays an episode with random routes and counts cycles, and the names of what it counts.

    Raises:
        RuntimeError: On a processor whose cycle counter a program may not read.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        raise RuntimeError(f"profile: machine {platform.machine()!r}, must be x86_64, whose cycle counter can be read")
    namespace = dict(vars(engine)) | {"cycles": cycles}
    names: list[str] = []
    for inner in INNER:
        instrumented(getattr(engine, inner), namespace, names)
    begin_tick = instrumented(engine.begin_tick, namespace, names)
    exits, end = len(names), len(names) + 1
    names += ["run_exits, decide", "end_tick"]
    run_exits, end_tick, decide, tick, over = (
        engine.run_exits,
        engine.end_tick,
        engine.decide,
        engine.PHASE_TICK,
        engine.PHASE_OVER,
    )

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def play(phones: Any, scenarios: Any, lane: int, routes: Any, spent: Any) -> int:
        phone = phones[lane]
        scenario = scenarios[lane]
        ticks = 0
        decisions = 0
        spent[-1] = cycles()
        while phone.phase != over:
            if phone.phase == tick:
                ticks += 1
                begin_tick(phone, scenario, spent)
            pending = run_exits(phone, scenario)
            if pending:
                decide(phones, scenarios, lane, routes[decisions % len(routes)])
                decisions += 1
            spent[exits] += cycles() - spent[-1]
            spent[-1] = cycles()
            if not pending:
                end_tick(phone, scenario)
                spent[end] += cycles() - spent[-1]
                spent[-1] = cycles()
        return ticks

    return play, names


def tick_parts(episodes: int = EPISODES) -> list[dict[str, Any]]:
    """Return the share of a tick's time by part of the engine, the largest first: ``part``, ``percent``, ``cycles``."""
    play, names = timed_engine()
    scenarios, phones = empty(episodes), np.zeros(episodes, PHONE)
    routes = np.random.default_rng(0).integers(2, size=997)
    spent = np.zeros(len(names) + 1, dtype=np.int64)
    ticks = 0
    for counted in (False, True):
        spent[:] = 0
        phones[:] = 0
        ticks = 0
        for lane in range(episodes if counted else 1):
            SPEC.draw(lane, scenarios[lane])
            engine.start(phones, scenarios, lane)
            ticks += play(phones, scenarios, lane, routes, spent)
    parts: dict[str, int] = {}
    for name, count in zip(names, spent[:-1].tolist(), strict=True):
        parts[name] = parts.get(name, 0) + count
    reading = min(spent[:-1].tolist())  # what reading the counter costs: some parts do nothing else
    for name in parts:
        parts[name] -= reading * names.count(name)
    total = sum(parts.values())
    rows = [{"part": n, "percent": 100 * c / total, "cycles_per_tick": c / ticks} for n, c in parts.items()]
    return sorted(rows, key=lambda row: -row["percent"])


def step_parts(steps: int = STEPS) -> list[dict[str, Any]]:
    """Return where a step through gym.make goes: wrappers, Python of the step, the call into the kernel, the kernel.

    Of steps within an episode. What is beside the kernel is measured with a phone that stands still, since a run of the
    kernel takes many times as long. The last part is what an episode's last step costs besides.
    """
    actions = np.random.default_rng(0).integers(2, size=steps).tolist()
    laps = []
    for _ in range(STEP_ROUNDS):
        called, end = kernel_calls(actions)
        laps.append(
            (still(make(OURS), actions), still(make(OURS).unwrapped, actions), idle_calls(actions), called, end)
        )
    wrapped, base, idle, called, end = np.median(laps, axis=0).tolist()
    parts = {
        "Gymnasium's wrappers": wrapped - base,
        "Python of step(): checks, reward, info, copies": base,
        "call into the kernel: unboxing seven arrays, observation, costs": idle,
        SIMULATION: called - idle,
    }
    whole = wrapped + called
    rows = [{"part": name, "us": us, "percent": 100 * us / whole} for name, us in parts.items()]
    return [*rows, {"part": END, "us": end - base, "percent": ""}]


def summary(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return what a step through gym.make costs beside the simulation and what an episode's end costs, in us."""
    return {
        "step_us_within_episodes": sum(row["us"] for row in parts if row["part"] not in (SIMULATION, END)),
        "episode_end_us": sum(row["us"] for row in parts if row["part"] == END),
    }


def still(env: gym.Env[Any, Any], actions: list[int]) -> float:
    """Return microseconds per step of an environment whose kernel does nothing, without the call of it."""
    base: Any = env.unwrapped
    env.reset(seed=0)
    base._answers = [lambda: RUN_DECISION] * len(base._answers)
    began = time.perf_counter()
    for action in actions:
        env.step(action)
    stepped = time.perf_counter()
    for action in actions:
        base._answers[action]()
    return 1e6 * (2 * stepped - began - time.perf_counter()) / len(actions)


def kernel_calls(actions: list[int]) -> tuple[float, float]:
    """Return microseconds per call into the kernel within an episode, and of an episode's last step without its call.

    Resets are left out.
    """
    env: Any = make(OURS).unwrapped
    env.reset(seed=0)
    calls, ends = [0.0], []
    within = []

    def timed(answer: Callable[[], int]) -> int:
        began = time.perf_counter()
        status = answer()
        calls[0] = time.perf_counter() - began
        return status

    env._answers = [partial(timed, answer) for answer in env._answers]  # what a step calls
    for action in actions:
        began = time.perf_counter()
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            ends.append(time.perf_counter() - began - calls[0])
            env.reset()
        else:
            within.append(calls[0])
    return 1e6 * float(np.mean(within)), 1e6 * float(np.median(ends))


def idle_calls(actions: list[int]) -> float:
    """Return microseconds per call into the kernel where there is nothing left to run."""
    env: Any = make(OURS).unwrapped
    env.reset(seed=0)
    while not env.step(0)[2]:
        pass
    answer = env._answers[0]
    began = time.perf_counter()
    for _ in actions:
        assert answer() != RUN_DECISION
    return 1e6 * (time.perf_counter() - began) / len(actions)
