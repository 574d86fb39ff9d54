#!/usr/bin/env python3
"""Bodies through tinygate on every backend: from and to nginx, by curl and by hand, compared by SHA-256."""

import base64
import contextlib
import functools
import hashlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from gate import (  # noqa: E402
    FULL, Gate, Origin, answer, client, end_with_parent, get, nginx, wait_for,
)
from programs import (  # noqa: E402
    BACKENDS, PATIENCE, PRESET, Cases, Skip, check, check_equal, digest, run,
)

SIZES = [0, 1, 4095, 4096, 65536]
MB = 1 << 20
PIPELINED = 1000 if PRESET == "release" else 200
CONNECTIONS = 512 if PRESET != "tsan" else 64
MOST_CONNECTIONS = {"select": 384}  # with as many to the origin they fit FD_SETSIZE


def much(backend):
    """The size of the biggest body."""
    if PRESET != "release" and not FULL:
        return (10 if PRESET == "asan" else 5) * MB
    return (200 if FULL or backend == "io_uring" else 20) * MB


@functools.cache
def content(size):
    return random.Random(size).randbytes(size)


@functools.cache
def digest_of(size):
    return digest(content(size))


def digest_of_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- nginx: the same files with each framing, and what was uploaded ------------------------------------------------


SERVER = """
root {www};
location /length/ {{ alias {www}/; }}
location /chunked/ {{ alias {www}/; ssi on; ssi_types *; }}
location /until_close/ {{ alias {www}/; ssi on; ssi_types *; chunked_transfer_encoding off; }}
location /put/ {{ alias {put}/; dav_methods PUT; }}
location /post {{
  client_body_in_file_only on; proxy_pass_request_body off; proxy_set_header Content-Length "";
  proxy_pass http://unix:{folder}/done; add_header X-File $request_body_file;
}}
location /echo/ {{ return 200 $request_uri; }}
location /small {{ return 200 "{small}"; }}
"""
DONE = "server {{ listen unix:{folder}/done; location / {{ return 200 taken; }} }}"


@contextlib.contextmanager
def files_in_nginx(folder):
    www, put = folder / "www", folder / "put"
    www.mkdir()
    put.mkdir()
    for size in {*SIZES, *map(much, BACKENDS)}:
        (www / str(size)).write_bytes(content(size))
    server = SERVER.format(www=www, put=put, folder=folder, small=64 * "x")
    with nginx(folder, server, DONE.format(folder=folder)) as found:
        found.folder = folder
        yield found


def curl(*words, limit=PATIENCE):
    return run(["curl", "-sS", "--max-time", str(limit), *words], limit + 5)


def download(gate, folder, framing, size):
    out, heads = folder / "out", folder / "heads"
    done = curl("-D", heads, "-o", out, f"{gate.url}/{framing}/{size}")
    check_equal((done.returncode, done.stderr), (0, b""), f"GET {framing}/{size}")
    check_equal(digest_of_file(out), digest_of(size), f"GET {framing}/{size}")
    said = heads.read_text().lower()
    # nginx knows the length of a file that is empty, whatever it is told to do with it.
    known = framing == "length" or size == 0
    expected = f"\ncontent-length: {size}\n" if known else "\ntransfer-encoding: chunked\n"
    check(said.startswith("http/1.1 200 ") and expected in said, f"GET {framing}/{size}: head {said!r}")


def upload(origin, gate, folder, method, framing, size):
    what = f"{method} {size} bytes, {framing}"
    headers = folder / "heads"
    chunked = ["-H", "Transfer-Encoding: chunked"] if framing == "chunked" else []
    source = origin.folder / "www" / str(size)
    # --data-binary would read all of a file into memory; -T sends it as it comes.
    path = f"put/{size}" if method == "PUT" else "post"
    done = curl("-D", headers, "-o", "/dev/null", "-X", method, "-T", source, *chunked, f"{gate.url}/{path}")
    check_equal((done.returncode, done.stderr), (0, b""), what)
    said = [head for head in headers.read_text().split("\n\n") if head.strip() and " 100 " not in head]
    check_equal(len(said), 1, f"{what}: final responses, {said}")
    status = int(said[0].split(" ")[1])
    if method == "PUT":
        check(status in (201, 204), f"{what}: {status}")
        taken = origin.folder / "put" / str(size)
    else:
        check_equal(status, 200, what)
        named = re.search(r"^x-file: *(\S*)", said[0], re.IGNORECASE | re.MULTILINE)
        if size == 0:
            return
        taken = Path(named[1])
    check_equal(digest_of_file(taken), digest_of(size), what)
    taken.unlink()


def downloads(origin, backend, folder):
    with Gate(origin, backend=backend) as gate:
        for size in SIZES:
            for framing in ("length", "chunked", "until_close"):
                download(gate, folder, framing, size)
        done = curl("-I", f"{gate.url}/length/65536")
        check_equal(done.returncode, 0, "HEAD")
        check(b"content-length: 65536\r\n" in done.stdout.lower(), f"HEAD says {done.stdout!r}")


def uploads(origin, backend, folder):
    with Gate(origin, backend=backend) as gate:
        for size in SIZES:
            for method in ("PUT", "POST"):
                for framing in ("length", "chunked") if size else ("length",):  # curl never ends an empty chunked body
                    upload(origin, gate, folder, method, framing, size)
        with client(gate) as peer:
            peer.send("PUT /put/0 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            check(peer.response().status in (201, 204), "PUT of an empty chunked body")


def much_of_it(origin, backend, folder):
    size = much(backend)
    with Gate(origin, backend=backend) as gate:
        for framing in ("length", "chunked", "until_close"):
            download(gate, folder, framing, size)
        for method, framing in [("PUT", "length"), ("POST", "chunked")]:
            upload(origin, gate, folder, method, framing, size)


def memory_stays_flat(origin, backend, folder):
    """Streams in both directions at once, their growth per stream, and descriptors that are all given back."""
    if PRESET != "release":
        raise Skip("sanitizers have memory of their own")
    size, streams = much(backend), 4
    with Gate(origin, backend=backend) as gate:
        download(gate, folder, "chunked", much("epoll"))  # the pool of buffers has its full size from here on
        upload(origin, gate, folder, "POST", "chunked", 65536)
        before, most = gate.rss(), 0
        source = origin.folder / "www" / str(size)
        commands = [["-o", "/dev/null", f"{gate.url}/{way}/{size}"] for way in ("length", "chunked")] + [
            ["-o", "/dev/null", "-X", "POST", "-T", source, *header, f"{gate.url}/post"]
            for header in ([], ["-H", "Transfer-Encoding: chunked"])
        ]
        check_equal(len(commands), streams, "streams")
        children = [
            subprocess.Popen(["curl", "-sSf", *map(str, words)], stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
            for words in commands
        ]
        deadline = time.monotonic() + PATIENCE
        while any(child.poll() is None for child in children) and time.monotonic() < deadline:
            most = max(most, gate.rss())
            time.sleep(0.005)
        for child in children:
            child.kill()
        check_equal([child.wait() for child in children], [0] * streams, "how the streams ended")
        for left in (origin.folder / "client_body").iterdir():
            left.unlink()
        grown = (most - before) / streams
        print(f"      {before / MB:.1f} MB before, {grown / MB:.2f} MB per stream of {size // MB} MB")
        check(grown < MB, f"{grown / MB:.2f} MB of memory per stream")


def pipelined(origin, backend, folder):
    """Many requests on one connection, all sent before the first answer is read; and again with bodies in between."""
    with Gate(origin, backend=backend) as gate, client(gate) as peer:
        everything = "".join(f"GET /echo/{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(PIPELINED))
        sending = threading.Thread(target=peer.send, args=[everything], daemon=True)
        sending.start()
        for n in range(PIPELINED):
            check_equal(peer.response().body, f"/echo/{n}".encode(), f"answer {n}")
        sending.join(PATIENCE)


def talk_back(peer):
    """An origin that answers with what it was asked."""
    for request in peer.requests():
        message = answer(request.start.encode() + b"\n" + request.body)
        peer.send(message[: message.index(b"\r\n\r\n") + 4] if request.start.startswith("HEAD") else message)


def pipelined_with_bodies(_, backend, folder):
    rounds = PIPELINED // 4
    with Origin(talk_back) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        sent, expected = [], []
        for n in range(rounds):
            body = content(1 + n * 37 % 3000)
            for method, head, data in [
                ("GET", "", b""),
                ("POST", f"Content-Length: {len(body)}\r\n", body),
                ("PUT", "Transfer-Encoding: chunked\r\n", b"%x;a=b\r\n%b\r\n0\r\nt: v\r\n\r\n" % (len(body), body)),
                ("HEAD", "", b""),
            ]:
                sent.append(f"{method} /{n} HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode() + data)
                expected.append((method, f"{method} /{n} HTTP/1.1\n".encode() + (body if data else b"")))
        sending = threading.Thread(target=peer.send, args=[b"".join(sent)], daemon=True)
        sending.start()
        for method, body in expected:
            response = peer.response(method)
            check_equal(response.status, 200, f"answer to {method}")
            check_equal(response.body, b"" if method == "HEAD" else body, f"answer to {method}")
        sending.join(PATIENCE)
        check_equal(len(origin.connections), 1, "connections to the origin")


# --- slow peers ----------------------------------------------------------------------------------------------------


def kernel_may_hold():
    """Bytes on their way through sockets that nobody reads: from the origin to the gate, and on to the client."""
    receive, send = [int(Path(f"/proc/sys/net/ipv4/tcp_{way}").read_text().split()[2]) for way in ("rmem", "wmem")]
    return receive + 2 * send + 4 * MB


def slow_reader(_, backend, folder):
    """Nobody holds what a client does not read: the origin has to wait. Then it all comes."""
    held = kernel_may_hold()
    size = (held // MB + 16) * MB
    data = content(MB) * (size // MB)
    delivered = [0]

    def talk(peer):
        for request in peer.requests():
            if "chunked" in request.start:
                peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            else:
                peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
            for at in range(0, size, MB):
                piece = data[at : at + MB]
                peer.send(b"%x\r\n%b\r\n" % (len(piece), piece) if "chunked" in request.start else piece)
                delivered[0] += MB
            if "chunked" in request.start:
                peer.send("0\r\n\r\n")

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate:
        get(gate, "/chunked")  # the pool of buffers has its full size from here on
        for way in ("length", "chunked"):
            with client(gate, receive_buffer=65536) as peer:
                delivered[0] = 0
                before = gate.rss()
                peer.send(f"GET /{way} HTTP/1.1\r\nHost: a\r\n\r\n")
                head = peer.head()
                seen = -1
                while seen != delivered[0]:
                    seen = delivered[0]
                    time.sleep(0.1)
                check(seen <= held, f"the origin got rid of {seen} bytes, although nobody read")
                check(PRESET != "release" or gate.rss() - before < MB, "the gate holds what nobody reads")
                check_equal(digest(peer.body(head, bytes).body), digest(data), way)


def slow_writers(_, backend, folder):
    """Heads and bodies that come byte by byte, from the client and from the origin."""
    body = content(60)

    def trickle(peer, data):
        for byte in data:
            peer.send(bytes([byte]))
            time.sleep(0.0005)

    def talk(peer):
        for request in peer.requests():
            check_equal(request.body, body, "what the origin got")
            if "chunked" in request.start:
                chunks = b"".join(b"%x\r\n%b\r\n" % (1, bytes([byte])) for byte in body) + b"0\r\n\r\n"
                trickle(peer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
            else:
                trickle(peer, answer(body))

    with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        for way in ("length", "chunked"):
            framing = f"Content-Length: {len(body)}" if way == "length" else "Transfer-Encoding: chunked"
            data = body if way == "length" else b"".join(b"1\r\n%b\r\n" % bytes([b]) for b in body) + b"0\r\n\r\n"
            trickle(peer, f"POST /{way} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode() + data)
            check_equal(peer.response().body, body, way)
        check_equal(len(origin.connections), 1, "connections to the origin")


def both_ways_at_once(_, backend, folder):
    """An origin that answers while it reads, and reads no further until it is read."""
    size = (8 if PRESET == "release" else 4) * MB

    def talk(peer):
        request = peer.head()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        left = size
        while left:
            if not peer.unread:
                peer.receive()
            left -= len(peer.unread)
            peer.send(bytes(peer.unread))
            peer.unread.clear()
        check(request is not None, "no request")

    data = content(size)
    with Origin(talk) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
        sending = threading.Thread(target=peer.send, args=[head + data], daemon=True)
        sending.start()
        check_equal(digest(peer.response().body), digest(data), "what came back")
        sending.join(PATIENCE)


# --- tunnels and load ----------------------------------------------------------------------------------------------


def web_socket_origin(peer):
    """RFC 6455: the handshake, then each message comes back, unmasked."""
    request = peer.request()
    check_equal(request.get("upgrade").lower(), "websocket", "Upgrade")
    check_equal(request.get("connection").lower(), "upgrade", "Connection")
    accept = accept_key(request.get("sec-websocket-key"))
    fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    # The first message comes with the answer, in one piece.
    peer.send(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n".encode() + frame(b"welcome"))
    while (message := read_frame(peer)) is not None:
        peer.send(frame(message))
    peer.send(b"\x88\x00")


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def frame(payload, mask=b""):
    """A final binary frame."""
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        head = bytes([0x82, bit | size])
    elif size < 65536:
        head = bytes([0x82, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x82, bit | 127]) + size.to_bytes(8, "big")
    return head + mask + masked(payload, mask)


def masked(payload, mask):
    if not mask:
        return payload
    long_mask = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(long_mask, "big")).to_bytes(len(payload), "big")


def read_frame(peer):
    """The payload of the next frame; None if it asks for the end."""
    first, second = peer.exactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(peer.exactly(2 if size == 126 else 8), "big")
    mask = peer.exactly(4) if second & 0x80 else b""
    payload = masked(peer.exactly(size), mask)
    return None if first & 0x0F == 8 else payload


def web_socket(_, backend, folder):
    with Origin(web_socket_origin) as origin, Gate(origin, backend=backend) as gate, client(gate) as peer:
        key = base64.b64encode(bytes(range(16))).decode()
        fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        fields += f"Sec-WebSocket-Key: {key}\r\n"
        mask = bytes([1, 2, 3, 4])
        # A client may not speak before the answer; if it does, that is passed on, too.
        peer.send(f"GET /chat HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode() + frame(b"early", mask))
        response = peer.response()
        check_equal(response.status, 101, "the handshake")
        check_equal(response.get("upgrade").lower(), "websocket", "Upgrade")
        check_equal(response.get("connection").lower(), "upgrade", "Connection")
        check_equal(response.get("sec-websocket-accept"), accept_key(key), "Sec-WebSocket-Accept")
        check_equal(read_frame(peer), b"welcome", "what came with the handshake")
        check_equal(read_frame(peer), b"early", "what was sent with the handshake")
        for size in (0, 1, 125, 126, 65535, 65536, MB):
            message = content(size)
            peer.send(frame(message, mask))
            check_equal(digest(read_frame(peer)), digest(message), f"a message of {size} bytes")
        peer.send(b"\x88\x80" + mask)
        check_equal(read_frame(peer), None, "the end")
        check_equal(peer.rest(), b"", "after the end")
        wait_for(lambda: origin.connections[0].socket.fileno() < 0, "the origin's connection ends")


def load_without_errors(origin, backend, folder):
    """wrk reports nothing but answers."""
    if not shutil.which("wrk"):
        raise Skip("wrk is not installed")
    with Gate(origin, backend=backend, workers=2) as gate:
        seconds = 3 if FULL else 1
        connections = min(CONNECTIONS, MOST_CONNECTIONS.get(backend, CONNECTIONS))
        if connections < CONNECTIONS:
            print(f"      scaled to {backend}: {connections} connections instead of {CONNECTIONS}")
        done = run(["wrk", "-t", "1", "-c", connections, "-d", f"{seconds}s", "--timeout", "30s", f"{gate.url}/small"])
        said = done.stdout.decode()
        check_equal(done.returncode, 0, f"wrk ({done.stderr!r})")
        check("Socket errors" not in said and "Non-2xx" not in said, said)
        count = int(re.search(r"(\d+) requests in", said)[1])
        print(f"      {count} requests on {connections} connections")
        check(count >= connections, said)
        # Descriptors come back when the connections are gone.
        check_equal(get(gate, "/small").body, b"x" * 64, "afterwards")


def closed_by_us(origin):
    """Connections to the origin that this side has closed less than a minute ago: who closes first waits."""
    time_wait = "06"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(peer.endswith(f":{origin.port:04X}") and state == time_wait for _, _, peer, state, *_ in lines)


def connections_are_used_again(origin, backend, folder):
    """Under load, too, when one is taken in the very turn in which its last answer came. Only clients that leave before
    they are answered cost a connection to the origin."""
    if not shutil.which("wrk"):
        raise Skip("wrk is not installed")
    clients = 64
    with Gate(origin, backend=backend, workers=1) as gate:
        before = closed_by_us(origin)
        done = run(["wrk", "-t", "1", "-c", clients, "-d", "1s", "--timeout", "30s", f"{gate.url}/small"])
        count = int(re.search(r"(\d+) requests in", done.stdout.decode())[1])
        closed = closed_by_us(origin) - before
        print(f"      {count} requests, {closed} connections to the origin closed")
        check(closed <= clients + count // 100, f"{closed} connections to the origin were closed")


def main():
    cases = Cases()
    with tempfile.TemporaryDirectory() as name:
        try:
            with files_in_nginx(Path(name)) as origin:
                plain = [downloads, uploads, much_of_it, memory_stays_flat, pipelined, pipelined_with_bodies]
                plain += [slow_reader, slow_writers, both_ways_at_once, web_socket]
                if PRESET == "tsan":
                    plain = [downloads, uploads, pipelined, both_ways_at_once, web_socket]
                for function in [*plain, load_without_errors]:
                    named = functools.partial(function, origin)
                    named.__name__ = function.__name__
                    cases.run_on_backends(named)
                again = functools.partial(connections_are_used_again, origin)
                again.__name__ = connections_are_used_again.__name__
                cases.run_on_backends(again, backends=["io_uring", "epoll"])
        except Skip as reason:
            cases.skipped.append(str(reason))
    cases.end()


main()
