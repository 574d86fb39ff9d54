#!/usr/bin/env python3
# presets: release
"""./run with a short load: the table, the page through the gate, and an orderly end whenever it is interrupted."""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import (  # noqa: E402
    BACKENDS, BIN, PATIENCE, SOURCE, Cases, Failure, Skip, check, check_complaint, check_equal, run, wait_until, why_not,
)

MARK = "PENSTOCK_TEST_MARK"  # in the environment of ./run and of all that it starts
SECONDS = "0.3"


class Run:
    """./run under way; what it and its children leave behind is found by a mark in their environment."""

    def __init__(self, *options):
        self.mark = uuid.uuid4().hex
        self.folder = tempfile.mkdtemp(prefix=f"{self.mark}.")
        os.chmod(self.folder, 0o755)
        command = [SOURCE / "run", "--bin", BIN, "--seconds", SECONDS, *options]
        self.child = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, MARK: self.mark, "TMPDIR": self.folder},
        )
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()  # its children end with it
            self.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_until(self, pattern):
        """Of its standard output; returns the match."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.said)):
            if not select.select([self.child.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"no {pattern!r} in {self.said!r}")
            piece = os.read(self.child.stdout.fileno(), 65536).decode()
            if not piece:
                raise Failure(f"./run ended: {self.said!r}, {self.child.stderr.read().decode()!r}")
            self.said += piece
        return found

    def end(self, status):
        output, complaint = self.child.communicate(timeout=PATIENCE)
        self.said += output.decode()
        self.complaint = complaint.decode()
        check_equal(self.child.returncode, status, f"exit status ({self.complaint!r})")
        check("Traceback" not in self.complaint, self.complaint)
        check_equal(self.left(), [], "what still runs")
        check_equal(os.listdir(self.folder), [], "files left behind")

    def left(self):
        """Who still runs of all that it started."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                # nginx writes over its environment, but names a file of ours.
                known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                if self.mark.encode() in known:
                    found.append((process / "comm").read_text().strip())
            except OSError:
                continue
        return found


def need_load():
    if not shutil.which("wrk"):
        raise Skip("wrk is not installed")


def check_table(said):
    """A row with plausible figures for each backend that works, and for each proxy that is installed."""
    expected = [f"tinygate {backend}" for backend in BACKENDS if not why_not(backend)]
    expected += [peer for peer in ("nginx", "haproxy") if shutil.which(peer)]
    ratios = []
    for name in expected:
        row = re.search(rf"^  {name}(?: [\d.]+)? +([\d.]+) +([\d.]+) +([\d.]+|-) +([\d,]+) +([\d.]+) ms$", said, re.MULTILINE)
        check(row, f"no row of {name} in {said}")
        cpu, ratio, calls, rate, p99 = (float(cell.replace(",", "").replace("-", "nan")) for cell in row.groups())
        check(1 < cpu < 2000 and rate > 100 and 0 < p99 < 10_000, f"figures of {name}: {row[0]}")
        check(not calls > 100, f"system calls of {name}: {row[0]}")
        ratios.append(ratio)
    check_equal(min(ratios), 1, "the ratio of the best to itself")


def once():
    need_load()
    with Run("--once") as this:
        this.end(0)
        check("auto takes " in this.said, this.said)
        check_table(this.said)


def serves():
    """The page with the table, from either origin in turn, until Ctrl-C."""
    need_load()
    with Run() as this:
        url = this.read_until(r"Serving (http://127\.0\.0\.1:\d+/) ")[1]
        check_table(this.said)
        pages = [get(url) for _ in range(4)]
        check_equal(sorted(page["X-Origin"] for page, _ in pages), ["one", "one", "two", "two"], "the origins")
        for head, body in pages:
            check_equal((head.status, head["Content-Type"]), (200, "text/html; charset=utf-8"), "the page")
            check(f"origin\n<strong>{head['X-Origin']}</strong>" in body, body)
            check(not re.search(r"@\w+@|\{\{|https?://|src=", body), "the page is filled in, and needs nothing else")
            for backend in BACKENDS:
                check(why_not(backend) or f">tinygate {backend}</th>" in body, f"{backend} in {body}")
        check("ends it" in this.said, this.said)
        this.child.send_signal(signal.SIGINT)
        this.end(0)


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.headers.status = answer.status
        return answer.headers, answer.read().decode()


def ends_on_ctrl_c():
    """While the load is on."""
    need_load()
    for number in (signal.SIGINT, signal.SIGTERM):
        with Run() as this:
            this.read_until("Proxies")
            wait_until(lambda: "wrk" in this.left(), "the load")
            this.child.send_signal(number)
            this.end(130)
            check(this.complaint.endswith("interrupted\n"), this.complaint)


def misuse():
    check_complaint(run([SOURCE / "run", "--seconds", "x"]), 2, "run: ", "--seconds", "'x' is not a number", "--help")
    check_complaint(run([SOURCE / "run", "--bin", "/nowhere"]), 2, "run: /nowhere/tinygate is missing")


def unit_tests_of_the_bench():
    command = [sys.executable, "-m", "unittest", "discover", "-t", ".", "-s", "benchlib", "-p", "*_test.py"]
    done = run(command, cwd=SOURCE / "tools")
    check_equal(done.returncode, 0, done.stderr.decode())


def main():
    cases = Cases()
    for case in (misuse, unit_tests_of_the_bench, ends_on_ctrl_c, once, serves):
        cases.run(case.__name__, case)
    cases.end()


main()
