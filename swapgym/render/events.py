"""The dashboard's panels of events: launches, frames, victims with the decisions about them, and who is on each CPU."""

from __future__ import annotations

from typing import Final

import numpy as np

from swapgym.phone import constants as k
from swapgym.render import palette
from swapgym.render.canvas import Box, Canvas
from swapgym.render.parts import Item, legend, name_panel, scale_mark, span
from swapgym.render.tables import NONE
from swapgym.render.view import View

LATE_FLOOR_US: Final = 33_000
"""Lateness that fills the panel of frames where no frame is later."""
LABEL: Final = 110
"""Pixels that what is said of a launch takes at the end of its bar."""
ROWS: Final = 10
"""Victims that are shown at most."""


def draw_launches(canvas: Canvas, box: Box, view: View) -> None:
    """Draw a bar per launch by its phases, and how long it takes beyond its nominal time."""
    name_panel(canvas, box, "launches")
    canvas.bar(box.left, box.top, box.right, box.bottom, palette.PANEL)
    rows = 3 if len(view.launches) > 2 else 2
    free_from = [0] * rows
    label_us = round(canvas.px(LABEL) * (view.to_us - view.from_us) / view.width)
    for index in np.argsort(view.launches["start_us"], kind="stable").tolist():
        launch = view.launches[index]
        start_us, done_us = int(launch["start_us"]), int(launch["done_us"])
        if start_us == NONE:
            continue
        until_us = view.now_us if done_us == NONE else done_us
        row = next((row for row in range(rows) if free_from[row] <= start_us), int(np.argmin(free_from)))
        free_from[row] = until_us + label_us
        pitch = box.height / rows
        lane = Box(box.left, round(box.top + row * pitch) + 1, box.right, round(box.top + (row + 1) * pitch) - 1)
        draw_launch(canvas, lane, view, launch, until_us)
    items: list[Item] = [(name, "", color) for name, color in palette.PHASES.items()]
    legend(canvas, box, [*items, ("over nominal", "", palette.LATE)], columns=2)


def draw_launch(canvas: Canvas, lane: Box, view: View, launch: np.void, until_us: int) -> None:
    """Draw the bar of one launch, which has taken until ``until_us``."""
    foot = lane.bottom - canvas.px(3)
    times = [int(launch[f"{name}_us"]) for name in palette.PHASES]
    for place, color in enumerate(palette.PHASES.values()):
        if times[place] != NONE:
            end_us = next((later for later in times[place + 1 :] if later != NONE), until_us)
            span(canvas, lane, view, times[place], end_us, lane.top, foot, color)
    over_us = until_us - times[0] - int(launch["nominal_us"])
    span(canvas, lane, view, until_us - max(0, over_us), until_us, foot, lane.bottom, palette.LATE)
    text = f"{(until_us - times[0]) / k.MS:,.0f} ms" + (f", {over_us / k.MS:,.0f} over" if over_us > 0 else "")
    x, y = lane.left + view.place(until_us), (lane.top + lane.bottom) / 2
    if until_us > view.from_us and x + canvas.px(LABEL) < lane.right:
        canvas.text(x + canvas.px(6), y, text, 10, palette.MUTED)


def draw_frames(canvas: Canvas, box: Box, view: View) -> None:
    """Draw a dot for each frame in time, and for each late one how late it was."""
    name_panel(canvas, box, "frames", "ms late")
    canvas.bar(box.left, box.top, box.right, box.bottom, palette.PANEL)
    ground = box.bottom - canvas.px(6)
    canvas.bar(box.left, ground, box.right, ground + 1, palette.FRAME)
    frames, late = view.samples["frames"], view.samples["frames_late"]
    if len(frames) > 1:
        in_time = np.flatnonzero(np.diff(frames) > np.diff(late)) + 1
        for time_us in view.samples["time_us"][in_time].tolist():
            if time_us >= view.from_us:
                x = box.left + view.place(time_us)
                canvas.bar(x, ground + canvas.px(2), x + 1, ground + canvas.px(5), palette.FRAMES)
    shown = view.late_frames[view.late_frames["time_us"] >= view.from_us]
    top_us = max(LATE_FLOOR_US, int(shown["late_us"].max())) if len(shown) else LATE_FLOOR_US
    room = ground - box.top - canvas.px(8)
    scale_mark(canvas, box, ground - room, f"{top_us / k.MS:.0f}")
    for late_frame in shown:
        x = box.left + view.place(int(late_frame["time_us"]))
        y = ground - room * int(late_frame["late_us"]) / top_us
        canvas.bar(x - canvas.px(1), y, x + canvas.px(1), ground, palette.LATE)
        canvas.put_mark("dot", x, y, 6, palette.LATE)
    rows: list[Item] = [
        ("in time", f"{view.last('frames') - view.last('frames_late')}", palette.FRAMES),
        ("late", f"{view.last('frames_late')}", palette.LATE if view.last("frames_late") else None),
    ]
    legend(canvas, box, rows)


def draw_victims(canvas: Canvas, box: Box, view: View) -> None:
    """Draw a row per victim: its kill, its decisions, its exit, and what it leaves until that is drained."""
    name_panel(canvas, box, "victims", "by decision")
    canvas.bar(box.left, box.top, box.right, box.bottom, palette.PANEL)
    ends_us = np.where(view.victims["drained_us"] == NONE, view.now_us, view.victims["drained_us"])
    rows = view.victims[ends_us >= view.from_us][-ROWS:]
    paced = bool((view.history.decisions["pace"] != NONE).any())
    strip = canvas.px(9) if paced else 0
    pitch = (box.height - strip) / max(6, len(rows))
    for place, victim in enumerate(rows):
        draw_victim(canvas, box, view, victim, box.top + (place + 0.5) * pitch, pitch)
    if paced:
        draw_paces(canvas, box, view, strip)
    used = set(view.decisions["route"].tolist())
    names = palette.ROUTE_NAMES
    legend(canvas, box, [(names[route], "", palette.ROUTES[route] if route in used else None) for route in names])
    own = int((view.victims["killer"] == k.KILLER_LMKD).sum())
    x, top = box.right + canvas.px(102), box.top + canvas.px(6)
    marks = (
        ("cross", f"killed {len(view.victims) - own}", palette.INK),
        ("cross", f"by lmkd {own}", palette.LATE),
        ("ring", f"exited {view.last('exits')}", palette.INK),
    )
    for place, (kind, text, color) in enumerate(marks):
        y = top + canvas.px(14 * place)
        canvas.put_mark(kind, x, y, 9, color)
        canvas.text(x + canvas.px(10), y, text, 10.5, palette.MUTED)
    y = top + canvas.px(14 * len(marks))
    draining = palette.ZOMBIE if view.last("zombie") else palette.GRID
    canvas.bar(x - canvas.px(5), y - 1, x + canvas.px(5), y + 1, draining)
    canvas.text(x + canvas.px(10), y, "draining", 10.5, palette.MUTED)


def pace_name(pace: int) -> str:
    """Return what a pace is called."""
    return palette.PACE_NAMES[pace] if pace < len(palette.PACE_NAMES) else str(pace)


def draw_victim(canvas: Canvas, box: Box, view: View, victim: np.void, middle: float, pitch: float) -> None:
    """Draw one victim's row."""
    half = min(canvas.px(5), 0.36 * pitch)
    kill_us, exit_us, drained_us = (int(victim[name]) for name in ("kill_us", "exit_us", "drained_us"))
    end_us = exit_us if exit_us != NONE else view.now_us
    span(canvas, box, view, kill_us, end_us, middle - 1, middle + 1, palette.FAINT)
    if exit_us != NONE:
        gone_us = drained_us if drained_us != NONE else view.now_us
        span(canvas, box, view, exit_us, gone_us, middle - 1, middle + 1, palette.ZOMBIE)
    decisions = view.decisions[view.decisions["victim"] == victim["process"]]
    changes = np.flatnonzero(np.diff(decisions["route"], prepend=NONE - 1))
    times = [*decisions["time_us"][changes].tolist(), end_us]
    for place, route in enumerate(decisions["route"][changes].tolist()):
        if route in palette.ROUTES:
            color = palette.ROUTES[route]
            span(canvas, box, view, times[place], times[place + 1], middle - half, middle + half, color)
    kill_color = palette.LATE if victim["killer"] == k.KILLER_LMKD else palette.INK
    for kind, time_us, color in (("cross", kill_us, kill_color), ("ring", exit_us, palette.INK)):
        if time_us != NONE and time_us >= view.from_us:
            canvas.put_mark(kind, box.left + view.place(time_us), middle, 9, color)


def draw_paces(canvas: Canvas, box: Box, view: View, height: int) -> None:
    """Draw the pace of the drain as a strip along the panel's foot."""
    decisions = view.decisions[view.decisions["pace"] != NONE]
    changes = np.flatnonzero(np.diff(decisions["pace"], prepend=NONE))
    times, paces = [*decisions["time_us"][changes].tolist(), view.now_us], decisions["pace"][changes].tolist()
    for place, pace in enumerate(paces):
        color = palette.PACES[min(pace, len(palette.PACES) - 1)]
        span(canvas, box, view, times[place], times[place + 1], box.bottom - height, box.bottom, color)
    if paces:
        last = palette.PACES[min(paces[-1], len(palette.PACES) - 1)]
        foot = Box(box.left, round(box.bottom - height / 2 - canvas.px(6)), box.right, box.bottom)
        legend(canvas, foot, [(f"pace of the drain: {pace_name(paces[-1])}", "", last)])


def draw_cpus(canvas: Canvas, box: Box, view: View) -> None:
    """Draw a lane per CPU, the last on top: who runs by colour, the clock by height."""
    device = view.history.hardware
    name_panel(canvas, box, "CPUs", "height: clock")
    colors = {charge: color for color, charges in palette.CLASSES.values() for charge in charges}
    table = np.array([colors.get(charge, palette.PANEL) for charge in range(k.N_CHARGES)], np.uint8)
    table = np.concatenate([table, np.array([palette.PAPER, palette.GRID], np.uint8)])
    between, clock_line = k.N_CHARGES, k.N_CHARGES + 1
    sizes = sorted(set(device.capacity.tolist()))
    names = {1: ("",), 2: ("little", "big"), 3: ("little", "mid", "big")}.get(len(sizes), ("",) * len(sizes))
    on_cpu, clocks = view.per_column(view.samples["on_cpu"]), view.per_column(view.samples["clock"])
    edges = np.linspace(0, box.height, device.n_cpus + 1).round().astype(int)
    area = np.full((box.height, box.width), between, np.uint8)
    for row, (top, bottom) in enumerate(zip(edges[:-1].tolist(), (edges[1:] - 1).tolist(), strict=True)):
        cpu = device.n_cpus - 1 - row
        height = np.maximum(1, (bottom - top) * clocks[:, cpu] // k.UNIT)
        rows = np.arange(bottom - top, 0, -1)[:, None]
        area[top:bottom] = np.where(rows <= height, on_cpu[:, cpu], k.CHARGE_IDLE)
        idle = (on_cpu[:, cpu] == k.CHARGE_IDLE) & (view.columns >= 0)
        area[bottom - height[idle], np.flatnonzero(idle)] = clock_line
        first = row == 0 or device.domain[cpu] != device.domain[cpu + 1]
        label = f"{names[sizes.index(int(device.capacity[cpu]))]} {cpu}" if first else str(cpu)
        scale_mark(canvas, box, box.top + (top + bottom) / 2, label)
    canvas.paste(box, table[area])
    legend(canvas, box, [(name, "", color) for name, (color, _) in palette.CLASSES.items()], columns=2, pitch=15)
