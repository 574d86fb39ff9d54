#!/usr/bin/env python3
"""Whoever is too slow: 408, 504 or the end of the connection, on all backends at once, since these tests only wait."""

import contextlib
import select
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import (  # noqa: E402
    HOST, Gate, Listening, Origin, answer, answering, begin_download, begin_upload, client, get, on_all_backends,
    together, wait_for,
)
from programs import PRESET, Cases, Failure, check, check_equal  # noqa: E402

MB = 1 << 20
HELLO = answer(b"hello")
FRAMINGS = ["length", "much", "chunked"]  # "much" is moved by splice(2) where that can be
SOON = 3.0 if PRESET == "release" else 15.0  # seconds; ten times what it takes


def goes_on(gate, target="/"):
    """A request like any other is answered as ever."""
    check_equal(get(gate, target).body, b"hello", "afterwards")


@contextlib.contextmanager
def deaf():
    """A listening socket that takes no connection: its queue is full, so a connect() hangs."""
    with contextlib.ExitStack() as held:
        listening = held.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield Listening(listening.getsockname()[1])


def origin_is_deaf(backend, folder):
    """504 after --connect-timeout; and with another one it is asked."""
    with deaf() as nobody:
        with Gate(nobody, backend=backend, options=["--connect-timeout", "200ms"]) as gate:
            begun = time.monotonic()
            check_equal(get(gate).status, 504, "one that does not answer")
            check(time.monotonic() - begun < SOON, "took too long")
        with Origin(answering(b"hello")) as origin:
            with Gate(nobody, origin, backend=backend, options=["--connect-timeout", "200ms"]) as gate:
                for _ in range(4):
                    goes_on(gate)


def slow_clients(backend, folder):
    """408 for heads and bodies that do not come; an idle connection is closed without a word."""
    options = ["--head-timeout", "200ms", "--body-timeout", "200ms", "--idle-timeout", "400ms"]

    def talk(peer):
        for _ in peer.requests():
            peer.send(HELLO)

    with Origin(talk) as origin, Gate(origin, backend=backend, options=options) as gate:

        def told(send):
            with client(gate) as peer:
                send(peer)
                begun = time.monotonic()
                response = peer.response()
                check_equal(response.status, 408, "the answer")
                check(time.monotonic() - begun < SOON, "took too long")
                peer.end_sending()
                peer.ends()

        def head():
            told(lambda peer: peer.send("GET / HTTP/1.1\r\nHos"))

        def head_byte_by_byte():
            """Bytes that keep coming do not prolong it."""
            with client(gate) as peer:
                peer.send("GET / HTTP/1.1\r\nX: ")
                with contextlib.suppress(ConnectionError):
                    for _ in range(int(SOON / 0.02)):
                        peer.send("x")
                        time.sleep(0.02)
                        if select.select([peer.socket], [], [], 0)[0]:
                            break
                check_equal(peer.response().status, 408, "the answer")

        def second_head():
            def send(peer):
                peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET")
                check_equal(peer.response().body, b"hello", "the first")

            told(send)

        def body():
            told(lambda peer: begin_upload(peer, "length"))

        def much():
            told(lambda peer: begin_upload(peer, "much"))

        def chunked():
            told(lambda peer: begin_upload(peer, "chunked"))

        def no_body_at_all():
            told(lambda peer: peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"))

        def idle():
            with client(gate) as peer:
                peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                check_equal(peer.response().body, b"hello", "the first")
                peer.socket.settimeout(SOON)
                peer.ends()

        def never_says_anything():
            with client(gate) as peer:
                peer.socket.settimeout(SOON)
                peer.ends()

        together(
            head, head_byte_by_byte, second_head, body, much, chunked, no_body_at_all, idle, never_says_anything
        )
        goes_on(gate)


def slow_origins(backend, folder):
    """504 for an answer that does not begin; what has begun is cut short."""
    options = ["--response-timeout", "200ms", "--body-timeout", "200ms", "--send-timeout", "200ms"]
    answered = threading.Event()  # the client of what reads nothing

    def talk(peer):
        head = peer.head()
        if head is None:
            return
        what = head.start.split(" ")[1][1:]
        if what == "reads-nothing":
            answered.wait(60)
            return
        peer.body(head, lambda: b"")
        if what in FRAMINGS:
            begin_download(peer, what)
        elif what == "half":
            peer.send("HTTP/1.1 200 OK\r\nX: ")
        elif what == "interim":
            peer.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        peer.rest()

    with contextlib.ExitStack() as held:
        origin = held.enter_context(Origin(talk))
        gate = held.enter_context(Gate(origin, backend=backend, options=options))
        # Where an answer has to begin before it stalls.
        patient = held.enter_context(Gate(origin, backend=backend, options=options[2:]))
        # Where a client may be late, as on a busy machine: what stalls is to be the origin, in the same limit.
        unhurried = held.enter_context(Gate(origin, backend=backend, options=[*options[:2], "--body-timeout", "5s"]))

        def told(send, status=504, through=gate):
            with client(through) as peer:
                begun = time.monotonic()
                send(peer)
                response = peer.response()
                while response.status < 200:
                    response = peer.response()
                check_equal(response.status, status, "the answer")
                check(time.monotonic() - begun < SOON, "took too long")

        def nothing():
            told(lambda peer: peer.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"))

        def half_a_head():
            told(lambda peer: peer.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n"))

        def only_interim():
            told(lambda peer: peer.send("GET /interim HTTP/1.1\r\nHost: a\r\n\r\n"))

        def nothing_after_a_body():
            told(lambda peer: peer.send("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"))

        def nothing_after_a_body_in_pieces():
            def send(peer):
                peer.send("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
                time.sleep(0.05)
                peer.send("hello")

            told(send, through=unhurried)

        def reads_nothing():
            """The client's own sending fails once the gate has given up; what it was told is there all the same."""

            def send(peer):
                with contextlib.suppress(OSError):
                    peer.send("POST /reads-nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n")
                    peer.send(64 * MB * b"x")

            with client(unhurried) as peer:
                sending = threading.Thread(target=send, args=[peer], daemon=True)
                sending.start()
                try:
                    check_equal(peer.response().status, 504, "the answer")
                finally:
                    answered.set()

        def body_stalls(framing):
            with client(patient) as peer:
                peer.send(f"GET /{framing} HTTP/1.1\r\nHost: a\r\n\r\n")
                peer.socket.settimeout(SOON)
                try:
                    response = peer.response()
                except (EOFError, ConnectionError):
                    return
                raise Failure(f"looks whole: {response}")

        def length_stalls():
            body_stalls("length")

        def much_stalls():
            body_stalls("much")

        def chunked_stalls():
            body_stalls("chunked")

        together(
            nothing, half_a_head, only_interim, nothing_after_a_body, nothing_after_a_body_in_pieces,
            reads_nothing, length_stalls, much_stalls, chunked_stalls,
        )  # fmt: skip


def client_that_does_not_read(backend, folder):
    """After --send-timeout it is left, and so is the origin."""
    left = []

    def talk(peer):
        for request in peer.requests():
            if request.start.startswith("GET /hello"):
                peer.send(HELLO)
                continue
            try:
                if "chunked" in request.start:
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    while True:
                        peer.send(b"100000\r\n" + MB * b"x" + b"\r\n")
                peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {1 << 40}\r\n\r\n")
                while True:
                    peer.send(MB * b"x")
            except OSError:
                left.append(request.start)
                return

    options = ["--send-timeout", "200ms", "--body-timeout", "200ms"]
    with Origin(talk) as origin, Gate(origin, backend=backend, options=options) as gate:
        with client(gate) as first, client(gate) as second:
            first.send("GET /length HTTP/1.1\r\nHost: a\r\n\r\n")
            second.send("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: len(left) == 2, "the origin is left")
        goes_on(gate, "/hello")


def quiet_tunnel(backend, folder):
    """Ends after --tunnel-timeout, and at once for both when one is reset."""

    def talk(peer):
        peer.request()
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        peer.rest()

    upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    with Origin(talk) as origin, Gate(origin, backend=backend, options=["--tunnel-timeout", "300ms"]) as gate:
        with client(gate) as peer:
            peer.send(upgrade)
            check_equal(peer.response().status, 101, "the tunnel")
            for _ in range(8):  # longer than the limit, with something moving
                peer.send("x")
                time.sleep(0.1)
            peer.socket.settimeout(SOON)
            peer.ends()
        wait_for(lambda: origin.connections[0].socket.fileno() < 0, "the origin's end")
        check_equal(origin.bytes.count(b"x"), 8 + upgrade.count("x"), "what the origin got")
    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        peer = client(gate)
        peer.send(upgrade)
        check_equal(peer.response().status, 101, "the tunnel")
        peer.reset()
        wait_for(lambda: origin.connections[0].socket.fileno() < 0, "the origin's end")


def main():
    cases = Cases()
    functions = [origin_is_deaf, slow_clients, slow_origins, client_that_does_not_read, quiet_tunnel]
    for function in functions[1:2] if PRESET == "tsan" else functions:
        cases.run(f"every backend: {function.__name__}", on_all_backends, function)
    cases.end()


main()
