"""What the tests of whole programs share: starting them, ending them, and counting what went well."""

import hashlib
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

SOURCE = Path(os.environ.get("PENSTOCK_SOURCE", Path(__file__).resolve().parents[2]))
BIN = Path(os.environ.get("PENSTOCK_BIN", SOURCE / "build" / "release" / "bin"))
PRESET = os.environ.get("PENSTOCK_PRESET", "release")
EXAMPLES = BIN / "examples"
SECCOMP_RUN = BIN / "integration" / "seccomp_run"

BACKENDS = ["io_uring", "epoll", "linux_aio", "poll", "select", "threads", "sigio"]
GATE = os.environ.get("PENSTOCK_TEST_SCALE") == "gate"  # which has not the time for all
SKIPPED = 77  # exit status of a test of which nothing could run
PATIENCE = 60.0  # seconds; sanitizers and a busy machine are slow


class Failure(AssertionError):
    """What a check found, in one line."""


class Skip(Exception):
    """Why a case can't run here."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def check_equal(found, expected, what):
    check(found == expected, f"{what}: {found!r} instead of {expected!r}")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def run(command, limit=PATIENCE, **options):
    """Runs a program to its end; bytes in, bytes out."""
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    if options["stdin"] is None:
        del options["stdin"]
    command = [str(word) for word in command]
    try:
        return subprocess.run(
            command, stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, timeout=limit, **options
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(command)}: did not end within {limit:.0f} s") from None


def check_complaint(done, status, *expected):
    """The program ended with `status` and one line on stderr, in which every `expected` occurs, in order."""
    said = done.stderr.decode()
    check_equal(done.returncode, status, f"exit status of {' '.join(map(str, done.args))} ({said.strip()!r})")
    check(said.count("\n") == 1 and said.endswith("\n"), f"not one line: {said!r}")
    at = 0
    for text in expected:
        found = said.find(text, at)
        check(found >= 0, f"{text!r} is missing, or not where it should be, in {said!r}")
        at = found + len(text)


def example(name, *words, backend=None):
    return [EXAMPLES / name, *words, *(["--backend", backend] if backend else [])]


class Running:
    """A server of ours in `child`, ended by stop() on leaving the `with` block, which it must do cleanly."""

    child: subprocess.Popen

    @property
    def pid(self):
        return self.child.pid

    def said_until_its_end(self, name, limit=PATIENCE):
        """Waits until it has ended. Returns what it said on stderr."""
        try:
            return self.child.communicate(timeout=limit)[1].decode()
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
            raise Failure(f"{name}: did not end when it was asked to") from None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.child.returncode is not None:
            return
        if kind is None:
            self.stop()
        else:  # what went wrong is often told here
            self.child.kill()
            sys.stdout.write(self.child.communicate()[1].decode())


class Echo(Running):
    """The example `echo`, or one like it, running; ended by SIGTERM on leaving the `with` block, which it must do cleanly."""

    def __init__(self, backend=None, at="127.0.0.1:0", launcher=(), env=None, limits=None, must_start=True,
                 program="echo"):
        command = [str(word) for word in [*launcher, *example(program, at, backend=backend)]]
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            preexec_fn=limits,
        )
        ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
        self.line = self.child.stdout.readline().decode().rstrip("\n") if ready else ""
        if not self.line and not must_start:
            return
        found = re.fullmatch(r"listening on (\S+) \((.+)\)", self.line)
        if not found:
            self.child.kill()
            raise Failure(f"{' '.join(command)}: said {self.line!r}, {self.child.communicate()[1].decode()!r}")
        self.address, self.why = found[1], found[2]

    @property
    def host_and_port(self):
        host, port = self.address.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def ended(self):
        """How it ended, if it did not start."""
        said = self.child.communicate(timeout=PATIENCE)[1]
        return subprocess.CompletedProcess(self.child.args, self.child.returncode, b"", said)

    def stop(self, with_signal=signal.SIGTERM):
        """Ends it."""
        self.child.send_signal(with_signal)
        said = self.said_until_its_end(f"echo ({self.why})")
        check_equal((self.child.returncode, said), (0, ""), f"echo ({self.why}): status and stderr at the end")


def limit_descriptors(most):
    """For preexec_fn: what `ulimit -n` does."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def why_not(backend):
    """Why a backend does not work here; empty if it does."""
    done = run(example("cat", backend=backend))
    return "" if done.returncode == 0 else done.stderr.decode().strip()


def chosen(backends):
    """Those to run on here: all of them, but for the gate in the presets of a sanitizer, which share them between
    them. Which of the two has which differs from test to test."""
    if not GATE or PRESET == "release":
        return list(backends)
    turn = zlib.crc32(Path(sys.argv[0]).name.encode()) + (PRESET == "tsan")
    here = [name for at, name in enumerate(backends) if (at + turn) % 2 == 0]
    print(f"left out in {PRESET}, for the gate: {', '.join(name for name in backends if name not in here)}", flush=True)
    return here


def wait_until(condition, what, limit=PATIENCE):
    deadline = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < deadline, f"{what}: not within {limit:.0f} s")
        time.sleep(0.01)


class Cases:
    """Runs cases, prints a line for each, and makes the exit status of the test of them."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, []

    def run(self, name, function, *arguments):
        start = time.monotonic()
        try:
            function(*arguments)
        except Skip as reason:
            self.skipped.append(f"{name}: {reason}")
            print(f"skip  {name}: {reason}", flush=True)
        except Exception as error:
            self.failed += 1
            print(f"FAIL  {name}: {error}", flush=True)
            if not isinstance(error, Failure):
                traceback.print_exc()
        else:
            self.passed += 1
            print(f"ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)

    def run_on_backends(self, *functions, backends=BACKENDS):
        """Each function gets a backend's name, and a folder that is empty."""
        for backend in chosen(backends):
            if reason := why_not(backend):
                self.skipped.append(reason)
                print(f"skip  {backend}: {reason}", flush=True)
                continue
            for function in functions:
                with tempfile.TemporaryDirectory() as folder:
                    self.run(f"{backend}: {function.__name__}", function, backend, Path(folder))

    def end(self):
        """Ends the test."""
        print(f"{self.passed} passed, {self.failed} failed, {len(self.skipped)} skipped", flush=True)
        if self.failed:
            sys.exit(1)
        if not self.passed:
            print("skipped: " + (self.skipped[-1] if self.skipped else "there was nothing to do"))
            sys.exit(SKIPPED)
        sys.exit(0)
