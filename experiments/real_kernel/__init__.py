"""A real Linux kernel, measured: what the release of swap costs at exit; and the simulator held against it.

``python -m experiments.real_kernel`` compares: it fits the costs per page of the simulated machine on measurement 1
alone, re-enacts every other case in the simulator, and judges by rules (:mod:`experiments.real_kernel.judge`) how far
the predictions hold. It takes a minute and needs only the stored results.

``python -m experiments.real_kernel.measure`` builds a static C program (``payload/``) as the only userland of a small
initramfs, takes a Debian cloud kernel apart (it is not installed), boots both under QEMU and stores in
``experiments/real_kernel/results/``:

- ``measurements.csv``: a row per case, repeat and metric, with the load of the machine around it;
- ``summary.csv``: median, quartiles and extremes of every metric over the repeats;
- ``provenance.json``: kernel, QEMU, machine, date, load, command line, and the cases that failed.

It takes about an hour on a machine that does nothing else (five repeats; ``--quick`` a few minutes), and needs Debian
or a system with its tools: ``qemu-system-x86``, ``gcc``, ``libc6-dev``, ``dpkg``, and for the kernel
``apt-get download`` (or ``--kernel`` with a package file). Continuous integration does not run it.

Under emulation (TCG) absolute times mean nothing for a phone, and an instruction costs the same whatever it touches:
no cache misses, no cheap spinning. What carries over is structure: what waits for what, who takes whose CPU, what comes
back when.
"""
