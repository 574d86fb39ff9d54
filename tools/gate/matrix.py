"""The matrix of the conformance suite: a row is backend, preset, fault."""

import itertools

# All that are registered, but `null`, and the forms of one that can be had in several.
BACKENDS = [
    "io_uring", "epoll", "epoll:level", "epoll:oneshot", "linux_aio", "poll", "select", "threads", "sigio", "simulated",
]
PRESETS = ["release", "asan", "tsan"]
FAULTS = ["none", "tiny_queues"]  # what the suite is put under; it reads PENSTOCK_TEST_FAULT

# Who does the work on files, on top of a mechanism that only tells of readiness. The sockets of these are those of the
# mechanism alone, so only the cases of files run.
FILE_PATHS = ["epoll+linux_aio", "sigio+linux_aio", "epoll+posix_aio", "linux_aio+threads", "linux_aio+posix_aio"]
FILE_CASES = "*files.*"

Row = tuple[str, str, str]

# Rows that cannot run, each with its reason, e.g. ("io_uring", "tsan", "none"): "...". Counted as skipped.
EXCLUDED: dict[Row, str] = {}


def all_rows() -> list[Row]:
    return list(itertools.product(BACKENDS, PRESETS, FAULTS))


def file_rows() -> list[Row]:
    """All of them: each takes about a second."""
    return list(itertools.product(FILE_PATHS, PRESETS, FAULTS))


def cases_of(row: Row) -> str:
    """What of the suite the row runs, as GoogleTest's filter says it."""
    return FILE_CASES if row[0] in FILE_PATHS else "*"


def pairs_of(row: Row) -> set:
    return set(itertools.combinations(enumerate(row), 2))


def pairwise_rows() -> list[Row]:
    """Few rows such that every two values that can meet, do. Greedy, so not the fewest, but always the same."""
    rows, left = [], set().union(*map(pairs_of, all_rows()))
    while left:
        row = max(all_rows(), key=lambda candidate: len(left & pairs_of(candidate)))
        rows.append(row)
        left -= pairs_of(row)
    return sorted(rows, key=all_rows().index)
