"""The features of io_uring, one more on each rung: what each is worth for echo and for reads of a file."""

import itertools
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchlib.processes import CORES, SERVER_CORE, BenchError, LeftOut, Load, Process, Server
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "io_uring's features one at a time, on bare loops; ratio: to the rung below it, with its 95 % interval"
METHOD = """Each rung is the program of the rung that it is compared with and one feature more. All rungs take turns in
each round, forwards and backwards, one trial of each; the server or reader has one core, the load the other. CPU is that
of all threads of the process, those that the kernel makes for it among them; system calls are io_uring_enter(2), as
the program counts its own, so that nothing slows it down."""


@dataclass(frozen=True)
class Rung:
    name: str
    features: str  # as the programs of bench/ are told
    base: str = ""  # the rung that it is compared with
    options: tuple = ()
    fewest: int = 0  # only where so many connections, or reads, are under way


BEST = "ring-fd,defer,multishot,buffer-ring,direct"
ECHO = [
    Rung("plain", ""),
    Rung("ring-fd", "ring-fd", "plain"),
    Rung("coop", "ring-fd,coop", "ring-fd"),
    Rung("defer", "ring-fd,defer", "coop"),
    Rung("multishot", "ring-fd,defer,multishot", "defer"),
    Rung("buffer-ring", "ring-fd,defer,multishot,buffer-ring", "multishot"),
    Rung("direct", BEST, "buffer-ring"),
    Rung("bundles", f"{BEST},bundles", "direct"),
    Rung("min-wait", f"{BEST},min-wait", "direct"),
    Rung("sqpoll", f"{BEST},sqpoll", "direct"),
]
# Messages of more than one buffer, where a bundle can hold several.
LARGE = [Rung("direct", BEST), Rung("bundles", f"{BEST},bundles", "direct")]
LARGE_SIZE, LARGE_CONNECTIONS = 16384, 32

READS = [
    Rung("plain", ""),
    Rung("ring-fd", "ring-fd", "plain"),
    Rung("coop", "ring-fd,coop", "ring-fd"),
    Rung("defer", "ring-fd,defer", "coop"),
    Rung("files", "ring-fd,defer,files", "defer"),
    Rung("buffers", "ring-fd,defer,files,buffers", "files"),
    *(Rung(f"batch-{n}", "ring-fd,defer,files,buffers", "buffers", ("--batch", n), n) for n in (4, 8, 16, 32)),
    Rung("huge-pages", "ring-fd,defer,files,buffers,huge-pages", "buffers"),
    Rung("iopoll", "ring-fd,defer,files,buffers,iopoll", "buffers"),
    Rung("sqpoll", "ring-fd,files,buffers,sqpoll", "buffers"),
]
FEWEST_ROUNDS = 6  # below, an interval of 95 % is none
LEAST_DIFFERENCE = 0.025  # a smaller one is a tie, however sure it is: the place of code in memory makes as much
METRICS = {"cpu": "us/op", "calls": "calls/op", "rate": "op/s", "p99": "us"}


@dataclass(frozen=True)
class Plan:
    what: list
    connections: list
    depths: list
    rounds: int
    seconds: float
    directory: Path
    mebibytes: int


@dataclass(frozen=True)
class Programs:
    echo: object
    reads: object
    load: object

    @classmethod
    def under(cls, folder):
        return cls(folder / "bench/ladder_echo", folder / "bench/ladder_reads", folder / "bench/echo_load")


def measure(plan, programs, report):
    verdicts = {}
    if len(CORES) < 3:
        report.remark("sqpoll: the kernel's thread shares a core with the program, since there is no third")
    if "echo" in plan.what:
        measure_echo(plan, programs, report, verdicts)
    if "reads" in plan.what:
        measure_reads(plan, programs, report, verdicts)
    for (kind, rung), ratios in verdicts.items():
        at = ", ".join(f"{where} {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" for where, ratio in ratios)
        said = verdict([ratio for _, ratio in ratios]) if plan.rounds >= FEWEST_ROUNDS else "too few rounds to tell"
        report.remark(f"verdict {kind} {rung}: {said}: CPU at {at}")


def verdict(ratios):
    """Of one feature, by the CPU of the rung to that of the rung below."""
    helps = any(ratio.high < 1 and ratio.value <= 1 - LEAST_DIFFERENCE for ratio in ratios)
    costs = any(ratio.low > 1 and ratio.value >= 1 + LEAST_DIFFERENCE for ratio in ratios)
    if helps and costs:
        return "helps or costs, by how much is under way"
    return "helps" if helps else "costs" if costs else "tied"


def measure_echo(plan, programs, report, verdicts):
    for connections in plan.connections:
        climb(report, verdicts, "echo", connections, ECHO, plan.rounds,
              lambda rung, n=connections: echo_trial(rung, n, 64, plan, programs))  # fmt: skip
    climb(report, verdicts, "echo-16k", LARGE_CONNECTIONS, LARGE, plan.rounds,
          lambda rung: echo_trial(rung, LARGE_CONNECTIONS, LARGE_SIZE, plan, programs))  # fmt: skip


def echo_trial(rung, connections, size, plan, programs):
    command = [programs.echo, "--listen", "127.0.0.1:0", *options_of(rung)]
    limits = {"seconds": plan.seconds, "size": size, "warm-up": 0.05}
    with Server(command) as server, Load(programs.load, server, connections, **limits) as load:
        enters, before = enters_of(server), server.cpu_nanoseconds()
        result = load.run(patience=plan.seconds + 30)
        cpu, calls = server.cpu_nanoseconds() - before, enters_of(server) - enters
    messages = result["messages"]
    return {
        "cpu": cpu / messages / 1000,
        "calls": calls / messages,
        "rate": messages / result["seconds"],
        "p99": result["p99_us"],
    }


def enters_of(server):
    """What the program counts itself."""
    server.signal(signal.SIGUSR1)
    return int(server.read_line().removeprefix("enters "))


def measure_reads(plan, programs, report, verdicts):
    file = plan.directory / "penstock-ladder.data"
    try:
        read(programs, file, 1, [], ["--make", plan.mebibytes, "--seconds", 0.01])
        for depth in plan.depths:
            rungs = [rung for rung in READS if rung.fewest <= depth]
            climb(report, verdicts, "reads", depth, rungs, plan.rounds,
                  lambda rung, n=depth: reads_trial(rung, n, plan, programs, file))  # fmt: skip
    finally:
        file.unlink(missing_ok=True)


def reads_trial(rung, depth, plan, programs, file):
    result = read(programs, file, depth, options_of(rung), ["--seconds", plan.seconds])
    done = result["operations"]
    return {
        "cpu": result["cpu_ns"] / done / 1000,
        "calls": result["enters"] / done,
        "rate": done / result["seconds"],
        "p99": result["p99_us"],
    }


def read(programs, file, depth, features, options):
    command = [programs.reads, "--file", file, "--depth", depth, *features, *options]
    with Process(command, SERVER_CORE) as reader:
        return json.loads(reader.read_line())


def options_of(rung):
    words = ["--with", rung.features] if rung.features else []
    if "sqpoll" in rung.features and len(CORES) > 2:
        words += ["--sq-core", CORES[2]]
    return [*words, *rung.options]


def climb(report, verdicts, kind, under_way, rungs, rounds, trial):
    """All rungs take turns; then each is compared with its base."""
    samples = {rung.name: [] for rung in rungs}
    left = list(rungs)
    for number in range(rounds):
        for rung in list(left) if number % 2 == 0 else left[::-1]:
            try:
                samples[rung.name].append(trial(rung))
            except LeftOut as why:
                report.remark(f"{kind}.{rung.name}.{under_way}: left out: {why}")
                left.remove(rung)
    for rung, metric in itertools.product(left, METRICS):
        values = [one[metric] for one in samples[rung.name]]
        ratio = None
        if rung.base in samples and all(one[metric] for one in samples[rung.base]):
            ratio = paired_ratio(values, [one[metric] for one in samples[rung.base]])
        report.add(
            Figure(f"ladder.{kind}.{rung.name}.{under_way}.{metric}", median(values), METRICS[metric], ratio, {"rung": values})
        )
        if ratio and metric == "cpu":
            verdicts.setdefault((kind, rung.name), []).append((under_way, ratio))


def check(plan):
    if not plan.directory.is_dir():
        raise BenchError(f"{plan.directory} is no directory")
