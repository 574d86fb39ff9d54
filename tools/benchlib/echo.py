"""The echo server on each backend beside a bare loop of the same mechanism: CPU and system calls per message."""

import shutil
from dataclasses import dataclass
from statistics import median

from benchlib.processes import BenchError, Load, Server, SystemCallCount
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "echo of 64 bytes, CPU of all threads of the server; ratio: penstock / bare loop, with its 95 % interval"


@dataclass(frozen=True)
class Plan:
    backends: list
    connections: list
    rounds: int
    seconds: float
    traced_messages: int
    traced_rounds: int


@dataclass(frozen=True)
class Programs:
    penstock: object
    bare: object
    load: object

    @classmethod
    def under(cls, folder):
        return cls(folder / "examples/echo", folder / "bench/bare_echo", folder / "bench/echo_load")

    def servers(self, backend):
        """The two sides of a pair, by name."""
        return {
            "penstock": [self.penstock, "127.0.0.1:0", "--backend", backend],
            "bare": [self.bare, "--mechanism", backend, "--listen", "127.0.0.1:0"],
        }


def measure(plan, programs, report):
    can_trace = shutil.which("strace") is not None
    if not can_trace:
        report.remark("strace is not installed: system calls are not counted")
    for backend in plan.backends:
        for connections in plan.connections:
            try:
                measure_cpu(backend, connections, plan, programs, report)
                if can_trace:
                    measure_system_calls(backend, connections, plan, programs, report)
            except BenchError as error:
                report.remark(f"echo.{backend}.{connections}: {error}")


def measure_cpu(backend, connections, plan, programs, report):
    def sample(command):
        with Server(command) as server, Load(programs.load, server, connections, seconds=plan.seconds) as load:
            before = server.cpu_nanoseconds()
            result = load.run(patience=plan.seconds + 30)
            result["cpu_ns"] = server.cpu_nanoseconds() - before
            result["cpu_us_per_message"] = result["cpu_ns"] / result["messages"] / 1000
            return result

    samples = in_pairs(programs.servers(backend), plan.rounds, sample)
    add_pair(report, f"echo.{backend}.{connections}", "cpu", "us/message", samples, "cpu_us_per_message")


def measure_system_calls(backend, connections, plan, programs, report):
    def sample(command):
        with Server(command) as server:
            with Load(programs.load, server, connections, messages=plan.traced_messages) as load:
                with SystemCallCount(server) as count:
                    result = load.run(patience=300)
        calls = {name: calls / result["messages"] for name, calls in count.calls.items()}
        return {"calls_per_message": sum(calls.values()), "by_name": calls}

    samples = in_pairs(programs.servers(backend), plan.traced_rounds, sample)
    add_pair(report, f"echo.{backend}.{connections}", "syscalls", "calls/message", samples, "calls_per_message")
    for side, taken in samples.items():
        report.remark(f"  {side}: {describe_calls([one['by_name'] for one in taken])}")


def in_pairs(commands, rounds, sample):
    """A B, B A, A B, …: neighbours in time, and neither side always first."""
    sides = list(commands)
    samples = {side: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            samples[side].append(sample(commands[side]))
    return samples


def add_pair(report, prefix, what, unit, samples, key):
    values = {side: [one[key] for one in taken] for side, taken in samples.items()}
    ratio = paired_ratio(values["penstock"], values["bare"])
    report.add(Figure(f"{prefix}.{what}", median(values["penstock"]), unit, ratio, samples))
    report.add(Figure(f"{prefix}.bare_{what}", median(values["bare"]), unit))


def describe_calls(samples):
    """Which calls, most frequent first; what happens a few times in thousands of messages is named without a figure."""
    names = {name for sample in samples for name in sample}
    each = {name: median(sample.get(name, 0) for sample in samples) for name in names}
    ordered = sorted(each, key=each.get, reverse=True)
    return ", ".join(f"{name} {each[name]:.4f}" if each[name] >= 0.001 else f"{name} <0.001" for name in ordered) or "none"
