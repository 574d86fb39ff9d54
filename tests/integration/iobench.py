#!/usr/bin/env python3
"""iobench as a program: what it lists, measures, writes, reads back and refuses; all at a scale at which figures mean
nothing."""
# presets: release

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import BIN, Cases, Skip, check, check_complaint, check_equal, run  # noqa: E402

FULL = os.environ.get("PENSTOCK_TEST_SCALE") == "full"
IOBENCH = BIN / "iobench"
TINY = ["run", "echo", "--point", "32", "--contender", "bare/epoll,penstock/epoll", "--rounds", "3", "--seconds", "0.02"]


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="penstock-iobench-") as name:
        yield Path(name)


def tiny_run(into, *words):
    done = run([IOBENCH, *TINY, "--json", into, *words])
    check_equal(done.returncode, 0, f"exit status ({done.stderr.decode().strip()})")
    return done.stdout.decode(), json.loads(into.read_text())


def lists_workloads_and_contenders():
    done = run([IOBENCH, "list"])
    said = done.stdout.decode()
    check_equal((done.returncode, done.stderr), (0, b""), "iobench list")
    for expected in ["echo of 64 bytes", "connections: 1, 4, 32, 256", "✓ bare/epoll", "penstock/threads"]:
        check(expected in said, f"{expected!r} is missing in {said}")
    check(max(map(len, said.splitlines())) <= 100, "a line is wider than 100 columns")


def measures_and_writes_every_form():
    with folder() as here:
        said, found = tiny_run(here / "a.json", "--html", str(here / "a.html"), "--markdown", str(here / "a.md"))
        for expected in ["echo of 64 bytes, 32 connections", "bare/epoll", "to the best"]:
            check(expected in said, f"{expected!r} is missing in {said}")
        check(max(map(len, said.splitlines())) <= 100, f"a line is wider than 100 columns: {said}")
        check("\033" not in said, "colours, and no terminal")
        check_equal({one["contender"] for one in found["measured"]}, {"bare/epoll", "penstock/epoll"}, "measured")
        for one in found["measured"]:
            check_equal(one["rounds"], [1, 2, 3], "rounds")
            check(all(sample["cpu_us"] > 0 and sample["rate"] > 0 for sample in one["samples"]), f"{one}")
        environment = found["environment"]
        check_equal(environment["kernel"], os.uname().release, "kernel")
        check_equal(environment["privileged"], os.geteuid() == 0, "privileged")
        check(found["complete"] and found["command"].startswith("iobench run echo"), f"{found['command']}")
        check("<html" in (here / "a.html").read_text(), "no page")
        check("echo of 64 bytes" in (here / "a.md").read_text(), "no tables")


def compares_two_runs():
    with folder() as here:
        _, found = tiny_run(here / "a.json")
        for series in found["measured"]:
            factor = 2 if series["contender"] == "bare/epoll" else 1
            series["samples"] = [{**s, "cpu_us": s["cpu_us"] * factor} for s in series["samples"]]
        found["environment"]["kernel"] = "0.0.1"
        (here / "b.json").write_text(json.dumps(found))
        done = run([IOBENCH, "compare", here / "a.json", here / "b.json"])
        said = done.stdout.decode()
        check_equal((done.returncode, done.stderr), (0, b""), "iobench compare")
        check("The machines differ" in said and "then 0.0.1" in said, said)
        line = next(line for line in said.splitlines() if line.startswith("  bare/epoll"))
        check("2.00 [" in line and "worse" in line or "tied" in line, line)  # tied: three trials may differ by half
        line = next(line for line in said.splitlines() if line.startswith("  penstock/epoll"))
        check("1.00 [" in line and "tied" in line, line)
        check_complaint(run([IOBENCH, "compare", here / "a.json", here / "none"]), 2, "none: No such file")
        (here / "c.json").write_text("[")
        check_complaint(run([IOBENCH, "compare", here / "c.json", here / "a.json"]), 2, "c.json: it is not JSON")


def points_are_named_in_lists_also_those_with_commas():
    with folder() as here:
        words = ["run", "buffers", "--contender", "bare/read", "--rounds", "1", "--seconds", "0.02", "--json", here / "a.json"]
        for asked, expected in (("1 descriptor, 1 buffer,16 descriptors, 16 buffers",
                                 {"1 descriptor, 1 buffer", "16 descriptors, 16 buffers"}),
                                ("1 descriptor, 16 buffers", {"1 descriptor, 16 buffers"})):
            done = run([IOBENCH, *words, "--point", asked])
            check_equal(done.returncode, 0, f"exit status ({done.stderr.decode().strip()})")
            found = json.loads((here / "a.json").read_text())
            check_equal({one["point"] for one in found["measured"]}, expected, f"points of --point {asked!r}")


def recommends_from_what_was_measured():
    with folder() as here:
        tiny_run(here / "a.json", "--point", "256")
        done = run([IOBENCH, "recommend", here / "a.json"])
        said = done.stdout.decode()
        check_equal((done.returncode, done.stderr), (0, b""), "iobench recommend")
        for expected in ['loop::create({.backend = "epoll"})', "confidence", "would change it",
                         "iobench run files-random-direct --contender penstock --point 32"]:
            check(expected in said, f"{expected!r} is missing in {said}")
        check_complaint(run([IOBENCH, "recommend"], cwd=here), 2, "iobench-report.json: No such file", "measures")


def refuses_what_makes_no_sense():
    check_complaint(run([IOBENCH, "run", "nonsense"]), 2, "iobench: ", "nonsense")
    check_complaint(run([IOBENCH, "run"]), 2, "workload is required")
    check_complaint(run([IOBENCH, "run", "echo", "--frob"]), 2, "--frob", "iobench --help")
    check_complaint(run([IOBENCH, "run", "echo", "--rounds", "0"]), 2, "--rounds")
    check_complaint(run([IOBENCH, "run", "echo", "--contender", "nonsense"]), 2, "nonsense", "iobench list")
    check_complaint(run([IOBENCH, "run", "echo", "--point", "77"]), 2, "77", "iobench list")
    check_complaint(run([IOBENCH, "run", "echo", "--json", "/nowhere/a.json"]), 2, "/nowhere/a.json: No such file")
    check_complaint(run([IOBENCH, "--quick", "--out", "/nowhere"]), 2, "/nowhere: No such file", "--out")
    check_complaint(run([IOBENCH, "frobnicate"]), 2, "frobnicate")


def every_command_has_help_with_an_example():
    for words in [[], ["run"], ["compare"], ["recommend"], ["list"]]:
        done = run([IOBENCH, *words, "--help"])
        check_equal((done.returncode, done.stderr), (0, b""), f"iobench {words} --help")
        check(b"Example" in done.stdout, f"no example in the help of {words}")


def keeps_what_was_measured_when_interrupted():
    with folder() as here:
        command = [IOBENCH, "run", "echo", "--point", "32", "--contender", "bare/epoll,bare/poll", "--rounds", "500"]
        command += ["--seconds", "0.02", "--json", here / "a.json", "--html", here / "a.html"]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
            time.sleep(2)  # several rounds of two trials
            started.send_signal(signal.SIGINT)
            said, _ = started.communicate(timeout=30)
        check_equal(started.returncode, 130, "exit status")
        check(b"Interrupted" in said, said.decode())
        found = json.loads((here / "a.json").read_text())
        check_equal(found["complete"], False, "complete")
        check(found["measured"] and all(one["samples"] for one in found["measured"]), "nothing was kept")
        check_equal(found["left_out"], [], "left out")
        check("interrupted" in (here / "a.html").read_text().lower(), "the page does not say that it is not whole")


def a_survey_within_a_budget():
    with folder() as here:
        started = time.monotonic()
        done = run([IOBENCH, "--quick", "--budget", "5", "--rounds", "1", "--out", here])
        took = time.monotonic() - started
        said = done.stdout.decode()
        check_equal(done.returncode, 0, f"exit status ({done.stderr.decode().strip()})")
        check(took < 60, f"five seconds took {took:.0f}")  # one round of the first workload it has always
        for suffix in ["json", "html", "md"]:
            check((here / f"iobench-report.{suffix}").stat().st_size > 1000, f"the report as {suffix}")
        for expected in ["Measured in", " is best, ", "Left out", "iobench-report.html"]:
            check(expected in said, f"{expected!r} is missing in {said}")
        check_equal(max(len(line) for line in said.splitlines() if str(here) not in line) <= 100, True, "width")


def works_for_an_unprivileged_user():
    if os.geteuid() != 0:
        raise Skip("this user has no privileges to give up; the other cases ran without any")
    if not shutil.which("setpriv"):
        raise Skip("no setpriv")
    with folder() as here:
        here.chmod(0o777)
        shutil.copy(IOBENCH, here / "iobench")  # whose folder that user may not read
        without = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
        done = run([*without, here / "iobench", *TINY, "--json", here / "a.json"], cwd=here)
        check_equal(done.returncode, 0, f"exit status ({done.stderr.decode().strip()})")
        found = json.loads((here / "a.json").read_text())
        check_equal(found["environment"]["privileged"], False, "privileged")
        check(any(line.startswith("unprivileged: ") for line in found["environment"]["warnings"]), "no warning")
        check_equal(len(found["measured"]), 2, f"contenders that were measured ({found['left_out']})")


def no_verdict_flips():
    if not FULL:
        raise Skip("four minutes of an idle machine: ./test --full")
    with folder() as here:
        runs = []
        for name in ["a", "b"]:
            (here / name).mkdir()
            started = time.monotonic()
            done = run([IOBENCH, "--quick", "--out", here / name], limit=180)
            check_equal(done.returncode, 0, f"exit status ({done.stderr.decode().strip()})")
            check(time.monotonic() - started <= 120, "more than two minutes")
            runs.append(verdicts(here / name / "iobench-report.json"))
        flipped = [pair for pair in runs[0] if runs[0][pair] * runs[1].get(pair, 0) < 0]
        check(not flipped, f"faster in one run and slower in the other: {flipped}")


def verdicts(path):
    """For each two contenders at a point: -1 if the first is cheaper in every round, 1 if the second is, else 0."""
    found = json.loads(path.read_text())
    metrics = {one["name"]: one["metrics"][0]["name"] for one in found["workloads"]}
    values = {}
    for one in found["measured"]:
        by_round = {r: s[metrics[one["workload"]]] for r, s in zip(one["rounds"], one["samples"])
                    if metrics[one["workload"]] in s}
        values.setdefault((one["workload"], one["point"]), {})[one["contender"]] = by_round
    result = {}
    for place, here in values.items():
        for a in here:
            for b in here:
                both = sorted(here[a].keys() & here[b].keys())
                if a < b and len(both) >= 3:
                    signs = {(here[a][r] > 1.02 * here[b][r]) - (here[b][r] > 1.02 * here[a][r]) for r in both}
                    result[(*place, a, b)] = signs.pop() if len(signs) == 1 else 0
    return result


def main():
    cases = Cases()
    for case in (
        lists_workloads_and_contenders,
        measures_and_writes_every_form,
        compares_two_runs,
        points_are_named_in_lists_also_those_with_commas,
        recommends_from_what_was_measured,
        refuses_what_makes_no_sense,
        every_command_has_help_with_an_example,
        keeps_what_was_measured_when_interrupted,
        a_survey_within_a_budget,
        works_for_an_unprivileged_user,
        no_verdict_flips,
    ):
        cases.run(case.__name__, case)
    cases.end()


main()
