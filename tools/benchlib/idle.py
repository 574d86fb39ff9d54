"""Memory of connections that have exchanged a message and then wait."""

from contextlib import ExitStack

from benchlib.processes import BenchError, IdleConnections, Server
from benchlib.report import Figure
from benchlib.stats import slope

ABOUT = "growth of the server's resident memory per idle connection, each of which has exchanged one message"
STEPS = (1_000, 10_000)
FEWER_STEPS = {"select": (100, 900)}  # FD_SETSIZE is 1024


def measure(backends, programs, report):
    for backend in backends:
        steps = FEWER_STEPS.get(backend, STEPS)
        if steps != STEPS:
            report.remark(f"idle.{backend}: scaled to {steps[0]} and {steps[1]} connections instead of {STEPS[0]} and {STEPS[1]}")
        for side, command in programs.servers(backend).items():
            name = f"idle.{backend}.rss" if side == "penstock" else f"idle.{backend}.bare_rss"
            try:
                points = resident_at_steps(command, programs.load, steps)
            except BenchError as error:
                report.remark(f"{name}: {error}")
                continue
            samples = [{"connections": count, "bytes": size} for count, size in points]
            report.add(Figure(name, slope(points[0], points[-1]), "bytes/connection", samples={side: samples}))


def resident_at_steps(command, load, steps):
    """A fresh server, so that only what grows with its connections is counted."""
    with Server(command) as server:
        return resident_while_growing(server, load, steps)


def resident_while_growing(server, load, steps):
    points = []
    with ExitStack() as held:
        for count in steps:
            open_already = points[-1][0] if points else 0
            held.enter_context(IdleConnections(load, server, count - open_already))
            points.append((count, server.resident_bytes()))
    return points
