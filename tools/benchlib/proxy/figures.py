"""From samples of contenders to figures: medians, and ratios to the peers and to the bare pump."""

from statistics import median

from benchlib import proxies
from benchlib.report import Figure
from benchlib.stats import paired_ratio

CPU = "cpu_us_per_request"


def is_peer(name):
    """nginx-streaming is one, too."""
    return name.startswith(proxies.PEERS)


def is_ours(name):
    return name.startswith("tinygate")


def better_peer(values):
    """The name of the peer with the lower median; None if there is none."""
    return min(filter(is_peer, values), key=lambda name: median(values[name]), default=None)


def values_of(samples, key):
    return {name: [one[key] for one in taken] for name, taken in samples.items() if taken}


def compare(values, name, what, prefix, unit):
    """A figure for each peer and, where they are, for the bare pump of the same mechanism and for the one that splices."""
    mechanism = name.removeprefix("tinygate-").removesuffix("-pipeline")
    pumps = {f"bare-{mechanism}": "bare", "bare-splice": "splice"}
    others = [other for other in values if is_peer(other) or other in pumps]
    for other in others if is_ours(name) else ():
        ratio = paired_ratio(values[name], values[other])
        told = pumps.get(other, other)
        yield Figure(f"{prefix}.{name}.{what}_to_{told}", median(values[name]), unit, ratio)


def add_cpu(report, prefix, samples):
    """What each contender spends per request and its ratio to the better peer, then its ratio to each."""
    values = values_of(samples, CPU)
    reference = better_peer(values)
    report.remark(f"{prefix}: ratios are to {reference or 'nothing, as neither nginx nor HAProxy is here'}")
    for name, taken in values.items():
        ratio = paired_ratio(taken, values[reference]) if reference and name != reference else None
        raw = {name: samples[name], "reference": reference}
        report.add(Figure(f"{prefix}.{name}.cpu", median(taken), "us/request", ratio, raw))
        for figure in compare(values, name, "cpu", prefix, "us/request"):
            report.add(figure)
        report.add(Figure(f"{prefix}.{name}.p99", median(one["p99_us"] for one in samples[name]), "us"))
        add_beside(report, f"{prefix}.{name}", samples[name])


def add_beside(report, prefix, taken):
    """What was seen of the same requests; failed ones among it."""
    report.add(Figure(f"{prefix}.rate", median(one["requests_per_second"] for one in taken), "requests/s"))
    report.add(Figure(f"{prefix}.rss", taken[-1]["resident_bytes"] / 1024, "KiB"))
    report.add(Figure(f"{prefix}.errors", sum(one["errors"] for one in taken), "requests"))
