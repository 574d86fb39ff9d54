"""The two-socket forwarders of examples/models beside each other: CPU and system calls per message that passes through."""

import shutil
from dataclasses import dataclass
from statistics import median

from benchlib.echo import describe_calls, in_pairs
from benchlib.processes import LOAD_CORE, BenchError, Load, Server, SystemCallCount
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "a message to an echo server and back through a two-socket forwarder, CPU of its two threads; ratio: to read and write, with its 95 % interval"
METHOD = (
    "A message passes the forwarder twice, once in each direction, so it costs two turns. The forwarder has one core,"
    " the echo server (a bare epoll loop) and the load share another."
)
REFERENCE = "calls"
FORMS = ["io-submit", "io-uring"]


@dataclass(frozen=True)
class Plan:
    forms: list
    sizes: list
    rounds: int
    seconds: float
    traced_messages: int


@dataclass(frozen=True)
class Programs:
    examples: object
    origin: object
    load: object

    @classmethod
    def under(cls, folder):
        return cls(folder / "examples", folder / "bench/bare_echo", folder / "bench/echo_load")

    def forwarder(self, form):
        return self.examples / f"forwarder-{form}"


def measure(plan, programs, report):
    for form in plan.forms:
        for size in plan.sizes:
            try:
                measure_pairs(form, size, plan, programs, report)
            except BenchError as error:
                report.remark(f"forwarder.{form}.{size}: {error}")


def measure_pairs(form, size, plan, programs, report):
    def cpu(program):
        messages, used = run_load(program, programs, Cpu, size=size, seconds=plan.seconds)
        return {"messages": messages, "per_message": used.microseconds / messages}

    def system_calls(program):
        messages, counted = run_load(program, programs, SystemCallCount, size=size, messages=plan.traced_messages)
        by_name = {name: calls / messages for name, calls in counted.calls.items()}
        return {"messages": messages, "per_message": sum(by_name.values()), "by_name": by_name}

    sides = {form: programs.forwarder(form), REFERENCE: programs.forwarder(REFERENCE)}
    add_pair(report, f"forwarder.{form}.{size}", "cpu", "us/message", in_pairs(sides, plan.rounds, cpu))
    if shutil.which("strace") is None:
        report.remark("strace is not installed: system calls are not counted")
        return
    samples = in_pairs(sides, 1, system_calls)
    add_pair(report, f"forwarder.{form}.{size}", "syscalls", "calls/message", samples)
    for side, taken in samples.items():
        report.remark(f"  {side}: {describe_calls([one['by_name'] for one in taken])}")


def run_load(program, programs, meter, **load_options):
    """One connection through the forwarder; how many messages, and the meter that was running meanwhile."""
    with Server([programs.origin, "--mechanism", "epoll", "--listen", "127.0.0.1:0"], LOAD_CORE) as origin:
        with Server([program, "127.0.0.1:0", origin.address]) as through:
            with Load(programs.load, through, 1, **load_options) as load:
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
    form, reference = values
    ratio = paired_ratio(values[form], values[reference])
    report.add(Figure(f"{prefix}.{what}", median(values[form]), unit, ratio, samples))
    report.add(Figure(f"{prefix}.{reference}_{what}", median(values[reference]), unit))
