"""What the emulated machine starts from: an initramfs with the modules, and a drive with the programs and their libraries."""

import re
import shutil
import subprocess
from pathlib import Path

from kernel import KernelError, output_of

BUSYBOX = Path("/bin/busybox")
DRIVE_SIZE = "1G"  # sparse; the programs and what they write
HERE = Path(__file__).resolve().parent


def initramfs(kernel, folder):
    """Busybox, the modules and the first program. Not compressed: the emulated processor would have to undo it."""
    root = emptied(folder / "initramfs")
    for part in ("bin", "modules"):
        (root / part).mkdir()
    copy_busybox(root)
    order = []
    for module, parameters in kernel.modules():
        shutil.copy(module, root / "modules")
        order.append(f"{module.name} {parameters}\n")
    (root / "modules/order").write_text("".join(order))
    shutil.copy(HERE / "init.sh", root / "init")
    (root / "init").chmod(0o755)
    names = "\n".join(["."] + sorted(path.relative_to(root).as_posix() for path in root.rglob("*")))
    archive = folder / "initramfs.cpio"
    with archive.open("wb") as written:
        command = ["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"]
        done = subprocess.run(command, cwd=root, input=names.encode(), stdout=written, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise KernelError(f"cpio: {done.stderr.decode().strip()}")
    return archive


def drive(suites, programs, source, folder):
    """An ext4 file system, made without mounting anything, with `programs` in /tests and what they need where they
    look for it."""
    root = emptied(folder / "root")
    for part in ("bin", "dev", "etc", "proc", "sys", "tests", "tmp"):
        (root / part).mkdir()
    copy_busybox(root)
    for name in ["sh", *APPLETS]:
        (root / "bin" / name).symlink_to("busybox")
    for name in sorted({suite.program for suite in suites}):
        (root / "tests" / name).parent.mkdir(exist_ok=True)
        shutil.copy(programs / name, root / "tests" / name)
        for library in libraries(programs / name):
            copy_to_same_place(library, root)
    for suite in suites:
        if suite.script:
            shutil.copy(HERE / suite.script, root / "tests")
    copy_to_same_place(source / "tests/http/must_list.json", root)  # where unit_tests was told that it is
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    (root / "suites").write_text("export HOME=/ PATH=/bin TMPDIR=/tmp GTEST_COLOR=no\ncd /tmp\n" + "".join(s.lines() for s in suites))
    image = folder / "drive.ext4"
    image.unlink(missing_ok=True)
    output_of(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", root, image, DRIVE_SIZE])
    return image


APPLETS = ["awk", "cat", "cp", "echo", "env", "ls", "mkdir", "rm", "sleep", "timeout", "true", "false"]


def libraries(program):
    """The shared libraries of a program and the loader, as ldd finds them on this machine."""
    said = output_of(["ldd", program])
    if "not found" in said:
        raise KernelError(f"{program} lacks a library: {said.strip()}")
    return [Path(name) for name in re.findall(r"(?:=>\s+|^\s+)(/\S+)", said, re.MULTILINE)]


def copy_to_same_place(path, root):
    target = root / path.relative_to("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)  # a link is followed: what counts is the name under which it is looked for


def copy_busybox(root):
    if not BUSYBOX.exists():
        raise KernelError("busybox is missing: run `tools/packages ensure kernel`")
    shutil.copy(BUSYBOX, root / "bin/busybox")


def emptied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
