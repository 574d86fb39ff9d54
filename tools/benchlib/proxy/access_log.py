"""What the access log costs: TinyGate and nginx, with and without."""

import time
from statistics import median

from benchlib import http_load
from benchlib.proxy.figures import CPU, values_of
from benchlib.proxy.workbench import turns_take
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "the access log, 65 bytes"
PREFIX = "proxy.access-log"
CONNECTIONS = 64
FLUSHED = 0.4  # seconds, after which all lines are in the file


def seconds(plan):
    return turns_take(plan, 4, extra=FLUSHED / 2)


def measure(bench):
    first = bench.plan.backends[0]
    plain, logging = [f"tinygate-{first}", "nginx"], [f"tinygate-{first}-log", "nginx-log"]
    files = {name: bench.new_folder(name).with_suffix(".log") for name in logging}
    contenders = {
        **bench.tinygates([first]),
        **bench.tinygates([first], "--access-log", files[logging[0]], suffix="-log"),
        **bench.peers(["nginx"]),
        **bench.peers(["nginx"], "-log", access_log=files[logging[1]]),
    }
    bench.report.remark(f"{PREFIX}: ratios are to the same without; HAProxy logs to a syslog server only, and is not here")
    with bench.running(PREFIX, contenders) as running:

        def take(name, load_seconds):
            taken = http_load.sample(bench.http_load, running[name], CONNECTIONS, load_seconds)
            if name in files:
                taken["lines"] = take_lines(files[name])
            return taken

        samples = bench.turns(PREFIX, running, take)
    values = values_of(samples, CPU)
    for without, with_log in zip(plain, logging):
        if without not in values or with_log not in values:
            continue
        both = {name: samples[name] for name in (without, with_log)}
        ratio = paired_ratio(values[with_log], values[without])
        bench.report.add(Figure(f"{PREFIX}.{with_log}.cpu", median(values[with_log]), "us/request", ratio, both))
        bench.report.add(Figure(f"{PREFIX}.{without}.cpu", median(values[without]), "us/request"))
        bench.report.add(Figure(f"{PREFIX}.{with_log}.lines", lines_per_request(samples[with_log]), "lines/request"))
        for name, taken in both.items():
            bench.report.add(Figure(f"{PREFIX}.{name}.errors", sum(one["errors"] for one in taken), "requests"))


def take_lines(path):
    """How many lines came since the last call. Both proxies append, so the file can be cut while they write."""
    time.sleep(FLUSHED)
    with path.open("r+b") as log:
        count = sum(piece.count(b"\n") for piece in iter(lambda: log.read(1 << 20), b""))
        log.truncate(0)
    return count


def lines_per_request(taken):
    """Less than 1 if lines were dropped, which makes a log look cheaper than it is. What opened the connections is
    logged, too."""
    return sum(one["lines"] for one in taken) / sum(one["requests"] + CONNECTIONS for one in taken)
