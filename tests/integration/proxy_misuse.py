#!/usr/bin/env python3
"""tinygate, started wrongly: one clear line, exit status 2, and nothing that runs or listens."""

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import HOST, TINYGATE, Gate, Origin, answering, free_port, get  # noqa: E402
from programs import SECCOMP_RUN, Cases, Skip, check, check_complaint, check_equal, run, why_not  # noqa: E402

TO = ["--to", "127.0.0.1:9"]


def children():
    """Processes that were started by this one and are there."""
    found = []
    for task in os.listdir("/proc/self/task"):
        found += Path(f"/proc/self/task/{task}/children").read_text().split()
    return found


def refused(words, *expected, port=None):
    """Exit status 2, one line that has all of `expected`, nothing said otherwise, nothing left."""
    done = run([TINYGATE, *words])
    check_complaint(done, 2, "tinygate: ", *expected)
    check_equal(done.stdout, b"", f"{words}: standard output")
    check_equal(children(), [], f"{words}: processes")
    if port:
        with socket.socket() as probe:
            check(probe.connect_ex((HOST, port)) != 0, f"{words}: somebody listens")


def listen(port):
    return ["--listen", f"{HOST}:{port}"]


def options():
    port = free_port()
    good = [*listen(port), *TO]
    for words, *expected in [
        ([*good, "--no-such"], "--no-such"),
        ([*good, "stray"], "stray"),
        ([*good, "--workers", "many"], "--workers", "many"),
        ([*good, "--workers", "-1"], "--workers"),
        ([*good, "--workers", "100000"], "--workers"),
        ([*good, "--max-connections", "0"], "--max-connections"),
        ([*good, "--max-body", "1x"], "--max-body", "'1x' is not a size"),
        ([*good, "--max-body", "99999999999g"], "--max-body"),
        ([*good, "--head-timeout", "soon"], "--head-timeout", "'soon' is not a time"),
        ([*good, "--head-timeout", "0"], "--head-timeout"),
        ([*good, "--head-timeout", "-1s"], "--head-timeout"),
        ([*good, "--head-timeout", "nan"], "--head-timeout"),
        ([*good, "--backend"], "--backend"),
        (listen(port), "--to"),
        (TO, "--listen"),
        ([], "--listen"),
    ]:
        refused(words, *expected, port=port)


def addresses():
    port = free_port()
    wrong = ["", "127.0.0.1", "127.0.0.1:", ":", "127.0.0.1:65536", "127.0.0.1:x", "256.0.0.1:80", "[::1:80", "host:80"]
    for bad in wrong:
        refused(["--listen", bad, *TO], "--listen")
        refused([*listen(port), "--to", bad], "--to", port=port)
    refused([*listen(port), "--to", f"{HOST}:0"], "--to", "port 0", port=port)
    refused([*listen(port), "--to", "127.0.0.1:9,nonsense"], "--to", "nonsense", port=port)
    refused(["--listen", "192.0.2.1:8080", *TO], "--listen 192.0.2.1:8080", "no such address")
    refused(["--listen", "unix:/no/such/folder/gate", *TO], "--listen", "/no/such/folder/gate")


def backends():
    port = free_port()
    refused([*listen(port), *TO, "--backend", "kqueue9"], "kqueue9", port=port)
    refused([*listen(port), *TO, "--backend", ""], "backend", port=port)
    refused([*listen(port), *TO, "--backend", "simulated"], "simulated", "in memory", port=port)


def port_taken(workers):
    """By somebody who does not share it."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        refused([*listen(port), *TO, "--workers", workers], f"--listen {HOST}:{port}", "in use", "another port")
        free = free_port()
        both = [*listen(free), *listen(port), *TO, "--workers", workers]
        refused(both, f"--listen {HOST}:{port}", "in use", port=free)


def unix_path_taken():
    name = f"/tmp/tinygate-misuse-{os.getpid()}"
    try:
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(name)
            refused(["--listen", f"unix:{name}", *TO], "--listen", name, "in use")
            check(os.path.exists(name), "somebody else's socket was removed")
    finally:
        os.unlink(name)


def access_logs():
    port = free_port()
    for bad, *expected in [("/no/such/folder/log", "No such file"), ("/", "Is a directory")]:
        refused([*listen(port), *TO, "--access-log", bad], f"--access-log {bad}", *expected, port=port)


def backend_denied():
    """Who names a mechanism gets it or nothing."""
    if reason := why_not("io_uring"):
        raise Skip(reason)
    if run([SECCOMP_RUN, "EPERM", "io_uring_setup", "--", "true"]).returncode == 77:
        raise Skip("this kernel takes no seccomp filter")
    port = free_port()
    done = run([SECCOMP_RUN, "EPERM", "io_uring_setup", "--", TINYGATE, *listen(port), *TO, "--backend", "io_uring"])
    check_complaint(done, 2, "tinygate: ", "io_uring", "Operation not permitted")
    check_equal(children(), [], "processes")


def what_is_right():
    """Help and version are no misuse; the table of backends names every one; and a good start works."""
    for words, expected in [(["--help"], b"--listen"), (["--version"], b"tinygate "), (["backends"], b"io_uring")]:
        done = run([TINYGATE, *words])
        check_equal((done.returncode, done.stderr), (0, b""), f"{words}")
        check(expected in done.stdout, f"{words}: {done.stdout!r}")
    with Origin(answering(b"hello")) as origin:
        for at in (f"{HOST}:0", "127.0.0.2:0", "*:0"):
            with Gate(origin, listen=at, workers=0, options=["--head-timeout", "1.5s", "--max-body", "2g"]) as gate:
                if at != "127.0.0.2:0":
                    check_equal(get(gate).body, b"hello", at)


def main():
    cases = Cases()
    for case in (
        options, addresses, backends, unix_path_taken, access_logs, backend_denied, what_is_right,
    ):  # fmt: skip
        cases.run(case.__name__, case)
    for workers in (1, 2):
        cases.run(f"port_taken, {workers} workers", port_taken, workers)
    cases.end()


main()
