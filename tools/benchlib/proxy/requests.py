"""GET, small and large: CPU and system calls per request, by wrk."""

import shutil

from benchlib import wrk
from benchlib.echo import describe_calls
from benchlib.processes import BenchError, SystemCallCount
from benchlib.proxy.figures import add_cpu
from benchlib.proxy.workbench import PUMPS, turns_take
from benchlib.report import Figure

ABOUT = "GET of 65 bytes to 10 MiB"


def seconds(plan):
    fewest = len(plan.backends) + 1 + 2 + len(PUMPS)
    tracing = sum(plan.traced) + 1 if can_trace() else 0
    counts = [fewest + case.is_spliced for case in plan.cases]
    return sum(turns_take(plan, count) + count * tracing for count in counts)


def measure(bench):
    if not can_trace():
        bench.report.remark("strace is not installed: system calls are not counted")
    everywhere = {**bench.tinygates(bench.plan.backends), **bench.pipelined(), **bench.peers(), **bench.pumps()}
    for case in bench.plan.cases:
        prefix = f"proxy.{case}"
        contenders = everywhere | (bench.pumps(["splice"]) if case.is_spliced else {})
        with bench.running(prefix, contenders) as running:

            def take(name, load_seconds):
                return sample(running[name], case, load_seconds)

            samples = bench.turns(prefix, running, take)
            add_cpu(bench.report, prefix, samples)
            if can_trace():
                add_system_calls(bench, prefix, case, {name: running[name] for name in samples})


def can_trace():
    return shutil.which("strace") is not None


def sample(proxy, case, load_seconds):
    before = proxy.cpu_nanoseconds()
    taken = wrk.run(proxy.address, case.path, case.connections, load_seconds)
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


def add_system_calls(bench, prefix, case, running):
    for name, proxy in running.items():
        bench.progress.show(f"{prefix}: counting system calls of {name}")
        try:
            calls = system_calls(proxy, case.path, case.connections, bench.plan.traced)
        except BenchError as error:
            bench.report.remark(f"{prefix}.{name}: {error}")
            continue
        bench.progress.clear()
        figure = Figure(f"{prefix}.{name}.syscalls", sum(calls.values()), "calls/request", samples={name: calls})
        bench.report.add(figure)
        bench.report.remark(f"  {name}: {describe_calls([calls])}")


def system_calls(proxy, path, connections, traced):
    """Per request, by name. Of a long pass that of a short one is taken away, and with it what each connection costs
    once. strace slows the proxy down, so it finds more work per turn than it would otherwise."""
    short, long = (traced_pass(proxy, path, connections, load_seconds) for load_seconds in traced)
    requests = long[1] - short[1]
    if requests <= 0:
        raise BenchError("too few requests were answered under strace")
    return {name: max(0, count - short[0].get(name, 0)) / requests for name, count in long[0].items()}


def traced_pass(proxy, path, connections, load_seconds):
    with SystemCallCount(proxy) as count:
        taken = wrk.run(proxy.address, path, connections, load_seconds)
    return count.calls, taken.requests
