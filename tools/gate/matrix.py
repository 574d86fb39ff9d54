"""The matrix of the conformance suite: a row is backend, preset, fault."""

import itertools

# All that are registered, but `null`, and the forms of one that can be had in several.
BACKENDS = [
    "io_uring", "epoll", "epoll:level", "epoll:oneshot", "linux_aio", "poll", "select", "threads", "sigio", "simulated",
]
PRESETS = ["release", "asan", "tsan"]
# What the suite is put under; it reads PENSTOCK_TEST_FAULT (tests/support/faults.hpp says what each does).
FAULTS = [
    "none",
    "short_transfers",
    "interrupted",
    "again",
    "no_buffers",
    "tiny_queues",
    "full_signal_queue",
    "no_aio_slots",
]

# Who does the work on files, on top of a mechanism that only tells of readiness. The sockets of these are those of the
# mechanism alone, so only the cases of files run.
FILE_PATHS = ["epoll+linux_aio", "sigio+linux_aio", "epoll+posix_aio", "linux_aio+threads", "linux_aio+posix_aio"]
FILE_CASES = ["*files.*"]

# Cases that ask nothing of the system calls, or so much of the same that one row is as good as another. With a fault
# the gate leaves them out; ./test --full does not.
WITHOUT_FAULTS = [
    "on/allocations_of.*",
    "on/deadlines.a_hundred_thousand_timers_*",
    "on/fairness.a_million_*",
    "on/forks*",
    "on/load.*",
    "on/scopes.leaving_one_under_load_*",
    "on/scopes.stopping_the_loop_from_another_thread_under_load*",
    "on/serving.*",  # whose time is spent waiting for limits to pass
]

# Faults that mean something to one backend only. With a sanitizer they would each need a row of it to themselves.
OF_ONE_BACKEND = ["full_signal_queue", "no_aio_slots"]

# Those whose threads differ. The other mechanisms have one thread of their own beside the same pool for files, so the
# gate leaves ThreadSanitizer to these.
THREADED = ["io_uring", "epoll", "threads", *FILE_PATHS]

Row = tuple[str, str, str]


def means_nothing(backend: str, fault: str) -> str:
    """Why a fault means nothing to a backend; empty if it does mean something."""
    if fault == "full_signal_queue" and backend != "sigio":
        return "signals are queued for sigio only"
    if fault == "no_aio_slots" and "linux_aio" not in backend:
        return "request slots are taken by native AIO only"
    if fault == "no_buffers" and backend in FILE_PATHS:
        return "the cases of files take no buffer of the pool"
    if backend == "simulated" and fault in ("short_transfers", "interrupted", "again"):
        return "the simulated backend makes no system call, and brings its own faults"
    return ""


# Rows that are not run, each with its reason. They are told among what is left out.
EXCLUDED: dict[Row, str] = {
    (backend, preset, fault): reason
    for backend, preset, fault in itertools.product(BACKENDS + FILE_PATHS, PRESETS, FAULTS)
    if (reason := means_nothing(backend, fault))
}


def all_rows(backends: list[str]) -> list[Row]:
    return [row for row in itertools.product(backends, PRESETS, FAULTS) if row not in EXCLUDED]


def pairs_of(row: Row) -> set:
    return set(itertools.combinations(enumerate(row), 2))


def in_the_gate(row: Row) -> bool:
    backend, preset, fault = row
    if fault in OF_ONE_BACKEND and preset != PRESETS[0]:
        return False
    return preset != "tsan" or backend in THREADED


def pairwise_rows(backends: list[str]) -> list[Row]:
    """Few rows of the gate's such that every two values that can meet there, do. Greedy, so not the fewest, but always
    the same; where it does not matter, the preset is the first one, in which a row takes a third of the time."""
    every, rows = [row for row in all_rows(backends) if in_the_gate(row)], []
    left = set().union(*map(pairs_of, every))
    while left:
        row = max(every, key=lambda candidate: len(left & pairs_of(candidate)))
        rows.append(row)
        left -= pairs_of(row)
    return sorted(rows, key=every.index)


def chosen_rows(full: bool) -> list[Row]:
    """What ./test runs. With file paths every pair meets in rows of their own, since each takes about a second."""
    choose = all_rows if full else pairwise_rows
    return choose(BACKENDS) + choose(FILE_PATHS)


def filter_of(row: Row, full: bool, seen: list[str]) -> str:
    """What of the suite the row runs, without what was `seen`, as GoogleTest's filter says it."""
    wanted = FILE_CASES if row[0] in FILE_PATHS else ["*"]
    unwanted = seen + ([] if full or row[2] == "none" else WITHOUT_FAULTS)
    return ":".join(wanted) + ("-" + ":".join(unwanted) if unwanted else "")
