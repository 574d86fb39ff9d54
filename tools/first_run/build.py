"""Builds what is needed, with a line that says how far it is."""

import os
import re
import signal
import subprocess
import time

from benchlib.processes import BenchError, spawn
from first_run.terminal import PROGRESS

TARGETS = ["tinygate", "tinygate-origin"]
EVERY = 10  # seconds between two lines where none can move
TAIL = 30  # lines of a failed build


def build(root):
    """Returns the exit status of the build; 0 if all went well."""
    command = [root / "tools/build", "release", *TARGETS]
    child = spawn(command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = follow(child.stdout)
        status = child.wait()
    except BaseException:
        stop(child)
        raise
    PROGRESS.clear()
    if status != 0:
        PROGRESS.say("\n".join(lines[-TAIL:]))
        PROGRESS.say("run: the build failed")
    return status


def follow(output):
    lines, last = [], time.monotonic()
    PROGRESS.move("building: configuring")
    for line in output:
        lines.append(line.rstrip("\n"))
        step = re.match(r"\[(\d+)/(\d+) \S+\] (.*)", line)
        if step:
            done, total = int(step[1]), int(step[2])
            PROGRESS.move(f"building {PROGRESS.bar(done / total)} {done} of {total}  {step[3]}")
            if not PROGRESS.moves and time.monotonic() - last > EVERY:
                last = time.monotonic()
                PROGRESS.say(f"building: {done} of {total}")
        elif line.startswith("packages: "):
            PROGRESS.say(line.rstrip("\n"))
    return lines


def stop(child):
    """The compilers, too: they are of the child's process group, or told by ninja."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(10)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def check(programs):
    for program in programs:
        if not os.access(program, os.X_OK):
            raise BenchError(f"{program} is missing")
