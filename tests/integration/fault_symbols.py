#!/usr/bin/env python3
# presets: release
"""Each call that the library makes of libc or liburing either has a fault (tests/faults/symbols.txt) or a reason why it
has none (tests/faults/not_faulted.txt): a new system call cannot slip past the faults unnoticed."""

import os
import re
import subprocess
import sys
from pathlib import Path

FAULTS = Path(os.environ["PENSTOCK_SOURCE"]) / "tests/faults"
LIBRARY = Path(os.environ["PENSTOCK_BUILD"]) / "libpenstock.a"


def lines(name):
    text = (FAULTS / name).read_text().splitlines()
    return [line.split(maxsplit=1) for line in text if line.strip() and not line.startswith("#")]


def symbols(library, which):
    """What the objects of the library define or lack, by nm's option; C++ names apart."""
    out = subprocess.run(["nm", which, library], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in out.splitlines() if len(line.split()) > 1}
    return {name for name in names if not name.startswith("_Z")}


def unaccounted(called, faulted, excused):
    patterns = [re.compile(expression) for expression in excused]
    return sorted(name for name in called - faulted if not any(p.fullmatch(name) for p in patterns))


def main():
    faulted = {name for name, _ in lines("symbols.txt")}
    excused = [expression for expression, _ in lines("not_faulted.txt")]  # each with its reason, or this fails
    called = symbols(LIBRARY, "--undefined-only") - symbols(LIBRARY, "--defined-only")
    if not {"recv", "send", "epoll_ctl"} <= called:
        sys.exit(f"{LIBRARY} calls neither recv nor send: nm was misunderstood")
    if unaccounted({"recvmmsg", "recv", "memcpy"}, faulted, excused) != ["recvmmsg"]:
        sys.exit("a call that is in neither list would not be noticed")
    both = sorted(name for name in faulted if not unaccounted({name}, set(), excused))
    if both:
        sys.exit(f"in symbols.txt and in not_faulted.txt: {', '.join(both)}")
    missing = unaccounted(called, faulted, excused)
    for name in missing:
        print(f"{name}: the library calls it; give it a fault (symbols.txt, HACKING.md: Faults), or say in "
              "not_faulted.txt why it has none")
    print(f"{len(called & faulted)} calls with faults, {len(called - faulted) - len(missing)} without, for a reason")
    sys.exit(1 if missing else 0)


main()
