"""Reads of 4 KiB by penstock beside fio and beside a ring without a library, as iobench measures them."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchlib.processes import BenchError, spawn
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "random reads of 4 KiB, O_DIRECT and from the page cache; ratio: to fio's io_uring with registered files and buffers"
METHOD = """The same job for all, carried out by `iobench run`: penstock by each of its ways to files, fio by each of its
engines, and a ring by the two system calls of io_uring. All take turns in random order in each round; a ratio is that of
neighbours, with its 95 % interval. CPU is that of all threads of the process, but for fio, which tells it itself."""

REFERENCE = "fio/io_uring-registered"
WORKLOADS = {"direct": "files-random-direct", "cached": "files-random-hot"}
METRICS = {"iops": "op/s", "cpu_us": "us/op"}
OWN = ["penstock/io_uring", "penstock/epoll+threads", "penstock/linux_aio", "penstock/epoll+posix_aio"]
BARE = ["bare/io_uring-raw", "bare/io_uring-raw-registered"]
FIO = ["fio/io_uring", REFERENCE, "fio/libaio", "fio/psync", "fio/posixaio"]


@dataclass(frozen=True)
class Plan:
    what: list  # of WORKLOADS
    contenders: list
    depths: list
    rounds: int
    seconds: float


def measure(plan, program, report):
    for what in plan.what:
        measured = run(plan, program, WORKLOADS[what])
        for one in measured["left_out"]:
            report.remark(f"left out: {one['what']}: {one['why']}")
        for depth in plan.depths:
            series = {one["contender"]: one for one in measured["measured"] if one["x"] == depth}
            for contender in plan.contenders:
                if contender in series:
                    tell(report, f"files.{what}.{contender}.{depth}", series[contender], series.get(REFERENCE))


def run(plan, program, workload):
    """What `iobench run` has measured, as it writes it."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "files.json"
        command = [program, "run", workload, "--contender", ",".join(plan.contenders), "--json", written]
        command += ["--point", ",".join(map(str, plan.depths)), "--rounds", plan.rounds, "--seconds", plan.seconds]
        child = spawn(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = child.communicate()[1].decode(errors="replace").strip().splitlines()
        if child.returncode != 0 or not written.exists():
            raise BenchError(f"iobench: {said[-1] if said else f'ended with status {child.returncode}'}")
        return json.loads(written.read_text())


def tell(report, name, series, reference):
    for metric, unit in METRICS.items():
        values = {number: one[metric] for number, one in zip(series["rounds"], series["samples"]) if metric in one}
        if not values:
            report.remark(f"{name}.{metric}: not told")
            continue
        ratio = None
        if reference and reference is not series:
            others = {number: one.get(metric) for number, one in zip(reference["rounds"], reference["samples"])}
            pairs = [(values[number], others[number]) for number in values if others.get(number)]
            ratio = paired_ratio(*zip(*pairs)) if pairs else None
        report.add(Figure(f"{name}.{metric}", median(values.values()), unit, ratio, {"taken": list(values.values())}))
