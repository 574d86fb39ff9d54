#!/usr/bin/env python3
"""--pipeline: requests of many clients on one upstream connection. Each gets its own answer, whatever the others, their
clients and the origin do."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import Gate, Origin, answer, client, get, together, wait_for  # noqa: E402
from programs import PATIENCE, Cases, check, check_equal  # noqa: E402

CLIENTS = 8


def target_of(request):
    return request.start.split(" ")[1]


def gate_to(origin, backend, *options):
    return Gate(origin, backend=backend, workers=1, options=["--pipeline", "1", *options])


def answer_own(peer, request):
    peer.send(answer(target_of(request)))


def await_requests(peer, count):
    """Reads until so many have come on this connection, or nothing comes any more. Returns whether they have."""
    peer.socket.settimeout(0.3)
    try:
        while peer.seen.count(b"\r\n\r\n") < count:
            if not peer.receive():
                return False
    except TimeoutError:
        return False
    finally:
        peer.socket.settimeout(PATIENCE)
    return True


class Waiting:
    """Clients that have sent a request each: /0, /1, ... in this order, if the machine is quick."""

    def __init__(self, gate, origin, count=CLIENTS):
        self.targets = [f"/{i}" for i in range(count)]
        self.peers = [client(gate) for _ in self.targets]
        for peer, target in zip(self.peers, self.targets, strict=True):
            peer.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
            if target == "/0":
                wait_for(lambda: b"GET /0 " in origin.bytes, "the first one arrives")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers:
            peer.close()

    def get_their_own(self, but=()):
        for peer, target in zip(self.peers, self.targets, strict=True):
            if target in but:
                continue
            response = peer.response()
            check_equal((response.status, response.body), (200, target.encode()), f"the answer to {target}")


def one_connection_for_all(backend, folder):
    """The origin sees them one behind the other, answers when it has all, and each client gets what it asked for."""

    def talk(peer):
        await_requests(peer, CLIENTS)
        for request in peer.requests():
            answer_own(peer, request)

    for _ in range(10):
        with Origin(talk) as origin, gate_to(origin, backend) as gate:
            with Waiting(gate, origin) as waiting:
                waiting.get_their_own()
            check_equal(get(gate, "/later").body, b"/later", "the connection goes on")
            if len(origin.connections) == 1:
                return  # else this machine was so slow that some did not wait for the first
    check(False, f"{len(origin.connections)} connections to the origin, each time")


def others_go_alone(backend, folder):
    """What has an effect or a body has a connection to itself, and so has who finds the line full."""
    go = threading.Event()

    def talk(peer):
        for request in peer.requests():
            go.wait(PATIENCE)
            answer_own(peer, request)

    with Origin(talk) as origin, gate_to(origin, backend, "--pipeline-depth", "2") as gate:
        with Waiting(gate, origin, 3) as waiting, client(gate) as post:
            wait_for(lambda: len(origin.connections) >= 2, "a line of two has no room for a third")
            opened = len(origin.connections)
            post.send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            wait_for(lambda: len(origin.connections) > opened, "a POST has a connection to itself")
            go.set()
            waiting.get_their_own()
            check_equal(post.response().body, b"/post", "the answer to the POST")


def a_slow_answer_holds_up_nobody(backend, folder):
    """Those behind it go elsewhere after a while, and it is passed on when it comes."""
    go = threading.Event()

    def talk(peer):
        for request in peer.requests():
            if target_of(request) == "/0":
                go.wait(PATIENCE)
            answer_own(peer, request)

    with Origin(talk) as origin, gate_to(origin, backend) as gate:
        with Waiting(gate, origin) as waiting:
            waiting_for = time.monotonic()
            for peer, target in list(zip(waiting.peers, waiting.targets, strict=True))[1:]:
                check_equal(peer.response().body, target.encode(), "an answer behind the slow one")
            check(time.monotonic() - waiting_for < 10, "those behind waited long")
            go.set()
            check_equal(waiting.peers[0].response().body, b"/0", "the slow one")


def a_long_answer_holds_up_nobody(backend, folder):
    """Neither one without a length nor one whose client does not read it."""
    for how in ("chunked", "long", "until the end"):

        def talk(peer, how=how):
            for request in peer.requests():
                if target_of(request) != "/0":
                    answer_own(peer, request)
                    continue
                await_requests(peer, CLIENTS)
                if how == "chunked":
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n/0\r\n")
                    done.wait(PATIENCE)
                    peer.send("0\r\n\r\n")
                elif how == "long":
                    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n/0")
                    done.wait(PATIENCE)
                    peer.send(999_998 * b"x")
                else:
                    peer.send("HTTP/1.1 200 OK\r\n\r\n/0")
                    done.wait(PATIENCE)
                    return

        done = threading.Event()
        with Origin(talk) as origin, gate_to(origin, backend) as gate, Waiting(gate, origin) as waiting:
            waiting.get_their_own(but=["/0"])
            done.set()
            response = waiting.peers[0].response()
            check_equal((response.status, response.body[:2]), (200, b"/0"), f"the {how} one")


def a_long_answer_goes_alone_the_next_time(backend, folder):
    """And joins a line again when it has become short. The origin looks whether it comes behind one that waits."""
    size = 20_000
    joined = []

    def talk(peer):
        for request in peer.requests():
            if target_of(request) == "/first":
                joined.append(await_requests(peer, peer.seen.count(b"\r\n\r\n") + 1))
            peer.send(answer(size * "x" if target_of(request) == "/second" else "short"))

    def second_joins(gate, origin):
        arrived = origin.bytes.count(b"GET /first ")
        with client(gate) as first, client(gate) as second:
            first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: origin.bytes.count(b"GET /first ") > arrived, "the first one arrives")
            second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
            check_equal(len(second.response().body), size, "the second one's body")
            check_equal(first.response().body, b"short", "the first one's body")
        return joined[-1]

    with Origin(talk) as origin, gate_to(origin, backend) as gate:
        check_equal(len(get(gate, "/second").body), size, "before anything is known")
        check(not second_joins(gate, origin), "it is known to be long, and was in a line")
        size = 10
        check(not second_joins(gate, origin), "it is not known to be short, and was in a line")
        # Else this machine was so slow that the origin did not wait long enough.
        check(any(second_joins(gate, origin) for _ in range(10)), "it is known to be short, and is never in a line")


def the_origin_ends_it(backend, folder):
    """With the first answer, before any, or in the midst of one: whoever has had nothing yet is asked for again."""
    for how in ("after", "before", "within", "nonsense"):
        seen = []

        def talk(peer, how=how, seen=seen):
            first = peer is origin.connections[0]
            for request in peer.requests():
                seen.append(target_of(request))
                if first:
                    await_requests(peer, CLIENTS)
                    if how == "after":
                        peer.send(answer("/0"))
                    elif how == "within":
                        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n/0")
                    elif how == "nonsense":
                        peer.send("HTTP/1.1 2000 OK\r\n\r\n")
                    return
                answer_own(peer, request)

        with Origin(talk) as origin, gate_to(origin, backend) as gate, Waiting(gate, origin) as waiting:
            if how == "within":
                try:
                    whole = waiting.peers[0].response()
                except (EOFError, ConnectionError):
                    pass
                else:
                    check(False, f"looks whole: {whole}")
            elif how == "nonsense":
                check_equal(waiting.peers[0].response().status, 502, "the first")
            waiting.get_their_own(but=["/0"] if how in ("within", "nonsense") else [])


def a_client_leaves(backend, folder):
    """One that waits, or whose answer is being passed on; the others get theirs."""
    for who in (0, 3, CLIENTS - 1):
        go = threading.Event()

        def talk(peer, go=go):
            for request in peer.requests():
                go.wait(PATIENCE)
                answer_own(peer, request)

        with Origin(talk) as origin, gate_to(origin, backend) as gate, Waiting(gate, origin) as waiting:
            waiting.peers[who].reset()
            time.sleep(0.05)
            go.set()
            waiting.get_their_own(but=[f"/{who}"])
            check_equal(get(gate, "/later").body, b"/later", "afterwards")


def an_answer_that_nobody_asked_for(backend, folder):
    """It is given to nobody: the connection on which it came is not used again."""

    def talk(peer):
        for request in peer.requests():
            peer.send(answer(target_of(request)) + answer("poison"))

    with Origin(talk) as origin, gate_to(origin, backend) as gate:
        for i in range(20):
            check_equal(get(gate, f"/{i}").body, f"/{i}".encode(), "the answer")
        check(len(origin.connections) > 1, "a poisoned connection was used again")


def too_late(backend, folder):
    """504 for each when the origin answers nobody, in bounded time."""

    def talk(peer):
        while peer.request():
            pass

    with Origin(talk) as origin, gate_to(origin, backend, "--response-timeout", "500ms") as gate:
        with Waiting(gate, origin) as waiting:
            for peer in waiting.peers:
                check_equal(peer.response().status, 504, "the answer")


def many_at_once(backend, folder):
    """Bodies of all sizes to many clients, each of which checks that they are its own."""

    def talk(peer):
        for request in peer.requests():
            _, who, size = target_of(request).split("/")
            peer.send(answer((who * (int(size) // len(who) + 1))[: int(size)]))

    def one(gate, who):
        def ask():
            with client(gate) as peer:
                for round in range(30):
                    size = (1, 64, 4095, 4096, 4097, 20_000, 70_000)[(who + round) % 7]
                    peer.send(f"GET /{who}/{size} HTTP/1.1\r\nHost: a\r\n\r\n")
                    response = peer.response()
                    check_equal(response.status, 200, f"client {who}, {size} bytes: status ({response.body[:80]!r})")
                    body = response.body.decode()
                    expected = (str(who) * (size // len(str(who)) + 1))[:size]
                    check(body == expected, f"client {who}, {size} bytes: not its own answer")

        return ask

    with Origin(talk) as origin, gate_to(origin, backend, "--pipeline-depth", "16") as gate:
        together(*(one(gate, who) for who in range(20, 52)))


cases = Cases()
cases.run_on_backends(
    one_connection_for_all,
    others_go_alone,
    a_slow_answer_holds_up_nobody,
    a_long_answer_holds_up_nobody,
    a_long_answer_goes_alone_the_next_time,
    the_origin_ends_it,
    a_client_leaves,
    an_answer_that_nobody_asked_for,
    too_late,
    many_at_once,
    backends=["io_uring", "epoll", "threads"],  # what is tried is TinyGate's own; these are as different as they come
)
cases.end()
