"""Memory: of a proxy that has just started, and of client connections that wait for their next request."""

from statistics import median

from benchlib.idle import resident_while_growing
from benchlib.processes import BenchError
from benchlib.report import Figure
from benchlib.stats import bootstrap_interval, slope

ABOUT = "memory of idle keep-alive connections"
PREFIX = "proxy.idle"


def seconds(plan):
    return plan.fewer_rounds * 3 * (0.5 + 300e-6 * plan.idle_steps[-1])


def measure(bench):
    contenders = {**bench.tinygates(bench.plan.backends[:1]), **bench.peers(clients=plan_room(bench.plan))}
    for name, start in contenders.items():
        samples = []
        try:
            for number in range(bench.plan.fewer_rounds):
                bench.progress.show(f"{PREFIX}: {name}, {number + 1} of {bench.plan.fewer_rounds}")
                samples.append(sample(bench, start))
        except BenchError as error:
            bench.report.remark(f"{PREFIX}.{name}: {error}")
        bench.progress.clear()
        if samples:
            add_memory(bench.report, name, samples)


def plan_room(plan):
    return max(2_000, plan.idle_steps[-1] + 500)


def sample(bench, start):
    """A proxy of its own each time: what was freed before would be used again."""
    with start() as proxy:
        at_start = proxy.resident_bytes()
        points = resident_while_growing(proxy, bench.http_load, bench.plan.idle_steps)
        proxy.check_alive()
    return {"start": at_start, "points": points, "slope": slope(points[0], points[-1])}


def add_memory(report, name, samples):
    slopes, starts = ([one[key] for one in samples] for key in ("slope", "start"))
    interval = bootstrap_interval(slopes)
    raw = {name: samples}
    report.add(Figure(f"{PREFIX}.{name}.rss", median(slopes), "bytes/connection", samples=raw, interval=interval))
    megabytes = [size / 1e6 for size in starts]
    interval = bootstrap_interval(megabytes)
    report.add(Figure(f"{PREFIX}.{name}.start", median(megabytes), "MB", interval=interval))
