#!/usr/bin/env python3
# presets: release
"""The load that TinyGate is measured with: what waited counts from when it was meant to be sent, and no wrong answer passes."""

import contextlib
import json
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from benchlib import http_load, proxies  # noqa: E402
from programs import BIN, Cases, check, check_complaint, check_equal, run  # noqa: E402

LOAD = BIN / "bench" / "http_load"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
LATE = 0.4  # seconds


class Server:
    """Answers what `answers(number)` returns to request `number`, of all its connections; b"" is a close."""

    def __init__(self, answers):
        self.answers, self.requests, self.connections, self.heads = answers, 0, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        received = b""
        with client, contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" not in received:
                    piece = client.recv(65536)
                    if not piece:
                        return
                    received += piece
                head, _, received = received.partition(b"\r\n\r\n")
                self.heads.append(head)
                number, self.requests = self.requests, self.requests + 1
                answer = self.answers(number)
                client.sendall(answer)
                if not answer or b"Connection: close" in head:
                    return


def load(server, *words, status=0):
    done = run([LOAD, "--connect", server.address, *words])
    check_equal(done.returncode, status, f"exit status; {done.stderr.decode()!r}")
    return json.loads(done.stdout)


def what_waited_counts():
    """One answer of a hundred is late: without the schedule the others would know nothing of it."""

    def answers(number):
        time.sleep(LATE if number == 30 else 0)
        return ANSWER

    said = load(Server(answers), "--connections", 1, "--rate", 100, "--seconds", 1)
    check_equal(said["requests"], 100, "requests")
    check(said["p99_us"] >= 0.9 * LATE * 1e6, f"p99 is {said['p99_us']} us, with an answer that is {LATE} s late")
    with_all_waits = load(Server(answers), "--connections", 1, "--rate", 200, "--seconds", 0.5)
    check(with_all_waits["p50_us"] >= 0.1 * LATE * 1e6, f"p50 is {with_all_waits['p50_us']} us, and most had to wait")


def the_rate_is_kept():
    said = load(Server(lambda _: ANSWER), "--connections", 4, "--rate", 50, "--seconds", 1)
    check_equal((said["requests"], said["errors"]), (50, 0), "requests and errors")
    check(0.9 <= said["seconds"] < 5, f"50 requests at 50/s took {said['seconds']} s")


def a_warm_up_is_not_counted():
    server = Server(lambda _: ANSWER)
    done = run([LOAD, "--connect", server.address, "--connections", 2, "--rate", 100, "--warm-up", 0.5, "--seconds", 0.5])
    warm, _, result = done.stdout.decode().partition("\n")
    check_equal((done.returncode, warm), (0, "warm"), "exit status and first line")
    check_equal(server.requests, 100 + 2, "requests, with the first of each connection")
    counted = json.loads(result)["requests"]
    check(10 <= counted <= 60, f"{counted} requests of 100 were counted, although half of the time was warm-up")


def a_connection_for_each():
    server = Server(lambda _: ANSWER)
    said = load(server, "--connections", 3, "--seconds", 0.2, "--close")
    check_equal(said["errors"], 0, "errors")
    check_equal(server.connections, said["requests"] + 1, "connections, with the one that was tried first")
    check(all(b"\r\nConnection: close" in head for head in server.heads), "a request does not say that it is the last")


def bodies_arrive():
    body, connections = 300_000, 3
    with proxies.upload_origin(BIN) as origin:
        with http_load.HttpLoad(LOAD, origin, connections, 0.2, body=body) as running:
            said = running.run()
        requests = said["requests"] + connections
        check_equal(said["errors"], 0, "errors")
        check_equal(origin.counted(), (requests, requests * body), "requests and bytes that came")


def wrong_answers_are_errors():
    wrong = {
        "status": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n",
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokay",
        "too much": ANSWER + b"?",
        "no length": b"HTTP/1.1 200 OK\r\n\r\n",
        "close": b"",
    }
    for what, answer in wrong.items():
        said = load(Server(lambda number, a=answer: a if number == 5 else ANSWER), "--connections", 1, "--seconds", 2, status=1)
        check_equal((said["requests"], said["errors"]), (4, 1), f"{what}: requests after the first, and errors")


def a_wrong_beginning_ends_it():
    server = Server(lambda _: b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")
    check_complaint(run([LOAD, "--connect", server.address]), 1, "http_load: ", "status 503")
    check_complaint(run([LOAD, "--connect", "nowhere"]), 2, "'nowhere' is not an IPv4 address and port")


def main():
    cases = Cases()
    for case in (
        what_waited_counts, the_rate_is_kept, a_warm_up_is_not_counted, a_connection_for_each, bodies_arrive,
        wrong_answers_are_errors, a_wrong_beginning_ends_it,
    ):
        cases.run(case.__name__, case)
    cases.end()


main()
