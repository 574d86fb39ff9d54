#!/usr/bin/env python3
# presets: release asan
# Not tsan: the kernel unmaps the rings of a pair and maps those of the next at the same place, for another thread.
# ThreadSanitizer sees neither, and takes the two for one.
"""The forwarders of the examples: what is sent through arrives, ends and resets too, and what that costs in calls.

The two-socket forms (examples/models) take one connection after another; `forwarder` takes many, on every backend.
"""

import asyncio
import contextlib
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from benchlib.processes import BenchError, Load, SystemCallCount  # noqa: E402
from programs import (  # noqa: E402
    BACKENDS, BIN, EXAMPLES, PATIENCE, PRESET, Cases, Failure, Running, Skip, check, check_complaint, check_equal, chosen,
    digest, example, run, why_not,
)

FORMS = ["forwarder-calls", "forwarder-io-submit", "forwarder-io-uring"]
MUCH = (8 << 20) + 4321 if PRESET == "release" else (2 << 20) + 4321
PAIRS = 100 if PRESET == "release" else 30
MESSAGES = 2000


class Forwarder(Running):
    """A forwarder to `target`, which ends at a signal."""

    def __init__(self, command):
        self.child = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
        self.line = self.child.stdout.readline().decode().rstrip("\n") if ready else ""
        found = re.match(r"listening on (\S+):(\d+)", self.line)
        if not found:
            self.child.kill()
            said = self.child.communicate()[1].decode().strip()
            if "not permitted" in said or "not implemented" in said:
                raise Skip(said)
            raise Failure(f"{command}: said {self.line!r}, {said!r}")
        self.address = f"{found[1]}:{found[2]}"
        self.host_and_port = (found[1], int(found[2]))

    def stop(self):
        self.child.terminate()
        said = self.said_until_its_end("the forwarder")
        # The small forms leave the signal to the kernel.
        check(self.child.returncode in (0, -signal.SIGTERM), f"exit status {self.child.returncode}")
        check_equal(said, "", "stderr at the end")


@contextlib.contextmanager
def forwarding(form, backend=None):
    """A listening socket, a forwarder to it, and a function that makes a connected pair through it."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as target:
        target.settimeout(PATIENCE)
        with Forwarder(example(form, "127.0.0.1:0", "127.0.0.1:%d" % target.getsockname()[1], backend=backend)) as through:

            @contextlib.contextmanager
            def pair():
                with socket.create_connection(through.host_and_port, PATIENCE) as near:
                    far, _ = target.accept()
                    with far:
                        far.settimeout(PATIENCE)
                        yield near, far

            yield pair


def read_all(peer):
    pieces = []
    while piece := peer.recv(1 << 18):
        pieces.append(piece)
    return b"".join(pieces)


def in_background(function, *arguments):
    """Runs it on a thread; the returned function waits for it and gives what it returned."""
    outcome = []

    def work():
        try:
            outcome.append(function(*arguments))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def wait():
        thread.join(PATIENCE)
        check(not thread.is_alive(), f"{function.__name__} did not end")
        if isinstance(outcome[0], OSError):
            raise Failure(f"{function.__name__}: {outcome[0]}")
        return outcome[0]

    return wait


def megabytes_both_ways(form, backend):
    with forwarding(form, backend) as pair:
        for _ in range(2):  # the second shows that the first has left nothing behind
            with pair() as ends:
                data = [os.urandom(MUCH), os.urandom(MUCH)]
                sending = [in_background(end.sendall, bytes_of) for end, bytes_of in zip(ends, data)]
                reading = [in_background(read_all, end) for end in reversed(ends)]
                for sent, end in zip(sending, ends):
                    sent()
                    end.shutdown(socket.SHUT_WR)
                for sent, came in zip(data, reading):
                    got = came()
                    check_equal((len(got), digest(got)), (len(sent), digest(sent)), "what arrived")


def half_close(form, backend):
    """An end on one side arrives on the other, which can still answer; from either side."""
    with forwarding(form, backend) as pair:
        for flip in (False, True):
            with pair() as ends:
                asking, answering = reversed(ends) if flip else ends
                asking.sendall(b"question")
                asking.shutdown(socket.SHUT_WR)
                check_equal(read_all(answering), b"question", "before the end")
                for _ in range(100):
                    answering.sendall(b"answer")
                answering.shutdown(socket.SHUT_WR)
                check_equal(read_all(asking), b"answer" * 100, "the answer after the end")


def reset(form, backend):
    """A reset on one side arrives as one on the other, and the next connection is served."""
    with forwarding(form, backend) as pair:
        for flip in (False, True):
            with pair() as ends:
                leaving, staying = reversed(ends) if flip else ends
                leaving.sendall(b"a")
                check_equal(staying.recv(1), b"a", "what came before")
                # The other way, too: a direction that begins late would write to who has left, and take the error away
                # from the one that reads there.
                staying.sendall(b"b")
                check_equal(leaving.recv(1), b"b", "what came before, the other way")
                leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                leaving.close()
                try:
                    raise Failure(f"recv gave {staying.recv(1)!r} instead of a reset")
                except ConnectionResetError:
                    pass
        with pair() as (near, far):
            near.sendall(b"still here")
            check_equal(far.recv(100), b"still here", "what came after")


def slow_reader(form, backend):
    """A direction whose reader is late does not hold up the other, and loses nothing."""
    with forwarding(form, backend) as pair, pair() as (near, far):
        data = os.urandom(MUCH)
        sent = in_background(near.sendall, data)
        answer = in_background(near.recv, 100)
        far.sendall(b"the other way is free")
        check_equal(answer(), b"the other way is free", "the other direction")
        came = in_background(read_all, far)
        sent()
        near.shutdown(socket.SHUT_WR)
        check_equal(digest(came()), digest(data), "what arrived")


def nobody_there(form, backend):
    """Where nobody listens the client is told, and the forwarder goes on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen, so the port is nobody else's either
        through = Forwarder(example(form, "127.0.0.1:0", "127.0.0.1:%d" % bound.getsockname()[1], backend=backend))
        try:
            for _ in range(2):
                with socket.create_connection(through.host_and_port, PATIENCE) as near:
                    with contextlib.suppress(ConnectionResetError):
                        check_equal(near.recv(1), b"", "what came")
        finally:
            through.child.terminate()
            said = through.said_until_its_end(form)
        check("refused" in said, f"{form} said {said!r}")


def many_pairs(backend, folder):
    """All at once, each with its own bytes."""

    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        writer.close()

    async def one(address, data):
        reader, writer = await asyncio.open_connection(*address)
        greeting = reader.readexactly(3)
        writer.write(data[:3])
        check_equal(await greeting, data[:3], "the first bytes")
        await everybody.wait()  # so that all are open at the same time
        sending = asyncio.create_task(send_rest(writer, data[3:]))
        back = await reader.read(-1)
        await sending
        writer.close()
        check_equal(digest(data[:3] + back), digest(data), "what came back")

    async def send_rest(writer, data):
        for at in range(0, len(data), 60_000):
            writer.write(data[at : at + 60_000])
            await writer.drain()
        writer.write_eof()

    async def all_of_them():
        nonlocal everybody
        everybody = asyncio.Barrier(PAIRS)
        server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
        target = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        with Forwarder(example("forwarder", "127.0.0.1:0", target, backend=backend)) as through:
            exchanges = [one(through.host_and_port, os.urandom(100_000)) for _ in range(PAIRS)]
            await asyncio.wait_for(asyncio.gather(*exchanges), PATIENCE)
        server.close()

    everybody = None
    asyncio.run(all_of_them())


# --- What a turn costs ------------------------------------------------------------------------------------------


def calls_of(form, backend=None, connections=1):
    """Of the forwarder, while messages go to an echo server and back; on one connection two turns per message."""
    if PRESET != "release":
        raise Skip("system calls are counted in release")
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    echo = Forwarder(example("echo", "127.0.0.1:0"))
    with echo, Forwarder(example(form, "127.0.0.1:0", echo.address, backend=backend)) as through:
        with Load(BIN / "bench/echo_load", through, connections, messages=MESSAGES) as load:
            try:
                count = SystemCallCount(through)
            except BenchError as error:
                raise Skip(str(error)) from None
            with count:
                check_equal(load.run(120)["messages"], MESSAGES, "messages that came back")
    print("      " + ", ".join(f"{name} {calls}" for name, calls in sorted(count.calls.items())))
    return count.calls


TURNS = 2 * MESSAGES
FEW = 8  # what is under way when strace attaches may be counted twice or not at all


def check_about(number, expected, what):
    check(abs(number - expected) <= FEW, f"{number} {what} for {expected} turns")


def calls_make_two_per_turn():
    calls = calls_of("forwarder-calls")
    check_equal(sorted(calls), ["read", "write"], "the system calls")
    for name, number in calls.items():
        check_about(number, TURNS, name)


def linux_aio_one_io_submit_per_turn_and_no_io_getevents():
    calls = calls_of("forwarder-io-submit")
    check_equal(sorted(calls), ["io_submit"], "the system calls")
    check_about(calls["io_submit"], TURNS, "io_submit")


def io_uring_one_enter_per_turn():
    calls = calls_of("forwarder-io-uring")
    check_equal(sorted(calls), ["io_uring_enter"], "the system calls")
    check_about(calls["io_uring_enter"], TURNS, "io_uring_enter")


def n_to_n_on_linux_aio_is_io_submit_and_at_most_one_io_getevents_per_turn():
    """Nothing else touches the sockets. How many messages share a turn depends on how fast they come."""
    if reason := why_not("linux_aio"):
        raise Skip(reason)
    calls = calls_of("forwarder", "linux_aio", connections=32)
    submits, waits = calls.pop("io_submit", 0), calls.pop("io_getevents", 0)
    check(0 < submits, "io_submit was not called")
    check(waits <= submits, f"{waits} io_getevents for {submits} turns")
    transfers = [name for name in calls if re.match(r"p?(read|write)|recv|send|epoll|p?poll", name)]
    check(not transfers, f"calls on sockets besides io_submit: {transfers}")


def misuse():
    for form in FORMS:
        check_complaint(run([EXAMPLES / form]), 2, f"{form}: two addresses are needed; usage: {form} ADDR TO")
        check_complaint(run([EXAMPLES / form, "7000", "127.0.0.1:1"]), 2, f"{form}: '7000' is not")
        check(run([EXAMPLES / form, "--help"]).stdout.startswith(b"usage: "), f"{form} --help")
    check_complaint(run(example("forwarder", "127.0.0.1:0")), 2, "forwarder: too few arguments; usage: forwarder ADDR TO")


def main():
    cases = Cases()
    each = (megabytes_both_ways, half_close, reset, slow_reader, nobody_there)
    for form in FORMS:
        for case in each:
            cases.run(f"{form}: {case.__name__}", case, form, None)
    for backend in chosen(BACKENDS):
        if reason := why_not(backend):
            print(f"skip  {backend}: {reason}", flush=True)
            continue
        for case in each:
            cases.run(f"forwarder {backend}: {case.__name__}", case, "forwarder", backend)
        cases.run(f"forwarder {backend}: many_pairs", many_pairs, backend, None)
    for case in (
        calls_make_two_per_turn,
        linux_aio_one_io_submit_per_turn_and_no_io_getevents,
        io_uring_one_enter_per_turn,
        n_to_n_on_linux_aio_is_io_submit_and_at_most_one_io_getevents_per_turn,
        misuse,
    ):
        cases.run(case.__name__, case)
    cases.end()


main()
