#!/usr/bin/env python3
"""What TinyGate changes in a message and what it leaves alone, judged by both ends, on every backend."""

import datetime
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import HOST, Gate, Origin, answer, answering, client, get, on_all_backends, wait_for  # noqa: E402
from programs import PRESET, Cases, check, check_equal, run  # noqa: E402


class recorded:
    """An origin that keeps every request and answers with `response`, a function of the request or bytes."""

    def __init__(self, response=answer(b"hello")):
        self.requests = []

        def talk(peer):
            for request in peer.requests():
                self.requests.append(request)
                peer.send(response(request) if callable(response) else response)

        self.origin = Origin(talk)

    def __enter__(self):
        self.origin.__enter__()
        return self

    def __exit__(self, *reason):
        self.origin.__exit__(*reason)


# --- requests ------------------------------------------------------------------------------------------------------


def forwarded(backend, folder):
    """X-Forwarded-* say what the gate knows; what the client claims is dropped. The rest goes through."""
    with recorded() as seen, Gate(seen.origin, backend=backend) as gate:
        forged = "".join(
            f"{name}: forged\r\n"
            for name in ["X-Forwarded-For", "x-forwarded-proto", "X-FORWARDED-HOST", "Forwarded", "X-Forwarded-For"]
        )
        fields = "Accept: a/b\r\nCookie: a=b; c=d\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Empty:\r\n"
        response = get(gate, "/p/%41?q=1&r=%20", forged + fields, method="DELETE")
        check_equal(response.status, 200, "the answer")
        request = seen.requests[0]
        check_equal(request.start, "DELETE /p/%41?q=1&r=%20 HTTP/1.1", "the request line")
        check_equal(request.get("host"), "a", "Host")
        check_equal(request.get("x-forwarded-for"), HOST, "X-Forwarded-For")
        check_equal(request.get("x-forwarded-proto"), "http", "X-Forwarded-Proto")
        check_equal(request.get("x-forwarded-host"), "a", "X-Forwarded-Host")
        check("forged" not in str(request.fields), f"what was forged is passed on: {request}")
        kept = [(name, value) for name, value in request.fields if name in ("Accept", "Cookie", "X-Twice", "X-Empty")]
        expected = [("Accept", "a/b"), ("Cookie", "a=b; c=d"), ("X-Twice", "1"), ("X-Twice", "2"), ("X-Empty", "")]
        check_equal(kept, expected, "other fields, in their order")


def absolute_form(backend, folder):
    """The target's authority wins over Host, and is taken off."""
    with recorded() as seen, Gate(seen.origin, backend=backend) as gate:
        for target, path in [("http://b:81/x?y", "/x?y"), ("http://b:81", "/"), ("http://b:81?y", "/?y")]:
            check_equal(get(gate, target).status, 200, target)
            check_equal(seen.requests[-1].start, f"GET {path} HTTP/1.1", target)
            check_equal(seen.requests[-1].get("host"), "b:81", target)
        check_equal(get(gate, "*", method="OPTIONS").status, 200, "OPTIONS *")
        check_equal(seen.requests[-1].start, "OPTIONS * HTTP/1.1", "OPTIONS *")


def hop_by_hop(backend, folder):
    """What is meant for one connection goes no further, either way; nor what Connection names."""
    meant_for_one = ["Keep-Alive", "Proxy-Connection", "TE", "Trailer", "X-Named", "X-Named-Too", "Connection"]
    fields = (
        "Connection: X-Named, keep-alive\r\nConnection: x-named-too\r\nX-Named: 1\r\nX-Named-Too: 2\r\n"
        "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTrailer: t\r\nX-Kept: 3\r\n"
    )
    told = answer(b"x", head=fields + "Proxy-Authenticate: Basic\r\nUpgrade: h2\r\n")
    with recorded(told) as seen, Gate(seen.origin, backend=backend) as gate, client(gate) as peer:
        for _ in range(2):
            peer.send(f"GET / HTTP/1.1\r\nHost: a\r\n{fields}TE: trailers\r\nProxy-Authorization: Basic eA==\r\n\r\n")
            response = peer.response()
            for message in (seen.requests[-1], response):
                there = [name for name in meant_for_one if name in message]
                check_equal(there, [], "hop-by-hop fields that went on")
                check_equal(message.get("x-kept"), "3", "X-Kept")
            check("Proxy-Authorization" not in seen.requests[-1], "Proxy-Authorization went on")
            check("Proxy-Authenticate" not in response and "Upgrade" not in response, f"{response}")
        check_equal(len(seen.origin.connections), 1, "connections to the origin")


def no_h2c(backend, folder):
    """An upgrade to HTTP/2 would carry requests past the gate (and is withdrawn)."""
    with recorded() as seen, Gate(seen.origin, backend=backend) as gate:
        for offer in ["h2c", "H2C", "websocket, h2c", "h2c , websocket", "h2c/1"]:
            fields = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {offer}\r\nHTTP2-Settings: AAMAAABk\r\n"
            check_equal(get(gate, "/", fields).status, 200, offer)
            for name in ("Upgrade", "Connection", "HTTP2-Settings"):
                check(name not in seen.requests[-1], f"{offer}: {name} went on")
        check_equal(get(gate, "/", "Connection: Upgrade\r\nUpgrade: h2cc\r\n").status, 200, "not h2c")
        check_equal(seen.requests[-1].get("upgrade"), "h2cc", "not h2c")


def unasked_upgrade(backend, folder):
    """101 to who did not ask for it opens no tunnel."""
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nsmuggled"
    with recorded(switching) as seen, Gate(seen.origin, backend=backend) as gate:
        for fields in ["", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"]:
            check_equal(get(gate, "/", fields).status, 502, "101 to a request without Upgrade")


def old_clients(backend, folder):
    """HTTP/1.0: no chunks, and a connection that goes on only if both want it."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with recorded(lambda r: chunked if "chunked" in r.start else answer(b"hello")) as seen:
        with Gate(seen.origin, backend=backend) as gate:
            with client(gate) as peer:
                peer.send("GET / HTTP/1.0\r\n\r\n")
                response = peer.response()
                check_equal(response.body, b"hello", "without keep-alive")
                check_equal(response.get("connection").lower(), "close", "without keep-alive")
                peer.ends()
            check_equal(seen.requests[0].get("host"), f"{HOST}:{seen.origin.port}", "Host if the client has none")
            check("x-forwarded-host" not in seen.requests[0], "X-Forwarded-Host although there was no Host")
            with client(gate) as peer:
                for _ in range(3):
                    peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    response = peer.response()
                    got = (response.body, response.get("connection").lower())
                    check_equal(got, (b"hello", "keep-alive"), "with keep-alive")
                peer.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                response = peer.response()
                check("transfer-encoding" not in response and "content-length" not in response, f"{response}")
                check_equal((response.body, response.get("connection").lower()), (b"hello", "close"), "without length")
                peer.ends()
            check_equal(len(seen.origin.connections), 1, "connections to the origin")
            for version in ("--http1.0", "--http1.1"):
                done = run(["curl", "-sS", version, f"{gate.url}/chunked", f"{gate.url}/b"])
                check_equal((done.returncode, done.stdout), (0, b"hellohello"), version)


def methods_not_offered(backend, folder):
    with recorded() as seen, Gate(seen.origin, backend=backend) as gate:
        for start in ["CONNECT a:1 HTTP/1.1\r\nHost: a:1", "TRACE / HTTP/1.1\r\nHost: a"]:
            with client(gate) as peer:
                peer.send(f"{start}\r\n\r\n")
                response = peer.response()
                check_equal(response.status, 405, start)
                check("GET" in response.get("allow"), f"Allow: {response}")
                peer.ends()
        check_equal(seen.requests, [], "requests that went on")


# --- responses -----------------------------------------------------------------------------------------------------


def without_a_body(backend, folder):
    """HEAD, 204 and 304 have none whatever their fields say, and the connections go on, on both sides."""

    def respond(request):
        kind = request.start.split(" ")[1][1:]
        if request.start.startswith("HEAD"):
            return {
                "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "none": b"HTTP/1.1 200 OK\r\n\r\n",
            }[kind]
        return {
            "204": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "304": b'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n',
            "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "no-reason": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        }[kind]

    with recorded(respond) as seen, Gate(seen.origin, backend=backend) as gate, client(gate) as peer:
        for method, kind, status, length in [
            ("HEAD", "length", 200, "5"),
            ("HEAD", "chunked", 200, ""),
            ("HEAD", "none", 200, ""),
            ("GET", "204", 204, ""),
            ("GET", "304", 304, "5"),
            ("GET", "empty", 200, "0"),
            ("GET", "no-reason", 200, "0"),
        ]:
            peer.send(f"{method} /{kind} HTTP/1.1\r\nHost: a\r\n\r\n")
            response = peer.response(method)
            check_equal((response.status, response.get("content-length")), (status, length), f"{method} {kind}")
            check("connection" not in response, f"{method} {kind}: {response}")
        check_equal(len(seen.origin.connections), 1, "connections to the origin")


def until_close(backend, folder):
    """A body that ends with the connection becomes chunks, and the client's connection goes on."""

    def talk(peer):
        peer.request()
        peer.send("HTTP/1.1 200 OK\r\n\r\nhel")
        peer.send("lo")

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        for n in range(3):
            peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            response = peer.response()
            check(response.chunks and response.body == b"hello", f"{response}")
            check_equal(len(origin.connections), n + 1, "connections to the origin")


def trailers_and_extensions(backend, folder):
    """Neither is passed on."""
    chunked = b"5;a=b;c=\"d\"\r\nhello\r\n0;z\r\nX-Trailer: 1\r\n\r\n"
    with recorded(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked) as seen:
        with Gate(seen.origin, backend=backend) as gate, client(gate) as peer:
            for _ in range(2):
                peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
                response = peer.response()
                check_equal((response.body, seen.requests[-1].body), (b"hello", b"hello"), "the bodies")
            both = bytes(peer.seen) + seen.origin.bytes
            check(b"X-Trailer" not in both and b"a=b" not in both and b";z" not in both, f"went on: {both}")


def one_hundred_continue(backend, folder):
    """The gate says it, once, and the body follows; and says nothing to a body that it refuses."""
    with recorded(lambda r: answer(r.body)) as seen:
        with Gate(seen.origin, backend=backend, options=["--max-body", "1k"]) as gate:
            with client(gate) as peer:
                for framing, body in [
                    ("Content-Length: 5", b"hello"),
                    ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
                ]:
                    peer.send(f"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framing}\r\n\r\n")
                    check_equal(peer.response().status, 100, framing)
                    peer.send(body)
                    response = peer.response()
                    check_equal((response.status, response.body), (200, b"hello"), framing)
                    check("expect" not in seen.requests[-1], "Expect went on")
                # A body that comes by itself needs no asking.
                peer.send(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
                check_equal(peer.response().status, 200, "a body that came at once")
            with client(gate) as peer:
                peer.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1025\r\n\r\n")
                check_equal(peer.response().status, 413, "a body that is too large")
                peer.ends()


def interim_responses(backend, folder):
    """103 is passed on, 100 of the upstream is not, and HTTP/1.0 gets none."""
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 0\r\n\r\n"
    with recorded(early + early + answer(b"hello")) as seen, Gate(seen.origin, backend=backend) as gate:
        with client(gate) as peer:
            for _ in range(2):
                for method, fields, body in [("GET", "", ""), ("POST", "Content-Length: 1\r\n", "x")]:
                    peer.send(f"{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
                    peer.send(body)
                    for _ in range(2):
                        interim = peer.response()
                        check_equal((interim.status, interim.get("link")), (103, "</a>"), method)
                        check("content-length" not in interim and "connection" not in interim, f"{interim}")
                    check_equal(peer.response().body, b"hello", method)
        with client(gate) as peer:
            peer.send("GET / HTTP/1.0\r\n\r\n")
            check_equal(peer.response().body, b"hello", "HTTP/1.0")
    flood = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100
    with recorded(flood + answer(b"hello")) as seen, Gate(seen.origin, backend=backend) as gate, client(gate) as peer:
        peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        response = peer.response()
        while response.status == 103:
            response = peer.response()
        check_equal(response.status, 502, "after a flood of interim responses")


def large_heads(backend, folder):
    """Heads that do not fit into the memory for most, both ways; and 431 and 414 beyond the bounds."""
    with recorded(lambda r: answer(b"", head=f"X-Large: {r.get('x-large')}\r\n")) as seen:
        with Gate(seen.origin, backend=backend) as gate:
            with client(gate) as peer:
                for size in (1, 1500, 2000, 5000, 12_000, 10):
                    peer.send(f"GET / HTTP/1.1\r\nHost: a\r\nX-Large: {size * 'x'}\r\n\r\n")
                    check_equal(len(peer.response().get("x-large")), size, f"{size} bytes")
            check_equal(get(gate, "/", f"X-Large: {17_000 * 'x'}\r\n").status, 431, "a head of 17,000 bytes")
            check_equal(get(gate, "/", 101 * "a: b\r\n").status, 431, "101 headers")
            check_equal(get(gate, "/" + 9000 * "x").status, 414, "a target of 9000 bytes")
            check_equal(len(seen.requests), 6, "requests that went on")


# --- which origin, and what is told of it --------------------------------------------------------------------------


def round_robin(backend, folder):
    with Origin(answering(b"1")) as first, Origin(answering(b"2")) as second:
        with Gate(first, second, backend=backend) as gate, client(gate) as peer:
            who = []
            for _ in range(10):
                peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                who.append(peer.response().body)
            check_equal(who, [b"1", b"2"] * 5, "who answered")
            check_equal((len(first.connections), len(second.connections)), (1, 1), "connections")


def access_log(backend, folder):
    """One line for each request, and what it says is so."""
    log = folder / "access.json"
    begun = datetime.datetime.now(datetime.timezone.utc)

    def talk(peer):
        for request in peer.requests():
            if "gone" in request.start:
                return
            message = answer(b"hello", status="201 Created")
            peer.send(message[:-5] if request.start.startswith("HEAD") else message)

    expected = [
        ("GET", "/a?b=\"c'", 201, 0, 5, False),
        ("POST", "/", 201, 7, 5, False),
        ("PUT", "/chunked", 201, 3, 5, False),
        ("HEAD", "/", 201, 0, 0, False),
        ("GET", "/gone", 502, 0, None, True),
    ]
    with Origin(talk) as origin:
        with Gate(origin, backend=backend, options=["--access-log", log]) as gate:
            for method, target, *_ in expected:
                with client(gate) as peer:
                    body = {
                        "POST": b"Content-Length: 7\r\n\r\n1234567",
                        "PUT": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                    }.get(method, b"\r\n")
                    peer.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n".encode() + body)
                    if method == "HEAD":
                        peer.head()
                    else:
                        peer.response(method)
            with client(gate) as peer:
                peer.send("nonsense\r\n\r\n")
                check_equal(peer.response().status, 400, "nonsense")
            # Written while it runs, not only at the end.
            wait_for(lambda: log.exists() and log.read_bytes().count(b"\n") == 6, "6 lines")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    check_equal(len(lines), 6, "lines")
    # A client may have its answer, and another may ask, before the gate has heard that the answer has left.
    asked = [(method, target) for method, target, *_ in expected] + [("", "")]
    lines.sort(key=lambda line: asked.index((line["method"], line["target"])))
    for line, (method, target, status, received, sent, failed) in zip(lines, expected):
        what = f"{method} {target}: {line}"
        check_equal((line["method"], line["target"], line["host"]), (method, target, "h"), what)
        check_equal((line["client"], line["upstream"]), (HOST, f"{HOST}:{origin.port}"), what)
        check_equal((line["status"], line["received"]), (status, received), what)
        check(sent is None or line["sent"] == sent, what)
        check_equal("failure" in line, failed, what)
        when = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
        check(begun - datetime.timedelta(seconds=1) <= when <= begun + datetime.timedelta(minutes=2), what)
        check(0 <= line["us"] < 60_000_000, what)
    check_equal((lines[5]["status"], lines[5]["method"], lines[5]["upstream"]), (400, "", ""), "of nonsense")
    check(lines[5]["failure"], "why nonsense was refused")


def two_workers_one_log(backend, folder):
    """Lines of several loops do not mix, and none is lost."""
    log = folder / "access.json"
    count = 400 if PRESET == "release" else 96
    with Origin(answering(b"hello")) as origin:
        with Gate(origin, backend=backend, workers=2, options=["--access-log", log]) as gate:
            for batch in range(8):
                with client(gate) as peer:
                    peer.send(f"GET /{batch}{200 * 'x'} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * (count // 8))
                    for _ in range(count // 8):
                        check_equal(peer.response().body, b"hello", "an answer")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    check_equal(len(lines), count, "lines")


def log_of_a_burst(backend, folder):
    """More lines than there is room for, in less time than they wait to be written: none is lost."""
    log = folder / "access.json"
    count = 700
    with Origin(answering(b"hello")) as origin:
        with Gate(origin, backend=backend, options=["--access-log", log]) as gate:
            with client(gate) as peer:
                for batch in range(7):
                    peer.send(f"GET /{2000 * 'x'} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * (count // 7))
                    for _ in range(count // 7):
                        check_equal(peer.response().body, b"hello", "an answer")
        check_equal(len(log.read_text().splitlines()), count, "lines")


def log_that_can_not_be_written(backend, folder):
    """A full disk costs lines, not answers; it is said, and not a thousand times."""
    with Origin(answering(b"hello")) as origin:
        with Gate(origin, backend=backend, options=["--access-log", "/dev/full"], complains=True) as gate:
            for _ in range(3):
                check_equal(get(gate).body, b"hello", "the answer")
                time.sleep(0.3)  # longer than lines wait to be written
            said = gate.stop()
        check_equal(said.count("\n"), 1, f"lines on stderr: {said!r}")
        check("access log" in said and "No space left" in said, said)


def main():
    cases = Cases()
    if PRESET == "tsan":
        cases.run_on_backends(forwarded, one_hundred_continue, interim_responses, two_workers_one_log)
        cases.end()
    cases.run_on_backends(
        forwarded,
        absolute_form,
        hop_by_hop,
        no_h2c,
        unasked_upgrade,
        old_clients,
        methods_not_offered,
        without_a_body,
        until_close,
        trailers_and_extensions,
        one_hundred_continue,
        interim_responses,
        large_heads,
        round_robin,
        access_log,
        two_workers_one_log,
        log_of_a_burst,
    )
    function = log_that_can_not_be_written
    cases.run(f"every backend: {function.__name__}", on_all_backends, function)
    cases.end()


main()
