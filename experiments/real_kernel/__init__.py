"""A real Linux kernel, measured: what the release of swap costs at exit; and the simulator held against it.

``python -m experiments.real_kernel`` compares: it fits the costs per page of the simulated machine on measurement 1
alone, re-enacts every other case in the simulator, and judges by rules (:mod:`experiments.real_kernel.judge`) how far
the predictions hold. It takes seconds and needs only the stored results.

``python -m experiments.real_kernel.measure`` builds a static C program (``payload/``) as the only userland of a small
initramfs, takes a Debian cloud kernel apart (it is not installed), boots both under QEMU and stores what it measured.
It takes an hour on a machine that does nothing else; continuous integration does not run it.

What it needs, the options and the files: README.md in this folder.
"""
