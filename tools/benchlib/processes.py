"""Starting, watching and ending the processes that are measured. Only what was started here is ever signalled."""

import ctypes
import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
LOAD_CORE = CORES[min(1, len(CORES) - 1)]  # a machine with one core measures both sides on it
PRIORITY = -10  # so that neither side of a measurement queues behind whatever else runs here
PATIENCE = 30.0
SETTLE = 0.1  # a call is counted when it returns, and an echo can be back before that


class BenchError(Exception):
    """Something that makes a measurement impossible, told in one line."""


class LeftOut(BenchError):
    """What a program says that ends with status 77: what it was to measure is not to be had on this machine."""


LEFT_OUT = 77


def pin(core):
    """Returns what a child calls before it runs the program; None: on any core, with no priority."""

    def place():
        if core is None:
            return
        os.sched_setaffinity(0, {core} & os.sched_getaffinity(0) or os.sched_getaffinity(0))
        try:
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        except PermissionError:
            pass  # measured all the same, only with more noise

    return place


STOPPING = {signal.SIGINT, signal.SIGTERM}
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_started = []


def spawn(command, place=pin(None), **options):
    """Starts a child that does not outlive this process, and that Ctrl-C on the terminal leaves to this process."""

    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        place()
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    # Blocked, so that no interruption comes between the child's start and our knowing of it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        child = subprocess.Popen(
            [str(part) for part in command], preexec_fn=prepare, start_new_session=True, **options
        )
        _started.append(child)
    except OSError as error:
        raise BenchError(f"{command[0]}: {error.strerror}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def end_all():
    """Ends what is still there of all that was started, whatever interrupted us."""
    for child in _started:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + 5
    for child in _started:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def family(pid):
    """The process and all its descendants: nginx works in a child."""
    found = []
    left = [pid]
    while left:
        one = left.pop()
        found.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                left += map(int, children.read_text().split())
            except OSError:
                continue  # a thread that has just ended
    return found


class Process:
    """A pinned child with line-wise input and output, ended on leaving the `with` block."""

    def __init__(self, command, core):
        self.command = [str(part) for part in command]
        self._child = spawn(
            command, pin(core), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
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

    def alive(self):
        return self._child.poll() is None

    def check_alive(self):
        if not self.alive():
            raise BenchError(f"{' '.join(self.command)}: {self._last_words()}")

    def signal(self, number):
        self._child.send_signal(number)

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
                said = self._last_words()
                if self._child.returncode == LEFT_OUT:
                    raise LeftOut(said)
                raise BenchError(f"{' '.join(self.command)}: {said}")
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


class Measured(Process):
    """A server, on the core for such, whose use of the machine can be asked for."""

    address = ""

    def __init__(self, command, core=SERVER_CORE):
        super().__init__(command, core)
        try:
            self._await_start()
        except BaseException:
            self.__exit__()
            raise

    def _await_start(self):
        """Waits until it listens and fills in `address`, or says why it does not."""
        said = self.read_line()
        found = re.match(r"(?:[\w-]+: )?listening on ([^\s,]+)", said)
        if not found:
            raise BenchError(f"{' '.join(self.command)}: said '{said}' instead of where it listens")
        self.said, self.address = said, found.group(1)

    def cpu_nanoseconds(self):
        """Of all threads that live now, the kernel's helpers of the process among them."""
        return sum(self.cpu_by_thread().values())

    def cpu_by_thread(self):
        """The same, by number of the thread."""
        spent = {}
        for pid in family(self.pid):
            for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    spent[int(schedstat.parent.name)] = int(schedstat.read_text().split()[0])
                except (FileNotFoundError, ProcessLookupError):
                    continue  # a thread that has just ended
        return spent

    def resident_bytes(self):
        total = 0
        for pid in family(self.pid):
            found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
            total += int(found.group(1)) * 1024 if found else 0  # a zombie has none
        return total


class Server(Measured):
    """A program of ours; it picks a free port and says which."""


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
        processes = family(server.pid)
        command = ["strace", "-f", "-c", "-U", "name,calls"]
        command += [word for pid in processes for word in ("-p", pid)]
        self._strace = spawn(command, pin(LOAD_CORE), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.calls = {}
        self._wait_until_attached(processes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(SETTLE)
        self._strace.send_signal(signal.SIGINT)
        output = self._strace.communicate(timeout=PATIENCE)[1].decode()
        self.calls = {name: int(calls) for name, calls in re.findall(r"^\s*(\w+)\s+(\d+)$", output, re.MULTILINE)}
        self.calls.pop("total", None)

    def _wait_until_attached(self, processes):
        # The kernel's own threads in a process (io_uring's) can't be traced, and make no calls.
        tasks = {
            (pid, task.name)
            for pid in processes
            for task in Path(f"/proc/{pid}/task").iterdir()
            if not (task / "comm").read_text().startswith("iou-")
        }
        deadline = time.monotonic() + PATIENCE
        while not all(self._is_traced(pid, task) for pid, task in tasks):
            if self._strace.poll() is not None or time.monotonic() > deadline:
                self._strace.terminate()
                said = self._strace.communicate()[1].decode().strip().splitlines()
                raise BenchError(f"strace can't attach: {said[0] if said else 'it took too long'}")
            time.sleep(0.01)

    def _is_traced(self, pid, task):
        """Kernel helpers such as io-wq workers make no system calls and can't be traced."""
        try:
            status = Path(f"/proc/{pid}/task/{task}/status").read_text()
            comm = Path(f"/proc/{pid}/task/{task}/comm").read_text()
        except FileNotFoundError:
            return True
        return comm.startswith("iou-") or f"TracerPid:\t{self._strace.pid}" in status
