#!/usr/bin/env python3
"""The end of tinygate: what is under way is answered, and under load nobody notices that a successor has taken over."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import (  # noqa: E402
    HOST, Gate, Origin, answer, answering, client, end_with_parent, get, nginx, on_all_backends, wait_for,
)
from programs import (  # noqa: E402
    BACKENDS, PATIENCE, PRESET, Cases, Failure, Skip, check, check_equal, why_not,
)

MB = 1 << 20
HELLO = answer(b"hello")
TIMES = {"release": 20, "asan": 8, "tsan": 4}[PRESET] if PRESET in ("release", "asan", "tsan") else 20
CONNECTIONS = 64


class Load:
    """wrk, running until it is told to stop."""

    def __init__(self, gate):
        if not shutil.which("wrk"):
            raise Skip("wrk is not installed")
        command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", "300s", "--timeout", "30s", f"{gate.url}/"]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=end_with_parent)

    def stop(self):
        """What it reports."""
        self.child.send_signal(signal.SIGINT)
        return self.child.communicate(timeout=PATIENCE)[0].decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.returncode is None:
            self.child.kill()
            self.child.communicate()


def succession(folder, workers):
    """Again and again the next one listens on the same port and the one before has to end; backends take turns."""
    backends = [backend for backend in BACKENDS if not why_not(backend)]
    with nginx(folder, f'location / {{ return 200 "{64 * "x"}"; }}') as origin:
        gates = [Gate(origin, backend=backends[0], workers=workers)]
        try:
            address = f"{HOST}:{gates[0].port}"
            with Load(gates[0]) as load:
                wait_for(lambda: gates[0].descriptors() > CONNECTIONS, "the load begins", PATIENCE)
                slowest = 0.0
                for n in range(1, TIMES + 1):
                    gates.append(Gate(origin, backend=backends[n % len(backends)], workers=workers, listen=address))
                    begun = time.monotonic()
                    gates[0].end()
                    said = gates.pop(0).ended()
                    slowest = max(slowest, time.monotonic() - begun)
                    check_equal(said, "", "stderr of the one that ended")
                    check(load.child.poll() is None, "the load has ended")
                report = load.stop()
            print(f"      the slowest of {TIMES} ends took {slowest:.1f} s;{report.splitlines()[-3]}")
            check("Socket errors" not in report and "Non-2xx" not in report, report)
            check(int(re.search(r"(\d+) requests in", report)[1]) > TIMES * CONNECTIONS, report)
            check(slowest < 10, f"an end took {slowest:.1f} s")
            check_equal(get(gates[0]).status, 200, "the last one")
            gates.pop().stop()
        finally:
            for gate in gates:
                gate.child.kill()
                gate.child.communicate()


def succession_of_one_worker():
    with tempfile.TemporaryDirectory() as folder:
        succession(Path(folder), 1)


def succession_of_two_workers():
    with tempfile.TemporaryDirectory() as folder:
        succession(Path(folder), 2)


def refuses_new_ones(gate):
    try:
        socket.create_connection((HOST, gate.port), 5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it came just when the listener was closed
    return False


def under_way_is_finished(backend, folder):
    """A request that waits, a body in each direction and a tunnel go on; new connections are refused."""
    go = threading.Event()

    def talk(peer):
        for request in iter(peer.head, None):
            if "Upgrade" in request:
                peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
                peer.until(b"end")
                peer.send("bye")
                return
            peer.body(request, lambda: b"")
            go.wait(PATIENCE)
            peer.send(answer(request.body or b"hello"))

    with Origin(talk) as origin:
        with Gate(origin, backend=backend) as gate:
            waits, uploads, tunnel, kept, half = [client(gate) for _ in range(5)]
            waits.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            uploads.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
            tunnel.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            check_equal(tunnel.response().status, 101, "the tunnel")
            half.send("GET / HTTP/1.1\r\nHo")
            wait_for(lambda: len(origin.connections) == 3, "all are under way")
            gate.end()
            wait_for(lambda: refuses_new_ones(gate), "new connections are refused")
            # One that was open already may still ask.
            kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            half.send("st: a\r\n\r\n")
            go.set()
            for peer in (waits, kept, half):
                check_equal(peer.response().body, b"hello", "an answer")
                peer.ends()
            uploads.send("world")
            check_equal(uploads.response().body, b"helloworld", "the upload")
            check_equal(gate.child.poll(), None, "it waits for the tunnel")
            tunnel.send("end")
            check_equal(tunnel.rest(), b"bye", "the tunnel")
            tunnel.close()
            begun = time.monotonic()
            check_equal(gate.ended(), "", "stderr")
            check(time.monotonic() - begun < 10, "it waited for nobody")
            for peer in (waits, uploads, tunnel, kept, half):
                peer.close()


def the_rest_is_cut(backend, folder):
    """What is still under way after --drain-timeout is cut short; the gate ends all the same, and in order."""

    def talk(peer):
        peer.request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello")
        peer.rest()

    with Origin(talk) as origin:
        with Gate(origin, backend=backend, options=["--drain-timeout", "300ms"]) as gate:
            with client(gate) as waits, client(gate) as uploads:
                waits.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                waits.until(b"hello")
                uploads.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
                wait_for(lambda: len(origin.connections) == 2, "both are under way")
                begun = time.monotonic()
                check_equal(gate.stop(), "", "stderr")
                took = time.monotonic() - begun
                check(0.2 < took < 10, f"took {took:.1f} s")


def twice_is_at_once(backend, folder):
    """A second signal does not wait for anybody."""

    def talk(peer):
        peer.request()
        peer.rest()

    with Origin(talk) as origin:
        with Gate(origin, backend=backend) as gate, client(gate) as waits:
            waits.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: len(origin.connections) == 1, "it is under way")
            gate.child.send_signal(signal.SIGINT)
            wait_for(lambda: refuses_new_ones(gate), "the first signal was heard")
            begun = time.monotonic()
            gate.child.send_signal(signal.SIGINT)
            try:
                said = gate.child.communicate(timeout=10)[1].decode()
            except subprocess.TimeoutExpired:
                raise Failure("did not end within 10 s of the second signal") from None
            check_equal((gate.child.returncode, said), (0, ""), "the end")
            check(time.monotonic() - begun < 8, "took too long")


def idle_ones_end(backend, folder):
    """Idle connections, on both sides, do not hold it up."""
    with Origin(answering(b"hello")) as origin:
        with Gate(origin, backend=backend) as gate, client(gate) as peer, client(gate):
            peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            check_equal(peer.response().body, b"hello", "the answer")
            begun = time.monotonic()
            check_equal(gate.stop(), "", "stderr")
            check(time.monotonic() - begun < 8, "took too long")
            peer.ends()


def main():
    cases = Cases()
    cases.run(succession_of_two_workers.__name__, succession_of_two_workers)
    if PRESET == "tsan":
        cases.end()
    cases.run(succession_of_one_worker.__name__, succession_of_one_worker)
    for function in (under_way_is_finished, the_rest_is_cut, twice_is_at_once, idle_ones_end):
        cases.run(f"every backend: {function.__name__}", on_all_backends, function)
    cases.end()


main()
