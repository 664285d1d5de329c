"""An exit: its stages, the walk over its address space, what it defers, and who reaps or drains for it."""
