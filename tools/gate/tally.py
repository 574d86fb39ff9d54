"""The count of test cases, and how it is read from what GoogleTest and ctest write."""

import collections
import re
import threading
import xml.etree.ElementTree as xml
from pathlib import Path


class Tally:
    """Counts for several threads."""

    def __init__(self) -> None:
        self.lock_ = threading.Lock()
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures_: list[str] = []
        self.reasons_: collections.Counter[str] = collections.Counter()
        self.left_out_: list[str] = []
        self.notes_: list[str] = []

    def passes(self, count: int = 1) -> None:
        with self.lock_:
            self.passed += count

    def fails(self, case: str) -> None:
        with self.lock_:
            self.failed += 1
            self.failures_.append(case)

    def skips(self, reason: str) -> None:
        with self.lock_:
            self.skipped += 1
            self.reasons_[reason] += 1

    def leave_out(self, what: str) -> None:
        self.left_out_.append(what)

    def note(self, text: str) -> None:
        self.notes_.append(text)

    def report(self) -> str:
        lines = [f"failed: {case}" for case in self.failures_]
        lines += [f"skipped: {count} x {reason}" for reason, count in self.reasons_.most_common()]
        lines += [f"left out: {what}" for what in self.left_out_]
        lines += [f"note: {text}" for text in self.notes_]
        lines.append(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return "\n".join(lines)


# Not only at the start of a line: what a case printed may lack its end of line.
GTEST_LINE = re.compile(r"\[ +(RUN|OK|FAILED|SKIPPED) +\] ([\w./]+)")


def read_gtest(output: str) -> tuple[dict[str, str], str]:
    """Of a GoogleTest program's output: how each case ended ("OK", "FAILED", or the reason why it was skipped), and
    the case that was running when the output ended, if any. Text, not GoogleTest's XML: that is written at the
    end, which a crash does not reach."""
    ended: dict[str, str] = {}
    running = ""
    said: list[str] = []  # by the case that runs
    for line in output.splitlines():
        match = GTEST_LINE.search(line)
        if not match:
            said.append(line)
        elif match[1] == "RUN":
            running, said = match[2], []
        elif match[2] == running:  # else it is a line of the summary at the end
            ended[running] = skip_reason("\n".join(said)) if match[1] == "SKIPPED" else match[1]
            running = ""
    return ended, running


def read_faults(output: str) -> collections.Counter:
    """Of the conformance suite's output: how often the fault struck that it was put under."""
    said = re.finditer(r"\[  FAULTS  \] (\w+) struck (\d+) times", output)
    return collections.Counter({match[1]: int(match[2]) for match in said})


def skip_reason(said: str) -> str:
    """GoogleTest prints "file:line: Skipped", then the reason; a script prints the reason last."""
    match = re.search(r": Skipped\n(.*)", said)
    lines = [match[1]] if match else said.strip().splitlines()
    return lines[-1].strip() if lines and lines[-1].strip() else "no reason given"


def read_ctest(junit: Path) -> dict[str, str]:
    """Of ctest's JUnit file: how each test ended, as in read_gtest."""
    ended = {}
    for case in xml.parse(junit).getroot().iter("testcase"):
        said = case.findtext("system-out") or ""
        status = case.get("status")
        if status == "run":
            ended[case.get("name")] = "OK"
        elif status == "disabled":
            ended[case.get("name")] = "disabled in the source"
        elif status == "notrun" and case.find("skipped") is not None and "[  SKIPPED ]" in said:
            ended[case.get("name")] = skip_reason(said)
        elif status == "notrun" and "SKIP_RETURN_CODE" in (case.find("skipped").get("message") or ""):
            ended[case.get("name")] = skip_reason(said)
        else:
            ended[case.get("name")] = "FAILED"
    return ended


def said_by_failed(junit: Path) -> dict[str, str]:
    """Of ctest's JUnit file: what each failed test printed."""
    failed = {name for name, how in read_ctest(junit).items() if how == "FAILED"}
    cases = xml.parse(junit).getroot().iter("testcase")
    return {case.get("name"): case.findtext("system-out") or "" for case in cases if case.get("name") in failed}


# What says why, in what our scripts, GoogleTest and the sanitizers print.
REASON = re.compile(r"^(FAIL\b.*|.*: Failure|SUMMARY: .*|.*runtime error: .*|\w*Error: .*)$", re.MULTILINE)


def first_reason(said: str) -> str:
    """The first line that says why, cut to be read in a list; empty if none does."""
    match = REASON.search(said)
    return match[0][:200] if match else ""


def add(tally: Tally, where: str, ended: dict[str, str]) -> int:
    """Counts the cases; returns how many failed."""
    for case, how in ended.items():
        if how == "OK":
            tally.passes()
        elif how == "FAILED":
            tally.fails(f"{where} {case}")
        else:
            tally.skips(how)
    return sum(how == "FAILED" for how in ended.values())
