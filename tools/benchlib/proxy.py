"""TinyGate on each backend beside nginx, HAProxy and a bare pump: what a proxied request costs."""

import re
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchlib import proxies, wrk
from benchlib.echo import describe_calls
from benchlib.processes import CORES, BenchError, SystemCallCount
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "a proxied request, CPU of all threads of the proxy; ratio: to the better of nginx and HAProxy, 95 % interval"
METHOD = """Each proxy has one worker, on one core; wrk and the origin, an nginx, share another. What is compared is CPU
time per request, the kernel's part of it included, so the figure does not depend on which side saturates first. The
proxies take turns, round by round, and a ratio is that of neighbours in time. System calls are counted by strace in
passes of their own. NAME-pipeline is TinyGate on its first backend with --pipeline 4 --pipeline-depth 128, where many
clients share upstream connections; all others have one for each request. Paths that the origin knows: / (65 bytes), /f/1k, /f/16k, /f/64k, /f/1m, /f/10m."""
CASES = ["/:64", "/:512", "/f/64k:16", "/f/1m:16"]
PUMPS = ("io_uring", "epoll")
PIPELINE = ("--pipeline", "4", "--pipeline-depth", "128")  # of the contender that shares upstream connections


@dataclass(frozen=True)
class Case:
    path: str
    connections: int

    @classmethod
    def parse(cls, text):
        found = re.fullmatch(r"(/\S*):([1-9]\d{0,3})", text)
        if not found:
            raise ValueError(f"'{text}' is not PATH:CONNECTIONS, such as /:64")
        return cls(found[1], int(found[2]))

    def __str__(self):
        return f"{self.path}:{self.connections}"


@dataclass(frozen=True)
class Plan:
    backends: list
    cases: list
    rounds: int
    seconds: float
    warm_up: float  # seconds
    traced: tuple  # seconds of the short and of the long pass under strace


def measure(plan, bin_folder, report):
    if len(CORES) < 2:
        report.remark("one core only, for proxy, load and origin: requests/s and p99 say little")
    can_trace = shutil.which("strace") is not None
    if not can_trace:
        report.remark("strace is not installed: system calls are not counted")
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="penstock-proxy.")))
        origin = held.enter_context(proxies.NginxOrigin(folder / "origin"))
        wanted = candidates(plan.backends, bin_folder, folder, origin.address)
        running = {}
        for case in plan.cases:
            start_missing(wanted, running, held, report)
            samples = measure_cpu(case, plan, running, report)
            calls = {}
            for name in samples if can_trace else ():
                try:
                    calls[name] = system_calls(running[name], case.path, case.connections, plan.traced)
                except BenchError as error:
                    report.remark(f"proxy.{case}.{name}: {error}")
            add_figures(case, samples, calls, report)


def start_missing(wanted, running, held, report):
    """Starts those that do not run: all at first, later who has ended under a load. Who can't be started is out."""
    for name in list(wanted):
        try:
            if name not in running or not running[name].alive():
                running[name] = held.enter_context(wanted[name]())
        except BenchError as error:
            report.remark(f"{name} is left out: {error}")
            running.pop(name, None)
            del wanted[name]


def candidates(backends, bin_folder, folder, origin):
    """What starts each, by name."""
    found = {f"tinygate-{backend}": lambda b=backend: proxies.tinygate(bin_folder, b, origin) for backend in backends}
    if backends:
        name = f"tinygate-{backends[0]}-pipeline"
        found[name] = lambda b=backends[0]: proxies.tinygate(bin_folder, b, origin, *PIPELINE)
    for name in proxies.PEERS:
        found[name] = lambda n=name: proxies.peer(n, folder / n, origin)
    for mechanism in PUMPS:
        found[f"bare-{mechanism}"] = lambda m=mechanism: proxies.bare_pump(bin_folder, m, origin)
    return found


def measure_cpu(case, plan, running, report):
    """Samples by name. Every round starts with another proxy; whoever fails is out for this case."""
    samples = {name: [] for name in running}
    for number in range(-1, plan.rounds):  # the first warms up
        progress(f"{case}: round {max(number, 0) + 1} of {plan.rounds}")
        names = list(samples)
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            try:
                taken = sample(running[name], case, plan.warm_up if number < 0 else plan.seconds)
            except BenchError as error:
                report.remark(f"proxy.{case}.{name}: {error}")
                del samples[name]
                continue
            if number >= 0:
                samples[name].append(taken)
    progress("")
    return samples


def sample(proxy, case, seconds):
    before = proxy.cpu_nanoseconds()
    taken = wrk.run(proxy.address, case.path, case.connections, seconds)
    proxy.check_alive()
    spent = proxy.cpu_nanoseconds() - before
    return {
        "cpu_us_per_request": spent / taken.requests / 1000,
        "cpu_ns": spent,
        "requests": taken.requests,
        "requests_per_second": taken.rate,
        "p99_us": taken.p99_us,
        "errors": taken.errors,
        "resident_bytes": proxy.resident_bytes(),
    }


def system_calls(proxy, path, connections, traced):
    """Per request, by name. Of a long pass that of a short one is taken away, and with it what each connection costs
    once. strace slows the proxy down, so it finds more work per turn than it would otherwise."""
    short, long = (traced_pass(proxy, path, connections, seconds) for seconds in traced)
    requests = long[1] - short[1]
    if requests <= 0:
        raise BenchError("too few requests were answered under strace")
    return {name: max(0, count - short[0].get(name, 0)) / requests for name, count in long[0].items()}


def traced_pass(proxy, path, connections, seconds):
    with SystemCallCount(proxy) as count:
        taken = wrk.run(proxy.address, path, connections, seconds)
    return count.calls, taken.requests


def add_figures(case, samples, calls, report):
    cpu = {name: [one["cpu_us_per_request"] for one in taken] for name, taken in samples.items()}
    peers = [name for name in proxies.PEERS if name in cpu]
    reference = min(peers, key=lambda name: median(cpu[name]), default=None)
    report.remark(f"{case}: ratios are to {reference or 'nothing, as neither nginx nor HAProxy is here'}")
    for name, taken in samples.items():

        def add(what, value, unit, ratio=None, raw=None):
            report.add(Figure(f"proxy.{case}.{name}.{what}", value, unit, ratio, raw or {}))

        ratio = paired_ratio(cpu[name], cpu[reference]) if reference and name != reference else None
        add("cpu", median(cpu[name]), "us/request", ratio, {name: taken, "reference": reference})
        if name in calls:
            add("syscalls", sum(calls[name].values()), "calls/request", raw={name: calls[name]})
        add("rate", median(one["requests_per_second"] for one in taken), "requests/s")
        add("p99", median(one["p99_us"] for one in taken), "us")
        add("rss", taken[-1]["resident_bytes"] / 1024, "KiB")
        add("errors", sum(one["errors"] for one in taken), "requests")
        if name in calls:
            report.remark(f"  {name}: {describe_calls([calls[name]])}")


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()
