"""The window, on SDL's dummy display, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from swapgym.render import MissingExtra, Window

pygame = pytest.importorskip("pygame")

PICTURE = np.zeros((64, 96, 3), np.uint8)
NO_DISPLAY = """
import numpy as np
from swapgym.render import NoDisplay, Window
window = Window()
for _ in range(2):
    try:
        window.show(np.zeros((64, 96, 3), np.uint8))
    except NoDisplay as error:
        print(isinstance(error, RuntimeError), error)
window.close()
"""


def run(code: str, **environment: str) -> str:
    """Run code in a process without a display; return what it prints."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    kept.pop("SDL_VIDEODRIVER", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def test_shows_pictures_and_closes(dummy_display: None) -> None:
    window = Window("an episode")
    picture = PICTURE.copy()
    picture[10, 20] = (10, 20, 30)
    assert window.show(picture)
    surface = pygame.display.get_surface()
    assert surface.get_size() == (96, 64)
    assert tuple(surface.get_at((20, 10)))[:3] == (10, 20, 30)
    assert pygame.display.get_caption()[0] == "an episode"
    assert window.show(picture[:32]) and pygame.display.get_surface().get_size() == (96, 32)
    window.close()
    window.close()
    assert window.closed and not pygame.display.get_init()
    assert not window.show(picture)


def test_the_person_may_close_it(dummy_display: None) -> None:
    window = Window(fps=1_000)
    assert window.show(PICTURE)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert not window.show(PICTURE) and window.closed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a display of their own")
@pytest.mark.parametrize("driver", [None, "x11"])
def test_no_display_is_an_error_that_says_what_to_do(driver: str | None) -> None:
    lines = run(NO_DISPLAY, **({} if driver is None else {"SDL_VIDEODRIVER": driver})).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("True no window can be opened: ")
        assert "render_mode='rgb_array'" in line and "SDL_VIDEODRIVER=dummy" in line


def test_missing_pygame_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtra, match=r"pygame-ce is not installed.*pip install swapgym\[render\]"):
        Window()


def test_an_fps_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="fps: 0"):
        Window(fps=0)


def test_importing_the_room_imports_no_library_that_draws() -> None:
    code = "import sys, swapgym.render; print([name for name in ('PIL', 'pygame') if name in sys.modules])"
    assert run(code).splitlines()[-1] == "[]"
