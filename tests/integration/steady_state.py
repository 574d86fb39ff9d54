#!/usr/bin/env python3
# presets: release
"""The system calls of a server in steady state, as strace counts them: all that is not a transfer is overhead."""

import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "tools")]
from benchlib.processes import BenchError, Load, Server, SystemCallCount  # noqa: E402
from programs import BIN, Cases, Skip, check, check_equal, example, why_not  # noqa: E402

CONNECTIONS = 32
MESSAGES = 20_000
FORBIDDEN = re.compile(r"^(p?readv?2?|p?writev?2?|pread64|pwrite64|recv\w*|send\w*|epoll\w*|p?poll|select|pselect6)$")


def calls_of(backend, command=None):
    """The calls that echo (or another server) makes for MESSAGES messages on connections that are open already."""
    if reason := why_not(backend):
        raise Skip(reason)
    with Server(command or example("echo", "127.0.0.1:0", backend=backend)) as server:
        with Load(BIN / "bench" / "echo_load", server, CONNECTIONS, messages=MESSAGES) as load:
            try:
                count = SystemCallCount(server)
            except BenchError as error:
                raise Skip(str(error)) from None
            with count:
                check_equal(load.run(120)["messages"], MESSAGES, "messages that came back")
            print("      " + ", ".join(f"{name} {calls}" for name, calls in sorted(count.calls.items())))
            check(command or count.calls, "strace has counted nothing")
            return count.calls


def linux_aio_transfers_in_batches():
    calls = calls_of("linux_aio")
    wrong = [name for name in calls if FORBIDDEN.match(name)]
    check(not wrong, f"calls besides io_submit and io_getevents: {', '.join(wrong)}")
    check("io_submit" in calls, "io_submit was not called")
    check(calls["io_submit"] < MESSAGES, f"{calls['io_submit']} io_submit for {MESSAGES} messages: not in batches")


def io_uring_only_enters():
    """How many enters per turn is counted by one_enter_per_turn, from inside."""
    calls = calls_of("io_uring")
    check_equal(sorted(calls), ["io_uring_enter"], "the system calls")
    check(calls["io_uring_enter"] < MESSAGES, f"{calls['io_uring_enter']} enters for {MESSAGES} messages: not in batches")


def io_uring_makes_no_calls_beside_a_submission_thread():
    calls = calls_of("io_uring", [BIN / "integration" / "spinning_echo"])
    check(sum(calls.values()) <= 0.01 * MESSAGES, f"{sum(calls.values())} calls for {MESSAGES} messages")


def epoll_transfers_and_waits():
    calls = calls_of("epoll")
    transfers = sum(number for name, number in calls.items() if re.match(r"recv|send|read|write", name))
    waits = sum(number for name, number in calls.items() if name.startswith("epoll_"))
    check_equal(sum(calls.values()) - transfers - waits, 0, "calls that neither transfer nor wait")
    check(transfers <= 2 * MESSAGES * 1.01, f"{transfers} transfers for {MESSAGES} messages: some were in vain")
    check_equal(calls.get("epoll_ctl", 0), 0, "changes of what is watched")


def sigio_reads_signals_in_batches():
    calls = calls_of("sigio")
    transfers = sum(number for name, number in calls.items() if re.match(r"recv|send", name))
    collecting = sum(calls.get(name, 0) for name in ("read", "ppoll"))
    check_equal(sum(calls.values()) - transfers - collecting, 0, "calls that neither transfer nor collect signals")
    check(transfers <= 2 * MESSAGES * 1.01, f"{transfers} transfers for {MESSAGES} messages: some were in vain")
    check(collecting < MESSAGES, f"{collecting} calls collect {MESSAGES} messages: not in batches")


def main():
    cases = Cases()
    for case in (
        linux_aio_transfers_in_batches,
        io_uring_only_enters,
        io_uring_makes_no_calls_beside_a_submission_thread,
        epoll_transfers_and_waits,
        sigio_reads_signals_in_batches,
    ):
        cases.run(case.__name__, case)
    cases.end()


main()
