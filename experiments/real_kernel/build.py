"""Builds what is booted: the payload, a kernel taken from its Debian package, an initramfs of both."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PAYLOAD = Path(__file__).parent / "payload"
CFLAGS = ("-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-static")
KERNEL_PACKAGES = r"^linux-image-[0-9.]+(-[0-9]+|\+deb[0-9]+)-cloud-amd64$"
PREFERRED = "linux-image-6.1."
"""The series of Android 14's kernels: SCHED_FIFO throttling and CFS as on the phones the simulator stands for."""
ALGORITHMS = {"lzo_rle": "lzo-rle", "lz4": "lz4"}
"""Modules of compressors, by preference, and what zram calls them."""
DIRECTORY, FILE, CHARACTER_DEVICE = 0o040755, 0o100755, 0o020600


class BuildError(RuntimeError):
    """Something that the measurement is built of is missing or does not build."""


class Entry(NamedTuple):
    """A file of an initramfs; ``device`` is major and minor."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


class Kernel(NamedTuple):
    """A kernel taken apart.

    Attributes:
        package: File name of the Debian package.
        image: The bootable image.
        modules: Names and contents of the modules to load, in the order in which they must be loaded.
        algorithm: What zram compresses with.
    """

    package: str
    image: Path
    modules: tuple[tuple[str, bytes], ...]
    algorithm: str


def run(command: Sequence[str], folder: Path) -> str:
    """Run ``command`` in ``folder`` and return what it wrote; an error names the command and what it said."""
    if shutil.which(command[0]) is None:
        raise BuildError(f"{command[0]} is not installed (see the documentation of experiments.real_kernel)")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def compile_payload(folder: Path) -> Path:
    """Compile the payload into ``folder`` and return the program."""
    program = folder / "payload"
    run(["gcc", *CFLAGS, "-o", str(program), *(str(source) for source in sorted(PAYLOAD.glob("*.c")))], folder)
    return program


def newest(packages: Iterable[str]) -> str:
    """Return the newest of the ``packages`` of the preferred series, or else of all.

    Raises:
        BuildError: There are none.
    """
    named = list(packages)
    series = [name for name in named if name.startswith(PREFERRED)] or named
    if not series:
        raise BuildError("apt knows no linux-image-...-cloud-amd64: name a package or its file with --kernel")
    return max(series, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def fetch_package(folder: Path, wanted: str | None) -> Path:
    """Return the file of kernel package ``wanted``: a file, a package as apt-get names it, or None: the newest.

    Raises:
        BuildError: apt does not give it.
    """
    if wanted and Path(wanted).is_file():
        return Path(wanted).resolve()
    found = run(["apt-cache", "search", "--names-only", KERNEL_PACKAGES], folder)
    name = wanted or newest(line.split()[0] for line in found.splitlines() if line)
    run(["apt-get", "download", name], folder)
    # the file is named after the package alone, whatever version, architecture or release was asked for
    files = sorted(folder.glob(f"{re.split('[=:/]', name)[0]}_*.deb"))
    if len(files) != 1:
        raise BuildError(f"apt-get download {name} left {len(files)} packages of that name, must be one")
    return files[0]


def plain_name(name: str) -> str:
    """Return a module's name as modules name each other: without endings, with underscores."""
    return name.partition(".")[0].replace("-", "_")


def needs(module: bytes) -> tuple[str, ...]:
    """Return what a module names in ``depends=`` of its ``.modinfo``; depmod makes modules.dep of the same."""
    found = re.search(rb"(?:^|\0)depends=([^\0]*)", module)
    return tuple(name for name in found[1].decode().split(",") if name) if found else ()


def load_order(wanted: Sequence[str], read: Callable[[str], bytes]) -> list[str]:
    """Return the ``wanted`` modules and all that they need, each after what it needs.

    Args:
        wanted: Plain names.
        read: Gives a module's content by its plain name.

    Raises:
        BuildError: Modules need each other in a circle.
    """
    order: list[str] = []

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise BuildError(f"modules need each other: {' -> '.join((*path, name))}")
        if name in order:
            return
        for needed in needs(read(name)):
            add(needed, (*path, name))
        order.append(name)

    for name in wanted:
        add(name, ())
    return order


def take_apart(package: Path, folder: Path) -> Kernel:
    """Unpack a kernel package into ``folder`` and find its image, and zram with a compressor in loading order."""
    unpacked = folder / "kernel"
    run(["dpkg-deb", "-x", str(package), str(unpacked)], folder)
    images = sorted(unpacked.glob("boot/vmlinuz-*"))
    if len(images) != 1:
        raise BuildError(f"{package.name} holds {len(images)} kernel images, must be one")
    files = {plain_name(path.name): path for path in unpacked.rglob("*.ko*")}

    def read(name: str) -> bytes:
        if name not in files:
            raise BuildError(f"{package.name} has no module {name}")
        content = files[name].read_bytes()
        return lzma.decompress(content) if files[name].suffix == ".xz" else content

    compressors = [name for name in ALGORITHMS if name in files]
    if not compressors:
        raise BuildError(f"{package.name} has none of the compressors {', '.join(ALGORITHMS)} as a module")
    order = load_order([*compressors, "zram"], read)
    return Kernel(package.name, images[0], tuple((name, read(name)) for name in order), ALGORITHMS[compressors[0]])


def cpio(entries: Iterable[Entry]) -> bytes:
    """Return an archive in cpio's "newc" format, which the kernel unpacks; archives may follow one another."""
    archive = bytearray()
    for number, entry in enumerate((*entries, Entry("TRAILER!!!", 0)), start=1):
        name = entry.path.encode() + b"\0"
        links = 2 if entry.mode == DIRECTORY else 1
        fields = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        archive += b"\0" * (-len(archive) % 4) + entry.content
        archive += b"\0" * (-len(archive) % 4)
    return bytes(archive)


def initramfs(program: bytes, kernel: Kernel) -> bytes:
    """Return the archive of the payload and the modules; a boot's plan is appended to it (:func:`plan_archive`)."""
    # two zram devices: one to swap to, one whose page cache gives reclaim something to do
    order = "".join(f"{name}{' num_devices=2' if name == 'zram' else ''}\n" for name, _ in kernel.modules)
    return cpio(
        [
            Entry("dev", DIRECTORY),
            Entry("dev/console", CHARACTER_DEVICE, device=(5, 1)),
            Entry("init", FILE, program),
            Entry("modules", DIRECTORY),
            Entry("modules/order", FILE, order.encode()),
            *(Entry(f"modules/{name}", FILE, content) for name, content in kernel.modules),
        ]
    )


def plan_archive(cases: Iterable[tuple[str, str, Mapping[str, int | str]]]) -> bytes:
    """Return the archive with the plan: per case its name, its measurement and its settings."""
    lines = []
    for name, measurement, settings in cases:
        words = [name, measurement, *(f"{key}={value}" for key, value in settings.items())]
        if any(not word or re.search(r"[\s,]", word) for word in words):
            raise ValueError(f"case {name!r}: words must not be empty nor hold white space or commas: {words}")
        lines.append(" ".join(words) + "\n")
    return cpio([Entry("plan", FILE, "".join(lines).encode())])
