"""Forwarders: two sockets in three forms (examples/models), and n to n on each backend. CPU and calls per message."""

import shutil
from dataclasses import dataclass
from statistics import median

from benchlib.echo import describe_calls, in_pairs
from benchlib.processes import LOAD_CORE, BenchError, Load, Server, SystemCallCount
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "a message to an echo server and back through a forwarder, CPU of all its threads; ratio: to the reference, with its 95 % interval"
METHOD = (
    "A message passes the forwarder twice, once in each direction, so with two sockets it costs two turns. The forms"
    " of examples/models forward one connection; their reference is the one that uses read and write. n to n is"
    " examples/forwarder on each backend; its reference is a bare epoll loop, bench/bare_pump. The forwarder has one core,"
    " the echo server (a bare epoll loop) and the load share another."
)
REFERENCE = "calls"
FORMS = ["io-submit", "io-uring"]


@dataclass(frozen=True)
class Plan:
    forms: list
    sizes: list
    backends: list
    connections: list
    rounds: int
    seconds: float
    traced_messages: int


@dataclass(frozen=True)
class Programs:
    examples: object
    bench: object

    @classmethod
    def under(cls, folder):
        return cls(folder / "examples", folder / "bench")

    def all(self, forms):
        forwarders = [self.examples / f"forwarder-{form}" for form in [REFERENCE, *forms]]
        return [*forwarders, self.examples / "forwarder", *(self.bench / name for name in ("bare_echo", "bare_pump", "echo_load"))]

    def form(self, name):
        return lambda to: [self.examples / f"forwarder-{name}", "127.0.0.1:0", to]

    def n_to_n(self, backend):
        return lambda to: [self.examples / "forwarder", "127.0.0.1:0", to, "--backend", backend]

    def bare(self):
        return lambda to: [self.bench / "bare_pump", "--mechanism", "epoll", "--listen", "127.0.0.1:0", "--to", to]


def measure(plan, programs, report):
    for form in plan.forms:
        for size in plan.sizes:
            sides = {form: programs.form(form), REFERENCE: programs.form(REFERENCE)}
            measure_sides(f"forwarder.{form}.{size}", sides, plan, programs, report, size=size, connections=1)
    for backend in plan.backends:
        for connections in plan.connections:
            sides = {"penstock": programs.n_to_n(backend), "bare": programs.bare()}
            name = f"forwarder.n-to-n.{backend}.{connections}"
            measure_sides(name, sides, plan, programs, report, size=64, connections=connections)


def measure_sides(name, sides, plan, programs, report, **load):
    try:
        measure_pairs(name, sides, plan, programs, report, **load)
    except BenchError as error:
        report.remark(f"{name}: {error}")


def measure_pairs(name, sides, plan, programs, report, **load):
    def cpu(command):
        messages, used = run_load(command, programs, Cpu, seconds=plan.seconds, **load)
        return {"messages": messages, "per_message": used.microseconds / messages}

    def system_calls(command):
        messages, counted = run_load(command, programs, SystemCallCount, messages=plan.traced_messages, **load)
        by_name = {name: calls / messages for name, calls in counted.calls.items()}
        return {"messages": messages, "per_message": sum(by_name.values()), "by_name": by_name}

    add_pair(report, name, "cpu", "us/message", in_pairs(sides, plan.rounds, cpu))
    if shutil.which("strace") is None:
        report.remark("strace is not installed: system calls are not counted")
        return
    samples = in_pairs(sides, 1, system_calls)
    add_pair(report, name, "syscalls", "calls/message", samples)
    for side, taken in samples.items():
        report.remark(f"  {side}: {describe_calls([one['by_name'] for one in taken])}")


def run_load(command, programs, meter, connections, **load_options):
    """Through the forwarder of `command(origin)`: how many messages, and the meter that was running meanwhile."""
    with Server([programs.bench / "bare_echo", "--mechanism", "epoll", "--listen", "127.0.0.1:0"], LOAD_CORE) as origin:
        with Server(command(origin.address)) as through:
            with Load(programs.bench / "echo_load", through, connections, **load_options) as load:
                with meter(through) as measured:
                    messages = load.run(patience=300)["messages"]
    return messages, measured


class Cpu:
    """The CPU time of a process, between entering and leaving the `with` block."""

    def __init__(self, process):
        self.process = process
        self.microseconds = 0.0

    def __enter__(self):
        self.before = self.process.cpu_nanoseconds()
        return self

    def __exit__(self, *_):
        self.microseconds = (self.process.cpu_nanoseconds() - self.before) / 1000


def add_pair(report, prefix, what, unit, samples):
    values = {side: [one["per_message"] for one in taken] for side, taken in samples.items()}
    subject, reference = values
    ratio = paired_ratio(values[subject], values[reference])
    report.add(Figure(f"{prefix}.{what}", median(values[subject]), unit, ratio, samples))
    report.add(Figure(f"{prefix}.{reference}_{what}", median(values[reference]), unit))
