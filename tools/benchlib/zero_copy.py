"""Sends without copying over loopback, where the kernel copies all the same: what the notification costs."""

import subprocess
from statistics import median

from benchlib.await_cost import collect
from benchlib.processes import SERVER_CORE, BenchError, pin
from benchlib.report import Figure
from benchlib.stats import paired_ratio

ABOUT = "sends without copying, over loopback; ratio: to plain sends, with its 95 % interval"


def measure(program, rounds, report):
    command = [str(program), "--rounds", str(rounds)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=pin(SERVER_CORE))
    if ended.returncode != 0:
        complaint = ended.stderr.strip().splitlines()
        raise BenchError(f"{program}: {complaint[-1] if complaint else f'ended with status {ended.returncode}'}")
    samples = {name: values for (name, _), values in collect(ended.stdout).items()}
    for name, lent in samples.items():
        if not name.startswith("lent."):
            continue
        size = name.removeprefix("lent.")
        copied = samples[f"copied.{size}"]
        both = {"lent": lent, "copied": copied}
        report.add(Figure(f"zero_copy.{size}", median(lent), "us/MiB", paired_ratio(lent, copied), both))
