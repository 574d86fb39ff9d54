"""The stage `kernel`: tools/kernel-test, the suites on Debian's own kernel in an emulated machine."""

import re

from console import Console
from tally import Tally

MINUTE = 60


def kernel(console: Console, tally: Tally) -> None:
    """What it counts is counted here; what it leaves out and notes is told at the end."""
    console.say("kernel: the tests on Debian's own kernel, in an emulated machine")
    finished = console.run("kernel", ["tools/kernel-test"], 90 * MINUTE, progress=r"^\[ *\d+:\d+\] .+|^\[\d+/\d+ \S+\]")
    said = finished.output
    closing = re.search(r"^(\d+) passed, (\d+) failed, \d+ skipped$", said, re.MULTILINE)
    failed = re.findall(r"^failed: (.+)$", said, re.MULTILINE)
    tally.passes(int(closing[1]) if closing else 0)
    for case in failed:
        tally.fails(case)
    for count, reason in re.findall(r"^skipped: (\d+) x (.+)$", said, re.MULTILINE):
        for _ in range(int(count)):
            tally.skips(f"kernel: {reason}")
    for what in re.findall(r"^left out: (.+)$", said, re.MULTILINE):
        tally.leave_out(what)
    for text in re.findall(r"^note: (.+)$", said, re.MULTILINE):
        tally.note(f"kernel: {text}")
    if not closing or (finished.code != 0 and not failed):
        tally.fails(f"kernel: {finished.how}")
    if finished.code != 0:
        console.show_tail(finished.log, said)
