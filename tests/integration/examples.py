#!/usr/bin/env python3
"""Every example on every backend that works here, judged by other programs and by SHA-256."""

import asyncio
import contextlib
import fcntl
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import tty
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import (  # noqa: E402
    BACKENDS, PATIENCE, PRESET, Cases, Echo, Failure, Skip, check, check_complaint, check_equal, digest, example, run,
)

CLIENTS = 100 if PRESET == "release" else 30
EACH = 100_000  # bytes per client
MUCH = 4 << 20
SIZES = [0, 1, 4095, 4096, 5_000_000]


# --- echo -------------------------------------------------------------------------------------------------------


async def exchange(connect, data):
    """Sends everything, ends its side, and reads until the other has ended, too. Returns what came back."""
    reader, writer = await connect()

    async def send():
        for at in range(0, len(data), 60_000):
            writer.write(data[at : at + 60_000])
            await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    back = await reader.read(-1)
    await sending
    writer.close()
    await writer.wait_closed()
    return back


def echo_clients(connect, amounts):
    async def all_of_them():
        sent = [os.urandom(amount) for amount in amounts]
        back = await asyncio.wait_for(asyncio.gather(*(exchange(connect, data) for data in sent)), PATIENCE)
        for ours, theirs in zip(sent, back):
            check_equal((len(theirs), digest(theirs)), (len(ours), digest(ours)), "what came back")

    asyncio.run(all_of_them())


def echo_many_clients(backend, folder):
    with Echo(backend) as echo:
        echo_clients(lambda: asyncio.open_connection(*echo.host_and_port), [0, 1, MUCH] + [EACH] * CLIENTS)


def echo_unix(backend, folder):
    with Echo(backend, at=f"unix:{folder}/socket") as echo:
        check_equal(echo.address, f"unix:{folder}/socket", "the address")
        echo_clients(lambda: asyncio.open_unix_connection(f"{folder}/socket"), [EACH] * 3)


def echo_ipv6(backend, folder):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError as error:
            raise Skip(f"no IPv6 here: {error.strerror}") from None
    with Echo(backend, at="[::1]:0") as echo:
        echo_clients(lambda: asyncio.open_connection(*echo.host_and_port), [EACH] * 3)


def echo_ends_on_ctrl_c(backend, folder):
    """Whatever its connections do: one idle, one that has just been opened, one that never reads its answer."""
    with Echo(backend) as echo, contextlib.ExitStack() as open_ones:
        idle, fresh, deaf = [open_ones.enter_context(socket.create_connection(echo.host_and_port)) for _ in range(3)]
        idle.sendall(b"once")
        check_equal(idle.recv(100), b"once", "the echo")
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(10_000):
                deaf.send(bytes(65536))
        echo.stop(signal.SIGINT)
        idle.settimeout(PATIENCE)
        check_equal(idle.recv(100), b"", "the end of the idle connection")


def udp_echo_sends_back(backend, folder):
    """Many segments in one call, as the kernel's own clients send them, among others; and a port that is gone."""
    udp_segment = 103  # of linux/udp.h
    with Echo(backend, program="udp-echo") as echo, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(echo.host_and_port)
        for sent in [b"one", b"", os.urandom(65_507)]:
            client.send(sent)
            check_equal(digest(client.recv(70_000)), digest(sent), "the datagram that came back")
        segments = [os.urandom(100) for _ in range(50)]
        value = (100).to_bytes(2, sys.byteorder)
        client.sendmsg([b"".join(segments)], [(socket.IPPROTO_UDP, udp_segment, value)])
        check_equal([client.recv(1000) for _ in segments], segments, "the segments that came back")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.sendto(b"answer me", echo.host_and_port)
        client.send(b"still there?")
        check_equal(client.recv(100), b"still there?", "after an answer that nobody took")
    with Echo(backend, at=f"unix:{folder}/socket", program="udp-echo"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.bind(f"{folder}/client")
            client.sendto(b"by a path", f"{folder}/socket")
            check_equal(client.recv(100), b"by a path", "the datagram that came back")
    check_complaint(run(example("udp-echo", "127.0.0.1", backend=backend)), 2, "udp-echo: ", "the port is missing")


# --- copy -------------------------------------------------------------------------------------------------------


def copy_sizes(backend, folder):
    for size in SIZES:
        source, target = folder / f"from-{size}", folder / f"to-{size}"
        source.write_bytes(os.urandom(size))
        done = run(example("copy", source, target, backend=backend))
        check_equal((done.returncode, done.stderr), (0, b""), f"copy of {size} bytes")
        check_equal(digest(target.read_bytes()), digest(source.read_bytes()), f"copy of {size} bytes")


def copy_replaces(backend, folder):
    source, target = folder / "from", folder / "to"
    source.write_bytes(b"short")
    source.chmod(0o750)
    target.write_bytes(os.urandom(300_000))
    check_equal(run(example("copy", source, target, backend=backend)).returncode, 0, "exit status")
    check_equal(target.read_bytes(), b"short", "a longer file, replaced")
    fresh = folder / "fresh"
    check_equal(run(example("copy", source, fresh, backend=backend), preexec_fn=lambda: os.umask(0o022)).returncode, 0, "exit status")
    check_equal(fresh.stat().st_mode & 0o777, 0o750, "permissions of a new file")


def copy_refuses(backend, folder):
    absent, file = folder / "absent", folder / "file"
    file.write_bytes(b"precious")
    check_complaint(run(example("copy", absent, folder / "to", backend=backend)), 1, "copy: ", str(absent), "No such file")
    check_complaint(run(example("copy", file, absent / "to", backend=backend)), 1, "copy: ", str(absent), "No such file")
    check_complaint(run(example("copy", file, folder, backend=backend)), 1, "copy: ", str(folder), "Is a directory")
    check_complaint(run(example("copy", folder, absent, backend=backend)), 1, "copy: ", "Is a directory")
    check_complaint(run(example("copy", file, file, backend=backend)), 1, "copy: ", "same file")
    check_equal(file.read_bytes(), b"precious", "a file copied onto itself")


# --- get --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nginx(folder):
    """A real server of the files in folder/www; yields its address."""
    if not shutil.which("nginx"):
        raise Skip("nginx is not installed")
    configuration = folder / "nginx.conf"
    for _ in range(5):  # somebody may take the port between our asking for it and nginx
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            port = chosen.getsockname()[1]
        configuration.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr crit; events {{}}\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder}/www;\n"
            + "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
            + "} }\n"
        )
        child = subprocess.Popen(["nginx", "-p", folder, "-c", configuration], stderr=subprocess.PIPE)
        try:
            while child.poll() is None:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    yield f"127.0.0.1:{port}"
                    return
        finally:
            child.terminate()
            said = child.communicate()[1]
    raise Failure(f"nginx does not start: {said.decode()}")


def get_from_nginx(backend, folder):
    """The same bytes as curl gets, and as there are."""
    (folder / "www").mkdir()
    for size in SIZES:
        (folder / "www" / str(size)).write_bytes(os.urandom(size))
    (folder / "www" / "index.html").write_text("<title>hello</title>")
    folder.chmod(0o755)
    with nginx(folder) as address:
        for size in SIZES:
            url = f"http://{address}/{size}"
            done = run(example("get", url, backend=backend))
            check_equal((done.returncode, done.stderr), (0, b""), f"get {size} bytes")
            check_equal(digest(done.stdout), digest((folder / "www" / str(size)).read_bytes()), f"get {size} bytes")
            if shutil.which("curl"):
                check_equal(digest(done.stdout), digest(run(["curl", "-sS", url]).stdout), "as curl gets it")
        by_name = f"http://{address}".replace("127.0.0.1", "localhost")
        check_equal(run(example("get", by_name, backend=backend)).stdout, b"<title>hello</title>", "the root, by name")
        missing = run(example("get", f"http://{address}/missing", backend=backend))
        check_complaint(missing, 1, "get: ", "404")
        check(b"404 Not Found" in missing.stdout, "the body of an error is printed")


@contextlib.contextmanager
def one_answer(*pieces):
    """A server that answers one request with these pieces, each in a packet of its own."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        peer, _ = listening.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request = b""
            while b"\r\n\r\n" not in request:
                request += peer.recv(65536)
            for piece in pieces:
                peer.sendall(piece)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with listening:
        yield "http://127.0.0.1:%d/" % listening.getsockname()[1]
        thread.join(PATIENCE)


def get_odd_answers(backend, folder):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    with one_answer(*(bytes([b]) for b in head + b"abcde")) as url:
        check_equal(run(example("get", url, backend=backend)).stdout, b"abcde", "an answer in pieces")
    with one_answer(head + b"abc") as url:
        check_complaint(run(example("get", url, backend=backend)), 1, "get: ", "before the message was complete")
    with one_answer(b"HTTP/1.1 200 OK\r\n") as url:
        check_complaint(run(example("get", url, backend=backend)), 1, "get: ", "before the message was complete")
    with one_answer(b"SSH-2.0\r\n\r\n") as url:
        check_complaint(run(example("get", url, backend=backend)), 1, "get: ")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    check_complaint(run(example("get", f"http://127.0.0.1:{port}/", backend=backend)), 1, "get: ", "refused")


# --- cat --------------------------------------------------------------------------------------------------------


def cat_pipe(backend, folder):
    data = os.urandom(MUCH)
    done = run(example("cat", backend=backend), input=data)
    check_equal((done.returncode, done.stderr), (0, b""), "cat of a pipe")
    check_equal(digest(done.stdout), digest(data), "cat of a pipe")


def cat_leaves_flags_alone(backend, folder):
    """Standard input is shared with whoever started us: O_NONBLOCK on it would break them."""
    ours, theirs = os.pipe(), os.pipe()
    before = fcntl.fcntl(ours[0], fcntl.F_GETFL)
    child = subprocess.Popen(example("cat", backend=backend), stdin=ours[0], stdout=theirs[1])
    os.close(theirs[1])
    os.write(ours[1], b"hello")
    check_equal(os.read(theirs[0], 100), b"hello", "what comes out while the pipe is open")
    check_equal(fcntl.fcntl(ours[0], fcntl.F_GETFL), before, "the flags of standard input")
    os.close(ours[1])
    check_equal(child.wait(PATIENCE), 0, "exit status")
    os.close(ours[0])
    os.close(theirs[0])


def cat_terminal(backend, folder):
    """Line by line, until Ctrl-D at the start of a line."""
    keyboard, terminal = pty.openpty()
    child = subprocess.Popen(example("cat", backend=backend), stdin=terminal, stdout=subprocess.PIPE)
    try:
        for line in (b"first\n", b"second\n"):
            os.write(keyboard, line)
            check_equal(child.stdout.readline(), line, "a line that was typed")
        os.write(keyboard, b"\x04")
        check_equal(child.wait(PATIENCE), 0, "exit status")
        check_equal(child.stdout.read(), b"", "after the end")
    finally:
        child.kill()
        child.communicate()
        os.close(keyboard)
        os.close(terminal)


def cat_to_terminal(backend, folder):
    screen, terminal = pty.openpty()
    tty.setraw(terminal)
    data = os.urandom(100_000)
    child = subprocess.Popen(example("cat", backend=backend), stdin=subprocess.PIPE, stdout=terminal)
    feeding = threading.Thread(target=lambda: (child.stdin.write(data), child.stdin.close()))
    feeding.start()
    seen = b""
    while len(seen) < len(data):
        seen += os.read(screen, 65536)
    feeding.join()
    check_equal(child.wait(PATIENCE), 0, "exit status")
    check_equal(digest(seen), digest(data), "what the terminal got")
    os.close(screen)
    os.close(terminal)


def cat_files(backend, folder):
    contents = [os.urandom(size) for size in SIZES]
    names = [folder / str(size) for size in SIZES]
    for name, data in zip(names, contents):
        name.write_bytes(data)
    with open(names[-1], "rb") as file:
        check_equal(digest(run(example("cat", backend=backend), stdin=file).stdout), digest(contents[-1]), "stdin is a file")
    check_equal(run(example("cat", backend=backend), stdin=subprocess.DEVNULL).stdout, b"", "stdin is /dev/null")
    done = run(example("cat", *names, "-", backend=backend), input=b"the end")
    check_equal(digest(done.stdout), digest(b"".join(contents) + b"the end"), "files, then stdin")
    with open(folder / "output", "wb") as output:
        run(example("cat", *names, backend=backend), stdout=output)
    check_equal(digest((folder / "output").read_bytes()), digest(b"".join(contents)), "output to a file")


def cat_goes_on_after_an_error(backend, folder):
    (folder / "there").write_bytes(b"there")
    done = run(example("cat", folder / "absent", folder / "there", backend=backend))
    check_complaint(done, 1, "cat: ", "absent", "No such file")
    check_equal(done.stdout, b"there", "the file after it")


def cat_to_nobody(backend, folder):
    """A reader that has had enough ends the writer, with an error rather than a signal."""
    reading, writing = os.pipe()
    os.close(reading)
    done = run(example("cat", backend=backend), input=bytes(100), stdout=writing)
    os.close(writing)
    check_complaint(done, 1, "cat: ", "Broken pipe")


# --- read-file and aio-test ------------------------------------------------------------------------------------------

FILE_PATHS = ["epoll+threads", "epoll+posix_aio", "epoll+linux_aio", "linux_aio+threads", "linux_aio+posix_aio"]


def read_file_sums(backend, folder):
    data = os.urandom(3_000_001)
    (folder / "file").write_bytes(data)
    done = run(example("read-file", folder / "file", backend=backend))
    said = done.stdout.decode()
    check_equal((done.returncode, done.stderr), (0, b""), "read-file")
    check(said.startswith(f"{backend}: reads are "), f"it says who does it: {said!r}")
    check(f"{len(data)} bytes, sum {sum(data)}, " in said, f"the sum is {sum(data)}, not as in {said!r}")


def read_file_refuses(backend, folder):
    check_complaint(run(example("read-file", folder / "absent", backend=backend)), 1, "read-file: ", "absent", "No such file")
    check_complaint(run(example("read-file", folder, "indirect", backend=backend)), 2, "read-file: ", "'indirect'")


def aio_test_operations(folder):
    """What the kernel answers is its business; that each request is answered, and with what it moved, is ours."""
    file = folder / "file"
    file.write_bytes(bytes(100_000))
    for operation in ("pread", "preadv", "pwrite", "pwritev"):
        for options in ([], ["cold"], ["hot"], ["requests=5", "size=1000", "offset=10"]):
            said = aio_test(operation, file, *options)
            size, requests = (1000, 5) if len(options) > 1 else (4096, 1)
            check_equal(said.count(f"res {size}, res2 0"), requests, f"requests of {operation} {options}: {said!r}")
            check("% of the time was spent in io_submit" in said, f"no verdict: {said!r}")
    for operation in ("fsync", "fdsync"):
        check("request 0: res 0, res2 0" in aio_test(operation, file), operation)
    check_equal(file.stat().st_size, 100_000, "the size of the file")
    reading, writing = os.pipe()
    os.write(writing, b"x")
    check("request 0: res 1, res2 0" in aio_test("poll", f"/dev/fd/{reading}", pass_fds=[reading]), "poll of a pipe")
    os.close(reading)
    os.close(writing)
    check("Invalid argument" in aio_test("noop", file), "noop is refused")


def aio_test(*words, **options):
    done = run(example("aio-test", *words), **options)
    if b"io_setup" in done.stderr and done.returncode == 1:
        raise Skip(done.stderr.decode().strip())
    check_equal((done.returncode, done.stderr), (0, b""), f"aio-test {words}")
    return done.stdout.decode()


def aio_test_shows_who_works(folder):
    """Reading zeros is no disk's work: all of it is done before io_submit returns."""
    said = aio_test("pread", "/dev/zero", f"size={64 << 20}")
    check("it did the work itself" in said, said)
    check_complaint(run(example("aio-test", "pread", folder / "absent")), 1, "aio-test: ", "absent", "No such file")
    check_complaint(run(example("aio-test", "read", "/dev/zero")), 2, "aio-test: no operation 'read'", "pread")
    check_complaint(run(example("aio-test", "pread", "/dev/zero", "size=x")), 2, "aio-test: 'size=x'")


def main():
    cases = Cases()
    cases.run_on_backends(read_file_sums, read_file_refuses, backends=BACKENDS + FILE_PATHS)
    cases.run_on_backends(copy_sizes, cat_files, backends=FILE_PATHS)
    with tempfile.TemporaryDirectory() as folder:
        cases.run("aio-test: operations", aio_test_operations, Path(folder))
        cases.run("aio-test: who works", aio_test_shows_who_works, Path(folder))
    cases.run_on_backends(
        echo_many_clients,
        echo_unix,
        echo_ipv6,
        echo_ends_on_ctrl_c,
        udp_echo_sends_back,
        copy_sizes,
        copy_replaces,
        copy_refuses,
        get_from_nginx,
        get_odd_answers,
        cat_pipe,
        cat_leaves_flags_alone,
        cat_terminal,
        cat_to_terminal,
        cat_files,
        cat_goes_on_after_an_error,
        cat_to_nobody,
    )
    cases.end()


main()
