#!/usr/bin/env python3
# presets: release
"""System calls as iobench's wrappers count them beside what strace counts: they agree within 1 %."""

import struct
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "tools")]
from benchlib.processes import BenchError, Load, Server, SystemCallCount  # noqa: E402
from programs import BIN, Cases, Skip, check, check_equal, why_not  # noqa: E402

CONNECTIONS = 32
# strace makes a call a hundred times as long. Not fewer: on io_uring one in twenty is a call, and both ends of one that
# waits must be within 1 % of them.
MESSAGES = 8_000
CONTENDERS = [
    "penstock/epoll", "penstock/poll", "penstock/io_uring", "penstock/linux_aio", "bare/io_uring", "bare/linux_aio",
]
AGREEMENT = 0.01
SLOT = struct.Struct("24sQ")  # iobench/count/counters.hpp: whose it is, and how many


def counted(page):
    slots = SLOT.iter_unpack(page.read_bytes())
    return {name.rstrip(b"\0").decode(): count for name, count in slots}


def counts_agree(contender):
    if reason := why_not(contender.split("/")[1]):
        raise Skip(reason)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "counters"
        command = [BIN / "iobench", "--counters", page, "--role", "echo-server", contender]
        with Server(command) as server, Load(BIN / "bench" / "echo_load", server, CONNECTIONS, messages=MESSAGES) as load:
            try:
                strace = SystemCallCount(server)
            except BenchError as error:
                raise Skip(str(error)) from None
            with strace:
                before = counted(page)
                check_equal(load.run(120)["messages"], MESSAGES, "messages that came back")
            after = counted(page)
    ours = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    print(f"      wrappers {ours}\n      strace   {strace.calls}")
    check(strace.calls, "strace has counted nothing")
    for name, calls in ours.items():
        traced = strace.calls.get(name, 0)
        check(
            abs(traced - calls) <= max(AGREEMENT * traced, 2),  # one that waits has two ends
            f"{name}: {calls} by wrappers, {traced} by strace, for {MESSAGES} messages",
        )
    # The allocator's own call, and the restart of the one that attaching interrupted.
    transferred = sum(calls for name, calls in strace.calls.items() if name not in ("brk", "restart_syscall"))
    here, there = sum(ours.values()) / MESSAGES, transferred / MESSAGES
    check(abs(here - there) <= AGREEMENT * there, f"per message: {here:.4f} by wrappers, {there:.4f} by strace")


def main():
    cases = Cases()
    for contender in CONTENDERS:
        cases.run(contender, counts_agree, contender)
    cases.end()


main()
