"""A new connection of the client for each request; those to the origin are kept."""

from benchlib import http_load
from benchlib.proxy.figures import add_cpu
from benchlib.proxy.workbench import turns_take

ABOUT = "a new connection for each request, 65 bytes"
PREFIX = "proxy.new-connections"
CONNECTIONS = 64  # at a time


def seconds(plan):
    return turns_take(plan, len(plan.backends) + 2)


def measure(bench):
    with bench.running(PREFIX, {**bench.tinygates(bench.plan.backends), **bench.peers()}) as running:

        def take(name, load_seconds):
            return http_load.sample(bench.http_load, running[name], CONNECTIONS, load_seconds, close=True)

        add_cpu(bench.report, PREFIX, bench.turns(PREFIX, running, take))
