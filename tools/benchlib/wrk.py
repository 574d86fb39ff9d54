"""wrk, the load generator: closed loops over so many connections, from one thread on the core for loads."""

import math
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

from benchlib.processes import LOAD_CORE, PATIENCE, BenchError, pin, spawn

UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000}


@dataclass(frozen=True)
class Taken:
    """What wrk says of one run."""

    requests: int
    rate: float  # requests per second
    p99_us: float
    errors: int  # of connecting, reading, writing and waiting, and answers that are not 2xx or 3xx


def installed():
    return shutil.which("wrk") is not None


def run(address, path, connections, seconds):
    # It knows whole seconds only; Ctrl-C ends it in order at any time.
    whole = seconds == int(seconds)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds) + (0 if whole else 5)}s", "--latency"]
    command += ["--timeout", "10s", f"http://{address}{path}"]
    child = spawn(command, pin(LOAD_CORE), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if not whole:
            time.sleep(seconds)
            child.send_signal(signal.SIGINT)
        output, complaint = child.communicate(timeout=seconds + PATIENCE)
    except BaseException:
        child.kill()  # or the servers would go on draining
        child.wait()
        raise
    if child.returncode != 0 or "requests in" not in output:
        said = (complaint or output).strip().splitlines()
        raise BenchError(f"wrk: {said[-1] if said else f'ended with status {child.returncode}'}")
    return read(output)


def read(output):
    requests = int(re.search(r"(\d+) requests in", output)[1])
    if not requests:
        raise BenchError("no request was answered")
    refused = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", output)))
    broken = sum(int(count) for line in re.findall(r"Socket errors: (.*)", output) for count in re.findall(r"\d+", line))
    p99 = re.search(r"^\s+99%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
    if not p99:
        raise BenchError(f"wrk says no percentile: {output!r}")
    amount, unit = p99.groups()
    return Taken(
        requests=requests,
        rate=float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        p99_us=float(amount) * UNITS_US[unit],
        errors=refused + broken,
    )
