"""Android on top of the kernel: lmkd, frames, launches, cached apps, the system's background threads."""
