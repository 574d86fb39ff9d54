#!/usr/bin/env python3
"""What is wrong is told in one clear line, and the exit status says that the caller is to blame."""

import contextlib
import ctypes
import os
import platform
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import (  # noqa: E402
    BACKENDS, PRESET, SOURCE, Cases, Echo, Skip, check, check_complaint, check_equal, example, limit_descriptors, run, why_not,
)

NAMES = ["auto", *BACKENDS]
EXAMPLES = {
    "echo": ["127.0.0.1:0"],
    "copy": ["/dev/null", "/dev/null/x"],
    "cat": [],
    "get": ["http://127.0.0.1:1/"],
    "forwarder": ["127.0.0.1:0", "127.0.0.1:1"],
}


def unknown_backend():
    for name, words in EXAMPLES.items():
        done = run(example(name, *words, backend="nonsense"))
        check_complaint(done, 2, f"{name}: unknown backend 'nonsense'; choose one of: ", *NAMES)


def unknown_backend_in_the_environment():
    environment = {**os.environ, "PENSTOCK_BACKEND": "nonsense"}
    for name, words in EXAMPLES.items():
        done = run(example(name, *words), env=environment)
        check_complaint(done, 2, f"{name}: unknown backend 'nonsense'; choose one of: ", *NAMES, "PENSTOCK_BACKEND")
    # A name on the command line is more particular than the environment.
    check_equal(run(example("cat", backend="threads"), env=environment).returncode, 0, "exit status")


def wrong_command_line():
    check_complaint(run(example("echo")), 2, "echo: too few arguments; usage: echo ADDR")
    check_complaint(run(example("copy", "one")), 2, "copy: too few arguments; usage: copy FROM TO")
    check_complaint(run(example("get", "a", "b")), 2, "get: 'b' is one argument too many; usage: get ")
    check_complaint(run(example("cat", "--frob")), 2, "cat: unknown option '--frob'; usage: cat ")
    check_complaint(run([*example("cat"), "--backend"]), 2, "cat: --backend needs a name; usage: cat ")
    check_complaint(run([SOURCE / "run", "--frob"]), 2, "run: unrecognized arguments: --frob", "--help")
    check_complaint(run([SOURCE / "run", "--seconds", "0"]), 2, "'0' is not a number of seconds")


def help_is_no_misuse():
    for name in EXAMPLES:
        done = run(example(name, "--help"))
        check_equal((done.returncode, done.stderr), (0, b""), f"{name} --help")
        check(done.stdout.startswith(b"usage: " + name.encode()), f"{name} --help: {done.stdout!r}")
    check_equal(run([SOURCE / "run", "--help"]).returncode, 0, "exit status of ./run --help")


def bad_addresses():
    for address in ["7000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "300.0.0.1:80", "[::1:80", "example.org:80", "unix:", ""]:
        check_complaint(run(example("echo", address)), 2, "echo: ", "address")
    for url in ["ftp://127.0.0.1/", "127.0.0.1", "http://", "http://:80/"]:
        check_complaint(run(example("get", url)), 2, "get: ", f"'{url}'")
    check_complaint(run(example("get", "http://example.org/")), 2, "get: ", "example.org")


def port_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        for backend in working():
            check_complaint(run(example("echo", address, backend=backend)), 2, f"echo: {address}: Address already in use")


def address_of_somebody_else():
    done = run(example("echo", "192.0.2.1:0"))  # reserved for documentation: nobody has it
    check_complaint(done, 2, "echo: 192.0.2.1:0: Cannot assign requested address")


def working():
    return [backend for backend in BACKENDS if not why_not(backend)]


def need_no_sanitizer():
    if PRESET != "release":
        raise Skip("the sanitizers themselves need descriptors")


def descriptor_limit_too_low():
    """From too few for anything to just enough: one line that says what to do, or it runs."""
    need_no_sanitizer()
    for backend in working():
        ran = []
        for limit in range(3, 20):
            done = run(example("cat", backend=backend), input=b"hello", preexec_fn=limit_descriptors(limit))
            if done.returncode == 0:
                check_equal((done.stdout, done.stderr), (b"hello", b""), f"{backend} with {limit} descriptors")
                ran.append(limit)
                continue
            check(not ran, f"{backend} runs with {ran} descriptors, but not with {limit}: {done.stderr.decode()}")
            if b"shared libraries" in done.stderr:
                continue  # not even main() was reached
            check_complaint(done, done.returncode, "cat: ", "Too many open files")
            if done.returncode == 2:
                check_complaint(done, 2, f"the descriptor limit of this process is {limit}, raise it (ulimit -n 4096)")
        check(ran, f"{backend} does not run with 19 descriptors")


def auto_does_not_hide_a_low_limit():
    """Running out of descriptors would hit the next backend, too: a worse one is not taken for it."""
    need_no_sanitizer()
    outcomes = set()
    for limit in (4, 20):
        done = run(example("cat"), input=b"hello", preexec_fn=limit_descriptors(limit))
        outcomes.add(done.returncode)
        if done.returncode == 2:
            check_complaint(done, 2, "cat: ", f"descriptor limit of this process is {limit}")
    check(outcomes == {0, 2}, f"exit statuses {outcomes}")


def echo_starts_or_says_why_not():
    need_no_sanitizer()
    for backend in working():
        for limit in range(4, 16):
            with Echo(backend, limits=limit_descriptors(limit), must_start=False) as echo:
                if not echo.line:
                    check_complaint(echo.ended(), 2, "echo: ", "Too many open files")


def echo_at_its_descriptor_limit():
    """More clients than descriptors: those it has are served, the others wait their turn."""
    for backend in working():
        with Echo(backend, limits=limit_descriptors(30)) as echo, contextlib.ExitStack() as peers:
            waiting = [peers.enter_context(socket.create_connection(echo.host_and_port, 30)) for _ in range(60)]
            for peer in waiting:
                peer.sendall(b"hello")
            while waiting:
                peer = waiting.pop(0)
                check_equal(peer.recv(100), b"hello", f"{backend}: the echo")
                peer.close()


# --- All slots of native AIO taken -------------------------------------------------------------------------------

IO_SETUP = {"x86_64": (206, 207), "aarch64": (0, 1)}


@contextlib.contextmanager
def no_aio_slots():
    """Takes what is left of fs.aio-max-nr, which is one number for the whole system."""
    if platform.machine() not in IO_SETUP:
        raise Skip(f"the number of io_setup on {platform.machine()} is not known here")
    setup, destroy = IO_SETUP[platform.machine()]
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.syscall.restype = ctypes.c_long
    rings = []
    try:
        for size in (16384, 1024, 64, 8, 1):
            while True:
                ring = ctypes.c_ulong(0)
                if kernel.syscall(setup, ctypes.c_long(size), ctypes.byref(ring)) != 0:
                    break
                rings.append(ring)
                if len(rings) > 2000:
                    raise Skip("fs.aio-max-nr is too high to be exhausted")
        yield
    finally:
        for ring in rings:
            kernel.syscall(destroy, ring)


def aio_slots_exhausted():
    """Who asks for native AIO by name is refused, as a backend and as a file path, and the others go on."""
    names = ["linux_aio", "epoll+linux_aio", "poll+linux_aio"]
    if reason := why_not(names[0]):
        raise Skip(reason)
    with no_aio_slots():
        refused = {name: run(example("cat", backend=name)) for name in names}
        served = run(example("cat", backend="epoll"))
    for name, done in refused.items():
        check_complaint(done, 2, f"cat: backend {name} does not work here: io_setup: ", "fs.aio-max-nr")
    check(served.returncode == 0, f"epoll ends with {served.returncode} where native AIO is exhausted")


def main():
    cases = Cases()
    for case in (
        unknown_backend,
        unknown_backend_in_the_environment,
        wrong_command_line,
        help_is_no_misuse,
        bad_addresses,
        port_taken,
        address_of_somebody_else,
        descriptor_limit_too_low,
        auto_does_not_hide_a_low_limit,
        echo_starts_or_says_why_not,
        echo_at_its_descriptor_limit,
        aio_slots_exhausted,
    ):
        cases.run(case.__name__, case)
    cases.end()


main()
