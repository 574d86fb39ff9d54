"""What the tests of tinygate share: the gate, nginx and scripted origins on free ports, and clients by hand."""

import contextlib
import ctypes
import errno
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from programs import BACKENDS, BIN, PATIENCE, PRESET, Failure, Running, Skip, check, check_equal, why_not

TINYGATE = BIN / "tinygate"
FULL = os.environ.get("PENSTOCK_TEST_SCALE") == "full"
HOST = "127.0.0.1"
WORKERS = 2 if PRESET == "tsan" else 1  # ThreadSanitizer has nothing to look at in one


def end_with_parent():
    """For preexec_fn: not even a test that is killed leaves programs behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    """A port that nobody listens on; somebody may take it before it is used, so whoever uses it tries again."""
    with socket.socket() as chosen:
        chosen.bind((HOST, 0))
        return chosen.getsockname()[1]


def text_of(origin):
    return origin if isinstance(origin, str) else f"{HOST}:{origin.port}"


class Gate(Running):
    """tinygate, running; ended by SIGTERM on leaving the `with` block, which it must do cleanly."""

    def __init__(
        self, *origins, backend=None, options=(), listen=f"{HOST}:0", workers=WORKERS, launcher=(), complains=False
    ):
        words = [TINYGATE, "--listen", listen, "--to", ",".join(map(text_of, origins)), "--workers", workers, *options]
        command = [str(word) for word in [*launcher, *words, *(["--backend", backend] if backend else [])]]
        self.complains = complains
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=end_with_parent,
        )
        ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
        self.line = self.child.stdout.readline().decode().rstrip("\n") if ready else ""
        found = re.fullmatch(r"tinygate: listening on (\S+):(\d+), for \S.*; (\d+) workers? on (.+)", self.line)
        if not found:
            self.child.kill()
            raise Failure(f"{' '.join(command)}: said {self.line!r}, {self.child.communicate()[1].decode()!r}")
        self.port, self.why = int(found[2]), found[4]

    @property
    def url(self):
        return f"http://{HOST}:{self.port}"

    def rss(self):
        """Bytes of memory that the gate holds."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def end(self):
        """Asks it to end, and does not wait."""
        self.child.send_signal(signal.SIGTERM)

    def stop(self):
        """Ends it. Returns what it said on stderr."""
        self.end()
        return self.ended()

    def ended(self, limit=PATIENCE):
        """Waits until it has ended. Returns what it said on stderr."""
        said = self.said_until_its_end(f"tinygate ({self.why})", limit)
        check_equal(self.child.returncode, 0, f"tinygate ({self.why}): exit status at the end ({said!r})")
        check(self.complains or not said, f"tinygate ({self.why}): said on stderr: {said!r}")
        return said


@contextlib.contextmanager
def nginx(folder, server, http=""):
    """nginx, one process; `server` is what stands in the braces of its server. Yields an object with its port."""
    if not shutil.which("nginx"):
        raise Skip("nginx is not installed")
    folder.chmod(0o755)
    configuration = folder / "nginx.conf"
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    said = b""
    for _ in range(5):  # somebody may take the port between our asking for it and nginx
        port = free_port()
        configuration.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr crit;\n"
            "worker_rlimit_nofile 8192; events { worker_connections 4096; }\n"
            f"http {{ access_log off; keepalive_requests 1000000000; client_max_body_size 0; {http}\n"
            f"server {{ listen {HOST}:{port} backlog=4096; {paths}\n{server}\n}} }}\n"
        )
        child = subprocess.Popen(
            ["nginx", "-p", folder, "-c", configuration], stderr=subprocess.PIPE, preexec_fn=end_with_parent
        )
        try:
            while child.poll() is None:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection((HOST, port)):
                    found = Listening(port)
                    break
                time.sleep(0.01)
            else:
                continue
            yield found
            return
        finally:
            child.terminate()
            said = child.communicate()[1]
    raise Failure(f"nginx does not start: {said.decode()}")


class Listening:
    """Somebody listens here."""

    def __init__(self, port):
        self.port = port


class Origin:
    """A server on a thread. `talk(peer)` gets each connection, a Peer, on a thread of its own; it is closed after.

    What the connections brought is in `connections`, in the order in which they came.
    """

    def __init__(self, talk, listen=HOST, port=0):
        self.listening = socket.create_server((listen, port), backlog=1024)
        self.port = self.listening.getsockname()[1]
        self.talk = talk
        self.connections = []
        self.faults = []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def bytes(self):
        """All that came, of all connections."""
        return b"".join(bytes(peer.seen) for peer in self.connections)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            peer = Peer(connection)
            self.connections.append(peer)
            threading.Thread(target=self._serve, args=[peer], daemon=True).start()

    def _serve(self, peer):
        try:
            self.talk(peer)
        except (ConnectionError, EOFError):
            pass
        except OSError as error:
            if error.errno != errno.EBADF:  # closed by the end of this server
                self.faults.append(f"{type(error).__name__}: {error}")
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}")
        finally:
            peer.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(PATIENCE)
        for peer in self.connections:
            peer.close()
        check(kind is not None or not self.faults, f"the origin: {self.faults}")


class Message:
    """The head and body of a request or response."""

    def __init__(self, start, fields):
        self.start = start
        self.fields = fields
        self.body = b""
        self.chunks = None  # sizes, if it was chunked

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    def all(self, name):
        return [value for given, value in self.fields if given.lower() == name.lower()]

    def get(self, name):
        """The one value of a field; empty if it is not there."""
        values = self.all(name)
        check(len(values) <= 1, f"{name} is there {len(values)} times: {values}")
        return values[0] if values else ""

    def __contains__(self, name):
        return bool(self.all(name))

    def __repr__(self):
        return f"<{self.start} {self.fields} and {len(self.body)} bytes>"


class Peer:
    """One end of a connection that speaks HTTP/1 by hand, as strictly as it should be spoken to it."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()
        self.seen = bytearray()  # up to a bound
        self.closed_by_peer = False

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def receive(self):
        data = self.socket.recv(1 << 18)
        if not data:
            self.closed_by_peer = True
        if len(self.seen) < 1 << 20:
            self.seen += data
        self.unread += data
        return bool(data)

    def until(self, end):
        while end not in self.unread:
            if not self.receive():
                raise EOFError(f"it ended before {end!r}, in {bytes(self.unread[-200:])!r}")
        at = self.unread.index(end) + len(end)
        taken = bytes(self.unread[:at])
        del self.unread[:at]
        return taken

    def exactly(self, size):
        while len(self.unread) < size:
            if not self.receive():
                raise EOFError(f"it ended {size - len(self.unread)} bytes before it should")
        taken = bytes(self.unread[:size])
        del self.unread[:size]
        return taken

    def rest(self):
        """Everything up to the end, which must be one in order."""
        while self.receive():
            pass
        taken = bytes(self.unread)
        self.unread.clear()
        return taken

    def head(self):
        """The head of the next message; None if the connection ends before it."""
        try:
            lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        except EOFError:
            if self.unread:
                raise
            return None
        return Message(lines[0], [tuple(map(str.strip, line.split(":", 1))) for line in lines[1:]])

    def chunked_body(self, message):
        message.chunks = []
        pieces = []
        while True:
            size = int(self.until(b"\r\n"), 16)
            message.chunks.append(size)
            pieces.append(self.exactly(size))
            end = self.exactly(2)
            if end != b"\r\n":
                raise Failure(f"a chunk ends with {end!r}")
            if size == 0:
                break
        message.body = b"".join(pieces)

    def body(self, message, otherwise):
        """Reads the body that follows a head; `otherwise` does it if the head does not tell."""
        if message.get("transfer-encoding").lower() == "chunked":
            check("content-length" not in message, f"both framings: {message}")
            self.chunked_body(message)
        elif "content-length" in message:
            message.body = self.exactly(int(message.get("content-length")))
        else:
            message.body = otherwise()
        return message

    def request(self):
        """The next request, with its body; None if there is none."""
        message = self.head()
        return message and self.body(message, lambda: b"")

    def requests(self):
        return iter(self.request, None)

    def response(self, method="GET"):
        """The next final response."""
        message = self.head()
        if message is None:
            raise EOFError("it ended before a response")
        if method == "HEAD" or message.status in (101, 204, 304) or message.status < 200:
            return message
        return self.body(message, self.rest)

    def ends(self):
        """The other side ends the connection, and says nothing more."""
        try:
            check_equal(self.rest(), b"", "what comes before the end")
        except ConnectionResetError:
            pass

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Leaves in the rudest way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # a thread that waits in it hears of it
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def client(gate, receive_buffer=None):
    """A connection to the gate."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE)
    connection.connect((HOST, gate.port))
    return Peer(connection)


def get(gate, target="/", head="", method="GET"):
    """One request on a connection of its own."""
    with client(gate) as peer:
        peer.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\n{head}\r\n")
        return peer.response(method)


def answer(body=b"", status="200 OK", head=""):
    if isinstance(body, str):
        body = body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode("latin-1") + body


def answering(body=b"", **rest):
    """For Origin: the same answer to every request."""

    def talk(peer):
        for _ in peer.requests():
            peer.send(answer(body, **rest))

    return talk


def wait_for(condition, what, limit=10.0):
    """Polls; short, since what is waited for has happened on the other side already, or is about to."""
    deadline = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < deadline, f"{what}: not within {limit:.0f} s")
        time.sleep(0.005)


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
        size = 10 * 1024 * 1024 if framing == "much" else size
        peer.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")
        peer.send(size // 2 * b"x")


def begin_download(peer, framing, size=1000):
    """For an origin: a head that promises a body, and half of it."""
    if framing == "chunked":
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (size // 2, size // 2 * b"x"))
    else:
        size = 10 * 1024 * 1024 if framing == "much" else size
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        peer.send(size // 2 * b"x")
