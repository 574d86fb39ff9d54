"""p99 at a fixed rate that all can bear, timed from when each request was meant to be sent. The bare pump shows
how much of that is not a proxy's: what it takes is the load's, the origin's and the kernel's."""

from statistics import median

from benchlib import http_load
from benchlib.proxy.figures import CPU, add_beside, better_peer, compare, values_of
from benchlib.proxy.workbench import PUMPS, turns_take
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "p99 at 60 % of nginx's maximum rate"
PREFIX = "proxy.latency"
CONNECTIONS = 64
SHARE = 0.6


def seconds(plan):
    return turns_take(plan, 6)


def measure(bench):
    ours = {**bench.tinygates(bench.plan.backends[:1]), **bench.pipelined()}
    contenders = {**ours, **bench.peers(), **bench.pumps(PUMPS[:1])}
    with bench.running(PREFIX, contenders) as running:
        if "nginx" not in running:
            bench.report.remark(f"{PREFIX}: left out, as the rate is taken from nginx")
            return
        maxima = []

        def measure_maximum():
            """Anew for each round, as the machine may be slower by then."""
            bench.progress.show(f"{PREFIX}: nginx's maximum")
            at_most = http_load.sample(bench.http_load, running["nginx"], CONNECTIONS, bench.plan.seconds)
            maxima.append(at_most["requests_per_second"])

        def take(name, load_seconds):
            rate = SHARE * maxima[-1]
            taken = http_load.sample(bench.http_load, running[name], CONNECTIONS, load_seconds, rate=f"{rate:.0f}")
            return taken | {"wanted_rate": rate}

        samples = bench.turns(PREFIX, running, take, before_round=measure_maximum)
    bench.report.add(Figure(f"{PREFIX}.nginx.maximum", median(maxima), "requests/s", samples={"nginx": maxima}))
    add_latencies(bench.report, samples)


def add_latencies(report, samples):
    tails = values_of(samples, "p99_us")
    reference = better_peer(tails)
    report.remark(f"{PREFIX}: ratios are to {reference}")
    for name, taken in tails.items():
        prefix = f"{PREFIX}.{name}"
        ratio = paired_ratio(taken, tails[reference]) if reference and name != reference else None
        report.add(Figure(f"{prefix}.p99", median(taken), "us", ratio, {name: samples[name], "reference": reference}))
        for figure in compare(tails, name, "p99", PREFIX, "us"):
            report.add(figure)
        report.add(Figure(f"{prefix}.p50", median(one["p50_us"] for one in samples[name]), "us"))
        report.add(Figure(f"{prefix}.cpu", median(one[CPU] for one in samples[name]), "us/request"))
        add_beside(report, prefix, samples[name])
