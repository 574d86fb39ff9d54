"""The kernel of the emulated machine: that of Debian's package, taken out of it and never installed here."""

import re
import subprocess
from pathlib import Path

META_PACKAGE = "linux-image-amd64"  # depends on the newest kernel of this Debian

# Modules that the machine needs, with what they depend on: its drive with queues that are polled, and its file system.
MODULES = {"nvme": "poll_queues=1", "ext4": "", "crc32c_generic": ""}
# Where those and what they depend on are in the package; the whole of it would be 350 MiB.
FOLDERS = ["block", "crypto", "drivers/nvme", "fs/ext4", "fs/jbd2", "fs/mbcache.ko", "lib"]


class KernelError(Exception):
    """Why there is no kernel to be had, in one line."""


class Kernel:
    """One that has been unpacked: `image`, and `modules` in the order in which they are to be loaded."""

    def __init__(self, folder, release):
        self.release = release
        self.image = folder / f"boot/vmlinuz-{release}"
        self._modules = folder / "lib/modules" / release

    def modules(self):
        """(file, parameters) of each, what another one depends on first."""
        depends = {}
        for line in (self._modules / "modules.dep").read_text().splitlines():
            name, _, needed = line.partition(":")
            depends[Path(name).stem] = [name, *needed.split()]
        ordered = {}
        for module, parameters in MODULES.items():
            if module not in depends:
                continue  # built into this kernel
            own, *needed = depends[module]
            for name in [*reversed(needed), own]:
                ordered[self._modules / name] = parameters if name == own else ordered.get(self._modules / name, "")
        return list(ordered.items())


def newest(folder):
    """Debian's kernel, fetched and unpacked below `folder` unless it is there already."""
    package = newest_package()
    release = package.removeprefix("linux-image-")
    unpacked = folder / release
    if not (unpacked / "complete").exists():
        unpack(fetch(package, folder), unpacked, release)
    return Kernel(unpacked, release)


def newest_package():
    said = output_of(["apt-cache", "depends", META_PACKAGE])
    found = re.search(r"Depends: (linux-image-\d\S+)", said)
    if not found:
        raise KernelError(f"{META_PACKAGE} is not known to apt-cache; run `apt-get update`")
    return found[1]


def fetch(package, folder):
    """Returns the package's file. Without a network one that was fetched before does."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (there := sorted(folder.glob(f"{package}_*.deb"))):
        output_of(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], cwd=folder)
        there = sorted(folder.glob(f"{package}_*.deb"))
    if not there:
        raise KernelError(f"`apt-get download {package}` left no package in {folder}")
    return there[-1]


def unpack(package, unpacked, release):
    unpacked.mkdir(parents=True, exist_ok=True)
    modules = f"./lib/modules/{release}"
    wanted = [f"./boot/vmlinuz-{release}", f"{modules}/modules.builtin", f"{modules}/modules.order"]
    wanted += [f"{modules}/kernel/{name}" for name in FOLDERS]
    archive = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    taken = subprocess.run(["tar", "-x", "-C", unpacked, *wanted], stdin=archive.stdout, capture_output=True, text=True)
    archive.stdout.close()
    archive.wait()
    if taken.returncode != 0:
        raise KernelError(f"{package.name} is not as expected: {taken.stderr.strip()}")
    output_of(["/sbin/depmod", "-b", unpacked, release])
    (unpacked / "complete").touch()
    package.unlink()


def output_of(command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except OSError as error:
        raise KernelError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise KernelError(f"{command[0]} {command[1]}: {last}")
    return done.stdout
