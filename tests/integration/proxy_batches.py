#!/usr/bin/env python3
# presets: release
"""--batch-time: a worker that has much to do waits for several completions at once, as strace sees it, and only then."""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import Gate, Origin, answering, client  # noqa: E402
from programs import Cases, Skip, check, check_equal, why_not  # noqa: E402

CLIENTS = 40
WAVES = 25
MANY = 10  # in one wait, as batch_target has it


def most_waited_for(clients, *options):
    """The largest number of completions that an io_uring_enter was for, while so many clients asked at the same time."""
    if reason := why_not("io_uring"):
        raise Skip(reason)
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 12):
        raise Skip("a minimum wait needs Linux 6.12")
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        # -D: what is started is the gate, and strace looks on.
        strace = ["strace", "-D", "-f", "-qq", "-e", "trace=io_uring_enter", "-o", trace]
        with (
            Origin(answering("answer")) as origin,
            Gate(origin, backend="io_uring", workers=1, options=options, launcher=strace) as gate,
        ):
            peers = [client(gate) for _ in range(clients)]
            for _ in range(WAVES):
                for peer in peers:
                    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                for peer in peers:
                    check_equal(peer.response().body, b"answer", "the answer")
            for peer in peers:
                peer.close()
        waits = [int(least) for least in re.findall(r"io_uring_enter\(\d+, \d+, (\d+),", trace.read_text())]
    check(waits, "strace has seen no io_uring_enter")
    return max(waits)


def many_are_waited_for_together():
    most = most_waited_for(CLIENTS, "--batch-time", "10000")
    check(MANY <= most <= 32, f"the most that a wait was for is {most}")


def none_without_time():
    check_equal(most_waited_for(CLIENTS, "--batch-time", "0"), 1, "the most that a wait was for")


def none_for_a_few():
    check_equal(most_waited_for(2, "--batch-time", "10000"), 1, "the most that a wait was for")


def main():
    cases = Cases()
    for case in (many_are_waited_for_together, none_without_time, none_for_a_few):
        cases.run(case.__name__, case)
    cases.end()


main()
