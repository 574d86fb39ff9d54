"""Results of iobench that nobody measured: every kind of workload, many contenders, and texts that mean harm."""

import random

PENSTOCK = {"io_uring": 1.02, "epoll": 1.08, "linux_aio": 1.12, "poll": 1.15, "select": 1.2, "sigio": 1.25, "threads": 3.4,
            "epoll:level": 1.11, "epoll:oneshot": 1.16}
BARE = {"io_uring": 1.0, "epoll": 1.02, "linux_aio": 1.05, "poll": 1.1, "select": 1.13, "sigio": 1.18, "threads": 2.3,
        "epoll:level": 1.04}
PEERS = {"asio": 1.1, "asio/io_uring": 1.14, "libuv": 1.22, "libevent": 1.17}
GROWS = {"poll": 4e-3, "select": 6e-3, "threads": 1e-3}  # with the number of descriptors
HARM = "<script>alert(1)</script> & \"quotes\" 'too' </script><!-- | `x`"

CPU = {"name": "cpu_us", "title": "CPU per message", "unit": "µs", "less_is_better": True}
CALLS = {"name": "calls", "title": "system calls per message", "unit": "", "less_is_better": True}
RATE = {"name": "rate", "title": "messages per second", "unit": "1/s", "less_is_better": False}
P50 = {"name": "p50_us", "title": "latency, median", "unit": "µs", "less_is_better": True}
P99 = {"name": "p99_us", "title": "latency, 99th percentile", "unit": "µs", "less_is_better": True}
MEMORY = {"name": "resident", "title": "memory of the server", "unit": "bytes", "less_is_better": True}


def contenders():
    for group, all_of_it in (("penstock", PENSTOCK), ("bare", BARE), ("peer", PEERS)):
        for name, cost in all_of_it.items():
            yield (name if group == "peer" else f"{group}/{name}"), group, cost


def mechanism(name):
    return name.split("/")[-1].split(":")[0]


def sample(source, name, cost, x, load):
    batches = mechanism(name) in ("io_uring", "linux_aio")
    growth = 1 + GROWS.get(mechanism(name), 0) * x
    cpu = 4.2 * cost * growth * (1.5 / (x + 1) ** 0.5 + 1 if batches else 0.75 / (x + 1) ** 0.5 + 1.06)
    cpu *= source.lognormvariate(0, 0.012)
    wait = 1 / max(0.03, 1 - load * cost * growth / 1.35)
    made = {
        "cpu_us": cpu,
        "calls": (0.02 + 2 / (x + 1) if batches else 2 + 1 / (x + 1)) * source.lognormvariate(0, 0.002),
        "rate": 4e5 / cpu * source.lognormvariate(0, 0.02),
        "p50_us": (8 * cpu + 0.8 * x) * wait * source.lognormvariate(0, 0.03),
        "p99_us": (20 * cpu + 3 * x) * wait ** 1.6 * source.lognormvariate(0, 0.08),
        "resident": (4e6 if "/" in name else 9e6) + 900 * x,
    }
    return {key: float(f"{value:.6g}") for key, value in made.items()}  # as many digits as iobench keeps


def series(source, workload, points, rounds, load_of=lambda x: 0.2):
    for place, x in points:
        for name, group, cost in contenders():
            if mechanism(name) == "select" and x and x > 1000:
                continue
            samples = [sample(source, name, cost, x or 32, load_of(x or 0)) for _ in range(rounds)]
            yield {"workload": workload, "point": place, "x": x, "contender": name, "group": group, "samples": samples,
                   "rounds": list(range(1, rounds + 1))}


def described(name, title, axis, metrics, logarithmic=True):
    says = ("Each connection sends a message, waits until it has come back whole and unchanged, and sends the next. CPU is "
            "that of all threads of the server, the kernel's part included.")
    return {"name": name, "title": title, "says": says, "axis": axis, "logarithmic": logarithmic, "metrics": metrics}


def results(rounds=7):
    source = random.Random(1)
    connections = [(f"{n:,} connections".replace(",", ""), n) for n in (1, 4, 32, 256, 1000, 4000)]
    rates = [(f"{n} messages/s", n) for n in (5000, 10000, 20000, 40000, 60000, 80000)]
    sizes = [(f"{n} bytes", n) for n in (64, 1024, 4096, 16384, 65536)]
    idle = [(f"{n} idle", n) for n in (0, 1000, 5000, 15000)]
    modes = [("level", None), ("edge", None), (HARM, None)]
    measured = [
        *series(source, "echo", connections, rounds),
        *series(source, "rate", rates, rounds, lambda x: x / 60000),
        *series(source, "sizes", sizes, rounds),
        *series(source, "idle", idle, rounds),
        *series(source, "triggers", modes, rounds),
        *series(source, "one", [("as it is", None)], 2),
    ]
    return {
        "iobench": 1,
        "environment": {
            "kernel": "6.1.0-test", "cpu": "Some CPU of " + HARM, "cores": [0, 1], "virtualisation": "virtual machine",
            "taken_at": "2026-03-01T12:30:00Z", "memory_bytes": 8 << 30, "disk": {"directory": "/var/tmp", "rotational": False},
            "limits": {"descriptors": 1024, "memlock_bytes": None}, "load": [0.1, 0.25, 0.5],
            "warnings": ["a virtual machine: its host may take the CPU away", HARM],
        },
        "command": "iobench run " + HARM,
        "seconds": 312.4,
        "complete": True,
        "workloads": [
            described("echo", "echo of 64 bytes", "connections", [CPU, CALLS, RATE, P50, P99, MEMORY]),
            described("rate", "latency at a fixed rate", "messages/s", [P99, P50, CPU], False),
            described("sizes", "message size", "bytes", [CPU, RATE]),
            described("idle", "idle connections", "idle connections", [CPU, MEMORY]),
            described("triggers", "ways to be told " + HARM, "", [CPU, CALLS]),
            described("one", "a single figure", "", [RATE, CPU]),
        ],
        "measured": measured,
        "left_out": [{"what": "echo, 4000 connections, bare/select", "why": "select takes descriptors below 1024 only"},
                     {"what": HARM, "why": HARM}],
    }
