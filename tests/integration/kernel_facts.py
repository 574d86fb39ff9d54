#!/usr/bin/env python3
# presets: release
"""What docs/guide/io-models.md says of the kernel, tried on the kernel that runs here. Uses nothing of penstock.

Each case is one sentence of the guide. On a kernel where one does not hold, the guide has to say so.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import PATIENCE, Cases, Skip, check, check_equal  # noqa: E402

kernel = ctypes.CDLL(None, use_errno=True)
kernel.syscall.restype = ctypes.c_long

FACTS = []


def fact(holds):
    FACTS.append(holds)
    return holds


@contextlib.contextmanager
def connected():
    """Two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_connection(door.getsockname()) as near:
        far, _ = door.accept()
        with far:
            yield near, far


@contextlib.contextmanager
def epoll_of(descriptor, events):
    with select.epoll() as queue:
        queue.register(descriptor, events)
        yield queue


def error_of(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
    return 0


def in_child(work):
    """Runs `work` in a child of its own, whose limits and signals are nobody else's business."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(int(PATIENCE))
            work()
            os._exit(0)
        except BaseException as error:
            print(f"      {type(error).__name__}: {error}", flush=True)
            os._exit(1)
    check_equal(os.waitpid(pid, 0)[1], 0, "status of the child")


# --- Blocking calls ---------------------------------------------------------------------------------------------


@fact
def close_does_not_end_a_blocked_read_and_shutdown_does():
    with connected() as (near, far):
        ended = []
        reader = threading.Thread(target=lambda copy: ended.append(os.read(copy, 1)), args=[near.fileno()], daemon=True)
        reader.start()
        time.sleep(0.1)
        spare = os.dup(near.fileno())
        os.close(near.detach())
        reader.join(0.2)
        check(reader.is_alive(), "close() ended the read")
        socket.socket(fileno=spare).shutdown(socket.SHUT_RDWR)
        reader.join(PATIENCE)
        check_equal(ended, [b""], "what the read gave after shutdown()")


@fact
def o_nonblock_changes_nothing_on_a_regular_file():
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(1 << 20))
        file.flush()
        descriptor = os.open(file.name, os.O_RDONLY | os.O_NONBLOCK)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        check_equal(len(os.read(descriptor, 1 << 20)), 1 << 20, "bytes read, never EAGAIN")
        os.close(descriptor)


# --- select and poll --------------------------------------------------------------------------------------------


@fact
def select_and_poll_call_a_regular_file_ready_and_epoll_refuses_it():
    with tempfile.NamedTemporaryFile() as file:
        check_equal(select.select([file], [file], [], 0)[:2], ([file], [file]), "select at the end of a file")
        both = select.POLLIN | select.POLLOUT
        poll = select.poll()
        poll.register(file, both)
        check_equal(poll.poll(0), [(file.fileno(), both)], "poll at the end of a file")
        with select.epoll() as queue:
            check_equal(error_of(queue.register, file, select.EPOLLIN), errno.EPERM, "epoll_ctl")


@fact
def select_says_badf_and_not_whose_poll_says_pollnval():
    gone = os.dup(0)
    os.close(gone)
    check_equal(error_of(select.select, [gone], [], [], 0), errno.EBADF, "select")
    poll = select.poll()
    poll.register(gone, select.POLLIN)
    check_equal(poll.poll(0), [(gone, select.POLLNVAL)], "poll")


@fact
def poll_reports_hang_up_although_nobody_asked():
    reading, writing = os.pipe()
    os.close(writing)
    poll = select.poll()
    poll.register(reading, 0)
    check_equal(poll.poll(0), [(reading, select.POLLHUP)], "poll that asked for nothing")
    os.close(reading)


@fact
def poll_refuses_more_entries_than_the_descriptor_limit():
    def work():
        poll = select.poll()
        for _ in range(20):
            poll.register(os.dup(0), select.POLLIN)
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))
        check_equal(error_of(poll.poll, 0), errno.EINVAL, "poll")

    in_child(work)


@fact
def urgent_data_is_in_the_exception_set():
    with connected() as (near, far):
        near.send(b"!", socket.MSG_OOB)
        check_equal(select.select([], [], [far], PATIENCE)[2], [far], "the exception set")


# --- epoll ------------------------------------------------------------------------------------------------------


@fact
def level_repeats_edge_tells_once():
    for mode, second in ((0, 1), (select.EPOLLET, 0)):
        with connected() as (near, far), epoll_of(far, select.EPOLLIN | mode) as queue:
            near.send(b"two")
            check_equal(len(queue.poll(PATIENCE)), 1, "events at first")
            far.recv(1)
            check_equal(len(queue.poll(0.05)), second, "events while a part is unread")


@fact
def oneshot_disarms_and_does_not_remove():
    with connected() as (near, far), epoll_of(far, select.EPOLLIN | select.EPOLLONESHOT) as queue:
        near.send(b"a")
        check_equal(len(queue.poll(PATIENCE)), 1, "events at first")
        near.send(b"b")
        check_equal(len(queue.poll(0.05)), 0, "events after that")
        check_equal(error_of(queue.register, far, select.EPOLLIN), errno.EEXIST, "EPOLL_CTL_ADD")
        queue.modify(far, select.EPOLLIN | select.EPOLLONESHOT)
        check_equal(len(queue.poll(PATIENCE)), 1, "events after EPOLL_CTL_MOD")


@fact
def a_registration_belongs_to_the_open_file_and_outlives_the_descriptor():
    with connected() as (near, far), select.epoll() as queue:
        number = os.dup(far.fileno())
        queue.register(number, select.EPOLLIN)
        os.close(number)
        near.send(b"a")
        check_equal(queue.poll(PATIENCE), [(number, select.EPOLLIN)], "events for a number that is closed")
        check(error_of(queue.unregister, number) in (errno.ENOENT, errno.EBADF), "it can be removed by that number")


@fact
def epoll_survives_a_fork():
    with connected() as (near, far), epoll_of(far, select.EPOLLIN) as queue:
        near.send(b"a")
        in_child(lambda: check_equal(len(queue.poll(PATIENCE)), 1, "events in the child"))


@fact
def accepting_once_per_edge_strands_the_rest():
    with socket.create_server(("127.0.0.1", 0)) as door, contextlib.ExitStack() as clients:
        with epoll_of(door, select.EPOLLIN | select.EPOLLET) as queue:
            for _ in range(3):
                clients.enter_context(socket.create_connection(door.getsockname()))
            check_equal(len(queue.poll(PATIENCE)), 1, "events for three connections")
            door.accept()[0].close()
            check_equal(len(queue.poll(0.05)), 0, "events for the two that are left")


def woken_by_one_connection(how):
    """How many of four epoll descriptors that watch one listener have an event when one connection comes."""
    with socket.create_server(("127.0.0.1", 0)) as door, contextlib.ExitStack() as held:
        queues = [held.enter_context(epoll_of(door, select.EPOLLIN | how)) for _ in range(4)]
        woken = []
        waiting = [threading.Thread(target=lambda q: woken.extend(q.poll(0.5)), args=[q], daemon=True) for q in queues]
        for thread in waiting:
            thread.start()
        time.sleep(0.1)
        held.enter_context(socket.create_connection(door.getsockname()))
        for thread in waiting:
            thread.join(PATIENCE)
        return len(woken)


@fact
def one_connection_wakes_all_epolls_of_a_listener_but_not_with_epollexclusive():
    check_equal(woken_by_one_connection(0), 4, "woken")
    # A thread that waits too late, on a busy machine, finds the connection without being woken.
    exclusive = [woken_by_one_connection(select.EPOLLEXCLUSIVE) for _ in range(3)]
    check(1 <= min(exclusive) < 4, f"{exclusive} woken with EPOLLEXCLUSIVE")


@fact
def so_reuseport_hashes_and_strands_the_queue_of_who_does_not_accept():
    with contextlib.ExitStack() as held:
        doors = []
        for _ in range(4):
            door = held.enter_context(socket.socket())
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            door.bind(doors[0].getsockname() if doors else ("127.0.0.1", 0))
            door.listen(400)
            door.setblocking(False)
            doors.append(door)
        for _ in range(400):
            held.enter_context(socket.create_connection(doors[0].getsockname()))
        got = []
        for door in doors:
            got.append(0)
            while error_of(lambda: held.enter_context(door.accept()[0])) == 0:
                got[-1] += 1
        print(f"      400 connections on 4 listeners: {got}")
        check_equal(sum(got), 400, "connections, none of which moved to another listener")
        check(got != [100] * 4 and min(got) > 40, f"{got} is not how a hash spreads them")


@fact
def a_level_triggered_listener_spins_when_descriptors_run_out():
    def work():
        with socket.create_server(("127.0.0.1", 0)) as door, socket.socket() as client:
            with epoll_of(door, select.EPOLLIN) as queue:
                client.connect(door.getsockname())
                first_free = os.dup(0)
                os.close(first_free)
                resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, first_free))
                for _ in range(3):
                    check_equal(len(queue.poll(PATIENCE)), 1, "events")
                    check_equal(error_of(door.accept), errno.EMFILE, "accept")

    in_child(work)


# --- Signal-driven I/O ------------------------------------------------------------------------------------------

F_SETSIG = 10


def tell_by_signal(descriptor, number):
    fcntl.fcntl(descriptor, F_SETSIG, number)
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)


@fact
def sigio_is_queued_per_event_and_overflows_into_one_plain_sigio():
    def work():
        chosen = signal.SIGRTMIN + 3
        both = {chosen, signal.SIGIO}
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        with connected() as (near, far):
            tell_by_signal(far, chosen)
            near.send(b"a")
            check_equal(signal.sigtimedwait(both, PATIENCE).si_signo, chosen, "the signal, which is queued")
            resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
            for _ in range(3):
                near.send(b"a")
                time.sleep(0.02)
            found = []
            while one := signal.sigtimedwait(both, 0):
                found.append(one.si_signo)
            check_equal(found, [signal.SIGIO], "signals for three events when none can be queued")

    in_child(work)


@fact
def an_eventfd_tells_nothing_by_signal():
    def work():
        chosen = signal.SIGRTMIN + 3
        signal.pthread_sigmask(signal.SIG_BLOCK, {chosen})
        event = os.eventfd(0)
        check_equal(error_of(tell_by_signal, event, chosen), 0, "O_ASYNC, which is not refused")
        os.eventfd_write(event, 1)
        check_equal(signal.sigtimedwait({chosen}, 0.1), None, "the signal")

    in_child(work)


# --- POSIX AIO, which in glibc is threads ----------------------------------------------------------------------

SIGEV_NONE = 1


class PosixRequest:
    """struct aiocb of glibc on 64-bit machines."""

    def __init__(self, descriptor, size):
        self.bytes = ctypes.create_string_buffer(size)
        self.block = ctypes.create_string_buffer(168)
        struct.pack_into("iiixxxxQQ", self.block, 0, descriptor, 0, 0, ctypes.addressof(self.bytes), size)
        struct.pack_into("Qii", self.block, 32, 0, 0, SIGEV_NONE)

    def begin(self, call):
        if ctypes.sizeof(ctypes.c_void_p) != 8 or platform.libc_ver()[0] != "glibc":
            raise Skip("the layout of aiocb is not known here")
        check_equal(getattr(kernel, call)(self.block), 0, call)
        return self

    def ended(self, seconds):
        limit = time.monotonic() + seconds
        while kernel.aio_error(self.block) == errno.EINPROGRESS and time.monotonic() < limit:
            time.sleep(0.005)
        return kernel.aio_error(self.block) != errno.EINPROGRESS


@fact
def posix_aio_runs_one_request_at_a_time_per_descriptor():
    def work():
        with connected() as (near, far):
            waits = PosixRequest(near.fileno(), 1).begin("aio_read")
            behind = PosixRequest(near.fileno(), 1).begin("aio_write")
            beside = PosixRequest(os.dup(near.fileno()), 1).begin("aio_write")
            check(beside.ended(PATIENCE), "a write through another descriptor of the same socket did not end")
            check(not behind.ended(0.2), "a write through the same descriptor overtook the read")
            far.send(b"a")
            check(waits.ended(PATIENCE) and behind.ended(PATIENCE), "they did not end after that")

    in_child(work)


@fact
def posix_aio_has_twenty_threads():
    def work():
        blocked = []
        with open("/dev/zero", "rb") as zero:
            for most, free in ((19, True), (20, False)):
                while len(blocked) < most:
                    blocked.append(PosixRequest(os.pipe()[0], 1).begin("aio_read"))
                ended = PosixRequest(zero.fileno(), 1).begin("aio_read").ended(PATIENCE if free else 0.2)
                check_equal(ended, free, f"a read beside {most} that wait has ended")
            os._exit(0)  # nobody will end the reads

    in_child(work)


# --- Native AIO -------------------------------------------------------------------------------------------------

CALLS = {
    "x86_64": {"setup": 206, "destroy": 207, "getevents": 208, "submit": 209, "cancel": 210},
    "aarch64": {"setup": 0, "destroy": 1, "submit": 2, "cancel": 3, "getevents": 4},
}.get(platform.machine())
PREAD, PWRITE, POLL = 0, 1, 5


class Iocb(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_uint64), ("key", ctypes.c_uint32), ("rw_flags", ctypes.c_uint32), ("opcode", ctypes.c_uint16),
        ("priority", ctypes.c_int16), ("descriptor", ctypes.c_uint32), ("buffer", ctypes.c_uint64),
        ("size", ctypes.c_uint64), ("offset", ctypes.c_int64), ("reserved", ctypes.c_uint64), ("flags", ctypes.c_uint32),
        ("result_descriptor", ctypes.c_uint32),
    ]  # fmt: skip


class Event(ctypes.Structure):
    _fields_ = [("data", ctypes.c_uint64), ("iocb", ctypes.c_uint64), ("result", ctypes.c_int64), ("more", ctypes.c_int64)]


class Aio:
    """One instance; the calls by number, since the C library has none of them."""

    def __enter__(self):
        if CALLS is None:
            raise Skip(f"the numbers of the calls on {platform.machine()} are not known here")
        self.id = ctypes.c_ulong(0)
        if kernel.syscall(CALLS["setup"], ctypes.c_long(16), ctypes.byref(self.id)) != 0:
            raise Skip(f"io_setup: {os.strerror(ctypes.get_errno())}")
        self.kept = []
        return self

    def __exit__(self, *_):
        kernel.syscall(CALLS["destroy"], self.id)

    def _call(self, name, *arguments):
        done = kernel.syscall(ctypes.c_long(CALLS[name]), self.id, *arguments)
        return done if done >= 0 else -ctypes.get_errno()

    def block(self, opcode, descriptor, buffer=None, size=None, data=0):
        at = ctypes.addressof(buffer) if isinstance(buffer, ctypes.Array) else (buffer or 0)
        made = Iocb(data=data, opcode=opcode, descriptor=descriptor, buffer=at, size=size or 0)
        self.kept.append((made, buffer))
        return made

    def submit(self, *blocks):
        array = (ctypes.c_void_p * len(blocks))(*(ctypes.addressof(block) for block in blocks))
        return self._call("submit", ctypes.c_long(len(blocks)), array)

    def cancel(self, block):
        return self._call("cancel", ctypes.byref(block), ctypes.byref(Event()))

    def events(self, least, seconds=PATIENCE):
        found = (Event * 16)()
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e9))
        count = self._call("getevents", ctypes.c_long(least), ctypes.c_long(16), found, limit)
        return [(event.data, event.result) for event in found[: max(0, count)]]


@fact
def io_submit_on_a_blocking_socket_blocks_and_on_a_non_blocking_one_answers_eagain():
    with connected() as (near, far), Aio() as aio:
        late = threading.Timer(0.2, near.send, [b"late"])
        late.start()
        buffer = ctypes.create_string_buffer(100)
        started = time.monotonic()
        check_equal(aio.submit(aio.block(PREAD, far.fileno(), buffer, 100)), 1, "io_submit")
        check(time.monotonic() - started > 0.15, "io_submit did not wait for the bytes")
        check_equal(aio.events(1), [(0, 4)], "the completion")
        far.setblocking(False)
        check_equal(aio.submit(aio.block(PREAD, far.fileno(), buffer, 100)), 1, "io_submit")
        check_equal(aio.events(1), [(0, -errno.EAGAIN)], "the completion")


@fact
def io_submit_runs_socket_requests_in_order_so_a_write_and_the_read_behind_it_share_one():
    with connected() as (near, far), Aio() as aio:
        far.setblocking(False)
        question, answer = ctypes.create_string_buffer(b"abc"), ctypes.create_string_buffer(100)
        blocks = [aio.block(PWRITE, near.fileno(), question, 0, 1), aio.block(PWRITE, near.fileno(), question, 3, 2)]
        blocks.append(aio.block(PREAD, far.fileno(), answer, 100, 3))
        check_equal(aio.submit(*blocks), 3, "io_submit")
        check_equal(aio.events(3), [(1, 0), (2, 3), (3, 3)], "the completions; the first write was of nothing")


@fact
def io_submit_is_partial_and_its_error_concerns_the_first():
    with connected() as (near, far), Aio() as aio:
        data = ctypes.create_string_buffer(b"a")
        good, bad = aio.block(PWRITE, near.fileno(), data, 1), aio.block(PWRITE, 9999, data, 1)
        check_equal(aio.submit(good, bad), 1, "io_submit of a good and a bad one")
        check_equal(aio.submit(bad, good), -errno.EBADF, "io_submit of a bad and a good one")


@fact
def a_cancelled_aio_poll_answers_einprogress_and_then_completes_with_0():
    with connected() as (near, far), Aio() as aio:
        waiting = aio.block(POLL, far.fileno(), select.POLLIN, data=7)
        check_equal(aio.submit(waiting), 1, "io_submit")
        check_equal(aio.events(1, 0.05), [], "completions of a poll that waits")
        check_equal(aio.cancel(waiting), -errno.EINPROGRESS, "io_cancel")
        check_equal(aio.events(1), [(7, 0)], "the completion")


@fact
def a_signal_ends_io_submit_with_eintr_in_the_completion():
    def work():
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.siginterrupt(signal.SIGUSR1, False)  # a plain read would be restarted
        with connected() as (near, far), Aio() as aio:
            threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGUSR1]).start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
            check_equal(aio.submit(aio.block(PREAD, far.fileno(), ctypes.create_string_buffer(9), 9)), 1, "io_submit")
            check_equal(aio.events(1), [(0, -errno.EINTR)], "the completion")

    in_child(work)


@fact
def a_write_through_io_submit_raises_sigpipe():
    def work():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        reading, writing = os.pipe()
        os.close(reading)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        with Aio() as aio:
            aio.submit(aio.block(PWRITE, writing, ctypes.create_string_buffer(b"a"), 1))
            check_equal(aio.events(1), [(0, -errno.EPIPE)], "the completion")
        check(signal.SIGPIPE in signal.sigpending(), "no SIGPIPE is pending")

    in_child(work)


@fact
def buffered_reads_are_done_inside_io_submit():
    """256 MiB of /dev/zero: all the time is in the submission, and the completion is there when it returns."""
    size = 256 << 20
    with open("/dev/zero", "rb") as zero, Aio() as aio:
        memory = ctypes.create_string_buffer(size)
        started = time.monotonic()
        check_equal(aio.submit(aio.block(PREAD, zero.fileno(), memory, size)), 1, "io_submit")
        submitted = time.monotonic()
        check_equal(aio.events(1), [(0, size)], "the completion")
        collected = time.monotonic()
    print(f"      256 MiB: {(submitted - started) * 1e3:.1f} ms in io_submit, {(collected - submitted) * 1e6:.0f} µs in io_getevents")
    check(submitted - started > 10 * (collected - submitted), "io_submit did not do the work")


def main():
    cases = Cases()
    for holds in FACTS:
        cases.run(holds.__name__, holds)
    cases.end()


main()
