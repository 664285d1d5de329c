"""The dashboard's panels: each draws one thing about an episode into its box, and says it in words at its right."""

from __future__ import annotations

import numpy as np

from swapgym.phone import constants as k
from swapgym.render import palette
from swapgym.render.canvas import Box, Canvas
from swapgym.render.history import NONE
from swapgym.render.palette import Color
from swapgym.render.view import MIB, View

CUT_MIB = 256
"""The stack of memory begins at a multiple of this."""
LATE_FLOOR_US = 33_000
"""Lateness that fills the panel of frames where no frame is later."""
ROWS = 10
"""Victims that are shown at most."""

Item = tuple[str, str, Color | None]
"""A legend's name, value, and colour where there is something of it."""


def name_panel(canvas: Canvas, box: Box, name: str, unit: str = "") -> None:
    """Write what a panel shows at its left."""
    right = box.left - canvas.px(40)
    canvas.text(right, box.top + canvas.px(6), name, 11, palette.INK, "right")
    if unit:
        canvas.text(right, box.top + canvas.px(19), unit, 9.5, palette.FAINT, "right")


def legend(
    canvas: Canvas, box: Box, rows: list[Item], columns: int = 1, pitch: float = 14
) -> None:
    """Write names and values with their colours at the right of a panel; without a colour, faintly."""
    left = box.right + canvas.px(12)
    wide = (canvas.px(172)) / columns
    for place, (name, value, color) in enumerate(rows):
        x = left + wide * (place % columns)
        y = box.top + canvas.px(6 + pitch * (place // columns))
        half = canvas.px(4)
        if color is None:
            canvas.bar(x, y - half, x + 2 * half, y + half, palette.PAPER, palette.GRID)
        else:
            canvas.bar(x, y - half, x + 2 * half, y + half, color, palette.FRAME if color == palette.PAPER else None)
        canvas.text(x + canvas.px(14), y, name, 10.5, palette.MUTED if color is not None else palette.FAINT)
        if value:
            canvas.text(x + wide, y, value, 10.5, palette.INK if color is not None else palette.FAINT, "right")


def scale_mark(canvas: Canvas, box: Box, y: float, text: str) -> None:
    """Write a value of the vertical scale beside its height."""
    canvas.text(box.left - canvas.px(5), y, text, 9, palette.FAINT, "right")


def draw_launches(canvas: Canvas, box: Box, view: View) -> None:
    """Draw a bar per launch by its phases, and how long it takes beyond its nominal time."""
    name_panel(canvas, box, "launches")
    canvas.bar(box.left, box.top, box.right, box.bottom, palette.PANEL)
    rows = 3 if len(view.launches) > 2 else 2
    free_from = [0] * rows
    for index in np.argsort(view.launches["start_us"], kind="stable").tolist():
        launch = view.launches[index]
        start_us, done_us = int(launch["start_us"]), int(launch["done_us"])
        if start_us == NONE:
            continue
        until_us = view.now_us if done_us == NONE else done_us
        row = next((row for row in range(rows) if free_from[row] <= start_us), rows - 1)
        free_from[row] = until_us
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
    if until_us > view.from_us and x + canvas.px(108) < lane.right:
        canvas.text(x + canvas.px(6), y, text, 10, palette.MUTED)


def span(
    canvas: Canvas, box: Box, view: View, from_us: int, to_us: int, top: float, bottom: float, color: Color
) -> None:
    """Draw a bar from an instant to another, as far as it lies on the time axis."""
    if to_us > from_us and to_us > view.from_us:
        left = box.left + max(0.0, view.place(from_us))
        canvas.bar(left, top, max(left + 1, box.left + min(view.width, view.place(to_us))), bottom, color)


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


def draw_paces(canvas: Canvas, box: Box, view: View, height: int) -> None:
    """Draw the pace of the drain as a strip along the panel's foot."""
    decisions = view.decisions[view.decisions["pace"] >= 0]
    times, paces = [*decisions["time_us"].tolist(), view.now_us], decisions["pace"].tolist()
    for place, pace in enumerate(paces):
        color = palette.PACES[min(pace, len(palette.PACES) - 1)]
        span(canvas, box, view, times[place], times[place + 1], box.bottom - height, box.bottom, color)


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


def draw_memory(canvas: Canvas, box: Box, view: View) -> None:
    """Draw who holds memory, hung from the top: free memory, zombie memory below it, and so on."""
    device = view.history.hardware
    name_panel(canvas, box, "memory", "GiB")
    samples = view.samples
    base = int(np.min(samples["anon"], initial=device.ram)) * 3 // 4 + device.reserved if len(samples) else 0
    base = int(base / MIB) // CUT_MIB * CUT_MIB * k.PAGES_PER_MIB
    levels = samples["anon"] + device.reserved
    pool = samples["pool"] - samples["zombie"]
    tops = [levels]
    for more in (samples["buffers"], samples["file"], pool, samples["zombie"], samples["free"]):
        tops.append(tops[-1] + more)
    shares = (np.array(tops) - base) / (device.ram - base)
    columns = view.per_column(shares.T).T
    canvas.stack(box, columns, list(palette.MEMORY.values()))
    for pages in device.watermarks[:2]:
        y = box.top + box.height * pages / (device.ram - base)
        canvas.dashes(box.left, box.right, y, palette.WATERMARK)
    marks = nice_marks(base / MIB / 1024, device.ram / MIB / 1024)
    for gib in marks:
        y = box.bottom - box.height * (gib * 1024 * MIB - base) / (device.ram - base)
        scale_mark(canvas, box, min(max(y, box.top + canvas.px(4)), box.bottom - canvas.px(4)), f"{gib:g}")
    rows: list[Item] = []
    for name in reversed(palette.MEMORY):
        pages = view.last(name) - (view.last("zombie") if name == "pool" else 0)
        shown = palette.MEMORY[name] if pages or name != "zombie" else None
        rows.append((palette.MEMORY_NAMES[name], f"{pages / MIB:,.0f} MiB", shown))
    legend(canvas, box, rows)
    y = box.top + canvas.px(6 + 14 * len(rows))
    canvas.dashes(box.right + canvas.px(12), box.right + canvas.px(21), y, palette.WATERMARK)
    low, high = (pages / MIB for pages in device.watermarks[:2])
    canvas.text(box.right + canvas.px(26), y, "watermarks min, low", 10.5, palette.MUTED)
    canvas.text(box.right + canvas.px(184), y, f"{low:.0f}, {high:.0f}", 10.5, palette.INK, "right")


def nice_marks(low: float, high: float) -> list[float]:
    """Return two to five round numbers from ``low`` to ``high``."""
    step = next(step for step in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0) if (high - low) / step <= 4.5)
    first = int(np.ceil(low / step))
    return [place * step for place in range(first, int(high / step) + 1)]


def draw_backlog(canvas: Canvas, box: Box, view: View) -> None:
    """Draw the memory of queued entries: of victims already gone (zombie memory), and above it of others."""
    name_panel(canvas, box, "backlog", "MiB")
    zombie, backlog = view.samples["zombie"] / MIB, view.samples["backlog"] / MIB
    top = round_up(max(50.0, float(backlog.max(initial=0.0))))
    canvas.stack(box, view.per_column(np.stack([zombie, backlog], axis=1) / top).T, [palette.ZOMBIE, palette.BACKLOG])
    scale_mark(canvas, box, box.top + canvas.px(4), f"{top:,}")
    left_mib = (view.last("backlog") - view.last("zombie")) / MIB
    entries = view.last("backlog_kworker") + view.last("backlog_child")
    rows: list[Item] = [
        ("of the gone (zombie)", f"{view.last('zombie') / MIB:,.0f} MiB", palette.ZOMBIE if view.last("zombie") else None),
        ("of those exiting", f"{left_mib:,.0f} MiB", palette.BACKLOG if left_mib > 0 else None),
    ]
    legend(canvas, box, rows)
    y = box.top + canvas.px(6 + 14 * len(rows))
    canvas.text(box.right + canvas.px(26), y, "queued entries", 10.5, palette.MUTED)
    canvas.text(box.right + canvas.px(184), y, f"{entries:,}", 10.5, palette.INK, "right")


def draw_lag(canvas: Canvas, box: Box, view: View) -> None:
    """Draw lag so far by its parts."""
    name_panel(canvas, box, "lag so far", "ms")
    parts = np.cumsum([view.samples[name] for name in palette.LAG], axis=0)
    top_us = round_up(max(100_000, view.last("lag_us")))
    columns = view.per_column((parts / top_us).T).T
    canvas.stack(box, columns, [color for _, color in palette.LAG.values()])
    scale_mark(canvas, box, box.top + canvas.px(4), f"{top_us / k.MS:,.0f}")
    rows: list[Item] = [
        (text, f"{view.last(name) / k.MS:,.0f} ms", color if view.last(name) else None)
        for name, (text, color) in palette.LAG.items()
    ]
    legend(canvas, box, rows)


def round_up(value: float) -> int:
    """Return the least of 1, 2, 3 or 5 times a power of ten that is not below ``value``."""
    power = 10 ** int(np.floor(np.log10(value)))
    return next(int(factor * power) for factor in (1, 2, 3, 5, 10) if factor * power >= value)
