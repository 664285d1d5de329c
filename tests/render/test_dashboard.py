"""What a dashboard shows, looked for in its pixels."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest

from swapgym.phone import constants as k
from swapgym.render import History, MissingExtra, draw
from swapgym.workload import PhoneBuilder

pytest.importorskip("PIL")

from swapgym.render import events, levels, palette
from swapgym.render.canvas import Box, Canvas
from swapgym.render.view import MIB, View


def count(picture: Any, color: palette.Color) -> int:
    """Return how many pixels have a colour."""
    return int((picture == np.array(color, np.uint8)).all(axis=-1).sum())


@pytest.mark.parametrize("size", [(960, 640), (640, 400), (1_600, 900), (700, 1_000)])
def test_a_picture_of_the_size_asked_for(deferred: History, size: tuple[int, int]) -> None:
    picture = draw(deferred, size=size, title="camera_launch 2")
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
    # nothing is cut off at the right: its edge is paper
    assert (picture[:, -2:] == 255).all()


def test_zombie_memory_has_a_colour_of_its_own(deferred: History, inline: History) -> None:
    most_us = int(deferred.samples["time_us"][deferred.samples["zombie"].argmax()])
    assert count(draw(deferred, most_us), palette.ZOMBIE) > 500
    assert count(draw(deferred, 100_000), palette.ZOMBIE) == 0
    assert count(draw(inline), palette.ZOMBIE) == 0


def test_routes_are_told_apart(deferred: History, inline: History) -> None:
    # the lanes show the worker too: beside it, victims' rows and the legend
    assert count(draw(inline), palette.BACKLOG) == 0 < count(draw(deferred), palette.BACKLOG)
    board = PhoneBuilder(ms=1_000)
    victim = board.app(swap_mib=64)
    board.kill(victim)
    history = History(board.scenario)
    history.sample(board.run())
    plain = draw(history)
    for route, color in palette.ROUTES.items():
        history.decide(10_000, victim, route)
        assert count(draw(history), color) > count(plain, color)


def test_paces_are_shown_where_there_are_any(deferred: History) -> None:
    history = History(PhoneBuilder(ms=1_000).scenario)
    for place in range(4):
        history.decide(100_000 + 200_000 * place, -1, -1, place)
    history.decide(900_000, -1, -1, 0)
    picture = draw(history)
    for color in palette.PACES:
        assert count(picture, color) > 100
    assert count(draw(deferred), palette.PACES[3]) == 0


def test_an_earlier_instant_is_drawn_as_it_was_then(deferred: History, new_episode: Any) -> None:
    episode = new_episode(k.KWORKER)
    marks = [deferred.victims[name] for name in ("kill_us", "exit_us")]
    marks += [deferred.launches[name] for name in ("start_us", "gate_us", "burst_us", "done_us")]
    marks += [deferred.decisions["time_us"]]
    at_us = set(np.concatenate(marks).tolist())
    drawn = 0
    for now_us in range(100_000, 2_600_000, 130_000):
        # what happens in the very tick that begins now is not known before it is over
        if now_us not in at_us:
            assert (draw(episode.play(now_us)) == draw(deferred, now_us)).all(), now_us
            drawn += 1
    assert drawn > 10


def test_instants_beyond_the_last_are_the_last(deferred: History) -> None:
    assert (draw(deferred, 10**9) == draw(deferred)).all()
    assert (draw(deferred, -1) == draw(deferred, 0)).all()


def test_a_long_episode_scrolls(deferred: History) -> None:
    board = PhoneBuilder(ms=10_000)
    history = History(board.scenario)
    phone = board.run()
    for now_us in range(0, 9_000_000, 100_000):
        phone["now_us"] = now_us
        history.sample(phone)
    view = View(history, 9_000_000, 500)
    assert (view.from_us, view.to_us) == (8_900_000 - 2_500_000, 8_900_000)
    assert view.samples["time_us"][view.columns[-1]] == 8_900_000
    assert view.samples["time_us"][view.columns[0]] == 6_400_000
    early = View(history, 1_000_000, 500)
    assert (early.from_us, early.to_us) == (0, 2_500_000)
    assert (early.columns[202:] == -1).all() and (early.columns[:200] >= 0).all()


def test_an_episode_without_a_sample_is_empty_panels() -> None:
    picture = draw(History(PhoneBuilder("a72-board").scenario))
    assert count(picture, palette.PANEL) > picture.shape[0] * picture.shape[1] / 3


def test_lanes_show_who_runs_by_colour_and_the_clock_by_height(deferred: History) -> None:
    canvas, box = Canvas(900, 200, 1.0), Box(100, 20, 700, 20 + 8 * 16)
    view = View(deferred, 1_300_000, box.width)
    events.draw_cpus(canvas, box, view)
    picture = canvas.picture()
    colors = {charge: color for color, charges in palette.CLASSES.values() for charge in charges}
    looked = 0
    for column in range(0, int(view.place(1_300_000)), 7):
        sample = view.samples[view.columns[column]]
        for cpu in range(8):
            foot = box.top + 16 * (8 - cpu) - 2
            lane = picture[foot - 14 : foot + 1, box.left + column][::-1]
            charge, height = int(sample["on_cpu"][cpu]), max(1, 15 * int(sample["clock"][cpu]) // k.UNIT)
            if charge != k.CHARGE_IDLE:
                assert (lane[:height] == colors[charge]).all() and (lane[height:] == palette.PANEL).all()
                looked += 1
    assert looked > 100
    assert (picture[box.top : box.bottom - 2, box.left + int(view.place(1_300_000)) + 1 : box.right] > 200).all()


def test_memory_hangs_from_the_top_with_zombie_memory_below_what_is_free(deferred: History) -> None:
    canvas, box = Canvas(900, 400, 1.0), Box(100, 0, 700, 400)
    most = int(deferred.samples["zombie"].argmax())
    view = View(deferred, int(deferred.samples["time_us"][most]), box.width)
    levels.draw_memory(canvas, box, view)
    column = int(view.place(view.now_us)) - 1
    sample = view.samples[view.columns[column]]
    pixels = canvas.picture()[:, box.left + column]
    shown = [name for name in reversed(palette.MEMORY) if (pixels == palette.MEMORY[name]).all(axis=-1).any()]
    assert shown == ["free", "zombie", "pool", "file", "anon"]
    heights = {name: int((pixels == palette.MEMORY[name]).all(axis=-1).sum()) for name in shown}
    firsts = [int((pixels == palette.MEMORY[name]).all(axis=-1).argmax()) for name in shown]
    assert firsts == sorted(firsts)
    # one scale for all: pages of each row of pixels, to the rows that edges cross
    pages = (sample["pool"] - sample["zombie"]) / heights["pool"]
    for name in ("zombie", "file"):
        assert heights[name] == pytest.approx(int(sample[name]) / pages, abs=2.0)
    assert sample["zombie"] / MIB > 50


def test_a_stack_is_exact_to_the_pixel_and_within() -> None:
    canvas = Canvas(4, 10, 1.0)
    box = Box(0, 0, 2, 10)
    red, green, blue = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    canvas.stack(box, np.array([[0.3, 0.0], [0.75, 1.0]]), [red, green], ground=blue)
    picture = canvas.picture()
    assert (picture[:, 1] == green).all()
    assert (picture[7:, 0] == red).all() and (picture[3:7, 0] == green).all() and (picture[:2, 0] == blue).all()
    assert picture[2, 0].tolist() == [0, 100, 100]
    assert (picture[:, 2:] == 255).all()


def test_a_picture_is_drawn_in_time(deferred: History) -> None:
    draw(deferred)
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        draw(deferred)
        taken.append(time.perf_counter() - begin)
    # about 10 ms; far less than this on any machine that is not overloaded
    assert min(taken) < 0.1


def test_too_small_a_size_is_refused(deferred: History) -> None:
    with pytest.raises(ValueError, match=r"size: \(200, 640\), must be at least 640 x 400"):
        draw(deferred, size=(200, 640))


def test_missing_pillow_is_named(deferred: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"Pillow is not installed.*pip install swapgym\[render\]") as caught:
        draw(deferred)
    assert isinstance(caught.value, ImportError)
