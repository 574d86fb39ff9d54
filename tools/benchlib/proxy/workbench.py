"""What all parts of the comparison share: where things are, who is started how, and turns."""

import itertools
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchlib import proxies
from benchlib.processes import BenchError
from benchlib.progress import Progress
from benchlib.proxy.plan import Plan
from benchlib.report import Report

PUMPS = ("io_uring", "epoll")
PIPELINE = ("--pipeline", "4", "--pipeline-depth", "128")  # of the contender that shares upstream connections


@dataclass(frozen=True)
class Workbench:
    plan: Plan
    bin_folder: Path
    folder: Path
    origin: str  # address of the one that most parts use
    report: Report
    progress: Progress
    _numbers: object = field(default_factory=itertools.count)

    @property
    def http_load(self):
        return self.bin_folder / "bench/http_load"

    # --- Contenders: what starts each, by name ---

    def tinygates(self, backends, *options, suffix="", origin=None):
        return {
            f"tinygate-{backend}{suffix}": lambda b=backend: proxies.tinygate(
                self.bin_folder, b, origin or self.origin, *options
            )
            for backend in backends
        }

    def pipelined(self):
        return self.tinygates(self.plan.backends[:1], *PIPELINE, suffix="-pipeline")

    def peers(self, names=proxies.PEERS, suffix="", origin=None, **options):
        return {
            f"{name}{suffix}": lambda n=name: proxies.peer(n, self.new_folder(n), origin or self.origin, **options)
            for name in names
        }

    def pumps(self, mechanisms=PUMPS):
        return {f"bare-{m}": lambda m=m: proxies.bare_pump(self.bin_folder, m, self.origin) for m in mechanisms}

    def new_folder(self, name):
        return self.folder / f"{next(self._numbers)}-{name}"

    @contextmanager
    def running(self, part, contenders):
        """All of them, by name; who can't be started is out."""
        with ExitStack() as held:
            started = {}
            for name, start in contenders.items():
                self.progress.show(f"{part}: starting {name}")
                try:
                    started[name] = held.enter_context(start())
                except BenchError as error:
                    self.report.remark(f"{part}: {name} is left out: {error}")
            yield started

    # --- Turns ---

    def turns(self, part, names, take, rounds=None, before_round=None):
        """Samples by name, one per round from `take(name, seconds)`. A first round warms up and is not kept; every round
        starts with another contender; whoever fails in one that counts is out."""
        rounds = rounds or self.plan.rounds
        samples = {name: [] for name in names}
        for number in range(-1, rounds):
            if before_round:
                before_round()
            left = list(samples)
            first = number % len(left) if left else 0
            for name in left[first:] + left[:first]:
                turn = "warm-up" if number < 0 else f"round {number + 1} of {rounds}"
                self.progress.show(f"{part}: {turn}, {name}")
                try:
                    taken = take(name, self.plan.warm_up if number < 0 else self.plan.seconds)
                except BenchError as error:
                    self.report.remark(f"{part}.{name}: {error}")
                    if number >= 0:
                        del samples[name]
                    continue
                if number >= 0:
                    samples[name].append(taken)
        self.progress.clear()
        return samples


def turns_take(plan, contenders, rounds=None, extra=0.0):
    """Seconds, about: of so many contenders with so much beside the load in each turn."""
    beside = 0.15 + extra
    return contenders * (plan.warm_up + beside + (rounds or plan.rounds) * (plan.seconds + beside))
