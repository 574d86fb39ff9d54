#!/usr/bin/env python3
# presets: release
"""An idle connection that has exchanged a message costs at most 512 bytes of resident memory."""

import resource
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "tools")]
from benchlib.idle import STEPS, resident_at_steps  # noqa: E402
from benchlib.processes import BenchError  # noqa: E402
from benchlib.stats import slope  # noqa: E402
from programs import BIN, Cases, Failure, Skip, check, example, why_not  # noqa: E402

MOST = 512  # bytes per connection
NEEDED = 10_100  # descriptors, of echo and of each load


def idle_connections(backend):
    if reason := why_not(backend):
        raise Skip(reason)
    try:
        echo = example("echo", "127.0.0.1:0", backend=backend)
        points = resident_at_steps(echo, BIN / "bench" / "echo_load", STEPS)
    except BenchError as error:
        raise Failure(str(error)) from None
    found = slope(points[0], points[-1])
    print("      " + ", ".join(f"{size // 1024} KiB at {count} connections" for count, size in points))
    check(found <= MOST, f"{found:.0f} bytes per connection, more than {MOST}")


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < NEEDED:
        print(f"skipped: {NEEDED} descriptors are needed, and `ulimit -Hn` is {hard}")
        sys.exit(77)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited by what is started
    cases = Cases()
    for backend in ("io_uring", "epoll", "linux_aio"):
        cases.run(backend, idle_connections, backend)
    cases.end()


main()
