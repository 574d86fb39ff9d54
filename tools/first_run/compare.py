"""The same load through every proxy there is, in turns, and the table of it."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from benchlib import proxies, proxy
from benchlib.processes import CORES, LOAD_CORE, BenchError
from first_run.terminal import OUT, PROGRESS

CONNECTIONS = 64
LOAD = proxy.Case("/hello", CONNECTIONS)
ROUNDS = 3  # of a third of the time each, so that what disturbs one disturbs its neighbours
WARM_UP = 0.3
TRACED = (0.2, 0.6)  # seconds under strace
HASTE = (0.1, 0.3)  # when less than a second was asked for


@dataclass
class Row:
    name: str
    failure: str = ""  # one line if there are no figures
    cpu_us: float = 0
    calls: float | None = None  # None: not counted
    rate: float = 0
    p99_us: float = 0
    errors: int = 0
    to_best: float = 0
    spread: float = 0  # of the turns' CPU: largest less smallest, to the median


def compare(bin_folder, folder, backends, seconds):
    """A row for each working backend and each proxy that is installed."""
    rows, running, samples = {}, {}, {}
    rounds = ROUNDS if seconds >= ROUNDS * 0.5 else 1
    with ExitStack() as held:
        origin = held.enter_context(proxies.origin(bin_folder, "load", LOAD_CORE))
        starts = {f"tinygate {b}": lambda b=b: proxies.tinygate(bin_folder, b, origin.address) for b in backends}
        for peer in filter(shutil.which, proxies.PEERS):
            starts[proxies.version_of(peer)] = lambda p=peer: proxies.peer(p, folder / p, origin.address)
        for name, start in starts.items():
            rows[name] = Row(name)
            try:
                running[name] = held.enter_context(start())
                samples[name] = []
            except BenchError as error:
                rows[name].failure = str(error).partition(": ")[2] or str(error)
        steps = Steps(len(running) * (rounds + 2), seconds)
        for number in range(-1, rounds):
            for name in list(samples):
                steps.next(name, "warm-up" if number < 0 else f"turn {number + 1} of {rounds}")
                try:
                    taken = proxy.sample(running[name], LOAD, min(WARM_UP, seconds / 3) if number < 0 else seconds / rounds)
                except BenchError as error:
                    rows[name].failure = str(error).partition(": ")[2] or str(error)
                    del samples[name]
                    continue
                if number >= 0:
                    samples[name].append(taken)
        for name, taken in samples.items():
            steps.next(name, "counting system calls")
            fill(rows[name], taken, count_calls(running[name], TRACED if seconds >= 1 else HASTE))
        PROGRESS.clear()
    best = min((row.cpu_us for row in rows.values() if not row.failure), default=1)
    for row in rows.values():
        row.to_best = row.cpu_us / best
    return list(rows.values())


def fill(row, taken, calls):
    cpu = [one["cpu_us_per_request"] for one in taken]
    row.cpu_us = median(cpu)
    row.spread = (max(cpu) - min(cpu)) / row.cpu_us if len(cpu) > 1 else 0
    row.rate = median(one["requests_per_second"] for one in taken)
    row.p99_us = median(one["p99_us"] for one in taken)
    row.errors = sum(one["errors"] for one in taken)
    row.calls = calls


def count_calls(running, traced):
    """None where nothing may be traced, as in some containers."""
    if not shutil.which("strace"):
        return None
    for longer in (1, 3):  # on a busy machine the first may be too short to tell anything
        try:
            passes = [longer * seconds for seconds in traced]
            return sum(proxy.system_calls(running, LOAD.path, LOAD.connections, passes).values())
        except BenchError:
            continue
    return None


class Steps:
    """The moving line; elsewhere a line per proxy."""

    def __init__(self, total, seconds):
        self._done, self._total = 0, total
        PROGRESS.move("starting")
        if not PROGRESS.moves:
            PROGRESS.say(f"measuring: {seconds:g} s of load for each proxy")

    def next(self, name, what):
        PROGRESS.move(f"  {PROGRESS.bar(self._done / self._total)}  {name}: {what}")
        self._done += 1


# --- What is printed ----------------------------------------------------------------------------------------------


def announce(seconds):
    OUT.say()
    OUT.say(OUT.strong("Proxies"))
    OUT.say(f"  GET /hello, 65 bytes, {CONNECTIONS} connections, {seconds:g} s each, in turns; {placement()}")
    OUT.say()


def placement():
    if len(CORES) < 2:
        return "proxy, load and origin share the one core"
    return "one worker on one core; load and origin on another"


def show(rows):
    width = max(len(row.name) for row in rows) + 2
    heads = (f"CPU {OUT.micro}/req", "to best", "calls/req", "requests/s", "p99")
    OUT.say("  " + OUT.faint(" " * width + "".join(f"{head:>12}" for head in heads)))
    for row in rows:
        if row.failure:
            OUT.say(f"  {row.name:{width}}{OUT.bad(row.failure)}")
            continue
        ratio = f"{row.to_best:12.2f}"
        OUT.say(
            f"  {row.name:{width}}{row.cpu_us:12.2f}{OUT.good(ratio) if row.to_best == 1 else ratio}"
            f"{calls_text(row):>12}{row.rate:12,.0f}{row.p99_us / 1000:9.2f} ms"
            + (OUT.bad(f"  {row.errors} errors") if row.errors else "")
        )
    OUT.say()
    for line in notes(rows):
        OUT.say("  " + OUT.faint(line))


def calls_text(row):
    return "-" if row.calls is None else f"{row.calls:.2f}"


def notes(rows):
    """What the figures are worth."""
    yield "CPU: the proxy's, user and kernel, all its threads; lower is better."
    if spread := max(row.spread for row in rows):
        yield f"Turns of the same proxy differed by up to {100 * spread:.0f} %: a difference that small says nothing."
    else:
        yield "One short turn each: differences of some per cent say nothing."
    if len(CORES) < 2:
        yield "One core only: requests/s and p99 say how all three share it, nothing of the proxy. CPU per request compares"
        yield "the proxies with each other, but not with figures from two cores, where less is found per turn."
    else:
        yield "requests/s and p99 are bounded by the one core of load and origin as much as by the proxy."
    if any(row.calls is None for row in rows if not row.failure):
        yield "System calls without a figure could not be counted: no strace, or it may not trace here."
    missing = [peer for peer in proxies.PEERS if not shutil.which(peer)]
    if missing:
        yield f"Not installed, so not compared: {', '.join(missing)}."
