"""Starting, watching and ending the processes that are measured. Only what was started here is ever signalled."""

import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1
PRIORITY = -10  # so that neither side of a measurement queues behind whatever else runs here
PATIENCE = 30.0
SETTLE = 0.1  # a call is counted when it returns, and an echo can be back before that


class BenchError(Exception):
    """Something that makes a measurement impossible, told in one line."""


def pin(core):
    """Returns what a child calls before it runs the program. A machine with one core measures both sides on it."""

    def place():
        os.sched_setaffinity(0, {core} & os.sched_getaffinity(0) or os.sched_getaffinity(0))
        try:
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        except PermissionError:
            pass  # measured all the same, only with more noise

    return place


class Process:
    """A pinned child with line-wise input and output, ended on leaving the `with` block."""

    def __init__(self, command, core):
        self.command = [str(part) for part in command]
        try:
            self._child = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=pin(core)
            )
        except OSError as error:
            raise BenchError(f"{self.command[0]}: {error.strerror}") from None
        self._buffered = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._child.poll() is None:
            self._child.terminate()
        try:
            self._child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()

    @property
    def pid(self):
        return self._child.pid

    def tell(self, line):
        self._child.stdin.write(f"{line}\n".encode())
        self._child.stdin.flush()

    def read_line(self, patience=PATIENCE):
        deadline = time.monotonic() + patience
        output = self._child.stdout.fileno()
        while b"\n" not in self._buffered:
            if not select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
                raise BenchError(f"{' '.join(self.command)}: said nothing for {patience:.0f} s")
            received = os.read(output, 65536)
            if not received:
                raise BenchError(f"{' '.join(self.command)}: {self._last_words()}")
            self._buffered += received
        line, self._buffered = self._buffered.split(b"\n", 1)
        return line.decode()

    def expect(self, line):
        said = self.read_line()
        if said != line:
            raise BenchError(f"{' '.join(self.command)}: said '{said}' instead of '{line}'")

    def _last_words(self):
        status = self._child.wait(timeout=PATIENCE)
        complaint = self._child.stderr.read().decode(errors="replace").strip().splitlines()
        return complaint[-1] if complaint else f"ended with status {status}"


class Server(Process):
    """An echo server; it picks a free port and says which."""

    def __init__(self, command):
        super().__init__(command, SERVER_CORE)
        try:
            said = self.read_line()
            found = re.match(r"listening on (\S+)", said)
            if not found:
                raise BenchError(f"{' '.join(self.command)}: said '{said}' instead of where it listens")
            self.address = found.group(1)
        except BenchError:
            self.__exit__()
            raise

    def cpu_nanoseconds(self):
        """Of all threads that live now, the kernel's helpers of the process among them."""
        total = 0
        for schedstat in Path(f"/proc/{self.pid}/task").glob("*/schedstat"):
            try:
                total += int(schedstat.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread that has just ended
        return total

    def resident_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024


class Load(Process):
    """A load generator whose connections are open and warm, and which waits for `run`."""

    def __init__(self, program, server, connections, **limits):
        options = [text for name, value in limits.items() for text in (f"--{name}", value)]
        super().__init__(
            [program, "--connect", server.address, "--connections", connections, "--gated", *options], LOAD_CORE
        )
        try:
            self.expect("ready")
        except BenchError:
            self.__exit__()
            raise

    def run(self, patience):
        self.tell("go")
        result = json.loads(self.read_line(patience))
        if result["errors"] or not result["messages"]:
            raise BenchError(f"{' '.join(self.command)}: {result['errors']} errors in {result['messages']} messages")
        return result


class IdleConnections(Process):
    """Connections that have exchanged one message and then stay."""

    def __init__(self, program, server, count):
        super().__init__([program, "--connect", server.address, "--idle", count], LOAD_CORE)
        try:
            self.expect("ready")
        except BenchError:
            self.__exit__()
            raise


class SystemCallCount:
    """Counts the system calls of a running process, between entering and leaving the `with` block."""

    def __init__(self, server):
        # -f attaches to every thread there is and follows new ones.
        command = ["strace", "-f", "-c", "-U", "name,calls", "-p", str(server.pid)]
        try:
            self._strace = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=pin(LOAD_CORE))
        except OSError as error:
            raise BenchError(f"strace: {error.strerror}") from None
        self.calls = {}
        self._wait_until_attached(server.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(SETTLE)
        self._strace.send_signal(signal.SIGINT)
        output = self._strace.communicate(timeout=PATIENCE)[1].decode()
        self.calls = {name: int(calls) for name, calls in re.findall(r"^\s*(\w+)\s+(\d+)$", output, re.MULTILINE)}
        self.calls.pop("total", None)

    def _wait_until_attached(self, pid):
        tasks = {task.name for task in Path(f"/proc/{pid}/task").iterdir()}
        deadline = time.monotonic() + PATIENCE
        while not all(self._is_traced(pid, task) for task in tasks):
            if self._strace.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"strace can't attach: {self._strace.communicate()[1].decode().strip()}")
            time.sleep(0.01)

    def _is_traced(self, pid, task):
        """Kernel helpers such as io-wq workers make no system calls and can't be traced."""
        try:
            status = Path(f"/proc/{pid}/task/{task}/status").read_text()
            comm = Path(f"/proc/{pid}/task/{task}/comm").read_text()
        except FileNotFoundError:
            return True
        return comm.startswith("iou-") or f"TracerPid:\t{self._strace.pid}" in status
