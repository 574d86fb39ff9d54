"""The emulated machine, and what it says on its serial line."""

import os
import re
import selectors
import signal
import subprocess
import time

from kernel import KernelError

CORES = 2
MEMORY = 2048  # MiB
ENDED = re.compile(r"^@@ end (\S+) (\d+)$")
BEGAN = re.compile(r"^@@ begin (\S+)$")


def command(kernel, initramfs, drive, accelerator):
    # `quiet` and panic=-1: what the kernel says would stand between what the suites say, and a panic ends the machine.
    arguments = "console=ttyS0 quiet loglevel=3 panic=-1 random.trust_cpu=on"
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
        "-accel", accelerator, "-cpu", "max" if accelerator != "kvm" else "host",
        "-smp", str(CORES), "-m", str(MEMORY), "-serial", "stdio",
        "-kernel", str(kernel.image), "-initrd", str(initramfs), "-append", arguments,
        "-drive", f"if=none,id=drive,file={drive},format=raw,cache=unsafe",
        "-device", "nvme,drive=drive,serial=penstock",
    ]  # fmt: skip


class Machine:
    """Runs until it has switched itself off. `on_begin(suite)`, `on_end(suite, status, output)` and `on_remark(text)`
    are called with what it says; `on_line(suite, line)` with each line of a suite."""

    def __init__(self, watcher, log):
        self._watcher, self._log = watcher, log
        self._suite, self._said = "", []
        self.finished = False

    def run(self, started_with, limit):
        """Returns why it ended early; nothing if it did not."""
        try:
            child = subprocess.Popen(
                [*map(str, started_with)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise KernelError(f"{started_with[0]}: {error.strerror}") from None
        try:
            expired = not self._read(child, time.monotonic() + limit)
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        if expired:
            return f"the time limit of {limit // 60} minutes" + (f", in {self._suite}" if self._suite else "")
        if self.finished:
            return ""
        return f"the machine stopped (status {child.returncode})" + (f" in {self._suite}" if self._suite else "")

    @property
    def cut_short(self):
        """The suite that ran when it ended, and what that had said."""
        return self._suite, "\n".join(self._said)

    def _read(self, child, deadline):
        """Returns false if the time is over."""
        line = b""
        with selectors.DefaultSelector() as ready, self._log.open("w") as log:
            ready.register(child.stdout, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                if not ready.select(min(left, 1.0)):
                    self._watcher.on_silence()
                    continue
                piece = os.read(child.stdout.fileno(), 65536)
                if not piece:
                    child.wait()
                    return True
                *lines, line = (line + piece).split(b"\n")
                for one in lines:
                    text = one.decode(errors="replace").rstrip("\r")
                    log.write(text + "\n")
                    log.flush()
                    self._take(text)
        return False

    def _take(self, line):
        if found := BEGAN.match(line):
            self._suite, self._said = found[1], []
            self._watcher.on_begin(self._suite)
        elif (found := ENDED.match(line)) and found[1] == self._suite:
            self._watcher.on_end(self._suite, int(found[2]), "\n".join(self._said))
            self._suite = ""
        elif line == "@@ finished":
            self.finished = True
        elif line.startswith("@@ "):
            self._watcher.on_remark(line.removeprefix("@@ "))
        elif self._suite:
            self._said.append(line)
            self._watcher.on_line(line)
