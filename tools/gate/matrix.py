"""The matrix of the conformance suite: a row is backend, preset, fault."""

import itertools

BACKENDS = ["io_uring", "epoll", "linux_aio", "threads", "simulated"]  # all that are registered, but `null`
PRESETS = ["release", "asan", "tsan"]
FAULTS = ["none", "tiny_queues"]  # what the suite is put under; it reads PENSTOCK_TEST_FAULT

Row = tuple[str, str, str]

# Rows that cannot run, each with its reason, e.g. ("io_uring", "tsan", "none"): "...". Counted as skipped.
EXCLUDED: dict[Row, str] = {}


def all_rows() -> list[Row]:
    return list(itertools.product(BACKENDS, PRESETS, FAULTS))


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
