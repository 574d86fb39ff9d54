"""CPU per request against how many connections are open, and of one worker and two."""

from statistics import median

from benchlib import http_load, proxies
from benchlib.proxy.figures import CPU, add_cpu, values_of
from benchlib.proxy.workbench import turns_take
from benchlib.report import Figure
from benchlib.stats import bootstrap_interval, paired_ratio

ABOUT = "connections from 1 to 8,000; workers 1 and 2"
PREFIX = "proxy.scaling"
WARM_UP = 150e-6  # seconds of load for each connection, in which as many upstream connections are opened
CONNECT_SECONDS = 200e-6 + WARM_UP  # each, about
NO_BATCH = "--batch-time", "0"  # of the contender that does everything as it comes
WORKERS = (1, 2)
LOADS = {"keep-alive": (512, {}), "new-connections": (64, {"close": True})}  # connections, options of http_load


def seconds(plan):
    turns = sum(turns_take(plan, 4, plan.fewer_rounds, CONNECT_SECONDS * count) for count in plan.scaling)
    return turns + len(LOADS) * turns_take(plan, len(WORKERS), plan.fewer_rounds)


def measure(bench):
    for connections in bench.plan.scaling:
        measure_connections(bench, connections)
    for load, (connections, options) in LOADS.items():
        measure_workers(bench, f"{PREFIX}.{load}", connections, options)


def measure_connections(bench, connections):
    room = "--max-upstream-connections", "10000"
    contenders = {
        **bench.tinygates(bench.plan.backends[:1], *room),
        **bench.tinygates(bench.plan.backends[:1], *room, *NO_BATCH, suffix="-no-batch"),
        **bench.peers(clients=max(2_000, connections + 500)),
    }
    prefix = f"{PREFIX}.{connections}"
    with bench.running(prefix, contenders) as running:

        def take(name, load_seconds):
            warm_up = round(WARM_UP * connections + 0.01, 3)
            return http_load.sample(bench.http_load, running[name], connections, load_seconds, warm_up=warm_up)

        add_cpu(bench.report, prefix, bench.turns(prefix, running, take, bench.plan.fewer_rounds))


# --- Workers ---


def measure_workers(bench, prefix, connections, options):
    """The workers may run on any core, which they share with the load and the origin: requests/s say nothing."""
    backend = bench.plan.backends[0]
    contenders = {
        f"tinygate-{backend}-workers-{count}": lambda n=count: proxies.tinygate(
            bench.bin_folder, backend, bench.origin, workers=n, core=None
        )
        for count in WORKERS
    }
    with bench.running(prefix, contenders) as running:

        def take(name, load_seconds):
            before = running[name].cpu_by_thread()
            taken = http_load.sample(bench.http_load, running[name], connections, load_seconds, **options)
            spent = [now - before.get(thread, 0) for thread, now in running[name].cpu_by_thread().items()]
            return taken | {"busiest_share": max(spent) / sum(spent)}

        samples = bench.turns(prefix, running, take, bench.plan.fewer_rounds)
    add_workers(bench.report, prefix, samples)


def add_workers(report, prefix, samples):
    cpu, shares = values_of(samples, CPU), values_of(samples, "busiest_share")
    one, *_ = cpu.values() or [[]]
    report.remark(f"{prefix}: ratios are to one worker; balance is the share of the busiest thread, 0.5 of two is even")
    for name, taken in cpu.items():
        ratio = paired_ratio(taken, one) if taken is not one else None
        report.add(Figure(f"{prefix}.{name}.cpu", median(taken), "us/request", ratio, {name: samples[name]}))
        interval = bootstrap_interval(shares[name])
        report.add(Figure(f"{prefix}.{name}.balance", median(shares[name]), "of-all-CPU", interval=interval))
        report.add(Figure(f"{prefix}.{name}.errors", sum(one["errors"] for one in samples[name]), "requests"))
