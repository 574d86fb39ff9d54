#!/usr/bin/env python3
"""Where mechanisms are forbidden, by a real seccomp filter: `auto` takes the next one and says why, a name fails."""

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import (  # noqa: E402
    SECCOMP_RUN, Cases, Echo, Skip, check, check_complaint, check_equal, example, run, why_not,
)

# What a refusal looks like in the line that says which backend runs, and why.
WHY = {
    "EPERM": "Operation not permitted; a seccomp profile or sysctl forbids it",
    "ENOSYS": "Function not implemented; this kernel does not have it, or a seccomp profile hides it",
}


def forbidding(error, *calls):
    return [SECCOMP_RUN, error, ",".join(calls), "--"]


def need(*backends):
    for backend in backends:
        if reason := why_not(backend):
            raise Skip(f"{backend} does not work here in the first place: {reason}")
    if run([*forbidding("EPERM", "io_uring_setup"), "true"]).returncode == 77:
        raise Skip("this kernel takes no seccomp filter")


def echo_once(launcher, env=None):
    """Starts echo under a launcher, exchanges a message, and returns why it runs on what it runs on."""
    with Echo(launcher=launcher, env=env) as echo, socket.create_connection(echo.host_and_port, 10) as peer:
        peer.sendall(b"hello")
        check_equal(peer.recv(100), b"hello", "the echo")
        return echo.why


def auto_takes_the_next(error):
    need("io_uring", "epoll")
    why = echo_once(forbidding(error, "io_uring_setup"))
    expected = f"epoll: best of those that work here; io_uring refused: io_uring_setup: {WHY[error]}"
    check_equal(why, expected, "the line of echo")


# In the order of `auto`, each with the call without which it cannot be.
NEEDED_CALL = {
    "io_uring": "io_uring_setup", "epoll": "epoll_create1", "linux_aio": "io_setup", "poll": "ppoll", "select": "pselect6",
}


def auto_goes_on(error, expected):
    """With everything forbidden that comes before it, `auto` takes it, and each refusal is named in the one line."""
    need(*NEEDED_CALL, expected)
    names = list(NEEDED_CALL)
    refused = names[: names.index(expected)] if expected in names else names
    calls = [NEEDED_CALL[name] for name in refused]
    if expected == "select":
        calls.append("poll")  # the older form of ppoll; threads could not do without it
    why = echo_once(forbidding(error, *calls))
    reasons = [f"{name} refused: {NEEDED_CALL[name]}: {WHY[error]}" for name in refused]
    check_equal(why, "; ".join([f"{expected}: best of those that work here", *reasons]), "the line of echo")


def auto_takes_poll(error):
    auto_goes_on(error, "poll")


def auto_takes_select(error):
    auto_goes_on(error, "select")


def auto_ends_with_threads(error):
    auto_goes_on(error, "threads")


def a_name_is_not_replaced(error):
    """Whoever names a backend gets that one or none: by option, and by environment."""
    need(*NEEDED_CALL)
    for backend, call in NEEDED_CALL.items():
        expected = ["backend ", backend, f" does not work here: {call}: {WHY[error]}"]
        launcher = forbidding(error, call)
        check_complaint(run([*launcher, *example("cat", backend=backend)]), 2, "cat: ", *expected)
        named = run(["env", f"PENSTOCK_BACKEND={backend}", *launcher, *example("cat")])
        check_complaint(named, 2, "cat: ", *expected, "PENSTOCK_BACKEND")


def a_ring_that_is_set_up_but_can_not_be_entered(error):
    """Some profiles allow the one and forget the other: found by trying, before anything depends on it."""
    need("io_uring", "epoll")
    why = echo_once(forbidding(error, "io_uring_enter"))
    check(why.startswith("epoll: best of those that work here; io_uring refused: "), f"the line of echo: {why}")


def a_ring_that_registers_nothing(error):
    need("io_uring", "epoll")
    why = echo_once(forbidding(error, "io_uring_register"))
    check("best of those that work here" in why, f"the line of echo: {why}")


def a_policy_older_than_epoll_pwait2(error):
    """Then timers are true to the millisecond only."""
    need("io_uring", "epoll")
    why = echo_once(forbidding(error, "io_uring_setup", "epoll_pwait2"))
    check(why.startswith("epoll: best of those that work here; "), f"the line of echo: {why}")


def files_go_on(error):
    """The other examples, on what is left."""
    need("io_uring", "epoll")
    launcher = forbidding(error, "io_uring_setup")
    data = bytes(range(256)) * 1000
    check_equal(run([*launcher, *example("cat")], input=data).stdout, data, "cat")


def main():
    cases = Cases()
    for error in WHY:
        for case in (
            auto_takes_the_next,
            auto_takes_poll,
            auto_takes_select,
            auto_ends_with_threads,
            a_name_is_not_replaced,
            a_ring_that_is_set_up_but_can_not_be_entered,
            a_ring_that_registers_nothing,
            a_policy_older_than_epoll_pwait2,
            files_go_on,
        ):
            cases.run(f"{error}: {case.__name__}", case, error)
    cases.end()


main()
