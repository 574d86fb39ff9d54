"""Keeps a gate serving two origins that have the page, until it is interrupted."""

import socket
import time
from contextlib import ExitStack

from benchlib import proxies
from benchlib.processes import BenchError, Server
from first_run.terminal import OUT

PORT = 8080
TRIES = 20
ANY_CORE = None


def serve(bin_folder, page, backend_line):
    """Returns when one of the three has ended; it is for a signal to end this in order."""
    with ExitStack() as held:
        origins = [
            held.enter_context(proxies.origin(bin_folder, name, ANY_CORE, "--page", page)) for name in ("one", "two")
        ]
        port = free_port()
        to = ",".join(one.address for one in origins)
        command = [bin_folder / "tinygate", "--listen", f"127.0.0.1:{port}", "--to", to]
        command += ["--workers", "1"]  # each worker takes turns of its own
        gate = held.enter_context(Server(command, ANY_CORE))
        if port != PORT:
            OUT.say(f"Port {PORT} is taken; the next free one is {port}.")
        OUT.say(f"Serving {OUT.strong(f'http://127.0.0.1:{port}/')} from two origins, on {backend_line}. Ctrl-C ends it.")
        running = [gate, *origins]
        while all(one.alive() for one in running):
            time.sleep(0.2)
        for one in running:
            one.check_alive()


def free_port():
    """8080, or the next that nobody listens on. Asked before the gate does: it would share the port with another
    gate of the same user."""
    for port in range(PORT, PORT + TRIES):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen()
                return port
            except OSError:
                continue
    raise BenchError(f"the ports {PORT} to {PORT + TRIES - 1} are all taken")
