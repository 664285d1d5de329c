"""A plain-text panel of the phone, for ``render_mode="ansi"``."""

from __future__ import annotations

from typing import Any

from swapgym.phone import constants as k

_BAR: int = 32
_SINGLE_TASKS = {
    k.TASK_UI: "ui",
    k.TASK_RENDER: "render",
    k.TASK_KSWAPD: "kswapd",
    k.TASK_COMPACTOR: "compactor",
    k.TASK_CACHED: "cached",
}
_LAUNCH_PHASES = ("waiting", "start", "gate", "burst", "done")
_EXIT_STAGES = ("signalled", "threads", "unmap", "rest", "notify")


def mib(pages: int) -> str:
    """Return pages as MiB, right-aligned."""
    return f"{pages / k.PAGES_PER_MIB:7.1f} MiB"


def bar(share: float) -> str:
    """Return a bar of fixed width filled to ``share`` (clipped to 0..1)."""
    filled = round(_BAR * min(1.0, max(0.0, share)))
    return "[" + "#" * filled + "." * (_BAR - filled) + "]"


def task_name(task: int) -> str:
    """Return a short name of a task id."""
    ranges = (
        (k.TASK_EXIT, "exit"),
        (k.TASK_LAUNCH, "launch"),
        (k.TASK_BACKGROUND, "background"),
        (k.TASK_REAPER, "reaper"),
        (k.TASK_KWORKER, "kworker"),
        (k.TASK_CHILD, "child"),
    )
    for first, name in ranges:
        if task >= first:
            return f"{name}{(task - first) // (k.THREADS_PER_LAUNCH if name == 'launch' else 1)}"
    return _SINGLE_TASKS[task]


def panel(phone: Any, scenario: Any) -> str:
    """Return the panel of a PHONE that runs a SCENARIO."""
    lines = [f"swapgym  {phone['now_us'] / 1e6:7.3f} s of {scenario['duration_us'] / 1e6:.3f} s  {pending_line(phone)}"]
    lines += memory_lines(phone, scenario["device"])
    lines += cpu_lines(phone, scenario["device"])
    lines += exit_lines(phone, scenario)
    lines += foreground_lines(phone, scenario)
    return "\n".join(lines) + "\n"


def pending_line(phone: Any) -> str:
    """Say whose batch awaits a route."""
    if phone["pending"] < 0:
        return "no batch awaits a route"
    process = phone["processes"][phone["pending"]]
    return f"process {phone['pending']} asks for a route of {process['walk']['entries']} entries"


def memory_lines(phone: Any, device: Any) -> list[str]:
    """Say who holds memory."""
    ram = int(device["ram_pages"])
    rows = [
        f"  {name:<10} {mib(pages)} {bar(pages / ram)}"
        for name, pages in (
            ("free", int(phone["free_pages"])),
            ("page cache", int(phone["file_pages"])),
            ("anonymous", int(phone["anon_pages"])),
            ("zram pool", int(phone["pool_pages"])),
            ("buffers", int(phone["buffer_pages"])),
        )
    ]
    marks = " / ".join(f"{device['watermark_' + name] / k.PAGES_PER_MIB:.0f}" for name in ("min", "low", "high"))
    used = 1.0 - phone["slots_free"] / max(1, device["swap_slots"])
    psi = f"some {phone['psi']['some_growth_us'] / 1e3:.0f} full {phone['psi']['full_growth_us'] / 1e3:.0f} ms/s"
    kswapd = "awake" if phone["kswapd_awake"] else "asleep"
    waiting = int(phone["lmkd"]["waiting_for"])
    lmkd = f"waits for {waiting}" if waiting >= 0 else "idle"
    rows.append(f"  watermarks {marks} MiB  swap {used:.0%} used  psi {psi}  kswapd {kswapd}  lmkd {lmkd}")
    return ["memory", *rows]


def cpu_lines(phone: Any, device: Any) -> list[str]:
    """Say who is on which CPU."""
    on: dict[int, list[str]] = {}
    for task in phone["runnable"][: phone["n_runnable"]]:
        on.setdefault(int(phone["tasks"][task]["cpu"]), []).append(task_name(int(task)))
    rows = []
    for cpu in range(device["n_cpus"]):
        speed, rt_permille = (phone["cpus"][field][cpu] for field in ("speed", "rt_permille"))
        load = f"{speed:>4} of {device['capacity'][cpu]:>4}  rt {rt_permille / 1000:4.0%}"
        rows.append(f"  cpu{cpu} {load}  {' '.join(on.get(cpu, ['-']))}")
    return ["cpu", *rows]


def exit_lines(phone: Any, scenario: Any) -> list[str]:
    """Say who exits, and what is deferred."""
    rows = []
    for index in phone["exiting"][: phone["n_exiting"]]:
        process = phone["processes"][index]
        route = k.ROUTE_NAMES[process["route"]] if process["decisions"] else "-"
        elapsed = (phone["now_us"] - process["kill_us"]) / 1e3
        progress = f"{_EXIT_STAGES[process['exit_stage']]:<9} {process['swap_entries']:>7} entries left"
        rows.append(f"  process {index:<3} {progress}  {route:<9} {elapsed:6.0f} ms")
    total = phone["total"]
    queues = f"{phone['backlog_kworker']} kworker, {phone['backlog_child']} child"
    held = f"backlog {queues}, {phone['zombie_entries']} zombie entries"
    return [
        f"exits  {total['exits']} of {total['kills']} killed, {total['collateral_kills']} of them collateral",
        *rows,
        f"  {held}",
    ]


def foreground_lines(phone: Any, scenario: Any) -> list[str]:
    """Say how the foreground fares."""
    total = phone["total"]
    launches = [
        f"{index} {_LAUNCH_PHASES[phone['launches'][index]['phase']]}"
        for index in range(scenario["n_launches"])
        if k.LAUNCH_WAITING < phone["launches"][index]["phase"] < k.LAUNCH_DONE
    ]
    return [
        f"foreground  {total['frames_janky']} of {total['frames']} frames late, {total['frame_late_us'] / 1e3:.0f} ms;"
        f" launch delay {total['launch_delay_us'] / 1e3:.0f} ms; stalls {total['stall_us'] / 1e3:.0f} ms;"
        f" launching: {', '.join(launches) or 'none'}"
    ]
