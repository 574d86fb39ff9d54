"""What an await costs: runs the library's own micro-benchmark and reports its figures like all others."""

import subprocess
from statistics import median

from benchlib.processes import SERVER_CORE, BenchError, pin
from benchlib.report import Figure

ABOUT = "cost of an await and of its parts"


def measure(program, rounds, report):
    for (name, unit), samples in run(program, rounds).items():
        report.add(Figure(name, median(samples), unit, samples={"penstock": samples}))


def run(program, rounds):
    """What a micro-benchmark of one core prints, as collect() reads it."""
    command = [str(program), "--rounds", str(rounds)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=pin(SERVER_CORE))
    if ended.returncode != 0:
        complaint = ended.stderr.strip().splitlines()
        raise BenchError(f"{program}: {complaint[-1] if complaint else f'ended with status {ended.returncode}'}")
    return collect(ended.stdout)


def collect(output):
    """Lines `name value unit`; one that comes again is a further sample."""
    figures = {}
    for line in output.splitlines():
        if line.strip() and not line.startswith("#"):
            name, value, unit = line.split()[:3]
            figures.setdefault((name, unit), []).append(float(value))
    return figures
