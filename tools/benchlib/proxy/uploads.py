"""Uploads: CPU per request with a body of 1 MiB, which the origin reads to its end before it answers."""

from benchlib import http_load, proxies
from benchlib.processes import BenchError
from benchlib.proxy.figures import add_cpu
from benchlib.proxy.workbench import turns_take

ABOUT = "uploads of 1 MiB"
PREFIX = "proxy.uploads"
CONNECTIONS = 16
BODY = 1 << 20


def seconds(plan):
    return turns_take(plan, len(plan.backends) + 3)


def measure(bench):
    bench.report.remark(f"{PREFIX}: nginx-streaming is nginx with proxy_request_buffering off; on is its default")
    with proxies.upload_origin(bench.bin_folder) as origin:
        contenders = {
            **bench.tinygates(bench.plan.backends, origin=origin.address),
            **bench.peers(origin=origin.address),
            **bench.peers(["nginx"], "-streaming", origin.address, request_buffering="off"),
        }
        with bench.running(PREFIX, contenders) as running:

            def take(name, load_seconds):
                return sample(bench.http_load, running[name], origin, load_seconds)

            add_cpu(bench.report, PREFIX, bench.turns(PREFIX, running, take))


def sample(program, proxy, origin, load_seconds):
    """Fails unless each byte of each request came to the origin; each connection's first request is one more."""
    requests, bytes_ = origin.counted()
    taken = http_load.sample(program, proxy, CONNECTIONS, load_seconds, body=BODY)
    requests, bytes_ = (now - before for now, before in zip(origin.counted(), (requests, bytes_)))
    answered = taken["requests"] + CONNECTIONS
    if not taken["errors"] and (requests != answered or bytes_ != answered * BODY):
        raise BenchError(f"{answered} uploads were answered, but {requests} with {bytes_} bytes came to the origin")
    return taken | {"origin_requests": requests, "origin_bytes": bytes_}
