"""Animations: a dashboard over its time as a GIF."""
from collections.abc import Iterable
from pathlib import Path
def save_gif(path, frames, fps): ...
