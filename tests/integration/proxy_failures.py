#!/usr/bin/env python3
"""Whoever leaves, stalls, refuses or asks for too much: what the others are told, on every backend, and that it goes on."""

import contextlib
import select
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import (  # noqa: E402
    HOST, Gate, Listening, Origin, answer, answering, client, free_port, get, wait_for,
)
from programs import (  # noqa: E402
    BACKENDS, PATIENCE, PRESET, SECCOMP_RUN, Cases, Failure, Skip, check, check_equal, run, why_not,
)

MB = 1 << 20
HELLO = answer(b"hello")
FRAMINGS = ["length", "much", "chunked"]  # "much" is moved by splice(2) where that can be
SOON = 3.0 if PRESET == "release" else 15.0  # seconds; ten times what it takes


def together(*functions):
    """Runs them beside each other, since they wait most of the time; raises what the first of them raised."""
    failed = []

    def one(function):
        try:
            function()
        except Exception as error:
            failed.append(Failure(f"{function.__name__}: {type(error).__name__}: {error}"))

    threads = [threading.Thread(target=one, args=[function], daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        check(not thread.is_alive(), "did not end")
    if failed:
        raise failed[0]


def on_all_backends(function):
    """At once, for a function that waits most of the time."""

    def on(backend):
        def run_it():
            function(backend, None)

        run_it.__name__ = backend
        return run_it

    working = [backend for backend in BACKENDS if not why_not(backend)]
    if not working:
        raise Skip("no backend works here")
    together(*map(on, working))


def begin_upload(peer, framing, size=1000, target="/"):
    """A head that promises a body, and half of it."""
    if framing == "chunked":
        peer.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"%x\r\n%b\r\n" % (size // 2, size // 2 * b"x"))
    else:
        size = 10 * MB if framing == "much" else size
        peer.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")
        peer.send(size // 2 * b"x")


def begin_download(peer, framing, size=1000):
    """For an origin: a head that promises a body, and half of it."""
    if framing == "chunked":
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (size // 2, size // 2 * b"x"))
    else:
        size = 10 * MB if framing == "much" else size
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        peer.send(size // 2 * b"x")


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
                check_equal(len(origin.connections), 2, f"{framing}, {leave}: connections to the origin")


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
        for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy"]:
            with client(gate) as peer:
                peer.send(request)
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
                goes_on(gate)
                before = len(asked)
                with client(gate) as peer:
                    rest = "x" if "1" in body else ""
                    peer.send(f"{method} /reused-{how} HTTP/1.1\r\nHost: a\r\n{body}\r\n{rest}")
                    check_equal(peer.response().status, status, f"{method} {body!r} on a used connection, {how}")
                check_equal(len(asked) - before, 2 if status == 200 else 1, f"{method} {body!r}: times that it arrived")
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


# --- who is too slow -----------------------------------------------------------------------------------------------


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

    def talk(peer):
        head = peer.head()
        if head is None:
            return
        what = head.start.split(" ")[1][1:]
        if what == "reads-nothing":
            time.sleep(SOON)
            return
        peer.body(head, lambda: b"")
        if what in FRAMINGS:
            begin_download(peer, what)
        elif what == "half":
            peer.send("HTTP/1.1 200 OK\r\nX: ")
        elif what == "interim":
            peer.send("HTTP/1.1 103 Early Hints\r\n\r\n")
        peer.rest()

    with Origin(talk) as origin, Gate(origin, backend=backend, options=options) as gate:

        def told(send, status=504):
            with client(gate) as peer:
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

            told(send)

        def reads_nothing():
            """The client's own sending fails once the gate has given up; what it was told is there all the same."""

            def send(peer):
                with contextlib.suppress(OSError):
                    peer.send(b"POST /reads-nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n" + 64 * MB * b"x")

            with client(gate) as peer:
                sending = threading.Thread(target=send, args=[peer], daemon=True)
                sending.start()
                check_equal(peer.response().status, 504, "the answer")

        def body_stalls(framing):
            with client(gate) as peer:
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


# --- who asks for too much -----------------------------------------------------------------------------------------


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
            done = run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-T", big, *framing, gate.url])
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
        cases.run_on_backends(client_gone_in_its_body, origin_answers_early)
        cases.end()
    cases.run_on_backends(
        client_gone_in_its_body,
        client_gone_in_the_answer,
        client_ends_its_side,
        origin_gone_in_its_body,
        origin_gone_before_its_answer,
        empty_chunked_body_asked_again,
        origin_answers_early,
        origin_refuses,
        too_many_connections,
        bodies_too_large,
    )
    for function in (origin_is_deaf, slow_clients, slow_origins, client_that_does_not_read, quiet_tunnel):
        cases.run(f"every backend: {function.__name__}", on_all_backends, function)
    for error in WHY:
        cases.run(f"{error}: {io_uring_forbidden.__name__}", io_uring_forbidden, error)
    cases.end()


main()
