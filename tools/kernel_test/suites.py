"""What runs in the emulated machine: programs of build/release, each with what it is told and how long it may take."""

import shlex
from dataclasses import dataclass, field

# Seconds until a case hangs. An emulated processor is slower by a factor of five or so.
PATIENCE = 120
MINUTE = 60


@dataclass(frozen=True)
class Suite:
    name: str
    program: str  # below build/release/bin
    script: str = ""  # of this folder, that starts the program; else it is started itself
    arguments: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    limit: int = 10 * MINUTE
    cases: bool = True  # it is a GoogleTest program; else it is one case itself

    def lines(self):
        """The lines of the guest's shell that run it."""
        variables = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in self.environment.items())
        command = f"/tests/{self.script or self.program} " + " ".join(map(shlex.quote, self.arguments))
        return (
            f"echo '@@ begin {self.name}'\n"
            f"env {variables} timeout -s KILL {self.limit} {command} </dev/null 2>&1\n"
            f"status=$?; echo; echo \"@@ end {self.name} $status\"\n"
        )


# Beside each other they take all that the library asks of a kernel.
PROGRAMS = ["uring_facts", "one_enter_per_turn", "denied_opcode", "fork", "signal_queue_overflow"]
BACKENDS = [
    "io_uring", "epoll", "epoll:level", "epoll:oneshot", "linux_aio", "poll", "select", "threads", "sigio",
]
FILE_PATHS = ["epoll+linux_aio", "epoll+posix_aio"]
# What a kernel decides with io_uring and native AIO, it decides otherwise when queues are short and calls are cut.
FAULTY = [("io_uring", "short_transfers"), ("io_uring", "tiny_queues"), ("linux_aio", "tiny_queues")]
# Their sizes are for a processor that is not emulated: they ask whether much is too much, not what the kernel does.
TOO_MUCH = [
    "on/deadlines.a_hundred_thousand_timers_*",
    "on/fairness.a_million_*",
    "on/serving.*",  # whose limits pass in less time than the emulated machine needs
]


# It bounds the CPU of a wait by what a processor needs that is not emulated.
TOO_SLOW = ["uring_backend_test.sends_to_a_peer_that_has_ended_its_side_and_reads_late"]


def conformance(backend, fault="none"):
    wanted = "*files.*" if "+" in backend else "*"
    return Suite(
        name=f"conformance-{backend}-{fault}",
        program="conformance_tests",
        arguments=[f"--gtest_filter={wanted}-" + ":".join(TOO_MUCH)],
        environment={
            "PENSTOCK_TEST_BACKENDS": backend,
            "PENSTOCK_TEST_FAULT": fault,
            "PENSTOCK_TEST_PATIENCE": PATIENCE,
            "PENSTOCK_TEST_SCALE": "gate",
        },
    )


def every():
    """In the order in which they run: what would explain a failure of the others first."""
    suites = [Suite(name, f"integration/{name}", limit=5 * MINUTE, cases=False) for name in PROGRAMS]
    suites += [Suite("iopoll", "bench/ladder_reads", script="iopoll.sh", limit=2 * MINUTE, cases=False)]
    suites += [Suite("unit", "unit_tests", ["--gtest_filter=-" + ":".join(TOO_SLOW)])]
    suites += [conformance(backend) for backend in BACKENDS + FILE_PATHS]
    return suites + [conformance(backend, fault) for backend, fault in FAULTY]
