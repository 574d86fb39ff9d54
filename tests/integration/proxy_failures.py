#!/usr/bin/env python3
"""Whoever leaves, refuses or asks for too much: what the others are told, on every backend, and that it goes on."""

import collections
import contextlib
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import (  # noqa: E402
    Gate, Listening, Origin, answer, answering, begin_download, begin_upload, client, free_port, get, wait_for,
)
from programs import (  # noqa: E402
    PATIENCE, PRESET, SECCOMP_RUN, Cases, Failure, Skip, check, check_equal, run, why_not,
)

MB = 1 << 20
HELLO = answer(b"hello")
FRAMINGS = ["length", "much", "chunked"]  # "much" is moved by splice(2) where that can be


def goes_on(gate, target="/"):
    """A request like any other is answered as ever."""
    check_equal(get(gate, target).body, b"hello", "afterwards")


# --- clients that leave --------------------------------------------------------------------------------------------


def client_gone_in_its_body(backend, folder):
    """The origin sees a request that is cut short, and its connection ends."""
    cut_short = []

    def talk(peer):
        while head := peer.head():
            try:
                peer.body(head, lambda: b"")
            except (EOFError, ConnectionError):
                cut_short.append(head.start)
                return
            peer.send(HELLO)

    for leave in ("close", "reset"):
        for framing in FRAMINGS:
            cut_short.clear()
            with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
                goes_on(gate)
                peer = client(gate)
                begin_upload(peer, framing)
                wait_for(lambda: b"POST" in origin.bytes, "the request arrives")
                getattr(peer, leave)()
                wait_for(lambda: cut_short == ["POST / HTTP/1.1"], f"{framing}, {leave}: the origin sees the end")
                goes_on(gate)
                check(len(origin.connections) > 1, f"{framing}, {leave}: the connection was used again")


def client_gone_in_the_answer(backend, folder):
    """The origin is left, too, and its connection is not used again."""
    left = []

    def talk(peer):
        for request in peer.requests():
            framing = request.start.split(" ")[1][1:]
            if framing not in FRAMINGS:
                peer.send(HELLO)
                continue
            try:
                begin_download(peer, framing)
                while True:
                    peer.send(b"400\r\n" + 1024 * b"x" + b"\r\n" if framing == "chunked" else 100 * b"x")
                    time.sleep(0.001)
            except OSError:
                left.append(framing)
                return

    for leave in ("close", "reset"):
        for framing in ("much", "chunked"):
            left.clear()
            with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
                goes_on(gate)
                peer = client(gate)
                peer.send(f"GET /{framing} HTTP/1.1\r\nHost: a\r\n\r\n")
                peer.until(b"xxxx")
                getattr(peer, leave)()
                wait_for(lambda: left == [framing], f"{framing}, {leave}: the origin is left")
                goes_on(gate)
                check_equal(len(origin.connections), 2, f"{framing}, {leave}: connections to the origin")


def client_ends_its_side(backend, folder):
    """Who sends a request and then its end still gets the answer."""
    with Origin(answering(b"hello")) as origin, Gate(origin, backend=backend) as gate:
        for start, body in [("GET", "\r\n"), ("POST", "Content-Length: 2\r\n\r\nxy")]:
            with client(gate) as peer:
                peer.send(f"{start} / HTTP/1.1\r\nHost: a\r\n{body}")
                peer.end_sending()
                check_equal(peer.response().body, b"hello", "the answer")
                peer.ends()


# --- origins that leave --------------------------------------------------------------------------------------------


def origin_gone_in_its_body(backend, folder):
    """The client can tell that the answer is cut short."""

    def talk(peer):
        request = peer.request()
        framing, leave = request.start.split(" ")[1][1:].split("-")
        begin_download(peer, framing)
        if leave == "reset":
            peer.reset()

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        for framing in FRAMINGS:
            for leave in ("close", "reset"):
                with client(gate) as peer:
                    peer.send(f"GET /{framing}-{leave} HTTP/1.1\r\nHost: a\r\n\r\n")
                    try:
                        response = peer.response()
                    except (EOFError, ConnectionError):
                        continue
                    raise Failure(f"{framing}, {leave}: looks whole: {response}")


def tunnel_that_breaks(backend, folder):
    """What is cut short does not look whole to the other side."""
    at_origin = []

    def talk(peer):
        peer.head()
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello")
        said = peer.exactly(1)
        if said == b"r":
            peer.reset()
            return
        try:
            at_origin.append(peer.rest())
        except ConnectionError:
            at_origin.append("reset")

    def tunnel(gate):
        peer = client(gate)
        peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        check_equal(peer.response().status, 101, "the tunnel")
        check_equal(peer.exactly(5), b"hello", "through it")
        return peer

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        with tunnel(gate) as peer:
            peer.send("r")
            try:
                raise Failure(f"the origin's reset looks like an end in order, after {peer.rest()}")
            except ConnectionError:
                pass
        peer = tunnel(gate)
        peer.send("c")
        wait_for(lambda: origin.bytes.endswith(b"c"), "it arrives")
        peer.reset()
        wait_for(lambda: at_origin, "the origin sees the end")
        check_equal(at_origin, ["reset"], "the client's reset")


def end_of_a_connection_that_is_the_end_of_an_answer(backend, folder):
    """HTTP/1.0 knows no other end of a body without a length: one that is cut short must not look like it."""

    def talk(peer):
        request = peer.request()
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        if "whole" in request.start:
            peer.send("0\r\n\r\n")

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        with client(gate) as peer:
            peer.send("GET /whole HTTP/1.0\r\n\r\n")
            check(peer.rest().endswith(b"\r\n\r\nhello"), "the whole")
        with client(gate) as peer:
            peer.send("GET /half HTTP/1.0\r\n\r\n")
            try:
                raise Failure(f"looks whole: {peer.rest()}")
            except ConnectionError:
                pass


def origin_gone_before_its_answer(backend, folder):
    """502 on a connection of its own; on one that was used before, what has no effect is asked again."""
    asked = []

    def talk(peer):
        for n, request in enumerate(peer.requests()):
            asked.append(request.start)
            if "always" in request.start or ("reused" in request.start and n > 0):
                if "reset" in request.start:
                    peer.reset()
                return
            peer.send(HELLO)

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        for how in ("close", "reset"):
            for method in ("GET", "POST"):
                check_equal(get(gate, f"/always-{how}", method=method).status, 502, f"{method}, {how}")
            for method, body, status in [
                ("GET", "", 200),
                ("PUT", "Content-Length: 0\r\n", 200),
                ("POST", "Content-Length: 0\r\n", 502),
                ("POST", "Content-Length: 1\r\n", 502),
                ("PUT", "Content-Length: 1\r\n", 502),  # its body is not kept to be sent again
            ]:
                what = f"{method} {body!r} on a used connection, {how}"
                for _ in range(20):
                    goes_on(gate)
                    opened, before = len(origin.connections), len(asked)
                    with client(gate) as peer:
                        rest = "x" if "1" in body else ""
                        peer.send(f"{method} /reused-{how} HTTP/1.1\r\nHost: a\r\n{body}\r\n{rest}")
                        found = peer.response().status
                    times = len(asked) - before
                    # The client may be faster than the gate, which then has no used connection yet.
                    if (found, times, len(origin.connections) - opened) != (200, 1, 1):
                        break
                check_equal((found, times), (status, 2 if status == 200 else 1), f"{what}: status, times it arrived")
        goes_on(gate)


def empty_chunked_body_asked_again(backend, folder):
    """Its end has to be sent again, too."""

    def talk(peer):
        for n, request in enumerate(peer.requests()):
            if n > 0 and request.start.startswith("PUT"):
                return
            peer.send(HELLO)

    with Origin(talk) as origin, Gate(origin, backend=backend, options=["--response-timeout", "1s"]) as gate:
        goes_on(gate)
        with client(gate) as peer:
            peer.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            check(peer.response().status in (200, 502), "an answer")


def origin_answers_early(backend, folder):
    """An answer before the whole request is passed on at once, whether or not the origin reads the rest."""

    def talk(peer):
        request = peer.head()
        status = "403 Forbidden" if "/keep" in request.start else "413 Content Too Large"
        peer.send(answer(b"no", status=status))
        if "/keep" in request.start:
            peer.rest()

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        for target, status in [("/keep", 403), ("/close", 413)]:
            for framing in FRAMINGS:
                with client(gate) as peer:

                    def send(peer=peer, framing=framing, target=target):
                        with contextlib.suppress(OSError):
                            begin_upload(peer, framing, 1000, target)

                    sending = threading.Thread(target=send, daemon=True)
                    sending.start()
                    response = peer.response()
                    check_equal((response.status, response.body), (status, b"no"), f"{target}, {framing}")
                    check_equal(response.get("connection").lower(), "close", f"{target}, {framing}")
                    sending.join(PATIENCE)
                    peer.end_sending()
                    peer.ends()


def early_answer_frees_no_connection(backend, folder):
    """What is still to come of the request would be taken for the next one, which gets another connection."""

    def talk(peer):
        request = peer.head()
        peer.send(answer(request.start.split(" ")[1]))
        if request.start.startswith("POST"):
            peer.rest()

    for framing in FRAMINGS:
        with Origin(talk) as origin, Gate(origin, backend=backend, workers=1) as gate, client(gate) as peer:
            begin_upload(peer, framing, 1000, "/early")
            check_equal(peer.response().body, b"/early", f"the early answer, {framing}")
            check_equal(get(gate, "/next").body, b"/next", f"the next request, {framing}")
            check_equal(len(origin.connections), 2, f"connections to the origin, {framing}")


def origin_refuses(backend, folder):
    """502; and with another one it is asked, without a word."""
    nobody = Listening(free_port())
    with Gate(nobody, backend=backend) as gate:
        check_equal(get(gate).status, 502, "one that refuses")
        check_equal(get(gate, method="POST").status, 502, "one that refuses")
    with Origin(answering(b"hello")) as origin, Gate(nobody, origin, backend=backend) as gate:
        for method in ("GET", "POST", "PUT") * 5:
            check_equal(get(gate, method=method).body, b"hello", f"{method}, one refuses and one does not")
    with Origin(answering(b"hello")) as origin, Gate(f"unix:{folder}/nobody", origin, backend=backend) as gate:
        for _ in range(4):
            goes_on(gate)


def too_many_connections(backend, folder):
    """503 beyond --max-upstream-connections, and room again when one is back."""
    go = threading.Event()

    def talk(peer):
        for _ in peer.requests():
            go.wait(PATIENCE)
            peer.send(HELLO)

    with Origin(talk) as origin:
        with Gate(origin, backend=backend, options=["--max-upstream-connections", "2"]) as gate:
            with client(gate) as first, client(gate) as second:
                for peer in (first, second):
                    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                wait_for(lambda: origin.bytes.count(b"\r\n\r\n") == 2, "both requests arrive")
                check_equal(get(gate).status, 503, "the third")
                go.set()
                for peer in (first, second):
                    check_equal(peer.response().body, b"hello", "the others")
            # Each way of leaving gives its connection back.
            for _ in range(5):
                with client(gate) as peer:
                    begin_upload(peer, "chunked")
                with client(gate) as peer:
                    peer.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                    peer.reset()

            def there_is_room():
                return get(gate).status == 200

            wait_for(there_is_room, "room for a connection")


# --- who asks for too much -----------------------------------------------------------------------------------------


def few_descriptors(backend, folder):
    """Out of descriptors, clients wait or are refused, and when some have left it goes on as ever."""
    if PRESET != "release":
        raise Skip("the sanitizers' own checks need descriptors")
    with Origin(answering(b"hello")) as origin:
        with Gate(origin, backend=backend, launcher=["prlimit", "--nofile=64:64"]) as gate:
            waiting = [client(gate) for _ in range(100)]
            for peer in waiting:
                peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            told = collections.Counter()
            for peer in waiting:
                try:
                    told[peer.response().status] += 1
                except (EOFError, ConnectionError):
                    told["closed"] += 1
                peer.close()
            print(f"      {dict(told)}")
            check(set(told) <= {200, 503, "closed"} and told[200] > 0, f"answers: {told}")
            wait_for(lambda: get(gate).status == 200, "it goes on")
            goes_on(gate)


def soft_limit_of_descriptors(backend, folder):
    """The one of a shell is raised."""
    with Origin(answering(b"hello")) as origin:
        with Gate(origin, backend=backend, launcher=["prlimit", "--nofile=32:4096"]) as gate:
            waiting = [client(gate) for _ in range(40)]
            for peer in waiting:
                peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                check_equal(peer.response().body, b"hello", "an answer")
            for peer in waiting:
                peer.close()


def bodies_too_large(backend, folder):
    """413, also for what is only found out on the way; the client sees it although it had sent more."""

    def talk(peer):
        for _ in peer.requests():
            peer.send(HELLO)

    with Origin(talk) as origin, Gate(origin, backend=backend, options=["--max-body", "1k"]) as gate:
        chunk = b"400\r\n" + 1024 * b"x" + b"\r\n"
        for what, request, status in [
            ("length", b"Content-Length: 1025\r\n\r\n" + 1025 * b"x", 413),
            ("length that fits", b"Content-Length: 1024\r\n\r\n" + 1024 * b"x", 200),
            ("chunks at once", b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"1\r\nx\r\n0\r\n\r\n", 413),
            ("chunks that fit", b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n", 200),
            ("many bytes", b"Content-Length: 10485760\r\n\r\n" + 10 * MB * b"x", 413),
            ("many chunks", b"Transfer-Encoding: chunked\r\n\r\n" + 10_000 * chunk + b"0\r\n\r\n", 413),
        ]:
            with client(gate) as peer:
                peer.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + request)  # all of it, before anything is read
                check_equal(peer.response().status, status, what)
                if status == 413:
                    peer.end_sending()
                    peer.ends()
        with client(gate) as peer:
            peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(2):
                peer.send(chunk)
                time.sleep(0.02)
            check_equal(peer.response().status, 413, "chunks one by one")
        big = folder / "big"
        big.write_bytes(10 * MB * b"x")
        for framing in ([], ["-H", "Transfer-Encoding: chunked"]):
            words = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-T", big, *framing, gate.url]
            done = run(["curl", *words])
            check_equal((done.returncode, done.stdout), (0, b"413"), f"curl {framing} ({done.stderr!r})")
        goes_on(gate)


# --- what is forbidden to the gate ---------------------------------------------------------------------------------

WHY = {
    "EPERM": "Operation not permitted; a seccomp profile or sysctl forbids it",
    "ENOSYS": "Function not implemented; this kernel does not have it, or a seccomp profile hides it",
}


def io_uring_forbidden(error):
    """The next one is taken, and the line at the start says why; who names io_uring gets it or nothing."""
    for backend in ("io_uring", "epoll"):
        if reason := why_not(backend):
            raise Skip(reason)
    launcher = [SECCOMP_RUN, error, "io_uring_setup", "--"]
    if run([*launcher, "true"]).returncode == 77:
        raise Skip("this kernel takes no seccomp filter")
    with Origin(answering(b"hello")) as origin, Gate(origin, launcher=launcher, workers=2) as gate:
        expected = f"epoll (best of those that work here; io_uring refused: io_uring_setup: {WHY[error]})"
        check_equal(gate.why, expected, "the line at the start")
        goes_on(gate)


def main():
    cases = Cases()
    if PRESET == "tsan":
        cases.run_on_backends(client_gone_in_its_body, origin_answers_early, early_answer_frees_no_connection)
        cases.end()
    cases.run_on_backends(
        client_gone_in_its_body,
        client_gone_in_the_answer,
        client_ends_its_side,
        origin_gone_in_its_body,
        tunnel_that_breaks,
        end_of_a_connection_that_is_the_end_of_an_answer,
        origin_gone_before_its_answer,
        empty_chunked_body_asked_again,
        origin_answers_early,
        early_answer_frees_no_connection,
        origin_refuses,
        too_many_connections,
        bodies_too_large,
        few_descriptors,
        soft_limit_of_descriptors,
    )
    for error in WHY:
        cases.run(f"{error}: {io_uring_forbidden.__name__}", io_uring_forbidden, error)
    cases.end()


main()
