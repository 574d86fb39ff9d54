"""The bounds that TinyGate is held to, judged one by one."""

from dataclasses import dataclass

PAIRS = 11  # the rule asks for no fewer

BODIES = {"/f/64k:16": "64 KiB", "/f/1m:16": "1 MiB", "/f/10m:16": "10 MiB"}
SMALL = {"/:64": "65 B, 64 connections", "/:512": "65 B, 512 connections"}


@dataclass(frozen=True)
class Bound:
    what: str
    figure: str  # its name in the report
    limit: float
    unit: str = ""  # empty: the figure's ratio is judged; else its value, in this unit


@dataclass(frozen=True)
class Verdict:
    bound: Bound
    value: float
    low: float
    high: float

    @property
    def holds(self):
        """A noisy measurement is no proof that it does not: the lower end of the interval decides."""
        return self.low <= self.bound.limit

    def line(self):
        unit = f" {self.bound.unit}" if self.bound.unit else ""
        figure = f"{self.value:.3g}{unit} [{self.low:.3g},{self.high:.3g}]"
        limit = f"at most {self.bound.limit:g}{unit}"
        return f"{'holds' if self.holds else 'DOES NOT HOLD'}: {self.bound.what}: {figure}, {limit}"


def all_bounds():
    yield Bound("65 B, 64 connections, to the better of nginx and HAProxy", "proxy./:64.tinygate-io_uring.cpu", 0.85)
    yield Bound("65 B, 512 connections, to the better", "proxy./:512.tinygate-io_uring.cpu", 0.92)
    for case, what in SMALL.items():
        yield Bound(f"{what}, to the bare pump", f"proxy.{case}.tinygate-io_uring.cpu_to_bare", 1.08)
    for case, what in SMALL.items():
        yield Bound(f"{what}, many clients per upstream connection", f"proxy.{case}.tinygate-io_uring-pipeline.cpu", 0.70)
    yield from bodies("io_uring")
    for backend in ("epoll", "linux_aio"):
        for case, what in SMALL.items():
            yield Bound(f"{backend}: {what}, to the better", f"proxy.{case}.tinygate-{backend}.cpu", 0.95)
        yield from bodies(backend, f"{backend}: ")
    name = "proxy.new-connections.tinygate-io_uring.cpu"
    yield Bound("new connection for each request, to the better", name, 0.95)
    yield Bound("memory of an idle keep-alive connection", "proxy.idle.tinygate-io_uring.rss", 400, "bytes")
    yield Bound("memory at start", "proxy.idle.tinygate-io_uring.start", 10, "MB")
    for peer, told in (("nginx", "nginx"), ("haproxy", "HAProxy")):
        name = f"proxy.latency.tinygate-io_uring.p99_to_{peer}"
        yield Bound(f"p99 at 60 % of nginx's maximum rate, to {told}", name, 0.8)
    yield Bound("the access log, to none", "proxy.access-log.tinygate-io_uring-log.cpu", 1.03)


def bodies(backend, prefix=""):
    for case, what in BODIES.items():
        figure = f"proxy.{case}.tinygate-{backend}.cpu_to"
        yield Bound(f"{prefix}{what}, to nginx", f"{figure}_nginx", 0.45)
        yield Bound(f"{prefix}{what}, to HAProxy", f"{figure}_haproxy", 0.68)
    yield Bound(f"{prefix}upload of 1 MiB, to the better", f"proxy.uploads.tinygate-{backend}.cpu", 0.60)


def judge(figures):
    """Verdicts, and the bounds whose figures were not measured."""
    by_name = {figure.name: figure for figure in figures}
    verdicts, left_out = [], []
    for bound in all_bounds():
        verdict = judge_one(bound, by_name.get(bound.figure))
        (verdicts if verdict else left_out).append(verdict or bound)
    errors = [figure.value for figure in figures if figure.name.endswith(".errors")]
    if errors:
        failed = sum(errors)
        verdicts.append(Verdict(Bound("failed requests, of all in this run", "", 0, "requests"), failed, failed, failed))
    return verdicts, left_out


def judge_one(bound, figure):
    if figure is None:
        return None
    if bound.unit:
        return Verdict(bound, figure.value, *figure.interval) if figure.interval else None
    ratio = figure.ratio
    return Verdict(bound, ratio.value, ratio.low, ratio.high) if ratio else None


def losses(figures):
    """Where another proxy is better beyond doubt, whether there is a bound or not."""
    for figure in figures:
        parts = figure.name.split(".")
        ours = any(part.startswith("tinygate-") for part in parts)
        to_others = parts[-1] in ("cpu", "p99") and not any(of in figure.name for of in ("-workers-", "-log.", "-no-batch."))
        if ours and to_others and figure.ratio and figure.ratio.low > 1:
            yield figure


def summarise(report, rounds):
    verdicts, left_out = judge(report.figures)
    report.remark("bounds; one holds if the lower end of the interval is at or under it")
    for verdict in verdicts:
        report.remark(f"  {verdict.line()}")
    held = sum(verdict.holds for verdict in verdicts)
    report.remark(f"{held} of {len(verdicts)} hold; {len(left_out)} were not measured in this run")
    if rounds < PAIRS:
        report.remark(f"{rounds} pairs only: to be judged, a ratio needs {PAIRS}")
    for figure in report.figures:
        if figure.unit == "lines/request" and figure.value < 0.9995:
            report.remark(f"{figure.name}: {1 - figure.value:.1%} of the lines were dropped, so the log looks too cheap")
    lost = list(losses(report.figures))
    report.remark("what TinyGate loses at:" if lost else "TinyGate was nowhere found worse than the better of the others")
    for figure in lost:
        report.remark(f"  {figure.line()}")
    report.attach("bounds", [as_json(verdict) for verdict in verdicts])
    report.attach("bounds_not_measured", [bound.what for bound in left_out])


def as_json(verdict):
    bound = verdict.bound
    figures = {"value": verdict.value, "low": verdict.low, "high": verdict.high}
    return {"what": bound.what, "figure": bound.figure, "limit": bound.limit, **figures, "holds": verdict.holds}
