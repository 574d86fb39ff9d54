"""TinyGate beside nginx, HAProxy and bare pumps: what a proxied request costs, in all its kinds."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchlib import proxies
from benchlib.processes import CORES, BenchError
from benchlib.progress import Progress, words
from benchlib.proxy import access_log, bounds, idle, latency, new_connections, requests, scaling, uploads
from benchlib.proxy.plan import CASES, Case, Plan  # noqa: F401
from benchlib.proxy.requests import sample, system_calls  # noqa: F401
from benchlib.proxy.workbench import Workbench

ABOUT = "a proxied request, CPU of all threads of the proxy; ratio: to the better of nginx and HAProxy, 95 % interval"
METHOD = """Each proxy has one worker, on one core; the load and the origin share another. What is compared is CPU
time per request, the kernel's part of it included, so the figure does not depend on which side saturates first. The
proxies take turns, round by round, and a ratio is that of neighbours in time. System calls are counted by strace in
passes of their own. NAME-pipeline is TinyGate on its first backend with --pipeline 4 --pipeline-depth 128, where many
clients share upstream connections; all others have one for each request. NAME-no-batch has --batch-time 0. Paths that
the origin knows: / (65 bytes), /f/1k, /f/16k, /f/64k, /f/1m, /f/10m."""
PARTS = {
    "requests": requests,
    "uploads": uploads,
    "new-connections": new_connections,
    "latency": latency,
    "access-log": access_log,
    "scaling": scaling,
    "idle": idle,
}


def measure(plan, bin_folder, report, keep=lambda: None):
    """`keep` is called after each part, as half an hour is long enough to be interrupted."""
    if len(CORES) < 2:
        report.remark("one core only, for proxy, load and origin: requests/s and p99 say little")
    parts = {name: PARTS[name] for name in PARTS if name in plan.parts}
    expected = sum(part.seconds(plan) for part in parts.values())
    report.remark(f"{', '.join(parts)}: about {words(expected)}")
    progress = Progress(expected)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="penstock-proxy.")))
        origin = held.enter_context(proxies.NginxOrigin(folder / "origin"))
        bench = Workbench(plan, bin_folder, folder, origin.address, report, progress)
        for name, part in parts.items():
            try:
                part.measure(bench)
            except BenchError as error:
                report.remark(f"{name} is left out: {error}")
            keep()
    progress.clear()
    bounds.summarise(report, plan.rounds)
