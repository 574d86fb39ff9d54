"""Sends without copying over loopback, where the kernel copies all the same: what the notification costs."""

from statistics import median

from benchlib import await_cost
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "sends without copying, over loopback; ratio: to plain sends, with its 95 % interval"


def measure(program, rounds, report):
    samples = {name: values for (name, _), values in await_cost.run(program, rounds).items()}
    for name, lent in samples.items():
        if not name.startswith("lent."):
            continue
        size = name.removeprefix("lent.")
        copied = samples[f"copied.{size}"]
        both = {"lent": lent, "copied": copied}
        report.add(Figure(f"zero_copy.{size}", median(lent), "us/MiB", paired_ratio(lent, copied), both))
