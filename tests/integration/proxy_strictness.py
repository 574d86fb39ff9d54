#!/usr/bin/env python3
"""What the must-list forbids is refused and closed by tinygate, and no byte of it reaches an origin that records all.

Responses that are as bad do not reach the client as good ones, and their connections are not used again.
"""

import contextlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import Gate, Origin, answer, answering, client, get, wait_for  # noqa: E402
from programs import PRESET, SOURCE, Cases, check, check_equal  # noqa: E402

# Each character stands for the byte with its number.
MUST_LIST = [
    (entry["name"], entry["status"], entry["request"].encode("latin-1"))
    for entry in json.loads((SOURCE / "tests" / "http" / "must_list.json").read_text())
]
GOOD = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n"


def refused(gate, origin, name, status, request, before=b""):
    """The answer is `status`, the connection ends, and the origin has not seen anything but `before`."""
    seen = len(origin.bytes)
    with client(gate) as peer:
        if before:
            peer.send(before)
            check_equal(peer.response().status, 200, f"{name}: before it")
            wait_for(lambda: b"/good" in origin.bytes[seen:], name)
            seen = len(origin.bytes)
        peer.send(request)
        response = peer.response()
        check_equal(response.status, status, f"{name}: {response.body!r}")
        check_equal(response.get("connection").lower(), "close", f"{name}: Connection")
        check(response.body.startswith(b"%d " % status) and response.body.endswith(b"\n"), f"{name}: {response.body!r}")
        peer.end_sending()
        peer.ends()
    check_equal(origin.bytes[seen:], b"", f"{name}: what the origin saw")


def must_list(backend, folder):
    """All of it on one backend, a sample on the others. Bodies come with their heads, so nothing was sent on."""
    cases = MUST_LIST if backend == "io_uring" else MUST_LIST[:: len(MUST_LIST) // 40]
    with Origin(answering(b"hello")) as origin, Gate(origin, backend=backend) as gate:
        check(len(MUST_LIST) >= 250, f"only {len(MUST_LIST)} cases")
        for name, status, request in cases:
            refused(gate, origin, name, status, request)
        print(f"      {len(cases)} cases")


def must_list_on_a_used_connection(backend, folder):
    """The same after a good request, when there is an idle connection to the origin."""
    cases = MUST_LIST[:: 5 if backend == "io_uring" else 40]
    with Origin(answering(b"hello")) as origin, Gate(origin, backend=backend) as gate:
        for name, status, request in cases:
            refused(gate, origin, name, status, request, before=GOOD)


def must_list_behind_another(backend, folder):
    """The same, pipelined: the first is answered, and what is bad is not part of it, nor is what comes after."""
    cases = MUST_LIST[:: 5 if backend == "io_uring" else 40]
    with Origin(answering(b"hello")) as origin, Gate(origin, backend=backend) as gate:
        for name, status, request in cases:
            with client(gate) as peer:
                peer.send(GOOD + request)
                check_equal(peer.response().body, b"hello", name)
                check_equal(peer.response().status, status, name)
                peer.end_sending()
                peer.ends()
        check_equal(origin.bytes.count(b"\r\n\r\n"), len(cases), "what went on")
        check_equal(origin.bytes.count(b"GET /good"), len(cases), "what went on")


def bad_chunks_later(backend, folder):
    """A body that goes wrong after its head was sent on: 400 to the client, a cut-short request to the origin."""

    def talk(peer):
        peer.head()
        peer.rest()

    for bad in [b"x\r\n", b"-1\r\n", b"5\nhello", b"5\r\nhelloX", b"ffffffffffffffffff\r\n", b"5 \r\nhello"]:
        with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
            peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            wait_for(lambda: b"abc" in origin.bytes, "the first chunk arrives")
            peer.send(bad)
            check_equal(peer.response().status, 400, str(bad))
            peer.ends()
            wait_for(lambda: origin.connections[0].closed_by_peer, "the origin's connection ends")
            check(not origin.bytes.endswith(b"0\r\n\r\n"), f"the origin got a whole request: {origin.bytes}")


def smuggled(backend, folder):
    """What looks like a request inside of a body stays there."""
    inner = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
    with Origin(answering(b"hello")) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
        for framing, body in [(f"Content-Length: {len(inner)}", inner), ("Transfer-Encoding: chunked", chunk)]:
            peer.send(f"POST /outer HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode() + body + GOOD)
            for _ in range(2):
                check_equal(peer.response().body, b"hello", framing)
        peer.end_sending()
        peer.ends()
        starts = [word for word in origin.bytes.split(b" ") if word in (b"/outer", b"/inner", b"/good")]
        check_equal(starts, [b"/outer", b"/inner", b"/good"] * 2, "the origin's bytes")


# --- responses -----------------------------------------------------------------------------------------------------

BAD_HEADS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + 20_000 * b"x" + b"\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"\r\n",
    b"",
]


def bad_responses(backend, folder):
    """502, the connection to the origin is closed, and the client's says so."""

    def talk(peer):
        bad = BAD_HEADS[int(peer.request().start.split(" ")[1][1:])]
        peer.send(bad)
        if bad:
            peer.rest()

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        for n, bad in enumerate(BAD_HEADS):
            check_equal(get(gate, f"/{n}").status, 502, str(bad[:80]))
            wait_for(lambda: origin.connections[-1].socket.fileno() < 0, "the origin's connection ends")
            check_equal(len(origin.connections), n + 1, "connections to the origin")


def bad_bodies(backend, folder):
    """A body with broken framing is cut short for the client, who can tell."""
    for bad in [b"5\r\nhello\r\nx\r\n", b"5\r\nhelloX", b"5\r\nhello\r\n-1\r\n", b"5\nhello"]:
        def talk(peer, bad=bad):
            peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.send(bad)
            with contextlib.suppress(ConnectionError):
                peer.rest()

        with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
            peer.send(GOOD)
            peer.head()
            with contextlib.suppress(ConnectionError):
                while peer.receive():
                    pass
            check(not bytes(peer.unread).endswith(b"0\r\n\r\n"), f"{bad}: ended well: {bytes(peer.unread)}")
            wait_for(lambda: origin.connections[0].socket.fileno() < 0, "the origin's connection ends")


def more_than_was_asked_for(backend, folder):
    """Bytes behind a response could pass for the next one: they are dropped, and so is their connection."""
    poison = answer(b"poison")
    extra = {
        "GET": answer(b"hello") + poison,
        "HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "PUT": b"HTTP/1.1 204 No Content\r\n\r\n" + poison,
        "DELETE": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
        "PATCH": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + poison,
    }
    for method, bad in extra.items():
        def talk(peer, bad=bad):
            peer.request()
            peer.send(bad)
            peer.rest()

        with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
            for n in range(3):
                peer.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
                response = peer.response(method)
                check(response.status in (200, 204, 304) and response.body in (b"", b"hello"), f"{method}: {response}")
                wait_for(lambda: origin.connections[n].socket.fileno() < 0, f"{method}: the origin's connection ends")
            check_equal(len(origin.connections), 3, f"{method}: connections")


def unasked(backend, folder):
    """An idle connection on which the origin says something is not used any more."""
    said = []

    def talk(peer):
        peer.request()
        peer.send(answer(b"hello"))
        wait_for(lambda: said, "the moment")
        peer.send(answer(b"poison"))
        peer.rest()

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        peer.send(GOOD)
        check_equal(peer.response().body, b"hello", "the first")
        said.append(True)
        wait_for(lambda: origin.connections[0].socket.fileno() < 0, "the origin's connection ends")
        peer.send(GOOD)
        check_equal(peer.response().body, b"hello", "the second")
        check_equal(len(origin.connections), 2, "connections")


def main():
    cases = Cases()
    if PRESET == "tsan":
        cases.run_on_backends(smuggled)
        cases.end()
    cases.run_on_backends(
        must_list,
        must_list_on_a_used_connection,
        must_list_behind_another,
        bad_chunks_later,
        smuggled,
        bad_responses,
        bad_bodies,
        more_than_was_asked_for,
        unasked,
    )
    cases.end()


main()
